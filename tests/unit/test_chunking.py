"""Cutting text into passages."""

from __future__ import annotations

import cProfile
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.domain.documents import ExtractedText, Heading, PageSpan
from byline.domain.formats import format_of
from byline.ingest.passages.chunking import chunk
from byline.ingest.readers.html_reader import read_html
from byline.ingest.readers.plain_reader import read_markdown

MARKDOWN = format_of("text/markdown")

FAMILY = "👩‍👩‍👧"
PIECES = st.sampled_from(
    [
        *("word ", "문장입니다. ", "A sentence. ", "日本語。", "   ", "e\u0301", FAMILY, "x" * 70),
        *("\n", "\n\n", "- item\n", "1. first\n", "a | b | c\n", "```\n", "| x |\n", "Mr. "),
        *("\n\n# One\n\n", "\n\n## Two\n", "\n\n### Three\n\n"),
    ]
)


def texts() -> st.SearchStrategy[str]:
    return st.lists(PIECES, max_size=60).map("".join)


def plain(text: str) -> ExtractedText:
    return ExtractedText(text=text, title="", media_type="text/plain")


@given(texts(), st.integers(20, 200))
def test_passages_hold_everything_that_is_not_blank_in_order_and_within_the_limit(
    text: str, chars_max: int
) -> None:
    extracted = read_markdown(text, MARKDOWN)
    chunks = chunk(extracted, passage_chars_max=chars_max)
    place = 0
    for number, piece in enumerate(chunks):
        assert piece.ordinal == number
        assert piece.text == extracted.text[piece.start : piece.end]
        assert 0 < len(piece.text) <= chars_max
        assert piece.text == piece.text.strip()
        assert not extracted.text[place : piece.start].strip()
        place = piece.end
    assert not extracted.text[place:].strip()


@given(texts())
def test_no_passage_holds_text_on_both_sides_of_a_heading_of_level_one_or_two(text: str) -> None:
    extracted = read_markdown(text, MARKDOWN)
    for piece in chunk(extracted, passage_chars_max=500):
        for heading in extracted.headings:
            if heading.level <= 2 and piece.start < heading.start < piece.end:
                # a few words before the first heading go with it
                begin = max(piece.start, extracted.headings[0].start)
                assert len(extracted.text[piece.start : begin].strip()) < 500 // 8
                before = extracted.text[begin : heading.start]
                headings_before = [h for h in extracted.headings if h.end <= heading.start]
                for other in headings_before:
                    before = before.replace(extracted.text[other.start : other.end], "")
                assert not before.strip()


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_no_passage_crosses_a_page(lengths: list[int]) -> None:
    pages, start = [], 0
    for number, length in enumerate(lengths, 1):
        pages.append(PageSpan(number, start, start + length + 1))
        start += length + 1
    text = "".join("x" * length + "\n" for length in lengths)
    extracted = ExtractedText(text=text, title="", media_type="application/pdf", pages=tuple(pages))
    for piece in chunk(extracted, passage_chars_max=120):
        page = pages[(piece.page or 0) - 1]
        assert page.start <= piece.start < piece.end <= page.end


def test_short_paragraphs_share_a_passage() -> None:
    text = "\n\n".join(f"Paragraph {n} is short." for n in range(5))
    assert [piece.text for piece in chunk(plain(text), passage_chars_max=500)] == [text]


def test_a_paragraph_that_does_not_fit_begins_the_next_passage() -> None:
    first, second = "one " * 20, "two " * 20
    pieces = chunk(plain(f"{first}\n\n{second}"), passage_chars_max=100)
    assert [piece.text for piece in pieces] == [first.strip(), second.strip()]


def test_a_long_paragraph_is_cut_behind_sentences() -> None:
    text = " ".join(f"This is sentence number {n} of a long paragraph." for n in range(30))
    pieces = chunk(plain(text), passage_chars_max=300)
    assert len(pieces) > 3
    assert all(piece.text.endswith(".") for piece in pieces)


def test_a_long_korean_paragraph_is_cut_behind_sentences() -> None:
    text = " ".join(f"이것은 긴 문단의 {n}번째 문장입니다." for n in range(60))
    pieces = chunk(plain(text), passage_chars_max=200)
    assert all(piece.text.endswith("입니다.") for piece in pieces)


