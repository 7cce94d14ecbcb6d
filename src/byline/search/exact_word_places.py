"""Promotes to the first hits a passage of the only document that has an exact word of the query.

1. Of the exact words (`exact_words.py`), those count that are rare in the scope of the search.
2. If each is in one of the first hits, the ranking stays as it is. That is nearly always so, and
   takes no query of the database.
3. Else the database is asked which passages have the words. If one document alone has a word, its
   best-ranked passage becomes the last of the first hits; near duplicates without the word follow.
4. It takes the place of the last of the first hits that has none of these words. If all have one,
   no more are promoted: the most specific, then the rarest words come first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.search.exact_words import EXACT_MAX, PLACES, ExactWord, ExactWordKind
from byline.search.filters import SearchScope
from byline.search.fusion import Fused
from byline.search.lexical import LexicalQuery, LexicalResult, WeightedQuery, matching_passages
from byline.search.near_duplicates import collapse
from byline.search.passage_reader import FoundPassage, read_passages
from byline.search.ranking import DenseLeg, rank
from byline.store.binary_copy import int8_array, sparsevec
from byline.store.statements import statements

_RARE_PASSAGES_MAX: Final[Mapping[ExactWordKind, int]] = {
    ExactWordKind.CODE: 5_000,
    ExactWordKind.NAME: 500,
    ExactWordKind.WORD: 16,
}
"""About how many passages of the scope may have a word that counts as rare. A code in the title of
a long document is in all of its passages."""

_HELD_PASSAGES_MAX: Final = 5_000
"""How many passages of the collection may have a rare word, however few the filter lets through."""

_SEEN_MAX: Final = 200
"""Passages whose text is searched for one word."""


@dataclass(frozen=True, slots=True)
class RankedSearch:
    """A search before promotion: the query, the results of both legs, the scores of all candidates,
    and the first passages, read."""

    query: LexicalQuery
    words: LexicalResult
    dense: DenseLeg
    scores: Mapping[int, Fused]
    passages: list[FoundPassage]


class _HoldingPassage(NamedTuple):
    """A passage that has a word, and its lexical score."""

    passage_id: int
    document_id: str
    score: float


async def promote_exact_words(
    connection: AsyncConnection[DictRow],
    ranked: RankedSearch,
    exact: Sequence[ExactWord],
    limit: int,
) -> list[FoundPassage]:
    """The passages read, best first, with the promoted ones; a score never rises from one to the
    next. No round trip if nothing is promoted, else two to five."""
    places = min(PLACES, limit)
    sought = _rare_words(exact, ranked.words.query, ranked.query.scope)  # 1
    if all(_has(passage, word) for word in sought for passage in ranked.passages[:1]):
        return ranked.passages
    first = _first_hits(ranked.passages, places)
    there = [word for word in sought if any(_has(passage, word) for passage in first)]
    missed = [word for word in sought if word not in there]
    if not missed:  # 2
        return ranked.passages
    holders = await _sole_holders(connection, ranked, missed)  # 3
    if not holders:
        return ranked.passages
    alone = await _sole_holders(connection, ranked, there) if there else {}
    kept = {passage.hit.passage_id for passage in first} & {
        each.passage_id for held in (*alone.values(), *holders.values()) for each in held
    }
    chosen = _to_promote(ranked.scores, holders, kept)
    passages = ranked.passages
    for passage in await _read(connection, ranked, chosen):
        passages = _promote(passages, passage, kept, places)  # 4
        kept.add(passage.hit.passage_id)
    return _with_falling_scores(passages)


def _rare_words(
    exact: Sequence[ExactWord], query: WeightedQuery, scope: SearchScope
) -> list[ExactWord]:
    """Those words that few passages of the scope have, the most specific first."""
    share = 1.0 if scope.passages is None else scope.passages / max(query.passages, 1)
    held = {}
    for word in exact:
        if not all(term in query.weights for term in word.terms):
            continue
        df = min(query.df.get(term, 0) for term in word.terms)
        if 0 < df <= _HELD_PASSAGES_MAX and df * share <= _RARE_PASSAGES_MAX[word.kind]:
            held[word] = df
    return sorted(held, key=lambda word: (word.kind, held[word], -len(word.text)))[:EXACT_MAX]


def _first_hits(passages: Sequence[FoundPassage], places: int) -> list[FoundPassage]:
    """The passages shown first; maybe fewer, if many are near duplicates."""
    some = passages[: 2 * places]
    ids = [hit.passage_id for hit in collapse([passage.hit for passage in some])[:places]]
    return [passage for passage in some if passage.hit.passage_id in ids]


def _has(passage: FoundPassage, word: ExactWord) -> bool:
    hit = passage.hit
    if not passage.held.issuperset(word.terms):
        return False
    return not word.must_be_seen or word.stands_in(hit.text, hit.heading, hit.title)


async def _sole_holders(
    connection: AsyncConnection[DictRow], ranked: RankedSearch, sought: Sequence[ExactWord]
) -> dict[ExactWord, list[_HoldingPassage]]:
    """For each word that only one document has, its passages, the best lexical score first."""
    holders = await _holders(connection, ranked, sought)
    seen = await _seen(connection, holders)
    having = {
        word: [each for each in held if each.passage_id in seen[word]]
        if word.must_be_seen
        else held
        for word, held in holders.items()
    }
    return {
        word: held for word, held in having.items() if len({each.document_id for each in held}) == 1
    }


async def _seen(
    connection: AsyncConnection[DictRow], holders: Mapping[ExactWord, Sequence[_HoldingPassage]]
) -> dict[ExactWord, frozenset[int]]:
    """For each word that must be seen in the text, the passages that have it; none if too many
    would have to be read."""
    to_see = {
        word: frozenset(each.passage_id for each in held)
        for word, held in holders.items()
        if word.must_be_seen
    }
    ids = set().union(*(ids for ids in to_see.values() if len(ids) <= _SEEN_MAX))
    if not ids:
        return dict.fromkeys(to_see, frozenset())
    found = await connection.execute(
        statements("lexical")["written"], {"passages": int8_array(list(ids))}
    )
    rows = await found.fetchall()
    return {
        word: frozenset(
            row["passage_id"]
            for row in rows
            if row["passage_id"] in ids
            and len(ids) <= _SEEN_MAX
            and word.stands_in(row["text"], row["heading"], row["title"])
        )
        for word, ids in to_see.items()
    }


async def _holders(
    connection: AsyncConnection[DictRow], ranked: RankedSearch, sought: Sequence[ExactWord]
) -> dict[ExactWord, list[_HoldingPassage]]:
    """For each word, the passages that have all of its terms and satisfy the query."""
    scope, parsed = ranked.query.scope, ranked.query.parsed
    most = max(_RARE_PASSAGES_MAX.values())
    found = await connection.execute(
        statements("lexical")["holding"].replace("{within}", scope.condition("document_id")),
        {
            **scope.params,
            "words": ["{" + ",".join(map(str, word.terms)) + "}" for word in sought],
            "weights": sparsevec(ranked.words.query.weights),
            "collections": sorted(scope.collections) or None,
            "limit": most + 1,
        },
    )
    holders: dict[ExactWord, list[_HoldingPassage]] = {word: [] for word in sought}
    for row in await found.fetchall():
        holder = _HoldingPassage(row["passage_id"], str(row["document_id"]), row["score"])
        holders[sought[row["word"] - 1]].append(holder)
    ids = {each.passage_id for held in holders.values() for each in held}
    may_be_found = await matching_passages(connection, parsed, ids)
    return {
        word: [each for each in held if each.passage_id in may_be_found]
        for word, held in holders.items()
        if len(held) <= most
    }


def _to_promote(
    scores: Mapping[int, Fused],
    holders: Mapping[ExactWord, Sequence[_HoldingPassage]],
    kept: Collection[int],
) -> dict[int, _HoldingPassage]:
    """The passages to promote: for each word the one that ranks best, unless a passage with it is
    kept or chosen already. Of words without any sign that they are exact, only one is promoted."""
    chosen: dict[int, _HoldingPassage] = {}
    for word, held in holders.items():
        by_id = {each.passage_id: each for each in held}
        if not by_id.keys().isdisjoint({*kept, *chosen}):
            continue
        best = next((id_ for id_ in scores if id_ in by_id), held[0].passage_id)
        chosen[best] = by_id[best]
        if word.kind is ExactWordKind.WORD:
            break
    return chosen


async def _read(
    connection: AsyncConnection[DictRow],
    ranked: RankedSearch,
    chosen: Mapping[int, _HoldingPassage],
) -> list[FoundPassage]:
    """The chosen passages; those that neither leg proposed are scored by both first."""
    known = {passage.hit.passage_id: passage for passage in ranked.passages}
    scores = ranked.scores
    if chosen.keys() - scores.keys():
        proposed = {id_: holder.score for id_, holder in chosen.items()}
        words = replace(ranked.words, scores={**proposed, **ranked.words.scores})
        scores = await rank(connection, ranked.query.parsed, words, ranked.dense)
    if missing := {id_: scores[id_] for id_ in chosen if id_ not in known and id_ in scores}:
        read = await read_passages(connection, ranked.words.query, missing)
        known |= {passage.hit.passage_id: passage for passage in read}
    return [known[id_] for id_ in chosen if id_ in known]


def _promote(
    passages: Sequence[FoundPassage], one: FoundPassage, kept: Collection[int], places: int
) -> list[FoundPassage]:
    """The passages with `one` as the last of those shown first, or in the place of its first near
    duplicate; unchanged if each of those shown first is `kept`."""
    others = [each for each in passages if each.hit.passage_id != one.hit.passage_id]
    place_of = {each.hit.passage_id: place for place, each in enumerate(others)}
    shown, *rest = collapse([one.hit, *(each.hit for each in others)])
    alike = [place_of[each.passage_id] for each in shown.also_in if each.passage_id in place_of]
    before = [
        hit.passage_id
        for hit in rest[:places]
        if place_of[hit.passage_id] < min(alike, default=len(others))
    ]
    if len(before) == places:
        giving_way = [id_ for id_ in before if id_ not in kept]
        if not giving_way:
            return list(passages)
        before.remove(giving_way[-1])
    ahead = [others[place_of[id_]] for id_ in before]
    return [*ahead, one, *(each for each in others if each.hit.passage_id not in before)]


def _with_falling_scores(passages: Sequence[FoundPassage]) -> list[FoundPassage]:
    """The same passages; the score of a promoted one is raised to that of the passage behind it."""
    least = accumulate((each.hit.score for each in reversed(passages)), max)
    return [
        each if each.hit.score == score else replace(each, hit=replace(each.hit, score=score))
        for each, score in zip(passages, reversed(list(least)), strict=True)
    ]
