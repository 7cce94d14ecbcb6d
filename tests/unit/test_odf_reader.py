"""OpenDocument texts and slides are read as they are printed, and what is damaged is said."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path
from typing import Final

import pytest

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.office.odf_numbering import printed_number
from byline.ingest.readers.office.odf_reader import read_flat_odf, read_odf

ODF: Final = "application/vnd.oasis.opendocument."
NAMES: Final = "urn:oasis:names:tc:opendocument:xmlns:"
SPACES: Final = " ".join(
    f'xmlns:{short}="{NAMES}{long}:1.0"'
    for short, long in {
        "office": "office",
        "text": "text",
        "table": "table",
        "style": "style",
        "draw": "drawing",
        "svg": "svg-compatible",
        "presentation": "presentation",
    }.items()
)


def content(body: str, styles: str = "", kind: str = "text") -> str:
    return (
        f"<office:document-content {SPACES}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}>"
        "</office:body></office:document-content>"
    )


def write(folder: Path, text: str, **parts: str) -> Path:
    path = folder / "file.odf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, said in {"content.xml": text, **parts}.items():
            archive.writestr(name, said)
    return path


def read(path: Path, kind: str = "text", text_chars_max: int = 100_000) -> ExtractedText:
    return read_odf(path, format_of(ODF + kind), text_chars_max)


def text_of(folder: Path, body: str, styles: str = "") -> str:
    return read(write(folder, content(body, styles))).text


def level(number: int, form: str, more: str = "") -> str:
    return f'<text:list-level-style-number text:level="{number}" style:num-format="{form}" {more}/>'


def item(text: str, more: str = "", inner: str = "") -> str:
    return f"<text:list-item {more}><text:p>{text}</text:p>{inner}</text:list-item>"


def test_lists_are_numbered_as_their_style_prints_them(tmp_path: Path) -> None:
    style = (
        '<text:list-style style:name="L">'
        + level(1, "가", 'style:num-suffix=")" text:start-value="2"')
        + level(2, "1", 'style:num-suffix="." text:display-levels="2"')
        + "</text:list-style>"
    )
    inner = f"<text:list>{item('in')}{item('in too')}</text:list>"
    body = (
        f'<text:list text:style-name="L">{item("one", inner=inner)}'
        f"<text:list-header><text:p>header</text:p></text:list-header>{item('two')}</text:list>"
        "<text:p>between</text:p>"
        f'<text:list text:style-name="L" text:continue-numbering="true">{item("three")}'
        f"{item('nine', 'text:start-value=' + chr(34) + '9' + chr(34))}</text:list>"
        f'<text:list text:style-name="L">{item("anew")}</text:list>'
    )
    assert text_of(tmp_path, body, style).split() == (
        [
            "나)",
            "one",
            "나.1.",
            "in",
            "나.2.",
            "in",
            "too",
            "header",
            "다)",
            "two",
            "between",
            "라)",
            "three",
            "자)",
            "nine",
            "나)",
            "anew",
        ]
    )


def test_headings_have_the_numbers_of_the_outline(tmp_path: Path) -> None:
    levels = "".join(
        f'<text:outline-level-style text:level="{n}" style:num-format="1" '
        f'text:display-levels="{n}"/>'
        for n in (1, 2)
    )
    styles = (
        f"<office:document-styles {SPACES}><office:styles><text:outline-style>{levels}"
        "</text:outline-style></office:styles></office:document-styles>"
    )
    body = (
        '<text:h text:outline-level="1">A</text:h><text:h text:outline-level="2">B</text:h>'
        '<text:h text:outline-level="2">C</text:h>'
        '<text:h text:outline-level="1" text:is-list-header="true">none</text:h>'
        '<text:h text:outline-level="1">D</text:h>'
    )
    extracted = read(write(tmp_path, content(body), **{"styles.xml": styles}))
    assert extracted.text.split("\n\n") == ["1 A", "1.1 B", "1.2 C", "none", "2 D"]
    assert [heading.level for heading in extracted.headings] == [1, 2, 2, 1, 1]


def test_notes_comments_and_text_boxes_follow_their_paragraph(tmp_path: Path) -> None:
    body = (
        "<text:p>costs<text:note><text:note-citation>*</text:note-citation><text:note-body>"
        "<text:p>without tax</text:p></text:note-body></text:note> 80"
        "<office:annotation><text:p>check</text:p></office:annotation>"
        "<draw:frame><draw:text-box><text:p>in a box</text:p></draw:text-box></draw:frame>"
        "<text:s text:c='2'/>won<text:tab/>or<text:line-break/>so</text:p>"
    )
    assert text_of(tmp_path, body) == (
        "costs[^*] 80  won\tor\nso\n\n[^*] without tax\n\n※ check\n\nin a box"
    )


def test_deleted_and_hidden_text_is_not_read(tmp_path: Path) -> None:
    style = (
        '<style:style style:name="H" style:family="text">'
        '<style:text-properties text:display="none"/></style:style>'
        '<style:style style:name="A" style:family="text" style:parent-style-name="B"/>'
        '<style:style style:name="B" style:family="text" style:parent-style-name="A"/>'
    )
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>deleted</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
        '<text:section text:display="none"><text:p>a hidden section</text:p></text:section>'
        '<text:p>shown<text:span text:style-name="H"> hidden</text:span>'
        '<text:span text:style-name="A"> too</text:span>'
        '<text:hidden-text text:is-hidden="true">secret</text:hidden-text></text:p>'
        '<text:p>gone<text:hidden-paragraph text:is-hidden="true"/></text:p>'
    )
    assert text_of(tmp_path, body, style) == "shown too"


def test_spans_speak_in_every_row_and_tables_in_cells_come_after(tmp_path: Path) -> None:
    def cell(text: str, more: str = "", inner: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p>{inner}</table:table-cell>"

    inner = f"<table:table><table:table-row>{cell('x')}{cell('y')}</table:table-row></table:table>"
    body = (
        "<table:table><table:table-header-rows><table:table-row>"
        f"{cell('City')}{cell('Shop')}</table:table-row></table:table-header-rows>"
        f"<table:table-row>{cell('부산', 'table:number-rows-spanned=' + chr(34) + '2' + chr(34))}"
        f"{cell('A', inner=inner)}</table:table-row>"
        f"<table:table-row><table:covered-table-cell/>{cell('B')}</table:table-row>"
        "</table:table>"
    )
    assert text_of(tmp_path, body) == "City | Shop\n부산 | A\n부산 | B\n\nx | y"


def test_headers_and_footers_are_said_once_and_without_page_numbers(tmp_path: Path) -> None:
    master = (
        "<style:master-page><style:header><text:p>ACME</text:p></style:header>"
        "<style:footer><text:p>page <text:page-number>3</text:page-number></text:p></style:footer>"
        "<style:footer-left style:display='false'><text:p>no</text:p></style:footer-left>"
        "</style:master-page>"
    )
    styles = (
        f"<office:document-styles {SPACES}><office:master-styles>{master}{master}"
        "</office:master-styles></office:document-styles>"
    )
    path = write(tmp_path, content("<text:p>body</text:p>"), **{"styles.xml": styles})
    assert read(path).text == "body\n\nACME\n\npage"


def test_a_slide_is_a_page_with_its_shapes_in_order_and_its_notes(tmp_path: Path) -> None:
    def frame(text: str, more: str) -> str:
        inner = f"<draw:text-box><text:p>{text}</text:p></draw:text-box>"
        return f"<draw:frame {more}>{inner}</draw:frame>"

    hidden = (
        '<style:style style:name="dp" style:family="drawing-page">'
        '<style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    )
    pages = (
        "<draw:page>"
        + frame("low", 'svg:x="1cm" svg:y="9cm" svg:height="1cm"')
        + '<draw:custom-shape svg:x="1cm" svg:y="2cm"><text:p>high</text:p></draw:custom-shape>'
        + frame("Title", 'presentation:class="title" svg:x="1cm" svg:y="5cm"')
        + "<presentation:notes>"
        + frame("say this", 'presentation:class="notes"')
        + "</presentation:notes></draw:page>"
        + f'<draw:page draw:style-name="dp">{frame("Spare", "")}</draw:page>'
        + "<draw:page><draw:frame><draw:image/></draw:frame></draw:page>"
    )
    extracted = read(write(tmp_path, content(pages, hidden, "presentation")), "presentation")
    assert extracted.text.split("\n\n") == [
        *("Title", "high", "low", "Notes:", "say this"),
        "Spare (hidden)",
    ]
    assert [page.number for page in extracted.pages] == [1, 2]
    assert extracted.warnings == (ReadingWarning(ReadingWarningCode.NOT_READ, pages=(3,)),)


def test_a_flat_file_is_read_whatever_encoding_it_declares() -> None:
    text = '<?xml version="1.0" encoding="EUC-KR"?>' + content("<text:p>한글 문서</text:p>")
    kind = format_of(ODF + "text-flat-xml")
    assert read_flat_odf(text, kind, 1_000).text == "한글 문서"


def test_of_a_text_cut_off_the_beginning_is_read_and_the_damage_said(tmp_path: Path) -> None:
    whole = content("<text:p>first</text:p><text:p>second</text:p>")
    extracted = read(write(tmp_path, whole[: whole.index("second")]))
    assert extracted.text == "first"
    assert extracted.warnings == (
        ReadingWarning(ReadingWarningCode.DAMAGED, parts=("content.xml",)),
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<text:section>", "</text:section>"),
        ("<text:list><text:list-item>", "</text:list-item></text:list>"),
        ("<draw:g>", "</draw:g>"),
        (
            "<table:table><table:table-row><table:table-cell>",
            "</table:table-cell></table:table-row></table:table>",
        ),
    ],
)
def test_what_is_nested_a_thousand_deep_keeps_its_text(
    tmp_path: Path, before: str, after: str
) -> None:
    body = before * 1_000 + "<text:p>bottom</text:p>" + after * 1_000 + "<text:p>after</text:p>"
    extracted = read(write(tmp_path, content(body)))
    assert "bottom" in extracted.text
    assert extracted.text.endswith("after")


def test_huge_repetitions_are_read_once(tmp_path: Path) -> None:
    cell = (
        '<table:table-cell table:number-columns-repeated="999999999" '
        'table:number-rows-spanned="999999999"><text:p>full</text:p></table:table-cell>'
    )
    body = (
        f'<table:table><table:table-row table:number-rows-repeated="999999999">{cell}'
        "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>"
        '<text:p>x<text:s text:c="999999999"/>y</text:p>'
    )
    assert len(text_of(tmp_path, body)) < 2_000


@pytest.mark.parametrize("seed", range(60))
def test_a_text_with_changed_bytes_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    whole = '<?xml version="1.0" encoding="UTF-8"?>' + content(
        f'<text:h>Head</text:h><text:list text:style-name="L">{item("one")}</text:list>',
        f'<text:list-style style:name="L">{level(1, "1")}</text:list-style>',
    )
    data = bytearray(whole.encode())
    for _ in range(3):
        data[rng.randrange(len(data))] = rng.randrange(256)
    del data[rng.randrange(len(data)) :: rng.choice([1, len(data)])]
    path = write(tmp_path, data.decode("latin-1"))
    try:
        assert read(path).media_type == ODF + "text"
    except ExtractionFailed as refusal:
        assert refusal.extraction_code == "corrupt"


@pytest.mark.parametrize(
    ("form", "number", "text"),
    [
        ("1", 12, "12"),
        ("a", 28, "ab"),
        ("I", 1994, "MCMXCIV"),
        ("가, 나, 다, ...", 15, "가가"),
        ("ㄱ, ㄴ, ㄷ, ...", 2, "ㄴ"),
        ("일, 이, 삼, ...", 23, "이십삼"),
        ("一, 二, 三, ...", 12, "十二"),
        ("①, ②, ③, ...", 51, "51"),
        ("하나, 둘, 셋, ...", 21, "스물하나"),
        ("", 4, ""),
    ],
)
def test_numbers_are_printed_in_their_form(form: str, number: int, text: str) -> None:
    assert printed_number(number, form) == text
