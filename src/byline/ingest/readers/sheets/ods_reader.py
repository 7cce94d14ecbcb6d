"""OpenDocument spreadsheets (.ods): a cell's paragraphs are what the sheet displays in it.

The content is read as a stream, row by row. Rows and cells say how often they are repeated; a row
of blanks is repeated down to the last row of a sheet, so repetition counts only where there is
text.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.office.ooxml_package import UNREADABLE
from byline.ingest.readers.sheets.sheet_rows import Merge, Sheet, sheet_blocks, squeezed
from byline.ingest.readers.text_blocks import assemble

_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_DRAW: Final = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TITLE: Final = "{http://purl.org/dc/elements/1.1/}title"

_CELLS: Final = {f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"}
_NOT_SHOWN: Final = {f"{_OFFICE}annotation", f"{_TEXT}ruby-text", f"{_OFFICE}annotation-end"}
_COLUMNS_REPEATED_MAX: Final = 1_000
_CELLS_REPEATED_MAX: Final = 100_000
"""A row or cell with text that is repeated more often fills a sheet up: it is read once."""


def read_ods(path: Path, kind: Format, text_chars_max: int) -> ExtractedText:
    """Read an OpenDocument spreadsheet. Raises `ExtractionFailed` if nothing of it can be opened.

    Stops reading soon after `text_chars_max` characters; the text is then longer than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, kind, text_chars_max)
    except UNREADABLE as error:
        raise corrupt("OpenDocument spreadsheet") from error


def _read(archive: zipfile.ZipFile, kind: Format, text_chars_max: int) -> ExtractedText:
    reading = _Content(text_chars_max)
    warnings: tuple[ReadingWarning, ...] = ()
    try:
        with archive.open("content.xml") as stream:
            for event, element in ElementTree.iterparse(stream, events=("start", "end")):
                (reading.begin if event == "start" else reading.end)(element)
                if reading.left_chars < 0:
                    break
    except UNREADABLE:
        if not any(sheet.rows for sheet in reading.sheets):
            raise
        # What was read until there is kept.
        warnings = (ReadingWarning(ReadingWarningCode.DAMAGED, parts=(reading.sheets[-1].name,)),)
    blocks = [block for sheet in reading.sheets for block in sheet_blocks(sheet)]
    if all(block.level for block in blocks):
        blocks = []  # the names of sheets alone are no text
    text = assemble(blocks, title=_title(archive), media_type=kind.media_type)
    return replace(text, warnings=warnings)


def _title(archive: zipfile.ZipFile) -> str:
    try:
        root = ElementTree.fromstring(archive.read("meta.xml"))
    except UNREADABLE:
        return ""
    return next((element.text or "" for element in root.iter(_TITLE)), "")


class _Content:
    """The sheets of a `content.xml` while its elements begin and end."""

    def __init__(self, text_chars_max: int) -> None:
        self.sheets: list[Sheet] = []
        self.left_chars = text_chars_max
        self._row = 0
        self._hidden_styles: set[str] = set()
        self._depth = 0  # tables inside cells of a table are not sheets

    def begin(self, element: ElementTree.Element) -> None:
        """An element begins; its attributes are known, its children are not."""
        if element.tag == f"{_TABLE}table":
            self._depth += 1
            if self._depth == 1:
                style = element.get(f"{_TABLE}style-name", "")
                name = element.get(f"{_TABLE}name", "")
                self.sheets.append(Sheet(name, style in self._hidden_styles))
                self._row = 0

    def end(self, element: ElementTree.Element) -> None:
        """An element is complete."""
        tag = element.tag
        if tag == f"{_STYLE}style":
            for properties in element.iter(f"{_STYLE}table-properties"):
                if properties.get(f"{_TABLE}display") == "false":
                    self._hidden_styles.add(element.get(f"{_STYLE}name", ""))
        elif tag == f"{_TABLE}table":
            self._depth -= 1
        elif self._depth != 1:
            return
        elif tag == f"{_TABLE}table-row":
            self._add_row(self.sheets[-1], element)
            element.clear()
        elif tag == f"{_TABLE}shapes":
            for box in (text for shape in element for text in _box_texts(shape)):
                self.sheets[-1].boxes.append(box)
            element.clear()

    def _add_row(self, sheet: Sheet, element: ElementTree.Element) -> None:
        repeated = _count(element, f"{_TABLE}number-rows-repeated")
        cells: dict[int, str] = {}
        first, column = self._row + 1, 1
        for cell in element:
            if cell.tag not in _CELLS:
                continue
            width = _count(cell, f"{_TABLE}number-columns-repeated")
            if len(cell) or cell.get(f"{_OFFICE}value") is not None:
                self._add_cell(sheet, cell, cells, (first, column, width))
            column += width
        if cells:
            times = repeated if repeated * len(cells) <= _CELLS_REPEATED_MAX else 1
            for row in range(first, first + times):
                sheet.rows[row] = dict(cells)
                self.left_chars -= sum(map(len, cells.values()))
        self._row += repeated

    def _add_cell(
        self,
        sheet: Sheet,
        cell: ElementTree.Element,
        cells: dict[int, str],
        place: tuple[int, int, int],
    ) -> None:
        row, column, width = place
        text = squeezed("\n".join(_paragraphs(cell))) or _bare_value(cell)
        if text:
            times = width if width <= _COLUMNS_REPEATED_MAX else 1
            cells.update(dict.fromkeys(range(column, column + times), text))
        height = _count(cell, f"{_TABLE}number-rows-spanned")
        if height > 1:
            right = column + _count(cell, f"{_TABLE}number-columns-spanned") - 1
            sheet.merges.append(Merge(row, column, row + height - 1, right))
        for note in cell.iter(f"{_OFFICE}annotation"):
            if said := squeezed(" ".join(_paragraphs(note))):
                sheet.notes[row, column] = said
        for shape in cell:
            if shape.tag.startswith(_DRAW):
                sheet.boxes += _box_texts(shape)


def _bare_value(cell: ElementTree.Element) -> str:
    """The value of a cell that says nothing in paragraphs, as some programs write it."""
    return "" if len(cell) else (cell.get(f"{_OFFICE}value") or "")


def _count(element: ElementTree.Element, name: str) -> int:
    said = element.get(name, "1")
    return max(1, int(said)) if said.isdecimal() else 1


def _paragraphs(element: ElementTree.Element) -> Iterator[str]:
    """The paragraphs right in an element, also in lists; not those of notes and shapes in it."""
    for child in element:
        if child.tag in (f"{_TEXT}p", f"{_TEXT}h"):
            yield "".join(_characters(child))
        elif isinstance(child.tag, str) and child.tag.startswith(_TEXT):
            yield from _paragraphs(child)


def _characters(element: ElementTree.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag == f"{_TEXT}s":
            yield " "  # one, however many: cells are squeezed
        elif child.tag in (f"{_TEXT}tab", f"{_TEXT}line-break"):
            yield " "
        elif child.tag not in _NOT_SHOWN:
            yield from _characters(child)
        yield child.tail or ""


def _box_texts(shape: ElementTree.Element) -> Iterator[str]:
    """The text of each text box or drawn shape in an element, itself included."""
    lines = [squeezed(line) for line in _paragraphs(shape)]
    if text := "\n".join(line for line in lines if line):
        yield text
    for child in shape:
        if isinstance(child.tag, str) and child.tag.startswith(_DRAW):
            yield from _box_texts(child)
