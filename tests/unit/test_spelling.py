"""Words one slip away: which there are, and which words could be misspelt at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byline.search.spelling import CHARS_MAX, CHARS_MIN, correctable_words, single_edits

WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=CHARS_MIN, max_size=CHARS_MAX)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("warrenty", "warranty"),  # a wrong letter
        ("waranty", "warranty"),  # one missing
        ("warrannty", "warranty"),  # one too many
        ("warratny", "warranty"),  # two swapped
        ("warrant", "warranty"),  # the last one missing
        ("warrantyy", "warranty"),
        ("гарантея", "гарантия"),
        ("εγγυισεις", "εγγυησεις"),
    ],
)
def test_one_slip_leads_to_what_was_meant(typed: str, meant: str) -> None:
    assert meant in single_edits(typed)


@pytest.mark.parametrize("typed", ["harranty", "arranty", "awrranty", "wawarranty", "wrnty"])
def test_the_first_letter_and_all_but_one_are_taken_to_be_right(typed: str) -> None:
    assert "warranty" not in single_edits(typed)


@settings(max_examples=50)
@given(WORDS)
def test_a_slip_can_be_undone_by_a_slip(word: str) -> None:
    around = single_edits(word)
    assert word not in around
    assert all(other[0] == word[0] and abs(len(other) - len(word)) <= 1 for other in around)
    undone = [other for other in sorted(around)[:40] if CHARS_MIN <= len(other) <= CHARS_MAX]
    assert all(word in single_edits(other) for other in undone)


@given(st.text())
def test_any_text_has_words_that_could_be_misspelt_or_none(text: str) -> None:
    found = correctable_words(text)
    assert len(set(found)) == len(found)
    assert all(single_edits(word) for word in found)


@pytest.mark.parametrize(
    "text",
    ["rent", "abc1234", "e-mail", "보증", "which would", "2024-05-01", "x" * 21, "naïve"],
)
def test_short_words_codes_and_scripts_without_an_alphabet_are_left_as_they_are(text: str) -> None:
    assert correctable_words(text) == ()


def test_words_are_taken_out_of_a_question_each_once() -> None:
    assert correctable_words("How long is the “Warrenty”? A warrenty, in years!") == (
        "warrenty",
        "years",
    )
