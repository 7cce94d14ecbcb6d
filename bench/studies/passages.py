"""How long passages should be: question sets whose paragraphs are put together into documents, cut
at several sizes, and searched.

`squad2_en` becomes articles (its paragraphs joined in their order), `multihop_en` handbooks of 20
paragraphs, each under its title as a heading. A passage counts as a hit when it lies over a judged
paragraph and holds an answer word for word. `at 4k` is the share of questions with a hit among the
best passages that fit into 4,000 characters: what a prompt of that length would hold, whatever the
size. The measures of paragraphs are those of `ir-measures`; a passage stands for the paragraphs it
shares at least half of itself or of them with.

`BYLINE_BENCH_SIZES` (comma list, `1200+1` for an overlap of one sentence) chooses what is measured.
"""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.library import empty_library
from bench.report import Row
from bench.retrieval import DEFAULT_DATA, lines, open_text
from bench.settings import Settings
from bench.studies.run_study import run_study
from byline.config import schema
from byline.domain.documents import Chunk, ExtractedText, Heading
from byline.domain.searches import Filters, QueryForm, SearchHit, SearchRequest, one_collection
from byline.ingest.passages.chunking import chunk
from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.search.search import Searcher
from byline.store.database import Database

NAME = "passage sizes"

SETS = ("squad2_en", "multihop_en")
HANDBOOK_ENTRIES = 20
SOURCES = 8
PROMPT_CHARS = 4_000
_SENTENCE = re.compile(r"[.!?][\"”’)\]]*\s+")


