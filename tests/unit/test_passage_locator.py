"""A passage on its page: what differs only in spaces, hyphens and marks is the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.ingest.pictures.passage_locator import locate

PAGE = (
    "Council tax bill\nDear Ms Whit\ufb01eld, your property is in band\r\nC. The coun\u0002cil tax "
    "for the year is £1,842.50.\nBand C is the third of eight."
)


def marked(passage: str, page: str = PAGE, about: float = 0.0) -> list[str]:
    return [page[start:end] for start, end in locate(passage, page, about)]


@pytest.mark.parametrize(
    "passage",
    [
        "your property is in band C",
        "Your  property\nis in band  C",
        "- your property is in band C.",
        "your prop-\nerty is in band C",
    ],
)
def test_spaces_line_ends_hyphens_and_marks_do_not_matter(passage: str) -> None:
    assert marked(passage) == ["your property is in band\r\nC"]


def test_ligatures_and_hyphens_of_the_page_are_letters_and_nothing() -> None:
    assert marked("Whitfield") == ["Whit\ufb01eld"]
    assert marked("The council tax") == ["The coun\u0002cil tax"]


def test_korean_is_found_across_a_line_end_inside_a_word() -> None:
    page = "제3조 보증금은 계약 종료 후 십사\n일 이내에 반환한다."
    assert marked("보증금은 계약 종료 후 십사일 이내에 반환한다", page) == [
        "보증금은 계약 종료 후 십사\n일 이내에 반환한다"
    ]


def test_of_several_places_the_nearest_to_where_it_should_be() -> None:
    page = "Rent: 900. " + "x" * 100 + " Rent: 900."
    assert locate("Rent: 900", page, 0.1) == [(0, 9)]
    assert locate("Rent: 900", page, 0.9) == [(112, 121)]


def test_the_cells_of_a_table_are_found_one_by_one() -> None:
    page = "Appliance\nWashing machine\nDishwasher\nWarranty\ntwo years from delivery\nfive years"
    found = marked("Washing machine | two years from delivery", page)
    assert found == ["Washing machine", "two years from delivery"]


@pytest.mark.parametrize(
    "passage",
    ["", " \n- ", "Nothing of the kind stands here", "band D", "property of others"],
)
def test_what_is_not_there_is_not_found(passage: str) -> None:
    assert marked(passage) == []


def test_a_page_without_text_has_nothing() -> None:
    assert locate("anything", "") == []


@given(st.text(max_size=200), st.text(max_size=200), st.floats(0, 1))
def test_spans_lie_on_the_page_in_order_and_apart(passage: str, page: str, about: float) -> None:
    spans = locate(passage, page, about)
    ends = [place for span in spans for place in span]
    assert ends == sorted(ends)
    assert all(0 <= start < end <= len(page) for start, end in spans)


@given(st.text("abcdefgh 가나다-", min_size=1, max_size=60), st.text(max_size=60))
def test_what_a_page_holds_letter_for_letter_is_found(passage: str, around: str) -> None:
    found = locate(passage, around + passage + around)
    assert bool(found) == any(char.isalnum() for char in passage)


def test_a_page_that_repeats_itself_takes_no_time_to_speak_of() -> None:
    page = "ab" * 40_000
    assert locate("ab" * 4_000 + "c" + "ba" * 4_000, page)
