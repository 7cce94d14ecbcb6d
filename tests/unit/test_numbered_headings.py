"""Headings found by their numbers, and lines with numbers that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.domain.documents import ExtractedText
from byline.ingest.passages.chunking import chunk
from byline.ingest.passages.numbered_headings import outline


def found(text: str) -> list[tuple[int, str]]:
    return [(heading.level, heading.text) for heading in outline(text)]


def test_a_korean_contract_is_cut_by_its_articles() -> None:
    text = (
        "임대차 계약서\n\n제1장 총칙\n제1조 (목적) 이 계약은 임대차를 정한다.\n"
        "제2조(계약기간)\n계약기간은 2년이다. 다만\n제3조에 따라 줄일 수 있다.\n\n제2장 해지\n"
        "제3조의2 (해지) ① 임대인은 해지할 수 있다.\n제1조 (목적)에 따른다.\n"
    )
    assert found(text) == [
        (1, "제1장 총칙"),
        (2, "제1조 (목적)"),
        (2, "제2조(계약기간)"),
        (1, "제2장 해지"),
        (2, "제3조의2 (해지)"),
    ]
    extracted = ExtractedText(text, "", "text/plain", headings=outline(text))
    paths = [piece.heading for piece in chunk(extracted, passage_chars_max=60)]
    assert "제1장 총칙 > 제2조(계약기간)" in paths


def test_a_korean_report_has_its_levels_in_the_order_of_its_styles() -> None:
    text = (
        "Ⅰ. 개요\n\n배경이다.\n\nⅡ. 추진 배경\n\n1. 현황\n\n가. 신청 자격\n\n만 19세 이상.\n\n"
        "나. 제출 서류\n\n서류를 낸다.\n\n2. 일정\n\n곧 알린다.\n"
    )
    assert found(text) == [
        (1, "Ⅰ. 개요"),
        (1, "Ⅱ. 추진 배경"),
        (2, "1. 현황"),
        (3, "가. 신청 자격"),
        (3, "나. 제출 서류"),
        (2, "2. 일정"),
    ]


def test_an_english_report_has_its_levels_by_its_dots() -> None:
    text = (
        "1 Introduction\n\nText.\n\n1.1 Scope\n\nMore.\n\n1.2 Terms\n\nx.\n\n2. Methods\n\nEnd.\n"
    )
    assert found(text) == [
        (1, "1 Introduction"),
        (2, "1.1 Scope"),
        (2, "1.2 Terms"),
        (1, "2. Methods"),
    ]
    assert found("Chapter 2: Warranty\nTwo years.\n\n3.2 Scope\n\nAll.") == [
        (1, "Chapter 2: Warranty"),
        (2, "3.2 Scope"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "1. Buy milk\n2. Buy eggs\n3. Buy bread\n\nThat is all.",
        "1. Buy milk\n\n2. Buy eggs\n\n3. Buy bread\n\nThat is all.",
        "5. Mai war es warm",
        "2023. 7. 5.\n\n시작",
        "1. This is a sentence with a number before it.\n\nText",
        "1. 신청자는 서류를 내야 한다\n\n본문",
        "가. 장소: 대전\n\n본문",
        "1.5 GHz processors are common today.\n\nText",
        "1. Introduction ......... 4\n\nText",
        "There are\n1 Apple\nin the basket.",
        "| 1. Item | 2 |\n\nText",
        "I am here\n\nText",
        "제3조에 따라 정한다.\n\n본문",
        "1 𝑑𝑙,2 𝑑𝑙,1\n\nText",
        "7. Seventh without a sixth\n\nText",
    ],
)
def test_a_number_alone_makes_no_heading(text: str) -> None:
    assert found(text) == []


@given(
    st.lists(
        st.sampled_from(
            [
                "1. One\n",
                "1.1 Two\n",
                "가. 자격\n",
                "제1조 (목적) x\n",
                "\n",
                "Words.\n",
                "II. Big\n",
            ]
        ),
        max_size=30,
    ).map("".join)
)
def test_headings_come_in_order_and_lie_where_they_say(text: str) -> None:
    place = 0
    for heading in outline(text):
        assert place <= heading.start < heading.end <= len(text)
        assert text[heading.start : heading.end].split() == heading.text.split()
        assert 1 <= heading.level <= 6
        place = heading.end