@dataclass(frozen=True, slots=True)
class Made:
    """A document put together from paragraphs: their keys and where they lie in its text."""

    extracted: ExtractedText
    spans: Sequence[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Size:
    """Characters at most, and sentences repeated from the passage before."""

    chars_max: int
    overlap: int = 0

    def __str__(self) -> str:
        return f"{self.chars_max}+{self.overlap}" if self.overlap else str(self.chars_max)


async def run(settings: Settings) -> list[Row]:
    data = settings.data or DEFAULT_DATA
    default = str(schema.Ingest().passage_chars_max)
    sizes = [_size(each) for each in os.environ.get("BYLINE_BENCH_SIZES", default).split(",")]
    rows: list[Row] = []
    for name in SETS:
        if not (data / name / "corpus.jsonl").is_file():
            print(f"passages: no {name} in {data}; skipped.", file=sys.stderr)
            continue
        async with empty_library(settings.scratch / name) as database:
            for size in sizes:
                rows += await measured(data / name, size, database)
    return rows


def _size(text: str) -> Size:
    chars, _, overlap = text.partition("+")
    return Size(int(chars), int(overlap or 0))


async def measured(folder: Path, size: Size, database: Database) -> list[Row]:
    """Cut a set's documents at one size into a collection of their own, and ask its questions."""
    import ir_measures
    from ir_measures import Qrel, ScoredDoc, nDCG

    documents = list(_documents(folder))
    collection = f"size {size}".replace("+", " ")
    spans, passages = {}, 0
    for made in documents:
        chunks = _overlapping(made, chunk(made.extracted, passage_chars_max=size.chars_max), size)
        document_id = await _store(database, collection, made, chunks)
        spans[document_id] = made.spans
        passages += len(chunks)
    judged = [line.split() for line in open_text(folder / "qrels.tsv")]
    relevant: dict[str, set[str]] = {}
    for question, paragraph, _ in judged:
        relevant.setdefault(question, set()).add(paragraph)
    tally, ranked = _Tally(), []
    searcher, only = Searcher(database), Filters(one_collection(collection))
    for asked in lines(folder, "queries"):
        if asked["id"] not in relevant:
            continue
        found = await searcher.search(SearchRequest(asked["text"], 40, only, QueryForm.QUESTION))
        covered = [_paragraphs(hit, spans[hit.document_id]) for hit in found.hits]
        order = dict.fromkeys(key for keys in covered for key in keys)
        ranked += [ScoredDoc(asked["id"], key, -rank) for rank, key in enumerate(list(order)[:10])]
        tally.count(asked, relevant[asked["id"]], found.hits, covered)
    qrels = [Qrel(question, paragraph, int(grade)) for question, paragraph, grade in judged]
    ndcg = ir_measures.calc_aggregate([nDCG @ 10], qrels, ranked)[nDCG @ 10]
    note = f"{passages} passages"
    name = f"{folder.name} at {size}:"
    return [
        Row(f"{name} paragraph nDCG@10", ndcg, "", None, "higher", note),
        *(
            Row(f"{name} {what}", value, unit, None, "higher", note)
            for what, value, unit in tally.shares()
        ),
    ]


class _Tally:
    """Hits among the best passages, question by question."""

    def __init__(self) -> None:
        self._questions = 0
        self._hits = {"answer@1": 0, "answer@3": 0, "answer@5": 0, "answer at 4k": 0}
        self._chars = 0

    def count(
        self,
        asked: dict[str, Any],
        relevant: set[str],
        hits: Sequence[SearchHit],
        covered: Sequence[list[str]],
    ) -> None:
        answers = [answer.casefold() for answer in asked["answers"]]
        good = [
            bool(relevant & set(keys)) and any(answer in hit.text.casefold() for answer in answers)
            for hit, keys in zip(hits, covered, strict=True)
        ]
        self._questions += 1
        for best in (1, 3, 5):
            self._hits[f"answer@{best}"] += any(good[:best])
        room, fitting = PROMPT_CHARS, 0
        while fitting < len(hits) and (room := room - len(hits[fitting].text)) >= 0:
            fitting += 1
        self._hits["answer at 4k"] += any(good[:fitting])
        self._chars += sum(len(hit.text) for hit in hits[:SOURCES])

    def shares(self) -> Iterator[tuple[str, float, str]]:
        for what, count in self._hits.items():
            yield what, count / self._questions, ""
        yield f"characters of {SOURCES} sources", self._chars / self._questions, ""


def _documents(folder: Path) -> Iterator[Made]:
    paragraphs = list(lines(folder, "corpus"))
    if folder.name == "squad2_en":
        for title, some in groupby(paragraphs, key=lambda paragraph: paragraph["title"]):
            yield _made(title.replace("_", " "), list(some), headed=frozenset())
        return
    for first in range(0, len(paragraphs), HANDBOOK_ENTRIES):
        entries = paragraphs[first : first + HANDBOOK_ENTRIES]
        yield _made(f"Handbook {first}", entries, headed=frozenset(p["id"] for p in entries))


def _made(title: str, paragraphs: list[dict[str, Any]], headed: frozenset[str]) -> Made:
    text, spans, headings = "", [], []
    for paragraph in paragraphs:
        text += "\n\n" if text else ""
        if paragraph["id"] in headed:
            start = len(text)
            text += paragraph["title"]
            headings.append(Heading(2, paragraph["title"], start, len(text)))
            text += "\n\n"
        spans.append((paragraph["id"], len(text), len(text) + len(paragraph["text"])))
        text += paragraph["text"]
    return Made(ExtractedText(text, title, "text/plain", headings=tuple(headings)), spans)


def _overlapping(made: Made, chunks: list[Chunk], size: Size) -> list[tuple[int, int, str]]:
    """(start, end, heading) of passages, each begun `size.overlap` sentences earlier."""
    text, spans = made.extracted.text, []
    for number, piece in enumerate(chunks):
        start = piece.start
        if size.overlap and number and chunks[number - 1].heading == piece.heading:
            least = chunks[number - 1].start
            ends = [found.end() for found in _SENTENCE.finditer(text, least, start)]
            inner = [end for end in ends if end < start]
            start = inner[-size.overlap] if len(inner) >= size.overlap else start
        spans.append((start, piece.end, piece.heading))
    return spans


def _paragraphs(hit: SearchHit, spans: Sequence[tuple[str, int, int]]) -> list[str]:
    """The paragraphs a passage stands for, those it shares most with first."""
    shared = [
        (min(hit.end, end) - max(hit.start, start), end - start, key) for key, start, end in spans
    ]
    least = (hit.end - hit.start) / 2
    found = [(n, key) for n, length, key in shared if n >= least or n >= length / 2]
    return [key for _, key in sorted(found, key=lambda pair: -pair[0])]


async def _store(
    database: Database, collection: str, made: Made, spans: list[tuple[int, int, str]]
) -> str:
    document_id, title, text = str(uuid.uuid4()), made.extracted.title, made.extracted.text
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO collections (name) VALUES (%s) ON CONFLICT DO NOTHING", [collection]
        )
        await connection.execute(
            "INSERT INTO documents"
            " (id, name, title, state, collection, sha256, media_type, bytes_len)"
            " VALUES (%s, 'bench', %s, 'indexed', %s, %s, 'text/plain', 1)",
            [document_id, title, collection, document_id],
        )
        inserted = await connection.execute(
            "INSERT INTO passages"
            " (document_id, ordinal, start_offset, end_offset, heading, text)"
            " SELECT %s, ordinal, start, stop, heading, text"
            " FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[])"
            " WITH ORDINALITY AS t (start, stop, heading, text, ordinal)"
            " ORDER BY ordinal RETURNING id",
            [document_id, *map(list, zip(*spans, strict=True)), [text[a:b] for a, b, _ in spans]],
        )
        ids = [row["id"] for row in await inserted.fetchall()]
        indexed = [
            IndexedPassage(id_, heading, title, text[start:end])
            for id_, (start, end, heading) in zip(ids, spans, strict=True)
        ]
        await index_passages(connection, collection, indexed)
    return document_id


if __name__ == "__main__":
    run_study(NAME, run)
