"""Sentence boundaries in English and Korean, with exact offsets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.verify.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.50 euros. Cheap.", ["It costs 3.50 euros.", "Cheap."]),
        ("Dr. Kim signed it. He left.", ["Dr. Kim signed it.", "He left."]),
        ("Use e.g. vinegar. Rinse.", ["Use e.g. vinegar.", "Rinse."]),
        ("Keep it (no. 55-90317). Then call.", ["Keep it (no. 55-90317).", "Then call."]),
        ("He said no. Then he left.", ["He said no.", "Then he left."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("It runs two years. [1] Then not. [2]", ["It runs two years. [1]", "Then not. [2]"]),
        ("Two years [1]. Then not [2].", ["Two years [1].", "Then not [2]."]),
        ("보증 기간은 2년입니다. 연락하세요.", ["보증 기간은 2년입니다.", "연락하세요."]),
        ("보증은 2년이다.[1] 끝났다.[2]", ["보증은 2년이다.[1]", "끝났다.[2]"]),
        ("終わりました。次です。", ["終わりました。", "次です。"]),
        ("Title\n\nBody text here.", ["Title", "Body text here."]),
        ("- flour\n- two eggs\n- milk", ["- flour", "- two eggs", "- milk"]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_text_is_cut_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_line_wrapped_by_a_pdf_stays_one_sentence() -> None:
    text = "The tenant shall give notice in writing at least three\nmonths before the end."
    assert sentences(text) == [text]


@given(st.text(alphabet="ab. !?\n[1]다。가-", max_size=80))
def test_sentences_are_ordered_and_lose_nothing_but_white_space(text: str) -> None:
    spans = split_sentences(text)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    kept = "".join(text[start:end] for start, end in spans)
    assert "".join(kept.split()) == "".join(text.split())
