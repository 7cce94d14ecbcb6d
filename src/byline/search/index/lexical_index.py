"""Writes the lexical index: the terms of passages in PostgreSQL (`search/lexical.py` reads it).

Three tables hold it (`store/migrations/0002_lexical.sql`): `lexical_passages`, a row a passage,
found by its terms and by further ids of those that weigh much in it (`candidates.py`);
`lexical_terms` and `lexical_totals`, the document frequencies; and `lexical_changes`, what came or
went since those were last brought up to date. Writers only append changes: no two of them ever
wait for each other's rows, so concurrent ingest and deletes cannot deadlock, and a common term is
not a row that everybody writes. A search adds changes to counts, so its statistics are those of
the moment. A writer that finds enough changes compacts them into the counts, one writer at a time
(an advisory lock nobody waits for), in its own transaction; the last ones are compacted when
nothing changes any more (`stats_compaction.py`).
"""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.search.index import bm25
from byline.search.index.analysed_passages import context_terms
from byline.search.index.posting_rows import PassageKeys, posting_rows
from byline.search.index.stats_compaction import compact_if_due
from byline.search.index.term_columns import TermColumns, distinct, summed
from byline.search.index.vocabulary import add_words
from byline.store import binary_copy
from byline.store.statements import statements
from byline.text.terms import terms

_SLICE: Final = 16
"""Passages analysed before the event loop may serve others: about 3 ms."""

_ANALYSED_SLICE: Final = 8 * _SLICE
"""The same for passages that were analysed before."""

_ROWS_WAITING_MAX: Final = 16
"""Slices of rows that may wait for the database server: about 3 MB at most."""

