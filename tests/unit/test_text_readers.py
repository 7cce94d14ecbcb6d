"""Text, Markdown and HTML to extracted text; bytes to text."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.domain.formats import Reader, format_of
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import format_of_text
from byline.ingest.readers.encoding import decode
from byline.ingest.readers.html_reader import page_blocks, read_html
from byline.ingest.readers.plain_reader import read_markdown, read_text
from byline.ingest.readers.text_blocks import Block, assemble, normalise

HTML = format_of("text/html")
TEXT = format_of("text/plain")
MARKDOWN = format_of("text/markdown")

KOREAN = "국민권익위원회 제도개선 권고사항 및 공무직 관리 규정을 개정함에 있어 의견을 구합니다."
JAPANESE = "ゾルゲと尾崎、淡々と最期を迎えた。東京の図書館で資料を調べました。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (KOREAN, "cp949"),
        (KOREAN, "euc-kr"),
        ("안녕하세요", "cp949"),
        ("Invoice 2024\nTotal: 12,000\n합계 금액\nThanks for your business.", "cp949"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (JAPANESE, "iso2022_jp"),
        (KOREAN, "utf-16"),
        (KOREAN, "utf-16-le"),
        ("Plain words and 한글", "utf-16-be"),
        (KOREAN, "utf-32"),
        (KOREAN, "utf-8-sig"),
        ("Le café est fermé à cause de la grève, désolé.", "cp1252"),
        ("Привет, как дела? Сегодня хорошая погода.", "cp1251"),
    ],
)
def test_text_is_read_in_the_encoding_it_was_written_in(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("김민수", "cp949"),
        ("634,뷁 햏자 대리,A-55", "cp949"),
        ("田中太郎", "cp932"),
        ("ご確認をお願いいたします", "cp932"),
        ("退款申请已提交", "gb18030"),
        ("登入失敗", "big5hkscs"),
        ("Ошибка входа", "koi8-r"),
        ("Ошибка входа", "cp1251"),
        ("señor Núñez, Zürich", "cp1252"),
        ("20 °C for 1.234,56 €", "cp1252"),
    ],
)
@pytest.mark.parametrize("lines", [0, 20, 2_000])
def test_one_line_beyond_ascii_is_enough_to_tell_the_encoding(
    line: str, encoding: str, lines: int
) -> None:
    log = "\n".join(["2024-03-05 INFO request served in 12 ms"] * lines + [line, "done"])
    assert decode(log.encode(encoding)) == log


def test_valid_utf8_is_utf8_whatever_a_page_says() -> None:
    page = '<meta charset="utf-16le"><p>한글</p>'
    assert decode(page.encode()) == page


def test_a_page_is_read_in_the_encoding_it_names() -> None:
    page = '<html><head><meta charset="euc-kr"></head><p>가</p></html>'
    assert decode(page.encode("euc-kr")) == page


def test_one_broken_line_does_not_make_a_utf8_log_another_encoding() -> None:
    raw = ("한글 로그 " * 100).encode() + b"\xff\n" + ("끝 " * 100).encode()
    assert decode(raw).startswith("한글 로그 ")


@pytest.mark.parametrize("raw", [bytes(range(256)) * 8, b"\0\1\2\3" * 500])
def test_bytes_that_are_no_text_are_refused(raw: bytes) -> None:
    with pytest.raises(ExtractionFailed) as refusal:
        decode(raw)
    assert refusal.value.extraction_code == "unsupported_format"


@given(st.text())
def test_normalised_text_stays_as_it_is_and_can_be_stored(text: str) -> None:
    clean = normalise(text)
    assert normalise(clean) == clean
    assert "\0" not in clean
    assert "\r" not in clean
    clean.encode()


def test_line_ends_controls_and_hidden_characters_are_cleaned() -> None:
    assert normalise("a\r\nb\rc\u2028d\0\x1be\u00adf\ufeff  \ng") == "a\nb\nc\ndef\ng"


def test_decomposed_letters_are_composed() -> None:
    assert normalise("한") == "한"


def test_page_spans_follow_each_other_over_the_whole_text() -> None:
    blocks = [Block("one", 1), Block("two", 1), Block("three", 3), Block(" ", 4)]
    extracted = assemble(blocks, title=" A\n title ", media_type="application/pdf")
    assert extracted.text == "one\n\ntwo\n\nthree"
    assert extracted.title == "A title"
    assert [(p.number, p.start, p.end) for p in extracted.pages] == [(1, 0, 10), (3, 10, 15)]


def test_form_feeds_begin_pages_of_a_text() -> None:
    extracted = read_text("first\fsecond\f", TEXT)
    assert extracted.text == "first\nsecond\n"
    assert [extracted.text[p.start : p.end] for p in extracted.pages] == ["first\n", "second\n"]


def test_headings_of_markdown_are_found_but_not_in_code() -> None:
    text = "---\ntitle: 'The Title'\n---\nUnder\n=====\n\n## Two ##\n\n"
    text += "```\n# no\n```\n\n#no\n### Three"
    extracted = read_markdown(text, MARKDOWN)
    assert [(h.level, h.text) for h in extracted.headings] == [
        (1, "Under"),
        (2, "Two"),
        (3, "Three"),
    ]
    assert extracted.title == "The Title"


def test_html_keeps_all_its_words_in_order() -> None:
    page = (
        "<html><head><title>T</title><style>x{}</style></head><body><h1>Head</h1>"
        "<p>one<br>two &amp; three</p><blockquote>quoted</blockquote><dl><dt>t</dt><dd>d</dd></dl>"
        "<div>bare <span>words</span></div><script>bad()</script>"
        "<ol><li>x<ul><li>y</li></ul></li><li>z</li></ol>"
        "<table><tr><th>a</th><td><p>b</p></td></tr><tr><td>c<td>d</table>after</body></html>"
    )
    extracted = read_html(page, HTML)
    assert extracted.text == (
        "Head\n\none\ntwo & three\n\nquoted\n\nt\n\nd\n\nbare words\n1. x\n- y\n2. z"
        "\n\na | b\nc | d\n\nafter"
    )
    assert extracted.title == "T"
    assert [(h.level, h.text) for h in extracted.headings] == [(1, "Head")]


def test_a_table_that_lays_out_a_page_gives_paragraphs_and_headings() -> None:
    blocks, _ = page_blocks(
        "<table><tr><td><h2>News</h2><p>Text</p></td><td>More</td></tr></table>"
    )
    assert [(block.text, block.level) for block in blocks][:1] == [("News", 2)]
    assert "Text" in " ".join(block.text for block in blocks)


def test_preformatted_text_keeps_its_lines() -> None:
    blocks, _ = page_blocks("<pre>def f():\n    return 1</pre>")
    assert blocks[0].text == "def f():\n    return 1"


@given(st.text(alphabet="<>/abdhilprtu1 =\"'&;!-\n", max_size=200))
def test_no_html_however_broken_stops_the_reader(page: str) -> None:
    page_blocks(page)


@pytest.mark.parametrize(
    ("head", "name", "reader"),
    [
        ("plain", "a.txt", Reader.TEXT),
        ("# x", "a.md", Reader.MARKDOWN),
        ("<!DOCTYPE html><p>x", "a.txt", Reader.HTML),
        ("<?xml version='1.0'?><html xmlns='x'>", "a", Reader.HTML),
        ("<?xml version='1.0'?><note>", "a.xml", Reader.OFFICE),
        ("x < y", "a.html", Reader.HTML),
        ("a,b", "a.csv", Reader.TEXT),
    ],
)
def test_the_kind_of_a_text_is_told_by_its_beginning_then_its_name(
    head: str, name: str, reader: Reader
) -> None:
    assert format_of_text(head, name).reader is reader


def test_byte_order_marks_of_utf32_are_not_taken_for_utf16() -> None:
    assert decode(codecs.BOM_UTF32_LE + "가".encode("utf-32-le")) == "가"
