"""Excel workbooks (.xlsx, .xlsm), read from their XML so that a cell says what the sheet displays.

The parts of a workbook are read as streams: a sheet is never in memory as a tree. Hidden sheets are
read and named as hidden. Cell notes, text boxes and the titles of charts belong to the sheet.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.office.ooxml_package import (
    UNREADABLE,
    Package,
    drawn_paragraphs,
    is_true,
    local,
    relation_id,
)
from byline.ingest.readers.sheets.number_formats import (
    BUILT_IN,
    GENERAL,
    NumberFormat,
    number_format,
)
from byline.ingest.readers.sheets.sheet_rows import Merge, Sheet, sheet_blocks, squeezed
from byline.ingest.readers.text_blocks import Block, assemble

_REFERENCE: Final = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")
_RANGE: Final = re.compile(rf"{_REFERENCE.pattern}:{_REFERENCE.pattern}")
_ISO: Final = re.compile(r"T00:00:00(\.0+)?Z?$")
_XML_PREFIXED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_workbook(path: Path, kind: Format, text_chars_max: int) -> ExtractedText:
    """Read an Excel workbook. Raises `ExtractionFailed` if nothing of it can be opened.

    Stops reading soon after `text_chars_max` characters; the text is then longer than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Workbook(archive, text_chars_max).read(kind)
    except UNREADABLE as error:
        raise corrupt("Excel workbook") from error


