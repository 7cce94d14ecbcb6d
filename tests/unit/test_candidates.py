"""Which passages are scored: those that hold terms together, or one of them often."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from byline.search.index import bm25, candidates
from byline.search.index.candidates import (
    IMPACT_BOUNDS,
    CandidateChoice,
    ImpactLevel,
    QueryTerm,
    choose,
    impact_id,
    impact_ids,
)
from byline.text.terms import TERM_IDS_MAX

MANY = 1_000_000
TERM_IDS = st.integers(0, TERM_IDS_MAX - 1)
COUNTS = st.lists(st.integers(1, 600_000), min_size=1, max_size=12)


def term(id_: int, *df: int, passages: int = MANY) -> QueryTerm:
    """A term that so many passages hold; further counts are of those that hold it often."""
    levels = tuple(ImpactLevel((impact_id(id_, n),), count) for n, count in enumerate(df))
    return QueryTerm(bm25.idf(passages, df[0]), levels)


def sets_of(choice: CandidateChoice) -> set[frozenset[int]]:
    """The ids that passages must hold together, for each way to be a candidate."""
    return {
        frozenset([ids[0] for ids in gathering.every] + [one])
        for gathering in choice.conditions
        for one in gathering.some
    }


def test_rare_terms_alone_name_the_candidates_once_there_are_enough() -> None:
    choice = choose([term(1, 1_200), term(2, 1_500), term(3, 500_000)], MANY)
    assert sets_of(choice) == {frozenset({1}), frozenset({2})}
    assert choice.expected == 2_700


def test_common_terms_name_candidates_only_together() -> None:
    choice = choose([term(1, 90_000), term(2, 100_000), term(3, 120_000)], MANY)
    assert sets_of(choice) == {frozenset({1, 2, 3})}
    assert choice.expected == pytest.approx(1_080)


def test_a_common_term_alone_is_asked_for_where_it_stands_often() -> None:
    often = term(1, 180_000, 20_000, 3_000, 200)
    choice = choose([often], MANY)
    assert sets_of(choice) == {frozenset({impact_id(1, 2)})}


def test_a_term_that_never_stands_often_is_asked_for_as_it_is() -> None:
    assert choose([term(1, 180_000)], MANY).expected == 180_000


def test_a_set_within_another_makes_it_needless() -> None:
    choice = choose([term(1, 900), term(2, 1_400), term(3, 20_000)], MANY)
    for each in sets_of(choice):
        assert not any(each > other for other in sets_of(choice))


def test_words_of_a_prefix_count_as_one_term() -> None:
    prefix = QueryTerm(5.0, (ImpactLevel((7, 8, 9), 60_000),))
    choice = choose([prefix, term(1, 50_000)], MANY)
    [gathering] = choice.conditions
    assert {*gathering.every, gathering.some} == {(7, 8, 9), (1,)}


def test_sets_that_differ_in_their_commonest_term_are_one_question() -> None:
    common = [term(n, 60_000 + n) for n in range(2, 6)]
    choice = choose([term(1, 9_000), *common], MANY)
    assert any(len(gathering.some) > 1 for gathering in choice.conditions)


def test_more_are_gathered_where_not_all_may_be_found() -> None:
    terms = [term(n, 4_000 + 5_000 * n) for n in range(1, 8)]
    confined = choose(terms, MANY, candidates.bounds(0.1, 0.1)).expected
    assert confined > 1.5 * choose(terms, MANY).expected


def test_terms_of_like_frequency_are_expected_in_the_same_passages() -> None:
    assert choose([term(1, 93_596), term(2, 94_125)], MANY).expected == 93_596
    assert choose([term(1, 93_596), term(2, 99_125)], MANY).expected == pytest.approx(9_278, abs=1)


def test_bounds_are_wide_enough_for_what_a_filter_leaves() -> None:
    narrow = candidates.bounds(0.01, 0.01)
    assert narrow.enough == pytest.approx(10 * candidates.ENOUGH)
    assert narrow.few == pytest.approx(candidates.AT_LEAST / 0.01)
    everywhere = candidates.CandidateBounds(candidates.ENOUGH, candidates.FEW, candidates.MANY)
    assert candidates.bounds() == everywhere


@given(COUNTS)
def test_only_lighter_sets_than_those_taken_are_left_out(counts: list[int]) -> None:
    terms = [term(n, df) for n, df in enumerate(counts, start=1)]
    weights = {n: each.weight for n, each in enumerate(terms, start=1)}
    taken = sets_of(choose(terms, MANY))
    lightest = min(sum(weights[n] for n in each) for each in taken)
    heaviest = sorted(weights, key=lambda n: -weights[n])[: candidates.TERMS_MAX]
    for n in heaviest:
        if frozenset({n}) not in taken:
            assert weights[n] <= lightest + 1e-9


@given(COUNTS)
def test_expected_candidates_are_bounded_unless_there_are_hardly_any_others(
    counts: list[int],
) -> None:
    # Two terms of about the same frequency are taken for one word's, and both together outweigh
    # a rarer one.
    assume(all(few < candidates._SAME_FREQUENCY * more for few, more in pairwise(sorted(counts))))
    choice = choose([term(n, df) for n, df in enumerate(counts, start=1)], MANY)
    assert choice.conditions
    if choice.expected > candidates.MANY:
        smaller = [df for df in counts if df < candidates.FEW]
        assert sum(smaller) <= candidates.FEW, "a set is taken while fewer than FEW are expected"


@given(TERM_IDS, TERM_IDS)
def test_ids_of_levels_are_different_and_fit_into_four_bytes(one: int, other: int) -> None:
    ids = {impact_id(id_, level) for id_ in (one, other) for level in range(len(IMPACT_BOUNDS) + 1)}
    assert len(ids) == (len(IMPACT_BOUNDS) + 1) * len({one, other})
    assert all(-(2**31) <= id_ < 2**31 for id_ in ids)


def test_a_passage_is_found_by_every_bound_that_a_term_reaches() -> None:
    places, ids = impact_ids(np.array([5, 6, 7]), np.array([1.24, 1.35, 1.6]))
    assert sorted(zip(places.tolist(), ids.tolist(), strict=True)) == sorted(
        [(1, impact_id(6, 1)), (1, impact_id(6, 2)), *((2, impact_id(7, n)) for n in (1, 2, 3))]
    )
