"""The lexical leg: the best passages for a query, by BM25.

Two round trips: the statistics of the query's terms, then the scoring of candidates. Which passages
are candidates is decided by `candidates.py`; where common terms decide it, a third asks how often
passages have them. The index itself is `lexical.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import DictRow, tuple_row

from byline.search.filters import Scope
from byline.search.index import bm25, candidates
from byline.search.index.candidates import (
    IMPACTS,
    Bounds,
    Choice,
    Gathering,
    Level,
    Term,
    impact_id,
)
from byline.search.query_syntax import Reading, as_words
from byline.search.spelling import Respelt, respell
from byline.store.binary_copy import Packed, int4_array, sparsevec
from byline.store.statements import statements
from byline.text.terms import whole_term

_READ_AT_MOST: Final = (200, 2_000)
"""Passages read for a phrase, first and if those were not enough; by falling score."""

_MORE: Final = 16.0
"""So many times the candidates are taken where too few of them passed a filter or an exclusion."""

_HASHED_DOCUMENTS_MAX: Final = 200_000
"""Documents whose ids the server holds in a hash (some 10 MB) to test what was gathered by it."""

_ANYTHING: Final[Sequence[Gathering]] = ()
"""Whatever has any term of the query, looked for where it may be found, not by its terms."""

ALL_WORDS: Final = as_words("")


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """What is looked for: term ids (with repeats), where, and how many passages at most.

    `telling` are those of the terms that a passage must have to speak of what was asked; `reading`
    says which passages may not be found at all. The terms of each set of `alike` weigh as if they
    were one term: all of them are what one prefix stands for. Of the words `spelt`, those that
    nobody wrote are taken to be misspelt. `endings` weigh less than other terms.
    """

    terms: list[int]
    telling: list[int]
    scope: Scope
    limit: int
    reading: Reading = ALL_WORDS
    alike: tuple[frozenset[int], ...] = ()
    spelt: tuple[str, ...] = ()
    endings: frozenset[int] = frozenset()

    def with_meant(self, respelt: Sequence[Respelt]) -> LexicalQuery:
        """The same with what misspelt words stand for in their place."""
        gone = {whole_term(each.word) for each in respelt}
        return replace(
            self,
            terms=[term for term in self.terms if term not in gone],
            telling=[term for term in self.telling if term not in gone],
            alike=(*self.alike, *(each.terms for each in respelt)),
        )


@dataclass(frozen=True, slots=True)
class Weighed:
    """A query by the statistics of the moment: what its terms weigh, how many passages hold each
    (`df`) of how many `passages` (`everywhere`: in all collections), and which of them tell what it
    is about. Terms that count as one have a number below 0 for it in `df`, in `telling`, and in
    `stands_for` by their own."""

    weights: Mapping[int, float]
    df: Mapping[int, int]
    passages: int
    telling: frozenset[int]
    stands_for: Mapping[int, int] = field(default_factory=dict)
    everywhere: int = 0

    def coverage(self, held: Iterable[int]) -> float:
        """The share (0 to 1) of the weight of the telling terms that lies on those `held`."""
        meant = {self.stands_for.get(term, term) for term in held}
        return bm25.coverage(self.telling & meant, self.telling, self.df, self.passages)


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Passage ids and their BM25 scores, best first (ties by id), the query they are for, and which
    of its words were taken to be misspelt."""

    scores: Mapping[int, float]
    query: Weighed
    respelt: tuple[Respelt, ...] = ()


