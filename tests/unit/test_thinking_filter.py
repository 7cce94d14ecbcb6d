"""`<think>` blocks in the content, whole and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.backend.thinking_filter import ThinkSplitter, split_orphan

CASES = {
    "Two years": ("Two years", ""),
    "<think>hm</think>Two": ("Two", "hm"),
    "\n<think>\nhm\n</think>\n\nTwo\n\nyears": ("Two\n\nyears", "\nhm\n"),
    "<think></think>Two": ("Two", ""),
    "<think>a</think><think>b</think>Two": ("Two", "ab"),
    "First.\n<think>hm</think>\nThen.": ("First.\n<think>hm</think>\nThen.", ""),
    "First.\n<think>never ends": ("First.\n<think>never ends", ""),
    "```\n<think>\nhm\n</think>\n```": ("```\n<think>\nhm\n</think>\n```", ""),
    "Models write <think> before they answer.": ("Models write <think> before they answer.", ""),
    "a < b and c </think> d": ("a < b and c </think> d", ""),
    "<think>never ends": ("", "never ends"),
    "<thi": ("<thi", ""),
    "  indented": ("  indented", ""),
    " \n ": (" \n ", ""),
    "<think>hm</think>\n ": ("", "hm"),
    "<<think>x": ("<<think>x", ""),
    "<THINK>hm</Think>Two": ("Two", "hm"),
    "<thinking>hm</thinking>Two": ("Two", "hm"),
    "[THINK]hm[/THINK]Two [1]": ("Two [1]", "hm"),
    "◁think▷흠◁/think▷두 해": ("두 해", "흠"),
    "<reasoning>hm</reasoning>\nTwo": ("Two", "hm"),
    "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Two": (
        "Two",
        "hm",
    ),
    "<|channel|>final<|message|>Two": ("Two", ""),
    "<think>a</thinking> b</think>Two": ("Two", "a</thinking> b"),
    "[1] says so": ("[1] says so", ""),
    "Türe [think] so": ("Türe [think] so", ""),
}


def split(*pieces: str) -> tuple[str, str]:
    splitter = ThinkSplitter()
    parts = [splitter.feed(piece) for piece in pieces]
    parts.append(splitter.close())
    return "".join(content for content, _ in parts), "".join(thought for _, thought in parts)


@pytest.mark.parametrize("text", CASES)
def test_blocks_that_begin_the_answer_are_thinking(text: str) -> None:
    assert split(text) == CASES[text]


@pytest.mark.parametrize("text", CASES)
def test_character_by_character_it_is_the_same(text: str) -> None:
    assert split(*text) == CASES[text]


@given(st.text(alphabet="<think>/ \na"), st.integers(0, 40))
def test_where_the_text_is_cut_makes_no_difference(text: str, cut: int) -> None:
    assert split(text[:cut], text[cut:]) == split(text)


@given(st.text(alphabet="abc \n<>/"))
def test_text_without_a_block_comes_out_as_it_went_in(text: str) -> None:
    assert split(*text) == (text, "")


def test_content_is_not_held_back_once_it_is_certain() -> None:
    splitter = ThinkSplitter()
    assert splitter.feed("Two years") == ("Two years", "")
    assert splitter.feed(" <") == (" <", "")
    assert splitter.feed("think>") == ("think>", "")


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("plan\n</think>\n\nTwo", "Two"),
        ("plan</think>\nTwo", "Two"),
        ("```\n</think>\n```\nTwo", "```\n</think>\n```\nTwo"),
        ("A\n<think>\nhm\n</think>\nTwo", "A\n<think>\nhm\n</think>\nTwo"),
        ("Write </think> at its end.", "Write </think> at its end."),
    ],
)
def test_an_end_without_a_beginning_is_found_outside_fences(text: str, content: str) -> None:
    assert split_orphan(text)[0] == content