_COUNTED_AT_ONCE: Final = 4096
"""Passages whose statistics are written as one change."""


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage to index. `id` is that of its row in `passages`; it is also found by `heading` and
    `title`, at less weight than by its own text."""

    id: int
    heading: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class StoredPassages:
    """Passages that follow one another in a document: the ids of their rows in `passages`, and what
    they are indexed by."""

    document_id: uuid.UUID
    ids: Sequence[int]
    terms: TermColumns


async def index_passages(
    connection: AsyncConnection[DictRow], collection: str, passages: Sequence[IndexedPassage]
) -> None:
    """Index stored passages, in the connection's transaction. None may be indexed yet.

    Many at a time are faster: the server inserts some while the next ones are analysed.
    """
    if not passages:
        return
    ids = [passage.id for passage in passages]
    documents = await _documents(connection, ids)

    def slices() -> Iterator[_Slice]:
        for first in range(0, len(passages), _SLICE):
            some = passages[first : first + _SLICE]
            places = PassageKeys(ids[first : first + _SLICE], documents[first : first + _SLICE],
                            collection.encode())  # fmt: skip
            yield places, TermColumns.of(list(map(_passage_terms, some)))

    tally = await _new_tally(connection)
    await _write(connection, tally, slices())
    await _write_change(connection, collection, tally)
    await compact_if_due(connection)
    await add_words(connection, (text for p in passages for text in (p.title, p.heading, p.text)))


class DocumentIndexing:
    """Indexes the passages of one document, block by block, in the connection's transaction.

    Call `add` for each block, in order, then `finish` once. None of the passages may be indexed
    yet. Every block but the last holds a multiple of `_SLICE` passages, since so many are weighted
    together. The caller lists the words (`vocabulary.add_listed`).
    """

    def __init__(self, connection: AsyncConnection[DictRow], collection: str) -> None:
        self._connection = connection
        self._collection = collection
        self._tally: _Tally | None = None

    async def add(self, stored: StoredPassages) -> None:
        """Write the index rows of a block."""
        self._tally = self._tally or await _new_tally(self._connection)
        await _write(self._connection, self._tally, _analysed_slices(self._collection, stored))
        if self._tally.added.passages >= _COUNTED_AT_ONCE:
            await self._write_change()

    async def finish(self) -> None:
        """Write the statistics that are not written yet, and compact if that is due.

        Compaction comes last: until the transaction ends no other connection can compact.
        """
        await self._write_change()
        await compact_if_due(self._connection)

    async def _write_change(self) -> None:
        if self._tally is not None:
            await _write_change(self._connection, self._collection, self._tally)
            self._tally = None


def _analysed_slices(collection: str, stored: StoredPassages) -> Iterator[_Slice]:
    for first in range(0, len(stored.ids), _ANALYSED_SLICE):
        ids = stored.ids[first : first + _ANALYSED_SLICE]
        places = PassageKeys(ids, [stored.document_id.bytes] * len(ids), collection.encode())
        yield places, stored.terms.some(first, first + len(ids))


async def remove_document(connection: AsyncConnection[DictRow], document_id: str) -> None:
    """Take a document out of the index, in the connection's transaction. Twice is once.

    Deleting passages does the same, passage by passage; this is faster for a whole document.
    """
    await remove_postings(connection, document_id)
    await compact_if_due(connection)


async def remove_postings(connection: AsyncConnection[DictRow], document_id: str) -> None:
    """The same for a document whose new passages are indexed next, without compaction: that is left
    to `DocumentIndexing.finish`, since no other connection could compact until then."""
    await connection.execute(statements("lexical")["remove_document"], {"document_id": document_id})


_Slice: TypeAlias = tuple[PassageKeys, TermColumns]


@dataclass(slots=True)
class _Totals:
    """A number of passages, and their length together, in terms."""

    passages: int = 0
    length: int = 0


@dataclass(slots=True)
class _Tally:
    """The statistics of a change: the totals `before` it, those `added`, and for each slice written
    the distinct ids (`terms`) and how many of its passages have each (`counts`)."""

    before: _Totals
    added: _Totals = field(default_factory=_Totals)
    terms: list[npt.NDArray[np.int64]] = field(default_factory=list)
    counts: list[npt.NDArray[np.int64]] = field(default_factory=list)


async def _totals(connection: AsyncConnection[DictRow]) -> _Totals:
    row = await (await connection.execute(statements("lexical")["totals"])).fetchone() or {}
    return _Totals(row["passages"], row["length"])


async def _documents(connection: AsyncConnection[DictRow], ids: list[int]) -> list[bytes]:
    """The documents of passages, read from their rows rather than given: those cannot be wrong."""
    found = await connection.execute(statements("lexical")["documents_of"], {"passages": ids})
    documents = {row["id"]: row["document_id"].bytes for row in await found.fetchall()}
    return [documents[id_] for id_ in ids]


async def _new_tally(connection: AsyncConnection[DictRow]) -> _Tally:
    return _Tally(await _totals(connection))


async def _write(
    connection: AsyncConnection[DictRow], tally: _Tally, slices: Iterator[_Slice]
) -> None:
    """Write the rows of passages; the server inserts a slice while the next one is packed."""
    rows: asyncio.Queue[bytes] = asyncio.Queue(_ROWS_WAITING_MAX)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_send(connection, rows))
            await _pack(tally, slices, rows)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _pack(tally: _Tally, slices: Iterator[_Slice], rows: asyncio.Queue[bytes]) -> None:
    """Put an index row for each passage into `rows`, and `COPY_TRAILER` at the end."""
    for places, columns in slices:
        averages = _averages(tally.before, tally.added, columns.lengths)
        packed, found = posting_rows(places, columns, averages)
        terms_, counts = distinct(found)
        tally.terms.append(terms_)
        tally.counts.append(counts)
        await rows.put(packed)
        await asyncio.sleep(0)  # a queue with room lets nobody else run
    await rows.put(binary_copy.COPY_TRAILER)


async def _write_change(
    connection: AsyncConnection[DictRow], collection: str, tally: _Tally
) -> None:
    """Write one row of `lexical_changes` for all passages of the tally."""
    terms_, df = summed(np.concatenate(tally.terms), np.concatenate(tally.counts))
    change = binary_copy.copy_row(
        collection.encode(),
        struct.pack(">i", tally.added.passages),
        struct.pack(">q", tally.added.length),
        binary_copy.int4_array(terms_),
        binary_copy.int4_array(df),
    )
    async with connection.cursor().copy(statements("lexical")["copy_change"]) as copy:
        await copy.write(binary_copy.COPY_HEADER + change + binary_copy.COPY_TRAILER)


def _averages(
    before: _Totals, added: _Totals, lengths: npt.NDArray[np.uint32]
) -> npt.NDArray[np.float64]:
    """The average length that each passage is weighted by: computed anew for every `_SLICE` of
    them, over all passages up to those. The passages are counted in `added`."""
    averages = np.empty(len(lengths))
    for first in range(0, len(lengths), _SLICE):
        some = lengths[first : first + _SLICE]
        added.passages += len(some)
        added.length += int(some.sum())
        averages[first : first + _SLICE] = bm25.average_length(
            before.passages + added.passages, before.length + added.length
        )
    return averages


async def _send(connection: AsyncConnection[DictRow], rows: asyncio.Queue[bytes]) -> None:
    async with connection.cursor().copy(statements("lexical")["copy_passages"]) as copy:
        await copy.write(binary_copy.COPY_HEADER)
        some = b""
        while some != binary_copy.COPY_TRAILER:
            some = await rows.get()
            await copy.write(some)


def _passage_terms(passage: IndexedPassage) -> bm25.PassageTerms:
    return bm25.passage_terms(terms(passage.text), context_terms(passage.title, passage.heading))
