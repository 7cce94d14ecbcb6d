"""Excel workbooks of the binary format (.xls), read by xlrd with the formats of their cells."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format
from byline.ingest.format_detection import encrypted
from byline.ingest.readers.office_reader import read_office
from byline.ingest.readers.sheets.number_formats import (
    BUILT_IN,
    GENERAL,
    NumberFormat,
    number_format,
)
from byline.ingest.readers.sheets.sheet_rows import Merge, Sheet, sheet_blocks, squeezed
from byline.ingest.readers.text_blocks import assemble

_ERRORS: Final = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}


def read_xls(path: Path, kind: Format, text_chars_max: int) -> ExtractedText:
    """Read a binary Excel workbook. Raises `ExtractionFailed` if it cannot be opened.

    What xlrd cannot open, the office reader tries, and says why if it cannot either.
    """
    import xlrd

    try:
        book = xlrd.open_workbook(
            path, formatting_info=True, ragged_rows=True, logfile=io.StringIO()
        )
        formats = [_number_format(book, style) for style in book.xf_list]
        sheets = _sheets(book, formats, text_chars_max)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes it fail in any way
        if "encrypted" in str(error).lower():
            raise encrypted() from error
        return read_office(path, kind, None)
    blocks = [block for sheet in sheets for block in sheet_blocks(sheet)]
    if all(block.level for block in blocks):
        blocks = []  # the names of sheets alone are no text
    return assemble(blocks, title="", media_type=kind.media_type)


def _sheets(book: Any, formats: Sequence[NumberFormat], text_chars_max: int) -> list[Sheet]:
    sheets: list[Sheet] = []
    for source in book.sheets():
        sheets.append(_sheet(book, source, formats))
        text_chars_max -= sum(len(t) for row in sheets[-1].rows.values() for t in row.values())
        if text_chars_max < 0:
            break
    return sheets


def _number_format(book: Any, style: Any) -> NumberFormat:
    found = book.format_map.get(style.format_key)
    code = BUILT_IN.get(style.format_key) or (found.format_str if found else "")
    return number_format(code or GENERAL)


def _sheet(book: Any, source: Any, formats: Sequence[NumberFormat]) -> Sheet:
    sheet = Sheet(source.name, source.visibility != 0)
    for row in range(source.nrows):
        texts = {
            column + 1: text
            for column, cell in enumerate(source.row(row))
            if (text := _cell(cell, formats, since_1904=book.datemode == 1))
        }
        if texts:
            sheet.rows[row + 1] = texts
    # Ends are exclusive there.
    sheet.merges += [
        Merge(top + 1, left + 1, bottom, right) for top, bottom, left, right in source.merged_cells
    ]
    for (row, column), note in source.cell_note_map.items():
        if said := squeezed(note.text):
            sheet.notes[row + 1, column + 1] = said
    return sheet


def _cell(cell: Any, formats: Sequence[NumberFormat], *, since_1904: bool) -> str:
    index = cell.xf_index
    known = index is not None and 0 <= index < len(formats)
    style = formats[index] if known else number_format(GENERAL)
    match cell.ctype:
        case 1:
            return style.show_text(squeezed(cell.value))
        case 2 | 3:
            return style.show_number(cell.value, since_1904=since_1904)
        case 4:
            return "TRUE" if cell.value else "FALSE"
        case 5:
            return _ERRORS.get(cell.value, "#N/A")
        case _:
            return ""
