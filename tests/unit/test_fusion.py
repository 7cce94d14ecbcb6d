"""One ranking from two legs' scores."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from byline.search.fusion import LEXICAL_WEIGHT, fuse

SCORES = st.dictionaries(
    st.integers(1, 50), st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1
)


def test_a_passage_both_legs_like_comes_before_one_that_only_one_likes() -> None:
    lexical = {1: 9.0, 2: 9.0, 3: 0.0, 4: 1.0}
    dense = {1: 0.90, 2: 0.70, 3: 0.90, 4: 0.71}
    assert list(fuse(lexical, dense)) == [1, 3, 2, 4]


def test_scores_are_weighted_sums_of_standard_scores() -> None:
    fused = fuse({1: 2.0, 2: 4.0}, {1: 0.8, 2: 0.6})
    assert math.isclose(fused[1].score, (1 - LEXICAL_WEIGHT) - LEXICAL_WEIGHT)
    assert math.isclose(fused[2].score, -fused[1].score)
    assert (fused[1].lexical, fused[1].dense) == (2.0, 0.8)


def test_without_vectors_the_lexical_order_stands() -> None:
    assert list(fuse({1: 1.0, 2: 3.0, 3: 2.0}, {})) == [2, 3, 1]


def test_a_passage_without_a_vector_keeps_the_place_its_words_give_it() -> None:
    lexical = {1: 9.0, 2: 5.0, 3: 4.0, 4: 0.0, 5: 0.0, 6: 0.0}
    fused = fuse(lexical, {4: 0.86, 5: 0.84, 6: 0.85})
    assert list(fused)[:2] == [1, 2]
    assert fused[1].dense is None


def test_a_passage_with_a_vector_overtakes_one_without_when_it_is_clearly_nearer() -> None:
    lexical = {1: 5.0, 2: 4.8, 3: 0.0, 4: 0.0, 5: 0.0}
    assert next(iter(fuse(lexical, {2: 0.92, 3: 0.78, 4: 0.77, 5: 0.79}))) == 2


def test_equal_scores_rank_by_id() -> None:
    assert list(fuse({5: 1.0, 2: 1.0, 9: 1.0}, {5: 0.5, 2: 0.5, 9: 0.5})) == [2, 5, 9]


def test_nothing_is_ranked_as_nothing() -> None:
    assert fuse({}, {}) == {}


@given(SCORES, st.floats(0.1, 100), st.floats(-100, 100))
def test_the_order_does_not_hang_on_a_legs_scale(
    lexical: dict[int, float], factor: float, shift: float
) -> None:
    dense = {key: float(key) for key in lexical}
    scaled = {key: float(key) * factor + shift for key in lexical}
    plain, moved = fuse(lexical, dense), fuse(lexical, scaled)
    assert plain.keys() == lexical.keys()
    for key, fused in plain.items():
        assert math.isclose(fused.score, moved[key].score, rel_tol=1e-6, abs_tol=1e-6)


@given(SCORES)
def test_every_score_is_a_number(lexical: dict[int, float]) -> None:
    assert all(math.isfinite(f.score) for f in fuse(lexical, {}).values())
