"""Sheets whose cells lie far apart are moved together; all others stay as they are."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from byline.ingest.readers.cell_extents import Compaction, Extent, compaction_of
from byline.ingest.readers.sparse_sheets import compacted_file

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
Cells: TypeAlias = Mapping[str, str | None]
INVOICES: Final = {f"{letter}{n}": f"{letter} {n}" for n in range(1, 20) for letter in "AB"}


def sheet(cells: Cells) -> str:
    rows: dict[str, list[str]] = {}
    for at, text in cells.items():
        said = f"<is><t>{text}</t></is>" if text is not None else ""
        number = at.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        rows.setdefault(number, []).append(f'<c r="{at}" s="1" t="inlineStr">{said}</c>')
    written = "".join(f'<row r="{n}" spans="1:9">{"".join(row)}</row>' for n, row in rows.items())
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="A1:XFD1048576"/><sheetData>{written}</sheetData>'
        '<mergeCells count="1"><mergeCell ref="A1:B2"/></mergeCells><pageMargins left="1 &amp; 2"/>'
        "</worksheet>"
    )


def workbook(folder: Path, *sheets: str) -> Path:
    path = folder / "book.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        for number, xml in enumerate(sheets, 1):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", xml)
    return path


def table(*rows: str) -> str:
    return f'<table:table table:name="A &lt; B">{"".join(rows)}</table:table>'


def row(*cells: str, times: int = 1) -> str:
    repeated = f' table:number-rows-repeated="{times}"' if times > 1 else ""
    return f"<table:table-row{repeated}>{''.join(cells)}</table:table-row>"


def cell(text: str = "", times: int = 1) -> str:
    repeated = f' table:number-columns-repeated="{times}"' if times > 1 else ""
    return (
        f"<table:table-cell{repeated}>{f'<text:p>{text}</text:p>' * bool(text)}</table:table-cell>"
    )


def spreadsheet(folder: Path, *tables: str) -> Path:
    path = folder / "book.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", f'<a xmlns:table="t" xmlns:text="x">{"".join(tables)}</a>')
    return path


def moved(tmp_path: Path, path: Path, part: str) -> str:
    made = compacted_file(path, XLSX if path.suffix == ".xlsx" else ODS)
    assert made is not None
    (tmp_path / "moved").write_bytes(made)
    with zipfile.ZipFile(tmp_path / "moved") as archive:
        with zipfile.ZipFile(path) as before:
            assert archive.namelist() == before.namelist()
        return archive.read(part).decode()


def cells_of(xml: str) -> dict[str, str]:
    return dict(re.findall(r'<c r="(\w+)"[^>]*><is><t>(.*?)</t>', xml))


@pytest.mark.parametrize(
    "stray", ["C300000", "C1048576", "XFD1048576", "XFD19", "ZZZZZ99999999999"]
)
def test_a_stray_cell_of_a_workbook_moves_up_to_the_others(tmp_path: Path, stray: str) -> None:
    path = workbook(tmp_path, sheet(INVOICES), sheet({**INVOICES, stray: "stray &amp; all"}))
    xml = moved(tmp_path, path, "xl/worksheets/sheet2.xml")
    number = 19 if stray.endswith("D19") else 20
    assert cells_of(xml) == {**INVOICES, f"C{number}": "stray &amp; all"}
    assert "<mergeCell" not in xml
    assert '<pageMargins left="1 &amp; 2"></pageMargins>' in xml


def test_cells_without_a_value_do_not_count(tmp_path: Path) -> None:
    styled = {**INVOICES, "B300000": None, "XFD7": None}
    assert compacted_file(workbook(tmp_path, sheet(styled)), XLSX) is None
    xml = moved(
        tmp_path, workbook(tmp_path, sheet({**styled, "C99999": "x"})), "xl/worksheets/sheet1.xml"
    )
    assert cells_of(xml) == {**INVOICES, "C20": "x"}
    assert xml.count("<c ") == len(INVOICES) + 1


def test_a_full_sheet_stays_as_it_is_however_long(tmp_path: Path) -> None:
    full = {f"{letter}{n}": "x" for n in range(1, 12_001) for letter in "ABCDE"}
    assert compacted_file(workbook(tmp_path, sheet(full)), XLSX) is None


def test_a_diagonal_is_read_row_by_row(tmp_path: Path) -> None:
    letters = [f"{a}{b}" for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGHIJKLM"]
    diagonal = {f"{column}{n}": f"on {n}" for n, column in enumerate(letters, 1)}
    xml = moved(tmp_path, workbook(tmp_path, sheet(diagonal)), "xl/worksheets/sheet1.xml")
    assert cells_of(xml) == {f"A{n}": f"on {n}" for n in range(1, len(letters) + 1)}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [row(cell(), times=300_000), row(cell(times=2), cell("stray"))],
            row(cell(times=2), cell("stray")),
        ),
        (
            [row(cell(times=10**12), times=10**12), row(cell(times=16_383), cell("stray"))],
            row(cell(times=2), cell("stray")),
        ),
        ([row(cell("again", times=1_000), times=100_000)], row(cell("again"))),
    ],
    ids=["far down", "far away", "repeated"],
)
def test_a_stray_cell_of_a_spreadsheet_moves_up_to_the_others(
    tmp_path: Path, rows: list[str], expected: str
) -> None:
    invoices = [row(cell(f"invoice {n}"), cell(f"{n}0")) for n in range(1, 20)]
    path = spreadsheet(tmp_path, table(row(cell("other"))), table(*invoices, *rows))
    xml = moved(tmp_path, path, "content.xml").replace(" />", "></table:table-cell>")
    kept = xml.replace(" xmlns:table", "").partition("</table:table>")[2]
    assert kept == f"{table(*invoices, expected)}</a>"


def test_what_a_spreadsheet_repeats_within_measure_stays(tmp_path: Path) -> None:
    rows = [row(cell("0", times=20), times=5_000), row(cell(times=16_384), times=1_000_000)]
    assert compacted_file(spreadsheet(tmp_path, table(*rows)), ODS) is None


@pytest.mark.parametrize("raw", [b"", b"PK\3\4", b"no archive"])
def test_a_file_that_cannot_be_looked_through_is_left_to_the_library(
    tmp_path: Path, raw: bytes
) -> None:
    (tmp_path / "book.xlsx").write_bytes(raw)
    assert compacted_file(tmp_path / "book.xlsx", XLSX) is None
    assert compacted_file(workbook(tmp_path, "<not"), XLSX) is None


def test_as_few_steps_are_taken_as_bring_the_cells_together() -> None:
    def extent(*rows: tuple[int, tuple[tuple[int, int], ...]]) -> Extent:
        made = Extent()
        for at, cells in rows:
            made.add_row((at, 1), cells)
        return made

    pair: Callable[[int], tuple[tuple[int, int], ...]] = lambda at: ((1, 1), (at, 1))  # noqa: E731
    assert compaction_of(Extent()) is None
    assert compaction_of(extent((1, pair(2)), (20_000, pair(2)))) is None
    assert compaction_of(extent((1, pair(2)), (200_000, pair(2)))) == Compaction()
    assert compaction_of(extent((1, pair(2)), (200_000, pair(300)))) == Compaction(
        ((1, 2), (300, 1))
    )
    assert Compaction(((1, 2), (300, 1))).places(pair(300)) == [(1, 1), (3, 1)]
