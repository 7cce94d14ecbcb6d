"""Runs the tools of one ask and numbers the passages they find, so that an answer can cite them.

A passage keeps its first number, however often it is found again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from byline.ask.agent.step import CheckedCall
from byline.ask.agent.tools import FindInDocument, ListDocuments, ReadDocument, Search
from byline.ask.ask_ports import DocumentReading, DocumentSearch
from byline.ask.merge_adjacent import numbered_source
from byline.ask.prompt.prompt_budget import SOURCE_TOKENS
from byline.ask.prompt.source_fence import fenced
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import Source, ToolOutcome, ToolReturned
from byline.domain.searches import Filters, SearchHit, SearchRequest
from byline.errors import BylineError
from byline.search.document_reader import ReadableDocument, ReadPassage

DOCUMENTS_LISTED_MAX: Final = 20
PASSAGES_READ_MAX: Final = 8
NAME_CHARS_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class _ToolOutput:
    """The passages a tool found, not numbered yet, and the text before and after them."""

    hits: Sequence[SearchHit] = ()
    before: str = ""
    after: str = ""


class Toolbox:
    """Owns the numbered sources of one ask and runs its tools on the documents that `filters`
    allows. A result takes about `result_tokens` at most."""

    def __init__(
        self,
        searcher: DocumentSearch,
        reader: DocumentReading,
        filters: Filters,
        result_tokens: int,
        calibration: Calibration,
    ) -> None:
        self._searcher = searcher
        self._reader = reader
        self._filters = filters
        self._result_tokens = result_tokens
        self._calibration = calibration
        self._numbers: dict[int, int] = {}
        self._shown: dict[int, Source] = {}
        self._first_sources: frozenset[int] = frozenset()
        self._handles: dict[str, str] = {}

    def seed(self, found: Sequence[Source], shown: Sequence[Source]) -> None:
        """Take over the numbered sources `found` by the first search, of which the model sees
        `shown`."""
        self._numbers = {source.passage_id: source.n for source in found}
        self._shown = {source.n: source for source in shown}
        self._first_sources = frozenset(self._shown)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every passage the model has been shown, in the order of their numbers."""
        return tuple(self._shown[n] for n in sorted(self._shown))

    async def run(self, calls: Sequence[CheckedCall]) -> tuple[ToolReturned, ...]:
        """Run checked calls concurrently. A failed call says so in its result; others go on."""
        found = await asyncio.gather(*(self._run_one(call) for call in calls))
        # Numbered afterwards, in order: numbers must not depend on which search was faster.
        return tuple(self._result(call, one) for call, one in zip(calls, found, strict=True))

    async def _run_one(self, call: CheckedCall) -> _ToolOutput | BylineError:
        try:
            match call.arguments:
                case Search() as search:
                    return await self._search(search)
                case ReadDocument() as read:
                    return await self._read_document(read)
                case FindInDocument() as find:
                    return await self._find_in_document(find)
                case ListDocuments() as wanted:
                    return await self._list_documents(wanted)
        except BylineError as error:
            return error

    def _result(self, call: CheckedCall, found: _ToolOutput | BylineError) -> ToolReturned:
        if isinstance(found, BylineError):
            text = f"{call.tool} could not be run: {found.message}"
            return ToolReturned(call.round, call.call_id, call.tool, ToolOutcome.FAILED, text)
        parts: list[str] = []
        sources: list[Source] = []
        left = self._result_tokens
        for hit in found.hits:
            source = self._source_of(hit)
            left -= SOURCE_TOKENS + self._calibration.tokens(source.text + source.title)
            if left < 0 and sources:
                parts.append(f"({len(found.hits) - len(sources)} more passages left out.)")
                break
            self._shown.setdefault(source.n, source)
            sources.append(source)
            again = source.n in self._first_sources
            parts.append(f"Source {source.n} is shown above." if again else fenced(source))
        text = "\n".join(part for part in (found.before, *parts, found.after) if part)
        return ToolReturned(
            call.round, call.call_id, call.tool, ToolOutcome.OK, text, tuple(sources)
        )

    async def _search(self, wanted: Search) -> _ToolOutput:
        request = SearchRequest(wanted.query, wanted.limit, filters=self._filters)
        hits = (await self._searcher.search(request)).hits
        if not hits:
            return _ToolOutput(
                before="Nothing was found. Try other words, or answer with what you have."
            )
        names = {hit.document_id: hit.name for hit in hits}
        documents = ", ".join(
            f"{self._handle(id_)} = {_quoted_name(n)}" for id_, n in names.items()
        )
        return _ToolOutput(hits, after=f"Documents: {documents}")

    async def _read_document(self, wanted: ReadDocument) -> _ToolOutput:
        document = await self._document(wanted.document)
        if document is None:
            return self._no_document(wanted.document)
        passages = await self._reader.passages(
            document.id, first=wanted.passage, page=wanted.page, limit=PASSAGES_READ_MAX
        )
        if not passages:
            return _ToolOutput(before=f"There is nothing there: {self._document_line(document)}.")
        passages = self._fitting(passages)
        first, last = passages[0].number, passages[-1].number
        more = f"Go on with passage {last + 1}." if last < document.passages else "That is its end."
        before = f"Passages {first} to {last} of {self._document_line(document)}:"
        return _ToolOutput([one.hit for one in passages], before, more)

    async def _find_in_document(self, wanted: FindInDocument) -> _ToolOutput:
        document = await self._document(wanted.document)
        if document is None:
            return self._no_document(wanted.document)
        passages = await self._reader.find(document.id, wanted.text, limit=PASSAGES_READ_MAX)
        if not passages:
            return _ToolOutput(before=f"Those words are not in {self._document_line(document)}.")
        numbers = ", ".join(str(one.number) for one in passages)
        before = f"Found in passages {numbers} of {self._document_line(document)}:"
        return _ToolOutput([one.hit for one in passages], before)

    async def _list_documents(self, wanted: ListDocuments) -> _ToolOutput:
        documents, total = await self._reader.documents(
            self._filters,
            name_contains=wanted.name_contains,
            first=wanted.first,
            limit=DOCUMENTS_LISTED_MAX,
        )
        if not documents:
            return _ToolOutput(before="There are no such documents.")
        last = wanted.first + len(documents) - 1
        lines = [f"Documents {wanted.first} to {last} of {total}:"]
        lines += [self._document_line(document) for document in documents]
        if last < total:
            lines.append(f"Go on with first={last + 1}.")
        return _ToolOutput(before="\n".join(lines))

    async def _document(self, name: str) -> ReadableDocument | None:
        known = {handle: id_ for id_, handle in self._handles.items()}
        return await self._reader.document(
            self._filters, known.get(name.strip().upper(), name.strip())
        )

    def _no_document(self, name: str) -> _ToolOutput:
        known = ", ".join(sorted(self._handles.values(), key=lambda handle: int(handle[1:])))
        hint = f" Known so far: {known}." if known else ""
        return _ToolOutput(
            before=f"There is no document {_quoted_name(name)}.{hint} Try list_documents."
        )

    def _fitting(self, passages: Sequence[ReadPassage]) -> Sequence[ReadPassage]:
        """Return the passages, from the first on, that fit into one result: the text around them
        names the first and the last one."""
        left = self._result_tokens
        for count, passage in enumerate(passages):
            left -= SOURCE_TOKENS + self._calibration.tokens(passage.hit.text + passage.hit.title)
            if left < 0 and count:
                return passages[:count]
        return passages

    def _document_line(self, document: ReadableDocument) -> str:
        pages = f", {document.pages} pages" if document.pages else ""
        handle = self._handle(document.id)
        return f"{handle} {_quoted_name(document.name)} ({document.passages} passages{pages})"

    def _handle(self, document_id: str) -> str:
        """Return a short name for the model to use: small models garble ids of 36 characters."""
        return self._handles.setdefault(document_id, f"D{len(self._handles) + 1}")

    def _source_of(self, hit: SearchHit) -> Source:
        n = self._numbers.setdefault(hit.passage_id, max(self._numbers.values(), default=0) + 1)
        return self._shown.get(n) or numbered_source(hit, n)


def _quoted_name(name: str) -> str:
    """Return a name as data: on one line, in quotation marks, without a fence of ours."""
    return json.dumps(" ".join(name.split())[:NAME_CHARS_MAX].replace("<", "‹"), ensure_ascii=False)
