"""The lexical leg: passages indexed by their terms in PostgreSQL, and found again by BM25.

Three tables hold it (`store/migrations/0002_lexical.sql`): `lexical_passages`, a row a passage;
`lexical_terms` and `lexical_totals`, the document frequencies; and `lexical_changes`, what came or
went since those were last brought up to date. Writers only append changes: no two of them ever
wait for each other's rows, so concurrent ingest and deletes cannot deadlock, and a common term is
not a row that everybody writes. A search adds changes to counts, so its statistics are those of
the moment. Whoever finds enough changes folds them into the counts, one at a time (an advisory
lock nobody waits for), in the transaction it is in.
"""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.search import SearchHit
from byline.search import bm25, vectors
from byline.search.analyse import TERM_IDS_MAX, terms
from byline.store.statements import statements

_SLICE: Final = 16
"""Passages analysed before the event loop may serve others: about 3 ms."""

_ROUND: Final = 512
"""Passages whose terms are held in memory, and counted into one change, at a time."""

_CHANGES_MAX: Final = 64
_CHANGED_PASSAGES_MAX: Final = 1_000
"""More changes than this, in rows or passages, are folded: these cost a search up to 0.6 ms."""


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage as it is indexed. `id` is that of its row in `passages`; `heading` and `title` are
    findable with it, at less weight than its own text."""

    id: int
    heading: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """What is looked for: term ids (with repeats), where, and how many passages at most.

    `telling` are those of the terms that a passage must have to speak of what was asked.
    """

    terms: list[int]
    telling: list[int]
    collection: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Passages by falling BM25 score (ties by id), and how much of the query any one of them
    covers at most.

    `passages` is how many there were to search.
    """

    hits: tuple[SearchHit, ...]
    coverage: float
    passages: int


async def index_passages(
    connection: AsyncConnection[DictRow], collection: str, passages: Sequence[IndexedPassage]
) -> None:
    """Make stored passages findable, in the connection's transaction. None may be indexed yet."""
    for first in range(0, len(passages), _ROUND):
        await _index_round(connection, collection, passages[first : first + _ROUND])
    await _fold_if_due(connection)


async def remove_document(connection: AsyncConnection[DictRow], document_id: str) -> None:
    """Take a document out of the index, in the connection's transaction. Twice is once.

    Deleting passages does the same, passage by passage; this is faster for a whole document.
    """
    await connection.execute(statements("lexical")["remove_document"], {"document_id": document_id})
    await _fold_if_due(connection)


async def search_lexical(
    connection: AsyncConnection[DictRow], query: LexicalQuery
) -> LexicalResult:
    """The best passages for a query, in two round trips: the statistics, then the scoring."""
    sql = statements("lexical")
    found = await connection.execute(
        sql["term_statistics"],
        {"terms": sorted(set(query.terms)), "collection": query.collection},
    )
    row = await found.fetchone() or {}
    passages: int = row["passages"]
    df = {int(term): count for term, count in row["df"].items() if count > 0}
    weights = bm25.query_weights(query.terms, df, passages)
    candidates = bm25.candidate_terms({t: df[t] for t in weights if t in df}, passages)
    if not candidates:
        return LexicalResult((), 0.0, passages)
    best = await connection.execute(
        sql["best_passages"],
        {
            "terms": list(weights),
            "weights": _sparsevec_text(weights),
            "candidates": candidates,
            "collection": query.collection,
            "limit": query.limit,
        },
    )
    rows = await best.fetchall()
    telling = weights.keys() & set(query.telling) or weights.keys()
    covered = max(
        (bm25.coverage(telling & set(row["held"]), telling, df, passages) for row in rows),
        default=0.0,
    )
    return LexicalResult(tuple(map(_hit, rows)), covered, passages)


async def _index_round(
    connection: AsyncConnection[DictRow], collection: str, passages: Sequence[IndexedPassage]
) -> None:
    """Rows go out as they are made, so that the server inserts some while we analyse the next."""
    sql = statements("lexical")
    name = collection.encode()
    totals = await (await connection.execute(sql["totals"])).fetchone() or {}
    df: Counter[int] = Counter()
    length = 0
    async with connection.cursor().copy(sql["copy_passages"]) as copy:
        await copy.write(vectors.COPY_HEADER)
        for first in range(0, len(passages), _SLICE):
            counted = list(map(_passage_terms, passages[first : first + _SLICE]))
            length += sum(terms_.length for terms_ in counted)
            average = bm25.average_length(
                totals["passages"] + first + len(counted), totals["length"] + length
            )
            for passage, terms_ in zip(passages[first : first + _SLICE], counted, strict=True):
                await copy.write(_index_row(passage.id, name, terms_, average))
            df.update(chain.from_iterable(terms_.ids for terms_ in counted))
            await asyncio.sleep(0)
        await copy.write(vectors.COPY_TRAILER)
    held = sorted(df)
    change = vectors.copy_row(
        name,
        struct.pack(">i", len(passages)),
        struct.pack(">q", length),
        vectors.int4_array(held),
        vectors.int4_array([df[term] for term in held]),
    )
    async with connection.cursor().copy(sql["copy_change"]) as copy:
        await copy.write(vectors.COPY_HEADER + change + vectors.COPY_TRAILER)


def _passage_terms(passage: IndexedPassage) -> bm25.PassageTerms:
    return bm25.passage_terms(terms(passage.text), _context_terms(passage.title, passage.heading))


@lru_cache(maxsize=64)  # passages of one section come one after the other
def _context_terms(title: str, heading: str) -> frozenset[int]:
    return frozenset(terms(f"{title} {heading}"))


def _index_row(
    passage_id: int, collection: bytes, passage: bm25.PassageTerms, average_length: float
) -> bytes:
    return vectors.copy_row(
        struct.pack(">q", passage_id),
        collection,
        struct.pack(">i", passage.length),
        vectors.int4_array(passage.ids),
        vectors.sparsevec(passage.ids, bm25.passage_weights(passage, average_length)),
    )


async def _fold_if_due(connection: AsyncConnection[DictRow]) -> None:
    sql = statements("lexical")
    bounds = {"changes_max": _CHANGES_MAX, "passages_max": _CHANGED_PASSAGES_MAX}
    row = await (await connection.execute(sql["take_fold"], bounds)).fetchone() or {}
    if not row["taken"]:
        return
    folded = await (await connection.execute(sql["fold"])).fetchone() or {}
    if folded["removals"]:
        await connection.execute(sql["forget_terms"])


def _sparsevec_text(weights: Mapping[int, float]) -> str:
    entries = ",".join(f"{term + 1}:{weight:.8g}" for term, weight in sorted(weights.items()))
    return f"{{{entries}}}/{TERM_IDS_MAX}"


def _hit(row: Mapping[str, Any]) -> SearchHit:
    return SearchHit(
        passage_id=row["passage_id"],
        document_id=str(row["document_id"]),
        name=row["name"],
        title=row["title"],
        page=row["page"],
        heading=row["heading"],
        start=row["start_offset"],
        end=row["end_offset"],
        text=row["text"],
        score=row["score"],
        legs={"lexical": row["score"]},
    )
