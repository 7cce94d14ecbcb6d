"""Automatic numbers as Hancom's word processor prints them."""

from __future__ import annotations

import pytest

from byline.ingest.readers.hancom.hancom_document import (
    Definitions,
    HeadKind,
    NumberingLevel,
    ParagraphHead,
)
from byline.ingest.readers.hancom.hancom_numbers import (
    NUMBER_FORMS,
    ParagraphNumbers,
    circled,
    note_mark,
    number_text,
)


@pytest.mark.parametrize(
    ("form", "numbers"),
    [
        ("DIGIT", {1: "1", 12: "12"}),
        ("CIRCLED_DIGIT", {1: "①", 20: "⑳", 21: "㉑", 35: "㉟", 36: "㊱", 50: "㊿", 51: "(51)"}),
        ("ROMAN_CAPITAL", {4: "IV", 9: "IX", 1999: "MCMXCIX"}),
        ("ROMAN_SMALL", {3: "iii"}),
        ("LATIN_CAPITAL", {1: "A", 26: "Z", 27: "AA"}),
        ("LATIN_SMALL", {28: "ab"}),
        ("CIRCLED_LATIN_CAPTION", {2: "Ⓑ", 27: "(AA)"}),
        ("CIRCLED_LATIN_SMALL", {26: "ⓩ"}),
        ("HANGUL_SYLLABLE", {1: "가", 14: "하", 15: "거", 29: "고", 84: "히", 85: "85"}),
        ("CIRCLED_HANGUL_SYLLABLE", {1: "㉮", 14: "㉻", 15: "(거)"}),
        ("HANGUL_JAMO", {1: "ㄱ", 14: "ㅎ"}),
        ("CIRCLED_HANGUL_JAMO", {2: "㉡"}),
        ("HANGUL_PHONETIC", {1: "일", 10: "십", 12: "십이", 25: "이십오", 110: "백십"}),
        ("IDEOGRAPH", {3: "三", 20: "二十"}),
        ("CIRCLED_IDEOGRAPH", {10: "㊉", 11: "(十一)"}),
        ("DECAGON_CIRCLE", {1: "갑", 10: "계", 11: "11"}),
        ("SOMETHING_NEW", {7: "7"}),
    ],
)
def test_a_number_in_each_form(form: str, numbers: dict[int, str]) -> None:
    assert {number: number_text(number, form) for number in numbers} == numbers


def test_no_form_fails_for_any_number() -> None:
    for form in NUMBER_FORMS:
        assert all(number_text(number, form) for number in range(-1, 11_000, 7))


def test_levels_that_are_left_out_count_as_begun_and_deeper_ones_begin_anew() -> None:
    levels = tuple(
        NumberingLevel("".join(f"^{n + 1}." for n in range(level + 1))) for level in range(4)
    )
    numbers = ParagraphNumbers(Definitions({3: levels}))
    path = [0, 0, 1, 1, 0, 3, 3, 2, 3]
    marks = [numbers.mark(ParagraphHead(HeadKind.NUMBER, level, 3)) for level in path]
    assert marks == ["1.", "2.", "2.1.", "2.2.", "3.", "3.1.1.1.", "3.1.1.2.", "3.1.2.", "3.1.2.1."]


def test_each_numbering_and_the_outline_count_by_themselves() -> None:
    one = (NumberingLevel("^1.", "HANGUL_SYLLABLE", 2), NumberingLevel("^n", "DIGIT"))
    numbers = ParagraphNumbers(Definitions({1: one, 2: (NumberingLevel("^N"),)}))
    heads = [
        ParagraphHead(HeadKind.NUMBER, 0, 1),
        ParagraphHead(HeadKind.OUTLINE, 0, 1),
        ParagraphHead(HeadKind.NUMBER, 0, 2),
        ParagraphHead(HeadKind.NUMBER, 1, 1),
        ParagraphHead(HeadKind.NUMBER, 0, 1),
    ]
    assert [numbers.mark(head) for head in heads] == ["나.", "나.", "1.", "나.1", "다."]


def test_what_is_not_defined_has_no_number_and_a_symbol_font_a_plain_bullet() -> None:
    numbers = ParagraphNumbers(Definitions({}, {1: "※", 2: "\uf06c", 3: ""}))
    assert numbers.mark(ParagraphHead(HeadKind.NUMBER, 0, 9)) == ""
    bullets = [numbers.mark(ParagraphHead(HeadKind.BULLET, 0, number)) for number in range(1, 5)]
    assert bullets == ["※", "•", "•", "•"]


def test_circles_and_marks_of_notes() -> None:
    assert [circled(text) for text in ("1", "50", "99", "갑", "③", "")] == [
        *("①", "㊿", "(99)", "(갑)", "③", ""),
    ]
    assert [note_mark("", "1", ""), note_mark("<", "I", ">")] == ["1)", "<I>"]