async def search_lexical(
    connection: AsyncConnection[DictRow], query: LexicalQuery
) -> LexicalResult:
    """The best passages for a query, in two round trips: the statistics, then the scoring. A word
    that nobody wrote costs up to three more: what it may stand for, and the statistics of that.

    A term weighs what it weighs in the collection, whatever else the query is confined to.
    """
    weighed = await _weigh(connection, query)
    unknown = [word for word in query.spelt if whole_term(word) not in weighed.df]
    respelt = await respell(connection, query.scope.collection, unknown)
    if respelt:
        query = query.with_meant(respelt)
        weighed = await _weigh(connection, query)
    if not weighed.df.keys() & weighed.weights.keys() or query.scope.passages == 0:
        return LexicalResult({}, weighed, respelt)
    return LexicalResult(await _found(connection, query, weighed), weighed, respelt)


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
    asked = {*query.terms, *query.reading.required_terms, *chain(*query.alike)}
    counted = await _counted(connection, asked, query.scope.collection)
    passages, df = counted.passages, counted.df
    together = {
        -number: min(sum(df.get(term, 0) for term in terms_), passages)
        for number, terms_ in enumerate(query.alike, start=1)
    }
    stands_for = {term: -n for n, terms_ in enumerate(query.alike, start=1) for term in terms_}
    as_one = {**df, **{term: together[number] for term, number in stands_for.items()}}
    asked_for = [*query.terms, *sorted(stands_for)]
    weights = bm25.query_weights(asked_for, as_one, passages, query.endings)
    telling = frozenset(weights.keys() & set(query.telling) | together.keys() or weights.keys())
    return Weighed(weights, {**df, **together}, passages, telling, stands_for, counted.everywhere)


class _Counted(NamedTuple):
    """How many passages hold each id (none that nobody holds), of how many in the collection asked
    about and `everywhere`."""

    df: Mapping[int, int]
    passages: int
    everywhere: int


async def _counted(
    connection: AsyncConnection[DictRow], ids: Iterable[int], collection: str | None
) -> _Counted:
    found = await connection.execute(
        statements("lexical")["term_statistics"],
        {"terms": int4_array(sorted(ids)), "collection": collection},
    )
    row = await found.fetchone() or {}
    df = {int(term): count for term, count in row["df"].items() if count > 0}
    return _Counted(df, row["passages"], row["everywhere"])


async def _found(
    connection: AsyncConnection[DictRow], query: LexicalQuery, weighed: Weighed
) -> dict[int, float]:
    """The best passages that may be found.

    1. A term of a phrase that nobody has: none.
    2. Of a phrase, every passage has all the terms: those are scored.
    3. Of few passages all are scored that have any term: by the terms, or where a filter or a
       collection lets through but few of many, by where they stand.
    4. Else the candidates are (`candidates.py`). Where others may not be found there are more.
    5. Where too few of those passed a filter or an exclusion, many more are;
    6. and then whatever has any term, by the shorter way.
    """
    required, scope = query.reading.required_terms, query.scope
    if any(term not in weighed.df for term in required):  # 1
        return {}
    if required:  # 2
        return await _admitted(
            connection, query, weighed, [Gathering(tuple((term,) for term in required), ())]
        )
    terms = _terms(weighed)
    anything = [Gathering((), tuple(id_ for term in terms for id_ in term.levels[0].ids))]
    sought = weighed.passages if scope.passages is None else scope.passages
    if scope.is_narrow:  # 3
        return await _admitted(connection, query, weighed, _ANYTHING)
    if sought == weighed.everywhere and sought <= candidates.MANY:
        return await _admitted(connection, query, weighed, anything)
    is_confined = scope.is_filtered or not query.reading.is_plain
    for more in (1, _MORE) if is_confined else (1,):
        within = candidates.bounds(sought / weighed.everywhere, sought / weighed.passages / more)
        choice = await _chosen(connection, query, weighed, within)
        read = choice.expected * weighed.everywhere / weighed.passages
        if sought < weighed.everywhere and read >= sought:  # 3
            return await _admitted(connection, query, weighed, _ANYTHING)
        scores = await _admitted(connection, query, weighed, choice.gatherings)  # 4, 5
        if not is_confined or len(scores) >= query.limit:
            return scores
    read = sum(term.levels[0].df for term in terms) * weighed.everywhere / weighed.passages
    by_place = scope.is_filtered and sought < read
    return await _admitted(connection, query, weighed, _ANYTHING if by_place else anything)  # 6


