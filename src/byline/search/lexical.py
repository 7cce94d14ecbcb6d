"""The lexical leg: the best passages for a query, by BM25.

Two round trips: the statistics of the query's terms, then the scoring of candidates. `candidates`
decides which passages are candidates; where common terms decide it, a third round trip asks how
often passages have them. `index/lexical_index.py` writes the index that is read here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import DictRow, tuple_row

from byline.search.filters import SearchScope
from byline.search.index import bm25, candidates
from byline.search.index.candidates import (
    IMPACT_BOUNDS,
    CandidateBounds,
    CandidateChoice,
    ImpactLevel,
    QueryTerm,
    TermCondition,
    impact_id,
)
from byline.search.query_syntax import ParsedQuery, as_words
from byline.search.spelling import SpellingCorrection, correct_spelling
from byline.store.binary_copy import Packed, int4_array, sparsevec
from byline.store.statements import statements
from byline.text.terms import whole_term

_PHRASE_READS_MAX: Final = (200, 2_000)
"""Passages whose text is read for a phrase, best first: in the first round, and in the second."""

_WIDER: Final = 16.0
"""How many times more candidates are taken when too few passed a filter or an exclusion."""

_HASHED_DOCUMENTS_MAX: Final = 200_000
"""A filter of at most so many documents is tested by a hash of their ids (some 10 MB) in the
database server."""

_SCAN: Final[Sequence[TermCondition]] = ()
"""No condition: all passages in scope are read, and those that have any term are scored."""

ALL_WORDS: Final = as_words("")


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A query of the lexical leg: term ids (with repeats), a scope, and at most `limit` passages.

    `content_terms` are the terms without those of stop words: they say what the query is about.
    `parsed` has the phrases and exclusions that a passage must satisfy. Each set of `groups` is
    weighted as one term: its terms are the words of one prefix, or of one misspelt word. Words of
    `correctable` that no document has are taken to be misspelt. `endings` weigh less than other
    terms.
    """

    terms: list[int]
    content_terms: list[int]
    scope: SearchScope
    limit: int
    parsed: ParsedQuery = ALL_WORDS
    groups: tuple[frozenset[int], ...] = ()
    correctable: tuple[str, ...] = ()
    endings: frozenset[int] = frozenset()

    def with_corrections(self, corrections: Sequence[SpellingCorrection]) -> LexicalQuery:
        """The same query with each misspelt word replaced by its corrections."""
        gone = {whole_term(each.word) for each in corrections}
        return replace(
            self,
            terms=[term for term in self.terms if term not in gone],
            content_terms=[term for term in self.content_terms if term not in gone],
            groups=(*self.groups, *(each.terms for each in corrections)),
        )


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A query weighted by the statistics of the moment.

    `weights` has the weight of each term and `df` the number of passages that hold it. `passages`
    counts those of the collection, `all_passages` those of all collections. A group of terms that
    count as one has an id below 0: `df` and `content_terms` hold it, `group_of` maps each of its
    terms to it.
    """

    weights: Mapping[int, float]
    df: Mapping[int, int]
    passages: int
    content_terms: frozenset[int]
    group_of: Mapping[int, int] = field(default_factory=dict)
    all_passages: int = 0

    def coverage(self, held: Iterable[int]) -> float:
        """The share (0 to 1) of the content terms' weight that is on the terms `held`."""
        meant = {self.group_of.get(term, term) for term in held}
        return bm25.coverage(self.content_terms & meant, self.content_terms, self.df, self.passages)


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Passage ids with their BM25 scores, best first (ties by id), the weighted query, and the
    corrections of its misspelt words."""

    scores: Mapping[int, float]
    query: WeightedQuery
    corrections: tuple[SpellingCorrection, ...] = ()


async def search_lexical(
    connection: AsyncConnection[DictRow], query: LexicalQuery
) -> LexicalResult:
    """The best passages for a query, in two round trips: the statistics, then the scoring. Up to
    three more where a word is in no document: its corrections, and their statistics.

    The weight of a term is that in the collection, whatever other filters there are.
    """
    weighted = await _weight_query(connection, query)
    unknown = [word for word in query.correctable if whole_term(word) not in weighted.df]
    corrections = await correct_spelling(connection, query.scope.collections, unknown)
    if corrections:
        query = query.with_corrections(corrections)
        weighted = await _weight_query(connection, query)
    if not weighted.df.keys() & weighted.weights.keys() or query.scope.passages == 0:
        return LexicalResult({}, weighted, corrections)
    return LexicalResult(await _score(connection, query, weighted), weighted, corrections)


async def matching_passages(
    connection: AsyncConnection[DictRow], parsed: ParsedQuery, passage_ids: Collection[int]
) -> frozenset[int]:
    """Those passages whose text satisfies the phrases and exclusions of the query."""
    if parsed.is_plain or not passage_ids:
        return frozenset(passage_ids)
    found = await connection.execute(
        statements("lexical")["written"], {"passages": list(passage_ids)}
    )
    return frozenset(
        row["passage_id"]
        for row in await found.fetchall()
        if parsed.matches(row["text"], row["heading"], row["title"])
    )


async def _weight_query(connection: AsyncConnection[DictRow], query: LexicalQuery) -> WeightedQuery:
    asked = {*query.terms, *query.parsed.required_terms, *chain(*query.groups)}
    counted = await _term_counts(connection, asked, query.scope.collections)
    passages, df = counted.passages, counted.df
    together = {
        -number: min(sum(df.get(term, 0) for term in terms_), passages)
        for number, terms_ in enumerate(query.groups, start=1)
    }
    group_of = {term: -n for n, terms_ in enumerate(query.groups, start=1) for term in terms_}
    as_one = {**df, **{term: together[number] for term, number in group_of.items()}}
    asked_for = [*query.terms, *sorted(group_of)]
    weights = bm25.query_weights(asked_for, as_one, passages, query.endings)
    content_terms = frozenset(
        weights.keys() & set(query.content_terms) | together.keys() or weights.keys()
    )
    return WeightedQuery(
        weights, {**df, **together}, passages, content_terms, group_of, counted.all_passages
    )


class _TermCounts(NamedTuple):
    """How many passages hold each id (ids that none holds are left out), how many `passages` the
    collections have, and how many there are in all collections."""

    df: Mapping[int, int]
    passages: int
    all_passages: int


async def _term_counts(
    connection: AsyncConnection[DictRow], ids: Iterable[int], collections: Set[str]
) -> _TermCounts:
    found = await connection.execute(
        statements("lexical")["term_statistics"],
        {"terms": int4_array(sorted(ids)), "collections": sorted(collections) or None},
    )
    row = await found.fetchone() or {}
    df = {int(term): count for term, count in row["df"].items() if count > 0}
    return _TermCounts(df, row["passages"], row["everywhere"])


async def _score(
    connection: AsyncConnection[DictRow], query: LexicalQuery, weighted: WeightedQuery
) -> dict[int, float]:
    """The best passages that satisfy the query, scored.

    1. A phrase has a term that no passage has: there are none.
    2. The query has phrases: the passages with all terms of the phrases are scored.
    3. There are few passages: all that have any term are scored. They are found by the terms, or
       by the scope where it lets through few of many.
    4. Else the candidates are scored (`candidates.py`), more of them under a filter or exclusion.
    5. Too few candidates passed the filter or exclusions: many more candidates are scored.
    6. Still too few: all that have any term are scored, found by the cheaper way of 3.
    """
    required, scope = query.parsed.required_terms, query.scope
    if any(term not in weighted.df for term in required):  # 1
        return {}
    if required:  # 2
        return await _best_matching(
            connection, query, weighted, [TermCondition(tuple((term,) for term in required), ())]
        )
    terms = _terms(weighted)
    anything = [TermCondition((), tuple(id_ for term in terms for id_ in term.levels[0].ids))]
    sought = weighted.passages if scope.passages is None else scope.passages
    if scope.is_narrow:  # 3
        return await _best_matching(connection, query, weighted, _SCAN)
    if sought == weighted.all_passages and sought <= candidates.MANY:
        return await _best_matching(connection, query, weighted, anything)
    is_confined = scope.is_filtered or not query.parsed.is_plain
    for more in (1, _WIDER) if is_confined else (1,):
        within = candidates.bounds(
            sought / weighted.all_passages, sought / weighted.passages / more
        )
        choice = await _choose_candidates(connection, query, weighted, within)
        read = choice.expected * weighted.all_passages / weighted.passages
        if sought < weighted.all_passages and read >= sought:  # 3
            return await _best_matching(connection, query, weighted, _SCAN)
        scores = await _best_matching(connection, query, weighted, choice.conditions)  # 4, 5
        if not is_confined or len(scores) >= query.limit:
            return scores
    read = sum(term.levels[0].df for term in terms) * weighted.all_passages / weighted.passages
    by_place = scope.is_filtered and sought < read
    return await _best_matching(connection, query, weighted, _SCAN if by_place else anything)  # 6


def _terms(weighted: WeightedQuery) -> list[QueryTerm]:
    """The terms of the query that passages have; a group is one term."""
    ids: dict[int, list[int]] = {}
    for term in weighted.weights:
        if term in weighted.df:
            ids.setdefault(weighted.group_of.get(term, term), []).append(term)
    return [
        QueryTerm(weighted.weights[held[0]], (ImpactLevel(tuple(held), weighted.df[number]),))
        for number, held in ids.items()
    ]


async def _choose_candidates(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighted: WeightedQuery,
    within: CandidateBounds,
) -> CandidateChoice:
    """Choose the candidates; where they are too many, choose again by how often passages have the
    common terms."""
    terms = _terms(weighted)
    choice = candidates.choose(terms, weighted.passages, within)
    if choice.expected <= within.many:
        return choice
    common = [
        term.levels[0].ids[0]
        for term in terms
        if len(term.levels[0].ids) == 1 and term.levels[0].df > within.many
    ]
    levels = {id_: [impact_id(id_, n) for n in range(1, len(IMPACT_BOUNDS) + 1)] for id_ in common}
    counted = await _term_counts(connection, chain(*levels.values()), query.scope.collections)
    return candidates.choose(
        [_with_levels(term, levels, counted.df) for term in terms], weighted.passages, within
    )


def _with_levels(
    term: QueryTerm, levels: Mapping[int, Sequence[int]], df: Mapping[int, int]
) -> QueryTerm:
    further = levels.get(term.levels[0].ids[0], ())
    return replace(
        term, levels=(*term.levels, *(ImpactLevel((id_,), df[id_]) for id_ in further if id_ in df))
    )


async def _best_matching(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighted: WeightedQuery,
    conditions: Sequence[TermCondition],
) -> dict[int, float]:
    """The best passages that satisfy the query's phrases and exclusions."""
    if query.parsed.is_plain:
        return await _best(connection, query, weighted, conditions)
    scores: dict[int, float] = {}
    for limit in _PHRASE_READS_MAX:
        best = await _best(connection, replace(query, limit=limit), weighted, conditions)
        may_be_found = await matching_passages(connection, query.parsed, best)
        scores = {id_: score for id_, score in best.items() if id_ in may_be_found}
        if len(scores) >= query.limit or len(best) < limit:
            break
    return dict(islice(scores.items(), query.limit))


