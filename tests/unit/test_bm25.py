"""BM25 as numbers: weights of passages and of queries."""

from __future__ import annotations

from math import isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.search.index import bm25


def test_terms_of_a_passage_are_counted_once_each_in_rising_order() -> None:
    counted = bm25.passage_terms([7, 3, 7, 5], [])
    assert (counted.ids, counted.occurrences, counted.length) == ([3, 5, 7], [1, 1, 2], 4)


def test_title_and_heading_count_as_occurrences_but_not_as_length() -> None:
    counted = bm25.passage_terms([7, 3], [3, 3, 9])
    assert (counted.ids, counted.occurrences, counted.length) == ([3, 7, 9], [3, 1, 2], 2)


def test_a_passage_holds_no_more_terms_than_a_sparsevec_takes() -> None:
    counted = bm25.passage_terms(list(range(1, 20_001)), [])
    assert len(counted.ids) == len(counted.occurrences) == bm25.DISTINCT_TERMS_MAX
    assert counted.length == 20_000


def test_weights_follow_the_textbook() -> None:
    counted = bm25.passage_terms([1, 1, 1, 2], [])
    norm = bm25.K1 * (1 - bm25.B + bm25.B * 4 / 8)
    expected = [3 * (bm25.K1 + 1) / (3 + norm), (bm25.K1 + 1) / (1 + norm)]
    assert bm25.passage_weights(counted, 8.0) == pytest.approx(expected)


def test_a_longer_passage_weighs_the_same_count_less() -> None:
    short = bm25.passage_weights(bm25.passage_terms([1, 2], []), 10.0)
    long = bm25.passage_weights(bm25.passage_terms([1, *range(2, 40)], []), 10.0)
    assert long[0] < short[0]


@given(st.integers(1, 10**9), st.data())
def test_the_rarer_term_weighs_more_and_never_less_than_nothing(
    passages: int, data: st.DataObject
) -> None:
    df = data.draw(st.integers(1, passages))
    assert 0 < bm25.idf(passages, df) < bm25.idf(passages, df - 1)


def test_a_query_repeats_a_term_to_stress_it() -> None:
    weights = bm25.query_weights([4, 4, 9], {4: 2, 9: 2}, 10)
    assert weights[4] == 2 * weights[9]
    assert isclose(weights[9], log(1 + 8.5 / 2.5))


def test_an_unknown_term_weighs_most() -> None:
    weights = bm25.query_weights([4, 9], {4: 1}, 10)
    assert weights[9] > weights[4]


def test_a_long_query_is_asked_by_its_heaviest_terms() -> None:
    df = {term: term for term in range(1, 1_001)}
    weights = bm25.query_weights(list(df), df, 2_000)
    assert set(weights) == set(range(1, bm25.QUERY_TERMS_MAX + 1))


def test_what_only_an_ending_brings_weighs_a_share() -> None:
    plain = bm25.query_weights([1, 2, 2], {1: 10, 2: 20}, 1_000)
    weights = bm25.query_weights([1, 2, 2], {1: 10, 2: 20}, 1_000, {2})
    assert weights == {1: plain[1], 2: plain[2] * bm25.ENDING_WEIGHT}


def test_coverage_is_the_share_of_the_weight_that_is_held() -> None:
    df, passages = {1: 10, 2: 400}, 50_000
    weights = {term: bm25.idf(passages, count) for term, count in df.items()}

    assert bm25.coverage([1], weights, df, passages) == pytest.approx(
        weights[1] / sum(weights.values())
    )
    assert bm25.coverage([], weights, df, passages) == 0.0
    assert bm25.coverage([1, 2], weights, df, passages) == 1.0
    assert bm25.coverage([], {}, df, passages) == 0.0


def test_in_a_single_document_the_words_it_has_still_weigh_something() -> None:
    assert bm25.coverage([1, 2], [1, 2, 3], {1: 1, 2: 1}, 1) > 0.6