def test_a_table_that_fits_a_passage_stays_whole() -> None:
    lead = "A few words before it."
    table = "\n".join(f"row {n} | {n * n} | something" for n in range(16))
    pieces = chunk(plain(f"{lead}\n\n{table}\n\nAnd after it."), passage_chars_max=450)
    assert any(table in piece.text for piece in pieces)


def test_a_list_too_long_for_a_passage_is_cut_between_its_items() -> None:
    text = "\n".join(f"- item {n} with. dots. inside of it" for n in range(40))
    for piece in chunk(plain(text), passage_chars_max=200):
        assert piece.text.startswith("- item")
        assert all(line.startswith("- item") for line in piece.text.split("\n"))


def test_a_passage_does_not_end_in_a_heading() -> None:
    text = "words " * 30 + "\n\n### Next\n\n" + "more " * 30
    start = text.index("### Next")
    extracted = ExtractedText(
        text, "", "text/markdown", headings=(Heading(3, "Next", start, start + 8),)
    )
    pieces = chunk(extracted, passage_chars_max=200)
    assert not any(piece.text.endswith("### Next") for piece in pieces)


def test_headings_without_text_between_them_stay_together() -> None:
    extracted = read_markdown("# Manual\n\n## Setup\n\nPlug it in.\n\n## Use\n\nPress.", MARKDOWN)
    pieces = chunk(extracted, passage_chars_max=500)
    assert [piece.text for piece in pieces] == [
        "# Manual\n\n## Setup\n\nPlug it in.",
        "## Use\n\nPress.",
    ]
    assert [piece.heading for piece in pieces] == ["Manual > Setup", "Manual > Use"]


def test_a_sibling_heading_ends_the_path_of_the_one_before() -> None:
    text = "# A\n\nx\n\n## B\n\nx\n\n### C\n\nx\n\n## D\n\nx\n\n# E\n\nx"
    pieces = chunk(read_markdown(text, MARKDOWN), passage_chars_max=500)
    assert [piece.heading for piece in pieces] == ["A", "A > B", "A > D", "E"]


def test_a_text_without_any_place_to_cut_is_cut_all_the_same() -> None:
    pieces = chunk(plain("x" * 1000), passage_chars_max=300)
    assert [len(piece.text) for piece in pieces][:2] == [300, 300]
    assert sum(len(piece.text) for piece in pieces) == 1000


@pytest.mark.parametrize("character", ["e\u0301", "👩‍👩‍👧‍👦", "👍🏽", "🇰🇷", "각"])
def test_no_cut_falls_inside_a_character_of_several_code_points(character: str) -> None:
    character = unicodedata.normalize("NFD", character)
    text = character * 200
    for piece in chunk(plain(text), passage_chars_max=50):
        assert re.fullmatch(f"(?:{re.escape(character)})+", piece.text)


def test_the_last_two_passages_share_what_is_left() -> None:
    text = " ".join(["word"] * 220)
    pieces = chunk(plain(text), passage_chars_max=1000)
    assert len(pieces) == 2
    assert len(pieces[1].text) >= 200


def test_no_cut_falls_behind_an_abbreviation_a_date_or_inside_a_quotation() -> None:
    sentences = [
        "Dr. Kim met Mr. J. Lee of Acme Inc. in Seoul, cf. Fig. 3 of the report.",
        "계약은 2024. 5. 1. 부터 시작되고 2026. 4. 30. 에 끝나는 것으로 정하였습니다.",
        "그는 “보증금을 돌려받지 못했습니다.” 라고 말하며 영수증을 보여 주었습니다.",
    ]
    ends = tuple(sentence[-12:] for sentence in sentences)
    for piece in chunk(plain(" ".join(sentences * 12)), passage_chars_max=200):
        assert piece.text.endswith(ends)
        assert piece.text.startswith(tuple(sentence[:8] for sentence in sentences))


def test_a_table_too_long_for_a_passage_is_cut_between_rows_under_its_header() -> None:
    rows = "\n".join(f"| row {n} | some. words. here {n} | {n * n} |" for n in range(40))
    head = "## Stock\n\nWhat there is.\n\n| Item | Note | Count |\n|---|---|---|"
    text = f"{head}\n{rows}\n\nThat was all."
    pieces = chunk(read_markdown(text, MARKDOWN), passage_chars_max=300)
    inside = [piece for piece in pieces if piece.text.startswith("| row")]
    assert len(inside) > 3
    assert {piece.heading for piece in inside} == {"Stock > Item | Note | Count"}
    assert pieces[0].heading == "Stock"
    assert all(line.endswith("|") for piece in inside for line in piece.text.split("\n")[:-2])
    assert all(piece.text == text[piece.start : piece.end] for piece in pieces)


