"""OpenDocument spreadsheets are read as displayed; what is repeated only fills a sheet up."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

import pytest

from byline.domain.documents import ExtractedText
from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.sheets.ods_reader import read_ods

ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
NAMES: Final = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in {
        "table": "table",
        "text": "text",
        "office": "office",
        "draw": "drawing",
        "style": "style",
    }.items()
)


def cell(text: str = "", more: str = "", inside: str = "") -> str:
    said = f"<text:p>{text}</text:p>" if text else ""
    return f"<table:table-cell {more}>{inside}{said}</table:table-cell>"


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def read(folder: Path, *rows: str, before: str = "", shapes: str = "") -> ExtractedText:
    path = folder / "book.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "content.xml",
            f'<office:document-content {NAMES}>{before}<table:table table:name="자산" '
            f'table:style-name="ta1">{shapes}{"".join(rows)}</table:table>'
            "</office:document-content>",
        )
    return read_ods(path, format_of(ODS), 100_000)


def times(columns: int) -> str:
    return f'table:number-columns-repeated="{columns}"'


def test_a_cell_says_its_paragraphs_and_not_its_value(tmp_path: Path) -> None:
    shown = cell("7.5<text:s text:c='2'/>%<text:tab/>net", 'office:value="0.075"')
    assert read(tmp_path, row(shown, cell(more='office:value="3"'))).text == "자산\n\n7.5 % net | 3"


def test_merged_cells_notes_and_text_boxes_of_a_spreadsheet_are_read(tmp_path: Path) -> None:
    note = "<office:annotation><text:p>checked</text:p></office:annotation>"
    box = "<draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box></draw:frame>"
    text = read(
        tmp_path,
        row(cell("부산", 'table:number-rows-spanned="2"'), cell("1", inside=note)),
        row("<table:covered-table-cell/>", cell("2")),
        shapes=f"<table:shapes>{box}</table:shapes>",
    ).text
    assert text == "자산\n\n부산 | 1 (※ checked)\n부산 | 2\n\nboxed"


def test_a_hidden_sheet_of_a_spreadsheet_is_named_so(tmp_path: Path) -> None:
    hides = '<style:table-properties table:display="false"/>'
    style = f'<style:style style:name="ta1">{hides}</style:style>'
    assert read(tmp_path, row(cell("1")), before=style).text == "자산 (hidden)\n\n1"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(cell(), more='table:number-rows-repeated="300000"'), row(cell("x"))], "1 | 2\n\nx"),
        (
            [
                row(cell(more=times(10**12)), more=f'table:number-rows-repeated="{10**12}"'),
                row(cell(more=times(16_383)), cell("x")),
            ],
            "1 | 2\n\nx",
        ),
        (
            [row(cell("x", times(1_000)), more='table:number-rows-repeated="100000"')],
            "1 | 2" + "\n" + " | ".join(["x"] * 1_000),
        ),
        (
            [row(cell("x"), cell("y"), more='table:number-rows-repeated="3"')],
            "1 | 2" + "\nx | y" * 3,
        ),
    ],
    ids=["far down", "far away", "filled up", "repeated"],
)
def test_repetition_counts_only_where_there_is_text(
    tmp_path: Path, rows: list[str], expected: str
) -> None:
    assert read(tmp_path, row(cell("1"), cell("2")), *rows).text == f"자산\n\n{expected}"


def test_a_spreadsheet_that_cannot_be_opened_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "book.ods").write_bytes(b"PK\3\4")
    with pytest.raises(ExtractionFailed, match="damaged"):
        read_ods(tmp_path / "book.ods", format_of(ODS), 100)