class _Workbook:
    """A workbook while it is read."""

    def __init__(self, archive: zipfile.ZipFile, text_chars_max: int) -> None:
        self._package = Package(archive)
        self._left_chars = text_chars_max
        self._strings: Sequence[str] = ()
        self._formats: Sequence[NumberFormat] = ()
        self._since_1904 = False
        self._warnings: list[ReadingWarning] = []

    def read(self, kind: Format) -> ExtractedText:
        """Read every sheet. Raises one of `UNREADABLE` if the workbook itself is damaged."""
        main = self._package.part("xl/workbook.xml") or ""
        relations = self._package.relations(main)
        sheets: list[tuple[str, bool, str]] = []
        for element in self._package.elements(main):
            tag = local(element.tag)
            if tag == "workbookPr":
                self._since_1904 = is_true(element.get("date1904"))
            elif tag == "sheet":
                relation = relations.get(relation_id(element))
                if relation is not None and relation.kind in ("worksheet", "chartsheet"):
                    is_hidden = element.get("state", "visible") != "visible"
                    sheets.append((element.get("name", ""), is_hidden, relation.target))
        for relation in relations.values():
            if relation.kind == "sharedStrings":
                self._strings = self._shared_strings(relation.target)
            elif relation.kind == "styles":
                self._formats = self._cell_formats(relation.target)
        blocks = [block for sheet in sheets for block in self._sheet(*sheet)]
        # The names of sheets alone are no text.
        is_empty = all(block.level for block in blocks)
        extracted = assemble(
            () if is_empty else blocks, title=self._package.title(), media_type=kind.media_type
        )
        return replace(extracted, warnings=tuple(self._warnings))

    def _sheet(self, name: str, is_hidden: bool, part: str) -> Iterator[Block]:
        sheet = Sheet(name, is_hidden)
        uncounted = 0
        try:
            uncounted = self._cells(sheet, part)
            self._beside(sheet, part)
        except UNREADABLE:
            # What was read until there is kept.
            self._warnings.append(ReadingWarning(ReadingWarningCode.DAMAGED, parts=(name,)))
        if uncounted:
            self._warnings.append(ReadingWarning(ReadingWarningCode.NOT_READ, parts=(name,)))
        yield from sheet_blocks(sheet)

    def _cells(self, sheet: Sheet, part: str) -> int:
        """Read the cells; return how many formulas have no result stored, and so show nothing."""
        without_result = number = 0
        with self._package.open(part) as stream:
            for _, element in ElementTree.iterparse(stream, events=("end",)):
                tag = local(element.tag)
                if tag == "row":
                    said = element.get("r", "")
                    number = int(said) if said.isdecimal() else number + 1
                    without_result += self._row(sheet, number, element)
                    element.clear()
                    if self._left_chars < 0:
                        break
                elif tag == "mergeCell" and (found := _RANGE.fullmatch(element.get("ref", ""))):
                    top, left, bottom, right = found[2], found[1], found[4], found[3]
                    sheet.merges.append(Merge(int(top), _column(left), int(bottom), _column(right)))
        return without_result

    def _row(self, sheet: Sheet, number: int, row: ElementTree.Element) -> int:
        cells: dict[int, str] = {}
        column = without_result = 0
        for cell in row:
            reference = _REFERENCE.fullmatch(cell.get("r", ""))
            column = _column(reference[1]) if reference else column + 1
            text = self._cell(cell)
            if text:
                cells[column] = text
                self._left_chars -= len(text)
            elif text is None:
                without_result += 1
        if cells:
            sheet.rows[number] = cells
        return without_result

    def _cell(self, cell: ElementTree.Element) -> str | None:
        """What a cell shows; None for a formula whose result the file does not have."""
        value, formula = None, False
        for child in cell:
            match local(child.tag):
                case "v":
                    value = child.text
                case "is":
                    return squeezed(_rich_text(child))
                case "f":
                    formula = True
        kind = cell.get("t", "n")
        if value is None:
            return None if formula and kind != "str" else ""
        match kind:
            case "s":
                index = int(value) if value.isdecimal() else -1
                text = self._strings[index] if 0 <= index < len(self._strings) else ""
                return self._format(cell).show_text(text)
            case "str":
                return self._format(cell).show_text(squeezed(_unescaped(value)))
            case "b":
                return "TRUE" if value.strip() == "1" else "FALSE"
            case "e":
                return value.strip()
            case "d":
                return _ISO.sub("", value.strip()).replace("T", " ")
            case _:
                return self._number(cell, value)

    def _number(self, cell: ElementTree.Element, value: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value.strip()
        if not math.isfinite(number):
            return value.strip()
        return self._format(cell).show_number(number, since_1904=self._since_1904)

    def _format(self, cell: ElementTree.Element) -> NumberFormat:
        style = cell.get("s", "0")
        index = int(style) if style.isdecimal() else 0
        return self._formats[index] if index < len(self._formats) else number_format(GENERAL)

    def _beside(self, sheet: Sheet, part: str) -> None:
        """Read the notes, text boxes and charts of a sheet."""
        relations = self._package.relations(part).values()
        threads = [one.target for one in relations if one.kind == "threadedComment"]
        for comments in threads or [one.target for one in relations if one.kind == "comments"]:
            for element in self._package.elements(comments):
                if local(element.tag) in ("comment", "threadedComment"):
                    found = _REFERENCE.fullmatch(element.get("ref", ""))
                    if found and (note := squeezed(_rich_text(element))):
                        place = int(found[2]), _column(found[1])
                        known = sheet.notes.get(place)
                        sheet.notes[place] = f"{known} / {note}" if known else note
        for drawing in [one.target for one in relations if one.kind == "drawing"]:
            sheet.boxes += self._drawing_texts(drawing)
            charts = self._package.relations(drawing).values()
            for chart in [one.target for one in charts if one.kind == "chart"]:
                sheet.boxes += self._chart_texts(chart)

    def _drawing_texts(self, part: str) -> Iterator[str]:
        for element in self._package.elements(part):
            if local(element.tag) == "txBody" and (text := drawn_paragraphs(element)):
                yield text

    def _chart_texts(self, part: str) -> Iterator[str]:
        """The title of a chart and the titles of its axes; its figures stand in cells."""
        for element in self._package.elements(part):
            if local(element.tag) == "title" and (text := drawn_paragraphs(element)):
                yield text

    def _shared_strings(self, part: str) -> list[str]:
        texts = []
        with self._package.open(part) as stream:
            for _, element in ElementTree.iterparse(stream, events=("end",)):
                if local(element.tag) == "si":
                    texts.append(squeezed(_rich_text(element)))
                    element.clear()
        return texts

    def _cell_formats(self, part: str) -> list[NumberFormat]:
        codes: dict[int, str] = dict(BUILT_IN)
        formats: list[NumberFormat] = []
        root = self._package.root(part)
        for element in root.iter():
            if local(element.tag) == "numFmt" and element.get("numFmtId", "").isdecimal():
                codes[int(element.get("numFmtId", ""))] = element.get("formatCode", GENERAL)
        for group in root:
            if local(group.tag) == "cellXfs":
                for element in group:
                    number = element.get("numFmtId", "0")
                    code = codes.get(int(number) if number.isdecimal() else 0, GENERAL)
                    formats.append(number_format(code))
        return formats


def _rich_text(element: ElementTree.Element) -> str:
    """The text of a string item or note, without the readings (furigana) above it."""
    pieces: list[str] = []
    for child in element:
        match local(child.tag):
            case "t":
                pieces.append(child.text or "")
            case "r" | "text":
                pieces.append(_rich_text(child) or (child.text or "" if not len(child) else ""))
    return _unescaped("".join(pieces))


def _unescaped(text: str) -> str:
    """The text with `_x000D_` and the like as the characters they stand for."""
    return _XML_PREFIXED.sub(lambda m: chr(int(m[1], 16)), text) if "_x" in text else text


_COLUMNS: Final[dict[str, int]] = {}


def _column(letters: str) -> int:
    """The number of the column called `letters`, from 1."""
    number = _COLUMNS.get(letters)
    if number is None:
        number = 0
        for letter in letters:
            number = number * 26 + ord(letter) - 64
        _COLUMNS[letters] = number
    return number
