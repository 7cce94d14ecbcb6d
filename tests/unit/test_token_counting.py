"""What is asked of a server that can count tokens, and what its answer says."""

from __future__ import annotations

import pytest

from byline.ask.prompt.token_calibration import Calibrations
from byline.ask.prompt.token_estimate import TokenCount
from byline.backend.server_kinds import SERVER_KINDS
from byline.backend.token_counting import read_count


def test_only_servers_with_a_page_for_it_are_asked() -> None:
    asked = {
        name: kind.count_body("m", "a b")
        for name, kind in SERVER_KINDS.items()
        if kind.count_body is not None
    }
    assert asked == {
        "llama.cpp": {"content": "a b", "add_special": False},
        "vllm": {"model": "m", "prompt": "a b", "add_special_tokens": False},
    }


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ({"tokens": [1, 2, 3]}, 3),
        ({"count": 7, "tokens": [1, 2]}, 7),
        ({"count": True}, None),
        ({"count": -1}, None),
        ({"tokens": []}, None),
        ({"tokens": "abc"}, None),
        ({}, None),
        (None, None),
        ([1, 2], None),
    ],
)
def test_a_count_is_read_from_either_shape_or_not_at_all(said: object, count: int | None) -> None:
    assert read_count(said) == count


def test_a_measured_text_is_estimated_at_what_was_counted_whatever_was_learnt_before() -> None:
    calibrations = Calibrations()
    for _ in range(5):
        calibrations.learn("b", "qwen3", TokenCount(1_000), 1_000)
    calibrations.measure("b", "qwen3", TokenCount(1_000), 1_270)  # Dutch, of a small vocabulary
    assert calibrations.of("b", "qwen3").corrected(TokenCount(1_000)) == 1_270
