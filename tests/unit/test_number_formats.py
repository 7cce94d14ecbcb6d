"""A cell says what the sheet displays: percent signs, leading zeros, currencies, dates."""

from __future__ import annotations

import pytest

from byline.ingest.readers.sheets.number_formats import BUILT_IN, number_format

MARCH_5 = 45356
ACCOUNTING = '_-* #,##0_-;-* #,##0_-;_-* "-"_-;_-@_-'


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("General", 0.30000000000000004, "0.3"),
        ("General", 1234567890123456, "1234567890123456"),
        ("General", 1e-7, "0.0000001"),
        ("General", -0.5, "-0.5"),
        ('General"명"', 12, "12명"),
        ("0", 2.5, "3"),
        ("0", -0.4, "0"),
        ("0.00", 1.005, "1.01"),
        ("0.0##", 1.25, "1.25"),
        ("0.0##", 1, "1.0"),
        ("#.##", 0.5, ".5"),
        ("#,##0", 1234567, "1,234,567"),
        ("#,##0,", 1234567, "1,235"),
        ('#,##0.0,,"M"', 1234567, "1.2M"),
        ("0.0%", 0.075, "7.5%"),
        ("0%", 0.1, "10%"),
        ("+0.0%;-0.0%;0.0%", -0.021, "-2.1%"),
        ("00000", 123, "00123"),
        ("000-00-00000", 1234567890, "123-45-67890"),
        ("000\\-0000\\-0000", 1012345678, "010-1234-5678"),
        ("[<=9999999]###\\-####;\\(0##\\)\\ ###\\-####", 212345678, "(021) 234-5678"),
        ("[<=9999999]###\\-####;\\(0##\\)\\ ###\\-####", 3456789, "345-6789"),
        ('"₩"#,##0', 9800000, "₩9,800,000"),
        ("[$₩-412]#,##0", 9800000, "₩9,800,000"),
        ("[$$-409]#,##0.00", 1234.5, "$1,234.50"),
        ("$#,##0.00;-$#,##0.00", -3.5, "-$3.50"),
        ("#,##0.00 €", -1234.5, "-1,234.50 €"),
        ("#,##0.00_);[Red](#,##0.00)", -12.345, "(12.35)"),
        (ACCOUNTING, 0, "-"),
        (ACCOUNTING, -1234567, "-1,234,567"),
        ('[>=1000]#,##0"원";0"전"', 2500, "2,500원"),
        ('[>=1000]#,##0"원";0"전"', 25, "25전"),
        ('"제"0"호"', 12, "제12호"),
        ("0.00E+00", 1.5e12, "1500000000000"),
        ("# ?/?", 1.5, "1 1/2"),
        ("# ??/??", -2.25, "-2 1/4"),
        ("?/8", 0.5, "4/8"),
        ("@", 12, "12"),
        (";;;", 5, ""),
    ],
)
def test_a_number_is_shown_by_its_format(code: str, value: float, shown: str) -> None:
    assert number_format(code).show_number(value) == shown


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("yyyy-mm-dd", MARCH_5, "2024-03-05"),
        ('yyyy"년" m"월" d"일"', MARCH_5, "2024년 3월 5일"),
        ('[$-412]yyyy"년" m"월" d"일" dddd', MARCH_5, "2024년 3월 5일 화요일"),
        ("[$-411]yyyy/m/d aaaa", MARCH_5, "2024/3/5 火曜日"),
        ("aaa", MARCH_5, "화"),
        ("dddd, mmmm d, yyyy", MARCH_5, "Tuesday, March 5, 2024"),
        ("mmm-yy", MARCH_5, "Mar-24"),
        ("yyyy. m. d.", MARCH_5, "2024. 3. 5."),
        ("yyyy/mm/dd;@", MARCH_5, "2024/03/05"),
        ("yyyy-mm-dd hh:mm", MARCH_5 + 9.5 / 24, "2024-03-05 09:30"),
        ("d/m/yyyy h:mm:ss", MARCH_5 + 0.5, "5/3/2024 12:00:00"),
        ("h:mm AM/PM", 0.75, "6:00 PM"),
        ("[$-412]AM/PM h:mm", 0.75, "오후 6:00"),
        ("h:mm", 0.99998, "23:59"),
        ("h:mm", 9.5 / 24, "9:30"),
        ("[h]:mm", 38.5 / 24, "38:30"),
        ("[mm]:ss", 1 / 24, "60:00"),
        ("mm:ss.0", 86.4 / 86400, "01:26.4"),
        ("yyyy-mm-dd", 1, "1900-01-01"),
        ("yyyy-mm-dd", 61, "1900-03-01"),
        ("yyyy-mm-dd", -1, "-1"),
        ("yyyy-mm-dd", 1e9, "1000000000"),
    ],
)
def test_a_date_is_shown_by_its_format(code: str, value: float, shown: str) -> None:
    assert number_format(code).show_number(value) == shown


def test_dates_of_a_workbook_that_counts_from_1904_are_right() -> None:
    assert number_format("yyyy-mm-dd").show_number(MARCH_5 - 1462, since_1904=True) == "2024-03-05"


@pytest.mark.parametrize("number", [14, 27, 28, 31, 36, 50, 57, 58])
def test_dates_in_the_order_of_the_reader_s_country_are_written_year_first(number: int) -> None:
    assert number_format(BUILT_IN[number]).show_number(MARCH_5) == "2024-03-05"


def test_a_text_is_shown_within_the_words_of_its_format() -> None:
    assert number_format('0;-0;0;"이름: "@').show_text("김") == "이름: 김"
    assert number_format("0.00").show_text("n/a") == "n/a"


@pytest.mark.parametrize(
    "code", ["[", '"', "\\", "_", "*", "[$", "[<=x]0", "0/0", "/", "?/?", "[h", "e", "%"]
)
def test_a_broken_format_shows_something(code: str) -> None:
    for value in (0.0, 1.5, -3.0, 45356.25, 1e300):
        assert isinstance(number_format(code).show_number(value), str)
