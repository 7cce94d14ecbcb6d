"""A library of documents in memory, and pictures of their pages."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from byline.domain.callers import OWNER, Caller
from byline.domain.documents import (
    ANY_DOCUMENT,
    Document,
    DocumentChanges,
    DocumentError,
    DocumentSelection,
    DocumentState,
    ExtractedText,
    PageSpan,
    RemovedDocument,
)
from byline.domain.searches import EVERYTHING, Filters
from byline.errors import BylineError, NotFound
from byline.ingest.library.document_catalogue import Facets
from byline.ingest.library.document_library import AddedDocument
from byline.ingest.library.document_names import checked_tags
from byline.ingest.pictures.page_pictures import PageView, Picture
from byline.search.filters import clean_tags
from byline.store.document_rows import DocumentPage, JobStatus, ListedPassage, PassagePage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000003a7e9b550000000a49444154"
    "789c63f8ff1f000501013f9c2e2b3c0000000049454e44ae426082"
)
"""A PNG of one pixel."""
LEASE = "The rent is due on the third working day of each month."


def document(**changes: Any) -> Document:
    lease = Document(
        id="d-lease",
        name="lease.pdf",
        title="Lease",
        state=DocumentState.INDEXED,
        error=None,
        collection="default",
        sha256="00",
        media_type="application/pdf",
        bytes_len=9,
        pages=4,
        passages=12,
        embedded=0,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(lease, **changes)


class MemoryLibrary:
    """Documents in a dict; remembers what was added as (name, collection, bytes)."""

    def __init__(self) -> None:
        self.documents = {"d-lease": document()}
        self.added: list[tuple[str, str, bytes]] = []
        self.filed: list[tuple[str, tuple[str, ...]]] = []
        self.asked: list[Filters] = []
        self.chosen: list[DocumentSelection] = []
        self.known = ["default"]
        self.hidden_documents: dict[str, Document] = {}
        self.catalogue = self.removals = self
        self.refuse: Callable[[str], BylineError | None] = lambda name: None
        self.caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        seen = copy(self)
        seen.caller = caller
        seen.catalogue = seen.removals = seen
        return seen

    def _seen(self) -> list[Document]:
        return [one for one in self.documents.values() if self.caller.may_see(one.collection)]

    def _hidden(self) -> dict[str, Document]:
        kept = self.hidden_documents
        return {id_: one for id_, one in kept.items() if self.caller.may_see(one.collection)}

    def _check_collection(self, collection: str) -> None:
        if not self.caller.may_see(collection):
            raise NotFound(f"There is no collection named {collection}.")

    async def add(
        self, path: Path, *, name: str, collection: str, folder: str = "", tags: Sequence[str] = ()
    ) -> AddedDocument:
        if (error := self.refuse(name)) is not None:
            raise error
        self._check_collection(collection)
        cleaned = tuple(checked_tags(tags))
        content = await asyncio.to_thread(path.read_bytes)
        self.added.append((name, collection, content))
        self.filed.append((folder, tuple(tags)))
        sha256 = hashlib.sha256(content).hexdigest()
        for known in self.documents.values():
            if (known.sha256, known.collection) == (sha256, collection):
                return AddedDocument(known, True)
        added = document(
            id=f"d-{len(self.added)}",
            name=name,
            state=DocumentState.QUEUED,
            collection=collection,
            sha256=sha256,
            tags=cleaned,
        )
        self.documents[added.id] = added
        return AddedDocument(added, False)

    async def get(self, document_id: str) -> Document:
        found = self.documents.get(document_id)
        if found is None or not self.caller.may_see(found.collection):
            raise NotFound(f"There is no document {document_id}.")
        return found

    async def list(
        self,
        *,
        limit: int,
        cursor: str | None,
        filters: Filters = EVERYTHING,
        choice: DocumentSelection = ANY_DOCUMENT,
    ) -> DocumentPage:
        self.asked.append(filters)
        self.chosen.append(choice)
        shown = [
            one
            for one in reversed(self._seen())
            if choice.warned is None or bool(one.warnings) == choice.warned
        ]
        return DocumentPage(shown[:limit], None)

    async def collections(self) -> Sequence[str]:
        return [name for name in self.known if self.caller.may_see(name)]

    async def counts(
        self, filters: Filters = EVERYTHING, choice: DocumentSelection = ANY_DOCUMENT
    ) -> Mapping[DocumentState, int]:
        states = [one.state for one in self._seen()]
        return {state: states.count(state) for state in DocumentState}

    async def warned(
        self, filters: Filters = EVERYTHING, choice: DocumentSelection = ANY_DOCUMENT
    ) -> int:
        return sum(bool(one.warnings) for one in self._seen())

    async def change(self, document_id: str, changes: DocumentChanges) -> Document:
        was = await self.get(document_id)
        self._check_collection(changes.collection or was.collection)
        self.documents[document_id] = replace(
            was,
            title=was.title if changes.title is None else changes.title,
            tags=was.tags if changes.tags is None else clean_tags(changes.tags),
            collection=changes.collection or was.collection,
        )
        return self.documents[document_id]

    async def retry(self, document_id: str) -> Document:
        return await self.get(document_id)

    async def remove(self, document_ids: Sequence[str]) -> Sequence[RemovedDocument]:
        found = [one for one in self._seen() if one.id in document_ids]
        if not found:
            raise NotFound("There is no such document.")
        self.hidden_documents |= {one.id: self.documents.pop(one.id) for one in found}
        return [RemovedDocument(one, NOON, NOON) for one in found]

    async def restore(self, document_ids: Sequence[str]) -> Sequence[Document]:
        hidden = [id_ for id_ in document_ids if id_ in self._hidden()]
        if not hidden:
            raise NotFound("The document cannot be brought back any more.")
        back = {id_: self.hidden_documents.pop(id_) for id_ in hidden}
        self.documents |= back
        return list(back.values())

    async def hidden(
        self, limit: int, document_ids: Sequence[str] | None = None
    ) -> Sequence[RemovedDocument]:
        kept = self._hidden()
        wanted = kept if document_ids is None else document_ids
        return [RemovedDocument(kept[id_], NOON, NOON) for id_ in wanted if id_ in kept][:limit]

    async def facets(self) -> Facets:
        seen = self._seen()
        collections = Counter(one.collection for one in seen)
        tags = Counter(tag for one in seen for tag in one.tags)
        return Facets(collections, tags, Counter(one.media_type for one in seen))

    async def passages(self, document_id: str, *, limit: int, cursor: str | None) -> PassagePage:
        if document_id not in [one.id for one in self._seen()]:
            return PassagePage([], None)
        return PassagePage([ListedPassage(0, 1, "Rent", 0, len(LEASE), LEASE)], None)

    async def text(self, document_id: str) -> ExtractedText:
        found = await self.get(document_id)
        return ExtractedText(LEASE, found.title, found.media_type, (PageSpan(1, 0, len(LEASE)),))

    async def file(self, document_id: str) -> tuple[Document, AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"%PDF-"
            yield b"1.7\n"

        return await self.get(document_id), chunks()

    async def delete(self, document_id: str) -> None:
        await self.get(document_id)
        del self.documents[document_id]

    async def jobs(self, limit: int) -> Sequence[JobStatus]:
        error = DocumentError("too_slow", "Reading it took too long.")
        if not self.caller.may_see("default"):
            return []
        job = JobStatus("1", "read", "d-lease", "lease.pdf", "failed", 3, None, error, NOON)
        return [job][:limit]


class MemoryPictures:
    """One white dot for whatever page; remembers what it was asked for."""

    def __init__(self, library: MemoryLibrary) -> None:
        self.library = library
        self.views: list[PageView] = []
        self.error: BylineError | None = None
        self.marked = True

    def for_caller(self, caller: Caller) -> Self:
        if caller == self.library.caller:
            return self
        seen = copy(self)
        seen.library = self.library.for_caller(caller)
        return seen

    async def page(self, document_id: str, view: PageView) -> Picture:
        await self.library.get(document_id)
        if self.error is not None:
            raise self.error
        self.views.append(view)
        if view.span is None:
            return Picture(DOT, None, None)
        return Picture(DOT, self.marked, (0.1, 0.25, 0.9, 0.3) if self.marked else None)