def _terms(weighed: Weighed) -> list[Term]:
    """The query's terms that there are; the words of a prefix as one."""
    ids: dict[int, list[int]] = {}
    for term in weighed.weights:
        if term in weighed.df:
            ids.setdefault(weighed.stands_for.get(term, term), []).append(term)
    return [
        Term(weighed.weights[held[0]], (Level(tuple(held), weighed.df[number]),))
        for number, held in ids.items()
    ]


async def _chosen(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighed: Weighed,
    within: Bounds,
) -> Choice:
    """The candidates; where they are many, again by how often passages have the common terms."""
    terms = _terms(weighed)
    choice = candidates.choose(terms, weighed.passages, within)
    if choice.expected <= within.many:
        return choice
    common = [
        term.levels[0].ids[0]
        for term in terms
        if len(term.levels[0].ids) == 1 and term.levels[0].df > within.many
    ]
    levels = {id_: [impact_id(id_, n) for n in range(1, len(IMPACTS) + 1)] for id_ in common}
    counted = await _counted(connection, chain(*levels.values()), query.scope.collection)
    return candidates.choose(
        [_with_levels(term, levels, counted.df) for term in terms], weighed.passages, within
    )


def _with_levels(term: Term, levels: Mapping[int, Sequence[int]], df: Mapping[int, int]) -> Term:
    further = levels.get(term.levels[0].ids[0], ())
    return replace(
        term, levels=(*term.levels, *(Level((id_,), df[id_]) for id_ in further if id_ in df))
    )


async def _admitted(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighed: Weighed,
    gatherings: Sequence[Gathering],
) -> dict[int, float]:
    """The best passages for which the query's reading has room."""
    if query.reading.is_plain:
        return await _best(connection, query, weighed, gatherings)
    scores: dict[int, float] = {}
    for limit in _READ_AT_MOST:
        best = await _best(connection, replace(query, limit=limit), weighed, gatherings)
        may_be_found = await admitted(connection, query.reading, best)
        scores = {id_: score for id_, score in best.items() if id_ in may_be_found}
        if len(scores) >= query.limit or len(best) < limit:
            break
    return dict(islice(scores.items(), query.limit))


async def _best(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighed: Weighed,
    gatherings: Sequence[Gathering],
) -> dict[int, float]:
    scope, sql = query.scope, statements("lexical")
    excluded = [term for ids in query.reading.excluded_terms if len(ids) == 1 for term in ids]
    gathered, params = _condition(gatherings)
    within = scope.condition("document_id") if scope.is_filtered else ""
    if within and gatherings != _ANYTHING and (scope.documents or 0) <= _HASHED_DOCUMENTS_MAX:
        within = sql["tested"].replace("{within}", within)
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(
        sql["best_passages"]
        .replace("{gathered}", gathered)
        .replace("{within}", within)
        .replace("{without}", sql["without"] if excluded else ""),
        {
            **scope.params,
            **params,
            "excluded": excluded,
            "weights": sparsevec(weighed.weights),
            "collection": scope.collection,
            "limit": query.limit,
        },
    )
    return dict(await cursor.fetchall())


def _condition(gatherings: Sequence[Gathering]) -> tuple[str, dict[str, Packed]]:
    """Gatherings as SQL, with its parameters."""
    sql = statements("lexical")
    if gatherings == _ANYTHING:
        return sql["with_any_weight"], {}
    params: dict[str, Packed] = {}

    def clause(name: str, ids: Iterable[int]) -> str:
        key = f"ids_{len(params)}"
        params[key] = int4_array(list(ids))
        return sql[name].replace("{ids}", f"%({key})s")

    wanted = []
    for every, some in gatherings:
        single = [ids[0] for ids in every if len(ids) == 1]
        clauses = [clause("with_all", single)] if single else []
        clauses += [clause("with_some", ids) for ids in (*every, some) if len(ids) > 1]
        if len(some) == 1:
            clauses.append(clause("with_all", some))
        wanted.append(" AND ".join(clauses))
    return " OR ".join(f"({each})" for each in wanted), params
