"""Which passages are scored at all: those that hold the right terms together. Pure.

Scoring takes microseconds a passage, and common words stand in hundreds of thousands. The best
passages hold the rarest of the query's terms, or several of them, or one very often; so the index
is asked for passages that hold certain terms together (GIN finds those without touching a row), and
only these are scored.

The index also tells how often a passage has a term: where the term's weight is high, the passage is
found by further ids of that term as well, one for each of `IMPACT_BOUNDS` that the weight reaches.
The choice is between *sets*: one or two terms, each at any such level, or three at the lowest.

    1. Sets are taken by falling weight: what holding the set adds to a passage's score.
    2. A set that contains a taken one adds no passage and is skipped; taken ones that contain the
       new set are dropped.
    3. It ends when the passages expected are `ENOUGH`,
    4. or are `FEW` and would be over `MANY` with the next set, or the sets too many.

The number of passages that hold a set is estimated as if terms were independent, except for terms
of almost the same frequency (`_SAME_FREQUENCY`): those are most often pairs of letters of one word.
Other words keep company too, so more passages come than expected, at times three times as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import sqrt
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from byline.text.terms import TERM_IDS_MAX

Id = TypeVar("Id", int, npt.NDArray[np.int64])

IMPACT_BOUNDS: Final = (1.25, 1.35, 1.45)
"""Lower bounds of a term's weight in a passage (`bm25.passage_weights`, below 1.6). In a passage of
average length a term reaches about the first if it occurs twice, the second three times, the third
six times."""

_ASSUMED_WEIGHTS: Final = (1.0, 1.3, 1.4, 1.5)
"""The assumed weight of a term in a passage that reaches none, the first, second, third bound."""

ENOUGH: Final = 2_000
MANY: Final = 4_000
FEW: Final = 300
AT_LEAST: Final = 200
"""Numbers of expected passages (see above)."""

TERMS_MAX: Final = 9
"""Sets are made of at most so many terms of the query, the heaviest."""

_SETS_MAX: Final = 32

_SAME_FREQUENCY: Final = 0.99
"""Terms whose document frequencies differ by less than 1 % are assumed to occur together."""


class ImpactLevel(NamedTuple):
    """The number of passages (`df`) that any of `ids` finds. Several ids are those of a group that
    counts as one term, such as the words of a prefix."""

    ids: tuple[int, ...]
    df: int


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """A term of a query, its weight there, and those of its levels that are known; the first is the
    term at any weight in a passage."""

    weight: float
    levels: tuple[ImpactLevel, ...]


class TermCondition(NamedTuple):
    """A condition on passages: one id of each of `every` and, unless it is empty, one of `some`."""

    every: tuple[tuple[int, ...], ...]
    some: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CandidateChoice:
    """The conditions to query the index with, any of which is enough, and how many passages are
    expected."""

    conditions: tuple[TermCondition, ...]
    expected: float


class _TermAtLevel(NamedTuple):
    """A term at a level. `mask` has a bit for this level and for each level below it, so that one
    set contains another if it has all of the other's bits."""

    mask: int
    weight: float
    share: float
    df: int
    """The document frequency of the term at any weight."""
    level: ImpactLevel


class _TermSet(NamedTuple):
    weight: float
    mask: int
    items: tuple[_TermAtLevel, ...]


