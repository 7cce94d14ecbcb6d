"""The lexical index: passages indexed by their terms in PostgreSQL (`lexical_search.py` asks it).

Three tables hold it (`store/migrations/0002_lexical.sql`): `lexical_passages`, a row a passage,
found by its terms and by further ids of those that weigh much in it (`candidates.py`);
`lexical_terms` and `lexical_totals`, the document frequencies; and `lexical_changes`, what came or
went since those were last brought up to date. Writers only append changes: no two of them ever
wait for each other's rows, so concurrent ingest and deletes cannot deadlock, and a common term is
not a row that everybody writes. A search adds changes to counts, so its statistics are those of
the moment. Whoever finds enough changes folds them into the counts, one at a time (an advisory
lock nobody waits for), in the transaction it is in; the last ones are folded when all is quiet
(`folding.py`).
"""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.search import bm25, vectors
from byline.search.analyse import terms
from byline.search.analysed import context_terms
from byline.search.candidates import impact_ids
from byline.search.folding import fold_if_due
from byline.search.vocabulary import add_words
from byline.store.statements import statements

_SLICE: Final = 16
"""Passages analysed before the event loop may serve others: about 3 ms."""

_ROWS_WAITING_MAX: Final = 64
"""Slices that may wait for the server: about 1.5 MB."""


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage as it is indexed. `id` is that of its row in `passages`; `heading` and `title` are
    findable with it, at less weight than its own text. `terms` are those of all three where they
    are known already (`analysed.py`)."""

    id: int
    heading: str
    title: str
    text: str
    terms: bm25.PassageTerms | None = None


async def index_passages(
    connection: AsyncConnection[DictRow], collection: str, passages: Sequence[IndexedPassage]
) -> None:
    """Make stored passages findable, in the connection's transaction. None may be indexed yet.

    Many at a time are faster: the server inserts some while the next ones are analysed.
    """
    if not passages:
        return
    rows: asyncio.Queue[bytes] = asyncio.Queue(_ROWS_WAITING_MAX)
    before = await _totals(connection)
    places = await _places(connection, collection, passages)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_send(connection, rows))
            added = await _analyse(passages, places, before, rows)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    async with connection.cursor().copy(statements("lexical")["copy_change"]) as copy:
        change = _change_row(collection.encode(), added)
        await copy.write(vectors.COPY_HEADER + change + vectors.COPY_TRAILER)
    await add_words(connection, (text for p in passages for text in (p.title, p.heading, p.text)))
    await fold_if_due(connection)


async def remove_document(connection: AsyncConnection[DictRow], document_id: str) -> None:
    """Take a document out of the index, in the connection's transaction. Twice is once.

    Deleting passages does the same, passage by passage; this is faster for a whole document.
    """
    await connection.execute(statements("lexical")["remove_document"], {"document_id": document_id})
    await fold_if_due(connection)


@dataclass(slots=True)
class _Totals:
    """Of some passages: how many, of how many terms together, and how many hold each term."""

    passages: int = 0
    length: int = 0
    df: Counter[int] = field(default_factory=Counter)


async def _totals(connection: AsyncConnection[DictRow]) -> _Totals:
    row = await (await connection.execute(statements("lexical")["totals"])).fetchone() or {}
    return _Totals(row["passages"], row["length"])


@dataclass(frozen=True, slots=True)
class _Places:
    """Where passages stand, as bytes: their collection, and the document of each by its id."""

    collection: bytes
    documents: Mapping[int, bytes]


async def _places(
    connection: AsyncConnection[DictRow], collection: str, passages: Sequence[IndexedPassage]
) -> _Places:
    """The documents are asked for rather than given: the rows that were stored cannot be wrong."""
    found = await connection.execute(
        statements("lexical")["documents_of"], {"passages": [passage.id for passage in passages]}
    )
    documents = {row["id"]: row["document_id"].bytes for row in await found.fetchall()}
    return _Places(collection.encode(), documents)


async def _analyse(
    passages: Sequence[IndexedPassage],
    places: _Places,
    before: _Totals,
    rows: asyncio.Queue[bytes],
) -> _Totals:
    """Put an index row for each passage into `rows`, and `COPY_TRAILER` at the end."""
    added = _Totals()
    for first in range(0, len(passages), _SLICE):
        some = passages[first : first + _SLICE]
        counted = list(map(_passage_terms, some))
        added.passages += len(counted)
        added.length += sum(terms_.length for terms_ in counted)
        average = bm25.average_length(
            before.passages + added.passages, before.length + added.length
        )
        weighed = [_Weighed.of(terms_, average) for terms_ in counted]
        added.df.update(chain.from_iterable(each.found_by for each in weighed))
        await rows.put(
            b"".join(
                _index_row(passage.id, places, each)
                for passage, each in zip(some, weighed, strict=True)
            )
        )
        await asyncio.sleep(0)  # a queue with room lets nobody else run
    await rows.put(vectors.COPY_TRAILER)
    return added


async def _send(connection: AsyncConnection[DictRow], rows: asyncio.Queue[bytes]) -> None:
    async with connection.cursor().copy(statements("lexical")["copy_passages"]) as copy:
        await copy.write(vectors.COPY_HEADER)
        some = b""
        while some != vectors.COPY_TRAILER:
            some = await rows.get()
            await copy.write(some)


def _change_row(collection: bytes, added: _Totals) -> bytes:
    held = sorted(added.df)
    return vectors.copy_row(
        collection,
        struct.pack(">i", added.passages),
        struct.pack(">q", added.length),
        vectors.int4_array(held),
        vectors.int4_array([added.df[term] for term in held]),
    )


def _passage_terms(passage: IndexedPassage) -> bm25.PassageTerms:
    if passage.terms is not None:
        return passage.terms
    return bm25.passage_terms(terms(passage.text), context_terms(passage.title, passage.heading))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A passage's terms, what they weigh in it, and the ids it is found by: these, and further ones
    where they weigh much."""

    terms: bm25.PassageTerms
    weights: list[float]
    found_by: list[int]

    @classmethod
    def of(cls, terms_: bm25.PassageTerms, average_length: float) -> _Weighed:
        weights = bm25.passage_weights(terms_, average_length)
        return cls(terms_, weights, sorted([*terms_.ids, *impact_ids(terms_.ids, weights)]))


def _index_row(passage_id: int, places: _Places, passage: _Weighed) -> bytes:
    return vectors.copy_row(
        struct.pack(">q", passage_id),
        places.documents[passage_id],
        places.collection,
        struct.pack(">i", passage.terms.length),
        vectors.int4_array(passage.found_by),
        vectors.sparsevec(passage.terms.ids, passage.weights),
    )