async def _best(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    weighted: WeightedQuery,
    conditions: Sequence[TermCondition],
) -> dict[int, float]:
    scope, sql = query.scope, statements("lexical")
    excluded = [term for ids in query.parsed.excluded_terms if len(ids) == 1 for term in ids]
    gathered, params = _conditions_sql(conditions)
    within = scope.condition("document_id") if scope.is_filtered else ""
    if within and conditions != _SCAN and (scope.documents or 0) <= _HASHED_DOCUMENTS_MAX:
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
            "weights": sparsevec(weighted.weights),
            "collections": sorted(scope.collections) or None,
            "limit": query.limit,
        },
    )
    return dict(await cursor.fetchall())


def _conditions_sql(conditions: Sequence[TermCondition]) -> tuple[str, dict[str, Packed]]:
    """The conditions as SQL, with its parameters."""
    sql = statements("lexical")
    if conditions == _SCAN:
        return sql["with_any_weight"], {}
    params: dict[str, Packed] = {}

    def clause(name: str, ids: Iterable[int]) -> str:
        key = f"ids_{len(params)}"
        params[key] = int4_array(list(ids))
        return sql[name].replace("{ids}", f"%({key})s")

    wanted = []
    for every, some in conditions:
        single = [ids[0] for ids in every if len(ids) == 1]
        clauses = [clause("with_all", single)] if single else []
        clauses += [clause("with_some", ids) for ids in (*every, some) if len(ids) > 1]
        if len(some) == 1:
            clauses.append(clause("with_all", some))
        wanted.append(" AND ".join(clauses))
    return " OR ".join(f"({each})" for each in wanted), params
