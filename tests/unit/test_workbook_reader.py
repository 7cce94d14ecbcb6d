"""Excel workbooks are read as their sheets display them, and what is damaged is said."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.sheets.workbook_reader import read_workbook

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT: Final = "http://purl.oclc.org/ooxml/spreadsheetml/main"
RELATED: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DRAWN: Final = "http://schemas.openxmlformats.org/drawingml/2006/main"
STYLES: Final = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="0.0%"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs></styleSheet>'
)


def relations(**targets: str) -> str:
    """A part of relations: by id, the type and the target."""
    written = "".join(
        f'<Relationship Id="{name}" Type="{RELATED}/{said.partition(" ")[0]}" '
        f'Target="{said.partition(" ")[2]}"/>'
        for name, said in targets.items()
    )
    return f'<Relationships xmlns="p">{written}</Relationships>'


def sheet(rows: str, more: str = "", namespace: str = MAIN) -> str:
    return f'<worksheet xmlns="{namespace}"><sheetData>{rows}</sheetData>{more}</worksheet>'


def write(folder: Path, rows: str, more: str = "", **parts: str) -> Path:
    """A workbook of one sheet; `parts` by name, with `__` for a slash."""
    path = folder / "book.xlsx"
    written: Mapping[str, str] = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATED}"><workbookPr/><sheets>'
        '<sheet name="Sales" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            r1="worksheet worksheets/sheet1.xml",
            r2="sharedStrings sharedStrings.xml",
            r3="styles /xl/styles.xml",
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>이름</t></si>'
        "<si><r><t>東京</t></r><r><t>本社</t></r><rPh><t>トウキョウ</t></rPh></si>"
        "<si><t>a_x000D_b</t></si></sst>",
        "xl/styles.xml": STYLES,
        "xl/worksheets/sheet1.xml": sheet(rows, more),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**written, **parts}.items():
            archive.writestr(name, text)
    return path


def read(path: Path, text_chars_max: int = 100_000) -> ExtractedText:
    return read_workbook(path, format_of(XLSX), text_chars_max)


def test_cells_of_every_kind_say_what_is_displayed(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
        '<c r="C1" t="inlineStr"><is><t>in</t></is></c></row>'
        '<row r="2"><c r="A2" s="1"><v>0.075</v></c><c r="B2" s="2"><v>45356</v></c>'
        '<c r="C2" t="b"><v>1</v></c></row>'
        '<row r="3"><c t="e"><v>#N/A</v></c><c t="str"><f>X()</f><v>by formula</v></c>'
        '<c t="d"><v>2024-03-05T00:00:00</v></c></row>'
        '<row><c t="s"><v>2</v></c><c t="s"><v>99</v></c><c><v>1e2</v></c></row>'
    )
    assert read(write(tmp_path, rows)).text == (
        "Sales\n\n이름 | 東京本社 | in\n7.5% | 2024-03-05 | TRUE\n"
        "#N/A | by formula | 2024-03-05\na b |  | 100"
    )


def test_a_workbook_of_the_strict_kind_is_read(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1"><v>7</v></c></row>'
    path = write(tmp_path, "", **{"xl/worksheets/sheet1.xml": sheet(rows, namespace=STRICT)})
    assert read(path).text == "Sales\n\n7"


def test_merged_cells_notes_text_boxes_and_charts_are_read(tmp_path: Path) -> None:
    rows = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>부산</t></is></c><c r="B1"><v>1</v></c></row>'
        '<row r="2"><c r="B2"><v>2</v></c></row>'
    )
    paragraph = "<a:p><a:r><a:t>{}</a:t></a:r></a:p>"
    path = write(
        tmp_path,
        rows,
        '<mergeCells><mergeCell ref="A1:A2"/></mergeCells>',
        **{
            "xl/worksheets/_rels/sheet1.xml.rels": relations(
                c="comments ../comments1.xml", d="drawing ../drawings/drawing1.xml"
            ),
            "xl/comments1.xml": f'<comments xmlns="{MAIN}"><commentList><comment ref="B2"><text>'
            "<r><t>checked </t></r><r><t>twice</t></r></text></comment></commentList></comments>",
            "xl/drawings/drawing1.xml": f'<x:wsDr xmlns:x="x" xmlns:a="{DRAWN}"><x:sp><x:txBody>'
            f"{paragraph.format('A box')}{paragraph.format('says so')}</x:txBody></x:sp></x:wsDr>",
            "xl/drawings/_rels/drawing1.xml.rels": relations(r="chart ../charts/chart1.xml"),
            "xl/charts/chart1.xml": f'<c:chart xmlns:c="c" xmlns:a="{DRAWN}"><c:title><c:tx>'
            f"{paragraph.format('Growth')}</c:tx></c:title></c:chart>",
        },
    )
    assert read(path).text == (
        "Sales\n\n부산 | 1\n부산 | 2 (※ checked twice)\n\nA box\nsays so\n\nGrowth"
    )


def test_a_thread_of_comments_stands_in_place_of_its_note(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '<row r="1"><c r="A1"><v>1</v></c></row>',
        **{
            "xl/worksheets/_rels/sheet1.xml.rels": relations(
                c="comments ../comments1.xml", t="threadedComment ../threads.xml"
            ),
            "xl/comments1.xml": f'<comments xmlns="{MAIN}"><comment ref="A1"><text><t>Your version '
            "of Excel</t></text></comment></comments>",
            "xl/threads.xml": '<ThreadedComments xmlns="t"><threadedComment ref="A1"><text>Why?'
            '</text></threadedComment><threadedComment ref="A1"><text>Because.</text>'
            "</threadedComment></ThreadedComments>",
        },
    )
    assert read(path).text == "Sales\n\n1 (※ Why? / Because.)"


@pytest.mark.parametrize("stray", ["C300000", "XFD1048576", "XFD19"])
def test_a_stray_cell_takes_no_room(tmp_path: Path, stray: str) -> None:
    number = stray.lstrip("CDFX")
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row>'
        f'<row r="{number}"><c r="{stray}"><v>9</v></c><c r="XFD{number}" s="1"/></row>'
    )
    assert read(write(tmp_path, rows)).text == "Sales\n\n1 | 2\n\n9"


def test_formulas_without_a_stored_result_are_said(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><f>A1*2</f></c></row>'
    assert read(write(tmp_path, rows)).warnings == (
        ReadingWarning(ReadingWarningCode.NOT_READ, parts=("Sales",)),
    )
    with_result = '<row r="1"><c r="A1"><f>1</f><v>1</v></c></row>'
    assert read(write(tmp_path, with_result)).warnings == ()


def test_a_sheet_that_breaks_off_keeps_what_was_read_and_says_so(tmp_path: Path) -> None:
    whole = sheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>')
    path = write(
        tmp_path, "", **{"xl/worksheets/sheet1.xml": whole[: whole.index('<row r="2"') + 9]}
    )
    extracted = read(path)
    assert extracted.text == "Sales\n\n1"
    assert extracted.warnings == (ReadingWarning(ReadingWarningCode.DAMAGED, parts=("Sales",)),)


def test_reading_stops_soon_behind_the_longest_text(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, 5_000))
    extracted = read(write(tmp_path, rows), text_chars_max=100)
    assert 100 < len(extracted.text) < 300


def test_names_of_sheets_alone_are_no_text(tmp_path: Path) -> None:
    assert read(write(tmp_path, "")).text == ""


@pytest.mark.parametrize("raw", [b"", b"PK\3\4", b"no archive"])
def test_what_is_no_archive_is_damaged(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "book.xlsx").write_bytes(raw)
    with pytest.raises(ExtractionFailed, match="damaged"):
        read(tmp_path / "book.xlsx")


def test_a_workbook_changed_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="1"><v>{n}</v></c></row>' for n in range(1, 60))
    raw = write(tmp_path, rows, '<mergeCells><mergeCell ref="A1:A2"/></mergeCells>').read_bytes()
    chance = random.Random(7)  # the same files each time
    for round_number in range(60):
        changed = bytearray(raw)
        if round_number % 2:
            del changed[chance.randrange(len(changed)) :]
        for _ in range(10 if len(changed) > 10 else 0):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path = tmp_path / "changed.xlsx"
        path.write_bytes(changed)
        try:
            assert isinstance(read(path).text, str)
        except ExtractionFailed as failure:
            assert "damaged" in failure.message
