"""What a server counts corrects what is estimated for it, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from byline.ask.prompt.token_calibration import (
    KNOWN_BOUNDS,
    UNKNOWN_BOUNDS,
    Calibration,
    Calibrations,
)
from byline.ask.prompt.token_estimate import UNKNOWN, TokenCount

ENGLISH = TokenCount(western=1000, other=0)
KOREAN = TokenCount(western=300, other=1000)


def test_the_same_prompt_is_right_after_one_count() -> None:
    learnt = Calibration("qwen").learnt(KOREAN, 1150)
    assert learnt.corrected(KOREAN) == pytest.approx(1150, abs=1)


def test_a_count_of_korean_corrects_korean_more_than_english() -> None:
    learnt = Calibration("qwen").learnt(KOREAN, 1100)
    assert learnt.other < 0.9
    assert learnt.western > 0.9


def test_estimates_come_close_to_a_tokenizer_that_differs_in_both_parts() -> None:
    calibration = Calibration(UNKNOWN)
    for _ in range(12):
        for plain in (ENGLISH, KOREAN):
            real = round(0.85 * plain.western + 0.45 * plain.other)
            calibration = calibration.learnt(plain, real)
    assert calibration.western == pytest.approx(0.85, rel=0.05)
    assert calibration.other == pytest.approx(0.45, rel=0.05)


def test_the_margin_shrinks_once_a_server_has_counted() -> None:
    assert Calibration("qwen").margin > Calibration("qwen").learnt(ENGLISH, 1000).margin > 0


@given(
    st.lists(
        st.tuples(st.integers(10, 9000), st.integers(0, 9000), st.integers(1, 50_000)), max_size=20
    ),
    st.sampled_from(["qwen", UNKNOWN]),
)
def test_no_counts_carry_a_correction_out_of_its_bounds(
    calls: list[tuple[int, int, int]], family: str
) -> None:
    calibration = Calibration(family)
    for western, other, counted in calls:
        calibration = calibration.learnt(TokenCount(western, other), counted)
    low, high = UNKNOWN_BOUNDS if family == UNKNOWN else KNOWN_BOUNDS
    assert low <= calibration.western <= high
    assert low <= calibration.other <= high


def test_each_backend_learns_from_its_own_counts_only() -> None:
    calibrations = Calibrations()
    calibrations.learn("qwen-macbook", "Qwen3-32B", ENGLISH, 1200)
    assert calibrations.of("qwen-macbook", "Qwen3-32B").corrected(ENGLISH) == 1200
    assert calibrations.of("qwen-macmini", "Qwen3-32B") == Calibration("qwen")


def test_a_server_that_read_only_a_part_of_the_prompt_teaches_nothing() -> None:
    calibrations = Calibrations()
    with capture_logs() as logs:
        calibrations.learn("gemma", "gemma-3-27b", ENGLISH, 400)
    assert calibrations.of("gemma", "gemma-3-27b") == Calibration("gemma")
    assert "context may be smaller" in logs[0]["event"]
