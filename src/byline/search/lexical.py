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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.search import bm25, vectors
from byline.search.analyse import TERM_IDS_MAX, terms
from byline.search.analysed import context_terms
from byline.search.filters import Scope
from byline.search.syntax import Reading, as_words
from byline.search.vocabulary import add_words
from byline.store.statements import statements

_SLICE: Final = 16
"""Passages analysed before the event loop may serve others: about 3 ms."""

_ROWS_WAITING_MAX: Final = 64
"""Slices that may wait for the server: about 1.5 MB."""

_READ_AT_MOST: Final = (200, 2_000)
"""Passages read for a phrase, first and if those were not enough; by falling score."""

ALL_WORDS: Final = as_words("")

_CHANGES_MAX: Final = 64
_CHANGED_PASSAGES_MAX: Final = 8_000
"""More changes than this, in rows or passages, are folded: these cost a search up to 0.6 ms. A fold
touches each different term once, however many passages have it: 8,000 at a time take a third of
what 1,000 eight times do."""


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


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """What is looked for: term ids (with repeats), where, and how many passages at most.

    `telling` are those of the terms that a passage must have to speak of what was asked; `reading`
    says which passages may not be found at all. The terms of each set of `alike` weigh as if they
    were one term: all of them are what one prefix stands for.
    """

    terms: list[int]
    telling: list[int]
    scope: Scope
    limit: int
    reading: Reading = ALL_WORDS
    alike: tuple[frozenset[int], ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """A query by the statistics of the moment: what its terms weigh, how many passages hold each
    (`df`) of how many `passages`, and which of them tell what it is about. Terms that count as one
    have a number below 0 for it in `df`, in `telling`, and in `stands_for` by their own."""

    weights: Mapping[int, float]
    df: Mapping[int, int]
    passages: int
    telling: frozenset[int]
    stands_for: Mapping[int, int] = field(default_factory=dict)

    def coverage(self, held: Iterable[int]) -> float:
        """The share (0 to 1) of the weight of the telling terms that lies on those `held`."""
        meant = {self.stands_for.get(term, term) for term in held}
        return bm25.coverage(self.telling & meant, self.telling, self.df, self.passages)


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Passage ids and their BM25 scores, best first (ties by id), and the query they are for."""

    scores: Mapping[int, float]
    query: Weighed


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
    """The best passages for a query, in two round trips: the statistics, then the scoring.

    A term weighs what it weighs in the collection, whatever else the query is confined to.
    """
    weighed = await _weigh(connection, query)
    held = {term: weighed.df[term] for term in weighed.weights if term in weighed.df}
    if not held or query.scope.passages == 0:
        return LexicalResult({}, weighed)
    return LexicalResult(await _found(connection, query, weighed, held), weighed)


async def score_passages(
    connection: AsyncConnection[DictRow], query: Weighed, passage_ids: Sequence[int]
) -> Mapping[int, float]:
    """The BM25 scores of given passages; those that are gone are left out."""
    if not query.weights:
        return dict.fromkeys(passage_ids, 0.0)
    found = await connection.execute(
        statements("lexical")["scores"],
        {"weights": _sparsevec_text(query.weights), "passages": list(passage_ids)},
    )
    return {row["passage_id"]: row["score"] for row in await found.fetchall()}


async def admitted(
    connection: AsyncConnection[DictRow], reading: Reading, passage_ids: Collection[int]
) -> frozenset[int]:
    """Those of the passages that may be found, as the query was read; their texts are looked at."""
    if reading.is_plain or not passage_ids:
        return frozenset(passage_ids)
    found = await connection.execute(
        statements("lexical")["written"], {"passages": list(passage_ids)}
    )
    return frozenset(
        row["passage_id"]
        for row in await found.fetchall()
        if reading.admits(row["text"], row["heading"], row["title"])
    )


async def _weigh(connection: AsyncConnection[DictRow], query: LexicalQuery) -> Weighed:
    found = await connection.execute(
        statements("lexical")["term_statistics"],
        {
            "terms": sorted({*query.terms, *query.reading.required_terms, *chain(*query.alike)}),
            "collection": query.scope.collection,
        },
    )
    row = await found.fetchone() or {}
    passages: int = row["passages"]
    df = {int(term): count for term, count in row["df"].items() if count > 0}
    together = {
        -number: min(sum(df.get(term, 0) for term in terms_), passages)
        for number, terms_ in enumerate(query.alike, start=1)
    }
    stands_for = {term: -n for n, terms_ in enumerate(query.alike, start=1) for term in terms_}
    as_one = {**df, **{term: together[number] for term, number in stands_for.items()}}
    weights = bm25.query_weights([*query.terms, *sorted(stands_for)], as_one, passages)
    telling = (weights.keys() & set(query.telling)) | together.keys() or weights.keys()
    return Weighed(weights, df | together, passages, frozenset(telling), stands_for)


async def _found(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighed: Weighed,
    held: Mapping[int, int],
) -> dict[int, float]:
    """The best passages that may be found. `held`: the query's terms that there are, with their df.

    1. A term of a phrase that nobody has: none.
    2. Of a phrase, every passage has the rarest term: those are scored.
    3. Else the candidate terms' are; and where filters or exclusions left too few of them, all.
    """
    required = query.reading.required_terms
    if any(term not in weighed.df for term in required):  # 1
        return {}
    if required:  # 2
        rarest = min(required, key=lambda term: (weighed.df[term], term))
        return await _admitted(connection, query, weighed, [rarest])
    candidates = bm25.candidate_terms(held, weighed.passages, query.scope.passages)  # 3
    scores = await _admitted(connection, query, weighed, candidates)
    is_confined = query.scope.is_filtered or not query.reading.is_plain
    if is_confined and len(scores) < query.limit and len(candidates) < len(held):
        scores = await _admitted(connection, query, weighed, list(held))
    return scores


async def _admitted(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighed: Weighed,
    candidates: list[int],
) -> dict[int, float]:
    """The best passages for which the query's reading has room."""
    if query.reading.is_plain:
        return await _best(connection, query, weighed, candidates)
    scores: dict[int, float] = {}
    for limit in _READ_AT_MOST:
        best = await _best(connection, replace(query, limit=limit), weighed, candidates)
        may_be_found = await admitted(connection, query.reading, best)
        scores = {id_: score for id_, score in best.items() if id_ in may_be_found}
        if len(scores) >= query.limit or len(best) < limit:
            break
    return dict(islice(scores.items(), query.limit))


async def _best(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighed: Weighed,
    candidates: list[int],
) -> dict[int, float]:
    scope, sql = query.scope, statements("lexical")
    within = scope.condition("document_id") if scope.is_filtered else ""
    required = query.reading.required_terms
    excluded = [term for ids in query.reading.excluded_terms if len(ids) == 1 for term in ids]
    confined = (sql["with_all"] if required else "") + (f" {sql['without']}" if excluded else "")
    found = await connection.execute(
        sql["best_passages"].replace("{within}", within).replace("{confined}", confined),
        {
            **scope.params,
            "required": required,
            "excluded": excluded,
            "weights": _sparsevec_text(weighed.weights),
            "candidates": candidates,
            "collection": scope.collection,
            "limit": query.limit,
        },
    )
    return {row["passage_id"]: row["score"] for row in await found.fetchall()}


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
        added.df.update(chain.from_iterable(terms_.ids for terms_ in counted))
        average = bm25.average_length(
            before.passages + added.passages, before.length + added.length
        )
        await rows.put(
            b"".join(
                _index_row(passage.id, places, terms_, average)
                for passage, terms_ in zip(some, counted, strict=True)
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


def _index_row(
    passage_id: int, places: _Places, passage: bm25.PassageTerms, average_length: float
) -> bytes:
    return vectors.copy_row(
        struct.pack(">q", passage_id),
        places.documents[passage_id],
        places.collection,
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
