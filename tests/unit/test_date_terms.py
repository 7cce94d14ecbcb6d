"""Days are one term, however they are written; what is no day is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.text.date_terms import days
from byline.text.terms import content_terms, query_terms, term_strings, terms

FIRST_OF_MAY = ["day 2024-05-01", "day 05-01"]


@pytest.mark.parametrize(
    "written",
    [
        "2024-05-01",
        "2024-5-1",
        "2024.05.01",
        "2024. 5. 1.",
        "2024/05/01",
        "2024년 5월 1일에",
        "2024년5월1일",
        "2024年5月1日",
        "２０２４年５月１日",
        "May 1, 2024",
        "MAY 1 2024",
        "May 1st, 2024",
        "1 May 2024",
        "the 1st of May 2024",
        "on 2024-05-01T10:00",
        "(2024-05-01)",
        "(May 1, 2024)",
    ],
)
def test_a_day_is_found_by_any_way_to_write_it(written: str) -> None:
    found = [term for term in term_strings(written) if term.startswith("day ")]
    assert found == FIRST_OF_MAY
    for other in ("2024-05-01", "5월 1일", "May 1"):
        assert set(query_terms(other)) & set(terms(written))


@pytest.mark.parametrize("written", ["5월 1일", "may 1", "1st of may", "may 1st.", "5月1日"])
def test_a_day_without_its_year_is_that_day_of_any_year(written: str) -> None:
    assert list(days(written)) == ["day 05-01"]


@pytest.mark.parametrize(
    "written",
    [
        "5/1/2024",
        "2024-13-01",
        "2024-05-32",
        "version 1.2.3",
        "192.168.2024-05-01",
        "in may 2024",
        "may 1,000 people",
        "may 100",
        "10-20 people",
        "3 marches",
        "1 mayor",
        "2024",
        "4월",
        "a dismay 1",
    ],
)
def test_what_is_no_day_is_none(written: str) -> None:
    assert list(days(written)) == []


def test_every_day_of_a_text_is_found() -> None:
    text = "from may 1, 2024 to 2024-06-30, again on 5월 1일"
    assert list(days(text)) == [*FIRST_OF_MAY, "day 2024-06-30", "day 06-30", "day 05-01"]


def test_what_a_passage_must_speak_of_does_not_hang_on_how_a_day_is_written() -> None:
    assert not set(content_terms("rent on May 1, 2024")) & set(terms("2024. 5. 1.")[-2:])


@given(st.text(st.sampled_from("0123456789년월일 .-/,maystjune"), max_size=40))
def test_days_are_days_of_a_calendar(text: str) -> None:
    for day in days(text):
        *_, month, number = day.removeprefix("day ").split("-")
        assert 1 <= int(month) <= 12
        assert 1 <= int(number) <= 31
