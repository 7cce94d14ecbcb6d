"""Binary Excel workbooks are read with the formats of their cells."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import pytest

from byline.domain.formats import format_of
from byline.errors import ExtractionFailed
from byline.ingest.readers.sheets.xls_reader import read_xls

XLS: Final = "application/vnd.ms-excel"
_VERSION, _GLOBALS, _SHEET = 0x0600, 0x0005, 0x0010


def record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def wide(text: str, length: str = "<H") -> bytes:
    return struct.pack(f"{length}B", len(text), 1) + text.encode("utf-16-le")


def opening(kind: int) -> bytes:
    return record(0x0809, struct.pack("<HHHHII", _VERSION, kind, 0, 0, 0, 0))


def style(number_format: int) -> bytes:
    return record(0x00E0, struct.pack("<HHHBBBBIIH", 0, number_format, 0, 0, 0, 0, 0, 0, 0, 0))


def workbook(*cells: bytes, visibility: int = 0) -> bytes:
    """The stream of a workbook with one sheet; styles: 0 General, 1 `00000`, 2 a date, 3 `0.0%`."""
    font = record(
        0x0031, struct.pack("<HHHHHBBBB", 200, 0, 0, 400, 0, 0, 0, 0, 0) + wide("A", "<B")
    )
    globals_ = opening(_GLOBALS) + record(0x0042, struct.pack("<H", 1200)) + font * 5
    globals_ += record(0x041E, struct.pack("<H", 164) + wide("00000"))
    globals_ += record(0x041E, struct.pack("<H", 165) + wide("0.0%"))
    globals_ += b"".join(map(style, (0, 164, 14, 165)))
    name = wide("급여", "<B")
    sheet_at = len(globals_) + 4 + 6 + len(name) + 4
    globals_ += record(0x0085, struct.pack("<IBB", sheet_at, visibility, 0) + name)
    return globals_ + record(0x000A) + opening(_SHEET) + b"".join(cells) + record(0x000A)


def number(row: int, column: int, value: float, xf: int = 0) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, xf, value))


def label(row: int, column: int, text: str) -> bytes:
    return record(0x0204, struct.pack("<HHH", row, column, 0) + wide(text))


def boolean_or_error(row: int, column: int, value: int, *, is_error: bool) -> bytes:
    return record(0x0205, struct.pack("<HHHBB", row, column, 0, value, is_error))


def read(folder: Path, raw: bytes) -> str:
    path = folder / "book.xls"
    path.write_bytes(raw)
    return read_xls(path, format_of(XLS), 100_000).text


def test_cells_of_a_binary_workbook_say_what_is_displayed(tmp_path: Path) -> None:
    raw = workbook(
        label(0, 0, "사번"),
        number(0, 1, 123, xf=1),
        number(0, 2, 45356, xf=2),
        number(1, 0, 0.075, xf=3),
        boolean_or_error(1, 1, 1, is_error=False),
        boolean_or_error(1, 2, 0x2A, is_error=True),
    )
    assert read(tmp_path, raw) == "급여\n\n사번 | 00123 | 2024-03-05\n7.5% | TRUE | #N/A"


def test_merged_cells_of_a_binary_workbook_speak_in_every_row(tmp_path: Path) -> None:
    merged = record(0x00E5, struct.pack("<HHHHH", 1, 0, 1, 0, 0))
    raw = workbook(label(0, 0, "부산"), number(0, 1, 1), number(1, 1, 2), merged, visibility=1)
    assert read(tmp_path, raw) == "급여 (hidden)\n\n부산 | 1\n부산 | 2"


def test_a_binary_workbook_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExtractionFailed):
        read(tmp_path, workbook(number(0, 0, 1))[:60])