def impact_id(term: Id, level: int) -> Id:
    """The id of a term at a level in the index: at 0 the term itself, at 1 to 3 an id that those
    passages have in which its weight reaches `IMPACT_BOUNDS[level - 1]`. A 4-byte integer."""
    high = TERM_IDS_MAX * (level // 2)
    return term + high if level % 2 == 0 else -1 - term - high


def impact_ids(
    terms: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The ids above level 0 of terms with these weights in a passage: the place in `terms` of each
    id's term, and the id."""
    places = [np.flatnonzero(weights >= bound) for bound in IMPACT_BOUNDS]
    ids = [impact_id(terms[some], level) for level, some in enumerate(places, start=1)]
    return np.concatenate(places), np.concatenate(ids)


@dataclass(frozen=True, slots=True)
class CandidateBounds:
    """The bounds `ENOUGH`, `FEW` and `MANY` of one query, in passages of the whole library."""

    enough: float
    few: float
    many: float


def bounds(found_of: float = 1.0, standing_of: float = 1.0) -> CandidateBounds:
    """The bounds for a search within a scope. `found_of` is the scope's share (0 to 1) of all
    passages, `standing_of` its share of those that document frequencies count. Fewer passages need
    fewer candidates (by the square root of the share), but at least `AT_LEAST` in the scope."""
    times = sqrt(found_of) / standing_of
    enough = ENOUGH * times
    return CandidateBounds(
        enough, min(enough, max(FEW * times, AT_LEAST / standing_of)), MANY * times
    )


def choose(
    terms: Sequence[QueryTerm], passages: int, within: CandidateBounds | None = None
) -> CandidateChoice:
    """Choose the sets for a query's terms; `passages` is the number their `df` are counted of."""
    within = within or bounds()
    heaviest = sorted(terms, key=lambda term: -term.weight)[:TERMS_MAX]
    heaviest.sort(key=lambda term: term.levels[0].df)
    taken: dict[int, _TermSet] = {}
    shares: dict[int, float] = {}
    found = 0.0
    for each in sorted(_sets(heaviest, passages), key=lambda one: -one.weight):  # 1
        if found >= within.enough:  # 3
            break
        if any(each.mask & other == other for other in taken):  # 2
            continue
        gone = [other for other in taken if other & each.mask == each.mask]
        share = _share(each.items)
        then = found + passages * (share - sum(shares[other] for other in gone))
        is_too_much = then > within.many or len(taken) - len(gone) >= _SETS_MAX
        if found >= within.few and is_too_much:  # 4
            break
        for other in gone:
            del taken[other]
        taken[each.mask], shares[each.mask] = each, share
        found = then
    return CandidateChoice(tuple(_conditions(taken.values())), found)


def _sets(terms: Sequence[QueryTerm], passages: int) -> Iterator[_TermSet]:
    deep = [list(_items(place, term, passages)) for place, term in enumerate(terms)]
    shallow = [items[:1] for items in deep]
    for size, some in ((1, deep), (2, deep), (3, shallow)):
        for chosen in combinations(some, size):
            for items in product(*chosen):
                mask, weight = 0, 0.0
                for item in items:
                    mask |= item.mask
                    weight += item.weight
                yield _TermSet(weight, mask, items)


def _items(place: int, term: QueryTerm, passages: int) -> Iterator[_TermAtLevel]:
    df = term.levels[0].df
    for n, (level, weight) in enumerate(zip(term.levels, _ASSUMED_WEIGHTS, strict=False), start=1):
        mask = ((1 << n) - 1) << place * len(_ASSUMED_WEIGHTS)
        yield _TermAtLevel(mask, term.weight * weight, level.df / passages, df, level)


def _share(items: Sequence[_TermAtLevel]) -> float:
    """The share of passages expected to have all of the terms, given by rising frequency."""
    share, last, least = 1.0, 0, 1.0
    for item in items:
        if last >= _SAME_FREQUENCY * item.df:
            share *= min(least, item.share) / least
            least = min(least, item.share)
        else:
            share *= item.share
            least = item.share
        last = item.df
    return share


def _conditions(sets: Iterable[_TermSet]) -> Iterator[TermCondition]:
    """The sets as few conditions: sets that differ only in their most frequent term become one."""
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for each in sets:
        held = [item.level for item in each.items]
        *every, most = sorted(held, key=lambda level: (level.df, level.ids))
        alike.setdefault(tuple(level.ids for level in every), []).extend(most.ids)
    return (TermCondition(every, tuple(some)) for every, some in alike.items())