def test_the_rows_of_a_csv_file_have_its_header_in_their_context() -> None:
    text = "name,city,phone\n" + "\n".join(f"person {n},Daejeon,{n:07}" for n in range(60))
    pieces = chunk(ExtractedText(text, "", "text/csv"), passage_chars_max=300)
    assert all(piece.text.startswith("person") for piece in pieces[1:])
    assert {piece.heading for piece in pieces[1:]} == {"name | city | phone"}


def test_a_table_without_a_header_has_none() -> None:
    text = "\n".join(f"{n} | {n * n} | {n**3}" for n in range(80))
    assert {piece.heading for piece in chunk(plain(text), passage_chars_max=200)} == {""}


def test_code_stays_whole_where_it_fits_and_is_cut_between_lines_where_not() -> None:
    lines = "\n\n".join(f"value_{n} = compute({n}). result" for n in range(6))
    text = f"{'Some words before it. ' * 12}\n\n```python\n{lines}\n```\n\nAnd after it."
    pieces = chunk(read_markdown(text, MARKDOWN), passage_chars_max=320)
    assert any(f"```python\n{lines}\n```" in piece.text for piece in pieces)
    long = "```\n" + "\n".join(f"line_{n} = 1. + 2." for n in range(60)) + "\n```"
    for piece in chunk(read_markdown(long, MARKDOWN), passage_chars_max=200):
        assert all(line.endswith(("2.", "```")) for line in piece.text.split("\n"))


def test_code_that_the_reader_marked_stays_whole_too() -> None:
    html = (
        f"<p>{'Words before. ' * 20}</p><pre>a = 1\n\nb = 2\n\nc = 3</pre><p>{'After. ' * 30}</p>"
    )
    extracted = read_html(html, format_of("text/html"))
    pieces = chunk(extracted, passage_chars_max=300)
    assert any("a = 1\n\nb = 2\n\nc = 3" in piece.text for piece in pieces)


def test_headings_without_text_go_with_what_follows() -> None:
    text = "# A\n\n# B\n\n# C\n\nText of C.\n\n# D\n\nText of D."
    pieces = chunk(read_markdown(text, MARKDOWN), passage_chars_max=300)
    assert [piece.text for piece in pieces] == [
        "# A\n\n# B\n\n# C\n\nText of C.",
        "# D\n\nText of D.",
    ]
    assert [piece.heading for piece in pieces] == ["C", "D"]


def test_a_few_words_before_the_first_heading_go_with_it() -> None:
    text = "Draft\n\n# A\n\nText of A.\n\n# B\n\nText of B."
    pieces = chunk(read_markdown(text, MARKDOWN), passage_chars_max=300)
    assert [piece.text for piece in pieces] == ["Draft\n\n# A\n\nText of A.", "# B\n\nText of B."]
    assert [piece.heading for piece in pieces] == ["A", "B"]


def test_blank_text_has_no_passages() -> None:
    assert chunk(plain(" \n\n \t "), passage_chars_max=100) == []


class Counted(tuple[Heading, ...]):
    """Headings that count how often one of them is looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Heading]:
        for heading in super().__iter__():
            Counted.looks += 1
            yield heading

    def __getitem__(self, index: Any) -> Any:
        Counted.looks += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("between", ["\n", "\n\nx\n"])
def test_each_of_many_headings_is_looked_at_a_few_times(between: str) -> None:
    def looks(count: int) -> int:
        text = "".join(f"#### {n % 10}{between}" for n in range(count))
        extracted = read_markdown(text, MARKDOWN)
        Counted.looks = 0
        counting = cProfile.Profile()
        headings = Counted(extracted.headings)
        counting.runcall(chunk, replace(extracted, headings=headings), passage_chars_max=50)
        return Counted.looks + sum(entry.callcount for entry in counting.getstats())

    assert looks(1_600) <= 6 * looks(400)
