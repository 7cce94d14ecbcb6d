"""Numbers of lists and notes are printed as word processors print them."""

from __future__ import annotations

import pytest

from byline.ingest.readers.list_numerals import (
    custom_numeral,
    letters_by_place,
    numeral,
)


@pytest.mark.parametrize(
    ("form", "numbers", "printed"),
    [
        ("decimal", (0, 7, 120), "0 7 120"),
        ("decimalZero", (1, 9, 10, 123), "01 09 10 123"),
        ("decimalFullWidth", (1, 20), "１ ２０"),
        ("upperRoman", (1, 4, 9, 1994), "I IV IX MCMXCIV"),
        ("lowerRoman", (3, 40), "iii xl"),
        ("upperLetter", (1, 26, 27, 28, 53), "A Z AA BB AAA"),
        ("lowerLetter", (2, 27), "b aa"),
        ("lowerGreek", (1, 24), "α ω"),
        ("russianLower", (1, 29), "а я"),
        ("ordinal", (1, 2, 3, 4, 11, 12, 13, 21, 112), "1st 2nd 3rd 4th 11th 12th 13th 21st 112th"),
        ("cardinalText", (1, 12, 42), "One Twelve Forty-two"),
        ("ordinalText", (1, 12, 20, 42), "First Twelfth Twentieth Forty-second"),
        ("decimalEnclosedCircle", (1, 20, 21, 50, 51), "① ⑳ ㉑ ㊿ (51)"),
        ("decimalEnclosedParen", (1, 20, 21), "⑴ ⒇ (21)"),
        ("decimalEnclosedFullstop", (1, 21), "⒈ 21."),
        ("ganada", (1, 2, 14, 15), "가 나 하 가가"),
        ("chosung", (1, 3, 14), "ㄱ ㄷ ㅎ"),
        ("koreanDigital", (1, 10, 24), "일 일영 이사"),
        ("koreanCounting", (1, 10, 11, 20, 203), "일 십 십일 이십 이백삼"),
        ("koreanLegal", (1, 10, 11, 99, 100), "하나 열 열하나 아흔아홉 100"),
        ("ideographDigital", (3, 10, 24), "三 一〇 二四"),
        ("japaneseCounting", (1, 10, 15, 100, 204, 10_000), "一 十 十五 百 二百四 一万"),
        ("japaneseLegal", (1, 10, 120), "壱 拾 壱百弐拾"),
        ("chineseCounting", (3, 10, 12, 20, 103, 110), "三 十 十二 二十 一百〇三 一百一十"),
        ("chineseLegalSimplified", (3, 1003), "叁 壹仟零叁"),
        ("ideographTraditional", (1, 10, 11), "甲 癸 11"),
        ("ideographZodiac", (1, 12), "子 亥"),
        ("ideographZodiacTraditional", (1, 2, 60, 61), "甲子 乙丑 癸亥 甲子"),
        ("aiueoFullWidth", (1, 46), "ア ン"),
        ("iroha", (1, 2), "イ ロ"),
        ("hex", (255,), "FF"),
        ("chicago", (1, 2, 5), "* † **"),
        ("a form from the future", (1, 2), "1 2"),
    ],
)
def test_each_form_prints_its_numbers(form: str, numbers: tuple[int, ...], printed: str) -> None:
    assert " ".join(numeral(number, form) for number in numbers) == printed


def test_forms_without_numbers_print_nothing() -> None:
    assert numeral(3, "none") == numeral(3, "bullet") == ""


@pytest.mark.parametrize("form", ["upperRoman", "lowerLetter", "ganada", "cardinalText", "decimal"])
@pytest.mark.parametrize("number", [-1, 0, 32_768, 2_147_483_647, 10**40])
def test_numbers_beyond_a_form_are_digits_and_stay_short(form: str, number: int) -> None:
    expected = {("upperRoman", 0): "0", ("cardinalText", 0): "0"}.get((form, number), str(number))

    assert numeral(number, form) == expected


def test_every_form_prints_something_for_every_number_it_may_meet() -> None:
    from byline.ingest.readers import list_numerals

    for form in list_numerals._FORMS:
        for number in (*range(1, 130), 999, 1000, 9_999, 10_001, 32_767):
            printed = numeral(number, form)
            assert printed, (form, number)
            assert len(printed) < 60, (form, number)


def test_custom_forms_are_told_by_their_first_numerals() -> None:
    assert custom_numeral(7, "001, 002, 003, ...") == "007"
    assert custom_numeral(2, "α, β, γ, ...") == "β"
    assert custom_numeral(3, "Α, Β, Γ, ...") == "Γ"
    assert custom_numeral(3, "unknown") == custom_numeral(3, "") == "3"


def test_letters_by_place_are_those_of_the_columns_of_a_sheet() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    assert [letters_by_place(n, alphabet) for n in (1, 26, 27, 703)] == ["A", "Z", "AA", "AAA"]
