"""Compacts sheets whose few cells lie far apart, before they are read.

xberg lays a sheet out as one rectangle from its first cell to its last. One stray cell in row
300,000 makes the rectangle so large that the whole sheet is left out, the file is refused or the
memory does not suffice. A sheet that holds far less than its rectangle is rewritten (`cell_extents`
says how) for xberg to read. Any other is read as it is, and so is a file that cannot be examined:
xberg says why.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Protocol, TypeAlias
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from byline.ingest.readers.cell_extents import (
    Compaction,
    Extent,
    Span,
    compaction_of,
    is_surely_dense,
)

_COLUMN_MAX: Final = 1_000_000


class SheetDialect(Protocol):
    """How a format writes its tables. Names have no prefix."""

    parts: re.Pattern[str]
    table: str
    row: str
    cells: frozenset[str]
    values: frozenset[str]
    """Elements that are in a cell with a value."""
    left_out: frozenset[str]
    """Elements that refer to cells by their old places, and are left out."""

    def is_dense(self, part: bytes) -> bool:
        """Whether a quick look shows that nothing in a part is sparse."""

    def span(self, name: str, attributes: Mapping[str, str], following: int) -> Span:
        """The span of a row or cell; `following` is the place after the one before."""

    def place(
        self, row: ElementTree.Element, number: int, cells: _Placed, compaction: Compaction
    ) -> None:
        """Make `row` row number `number`, containing only `cells`."""


_Placed: TypeAlias = Sequence[tuple[ElementTree.Element, Span]]


class _Excel:
    """OOXML: rows and cells state their place (`r="C12"`)."""

    parts = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
    table = "sheetData"
    row = "row"
    cells = frozenset({"c"})
    values = frozenset({"v", "is"})
    left_out = frozenset({"dimension", "mergeCells", "hyperlinks"})
    _ROW = re.compile(rb'<row\b[^<>]*?\br="([0-9]{1,12})"')
    _COLUMN = re.compile(rb'\br="([A-Z]{1,3})[0-9]')

    def is_dense(self, part: bytes) -> bool:
        values = part.count(b"<v>") + part.count(b"<is>")
        height = max(map(int, self._ROW.findall(part)), default=0)
        columns = (_column(letters.decode()) for letters in set(self._COLUMN.findall(part)))
        extent_cells = height * max(columns, default=0)
        return extent_cells > 0 and is_surely_dense(extent_cells, values)

    def span(self, name: str, attributes: Mapping[str, str], following: int) -> Span:
        said = attributes.get("r", "")
        if name == self.row:
            return (int(said) if said.isdecimal() else following), 1
        return _column(said.rstrip("0123456789")) or following, 1

    def place(
        self, row: ElementTree.Element, number: int, cells: _Placed, compaction: Compaction
    ) -> None:
        row.set("r", str(number))
        row.attrib.pop("spans", None)
        for cell, (column, _) in cells:
            cell.set("r", f"{self._letters(column)}{number}")
        row[:] = [cell for cell, _ in cells]

    def _letters(self, column: int) -> str:
        letters = ""
        while column:
            column, letter = divmod(column - 1, 26)
            letters = chr(65 + letter) + letters
        return letters


@cache
def _column(letters: str) -> int:
    """The number of the column called `letters`; 0 if there is no such column."""
    column = 0
    for letter in letters.upper():
        if not "A" <= letter <= "Z" or column > _COLUMN_MAX:
            return 0
        column = column * 26 + ord(letter) - 64
    return column


class _OpenDocument:
    """ODF: rows and cells follow one another, and state how often they are repeated."""

    parts = re.compile(r"content\.xml")
    table = "table"
    row = "table-row"
    cells = frozenset({"table-cell", "covered-table-cell"})
    values = frozenset({"p"})
    left_out: frozenset[str] = frozenset()

    def is_dense(self, part: bytes) -> bool:
        return b"-repeated=" not in part

    def span(self, name: str, attributes: Mapping[str, str], following: int) -> Span:
        repeated = "number-rows-repeated" if name == self.row else "number-columns-repeated"
        for attribute, value in attributes.items():
            if _local(attribute) == repeated and value.isdecimal():
                return following, max(1, int(value))
        return following, 1

    def place(
        self, row: ElementTree.Element, number: int, cells: _Placed, compaction: Compaction
    ) -> None:
        prefix = row.tag.rpartition(":")[0]
        named = f"{prefix}:" if prefix else ""
        repeated = f"{named}number-columns-repeated"
        if compaction.packs_rows:
            row.attrib.pop(f"{named}number-rows-repeated", None)
        placed: list[ElementTree.Element] = []
        following = 1
        for cell, (column, count) in cells:
            if column > following:
                gap = {repeated: str(column - following)}
                placed.append(ElementTree.Element(f"{named}table-cell", gap))
            cell.attrib.pop(repeated, None)
            if count > 1:
                cell.set(repeated, str(count))
            placed.append(cell)
            following = column + count
        row[:] = placed


_DIALECTS: Final[Mapping[str, SheetDialect]] = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _Excel(),
    "application/vnd.oasis.opendocument.spreadsheet": _OpenDocument(),
}
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    expat.ExpatError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    RuntimeError,
    NotImplementedError,
)


def compacted_file(path: Path, media_type: str) -> bytes | None:
    """The file with its sparse sheets compacted; None if none is sparse."""
    dialect = _DIALECTS.get(media_type)
    if dialect is None:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            compactions = {
                name: found
                for name in archive.namelist()
                if dialect.parts.fullmatch(name)
                and any(found := [compaction_of(it) for it in _extents(archive, name, dialect)])
            }
            return _rewritten(archive, compactions, dialect) if compactions else None
    except _UNREADABLE:
        return None


def _extents(archive: zipfile.ZipFile, name: str, dialect: SheetDialect) -> Sequence[Extent]:
    part = archive.read(name)
    if dialect.is_dense(part):
        return ()
    measuring = _ExtentParser(dialect)
    parser = expat.ParserCreate()  # tags as they are written, with their prefixes
    parser.StartElementHandler, parser.EndElementHandler = measuring.start, measuring.end
    parser.Parse(part, True)
    return measuring.extents


def _rewritten(
    archive: zipfile.ZipFile,
    compactions: Mapping[str, Sequence[Compaction | None]],
    dialect: SheetDialect,
) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as moved:
        for info in archive.infolist():
            if info.filename in compactions:
                moving = _CompactingWriter(dialect, compactions[info.filename])
                parser = expat.ParserCreate()
                parser.buffer_text = True
                parser.StartElementHandler, parser.EndElementHandler = moving.start, moving.end
                parser.CharacterDataHandler = moving.data
                parser.Parse(archive.read(info), True)
                moved.writestr(info.filename, "".join(moving.written))
            else:
                moved.writestr(info.filename, archive.read(info))
    return made.getvalue()


class _ExtentParser:
    """Records where the tables of a part have values."""

    def __init__(self, dialect: SheetDialect) -> None:
        self.extents: list[Extent] = []
        self._dialect = dialect
        self._row: Span | None = None
        self._depth = 0
        self._next_row = 1
        self._cell: Span = (0, 1)
        self._filled: list[Span] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if self._row is not None:
            if name in self._dialect.values:
                if not self._filled or self._filled[-1] is not self._cell:
                    self._filled.append(self._cell)
            elif name in self._dialect.cells:
                self._cell = self._dialect.span(name, attributes, sum(self._cell))
            elif name == self._dialect.row:
                self._depth += 1
        elif name == self._dialect.row and self.extents:
            self._row = self._dialect.span(name, attributes, self._next_row)
            self._next_row = sum(self._row)
            self._cell, self._filled = (0, 1), []
        elif name == self._dialect.table:
            self.extents.append(Extent())
            self._next_row = 1

    def end(self, tag: str) -> None:
        if self._row is None or _local(tag) != self._dialect.row:
            return
        if self._depth:  # a table in a cell
            self._depth -= 1
            return
        if self._filled:
            self.extents[-1].add_row(self._row, self._filled)
        self._row = None


class _CompactingWriter:
    """Rewrites a part, its tables compacted by `compactions`."""

    def __init__(self, dialect: SheetDialect, compactions: Sequence[Compaction | None]) -> None:
        self.written: list[str] = []
        self._dialect = dialect
        self._moves = iter(compactions)
        self._move: Compaction | None = None
        self._rows = 0
        self._row: ElementTree.TreeBuilder | None = None
        self._depth = 0
        self._left_out = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if self._left_out or name in self._dialect.left_out:
            self._left_out += 1
        elif self._row is not None:
            self._depth += name == self._dialect.row
            self._row.start(tag, attributes)
        elif name == self._dialect.row and self._move is not None:
            self._row = ElementTree.TreeBuilder()
            self._row.start(tag, attributes)
        else:
            if name == self._dialect.table:
                self._move, self._rows = next(self._moves), 0
            said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
            self.written.append(f"<{tag}{said}>")

    def end(self, tag: str) -> None:
        if self._left_out:
            self._left_out -= 1
        elif self._row is None:
            self.written.append(f"</{tag}>")
            if _local(tag) == self._dialect.table:
                self._move = None
        else:
            self._row.end(tag)
            if _local(tag) == self._dialect.row:
                self._depth -= 1
                if self._depth < 0:
                    self._end_row(self._row.close())
                    self._row, self._depth = None, 0

    def data(self, text: str) -> None:
        if self._left_out:
            return
        if self._row is not None:
            self._row.data(text)
        else:
            self.written.append(escape(text))

    def _end_row(self, row: ElementTree.Element) -> None:
        assert self._move is not None
        held = list(self._held(row))
        if held:
            self._rows += 1
            places = self._move.places([span for _, span in held])
            placed = [(cell, place) for (cell, _), place in zip(held, places, strict=True)]
            self._dialect.place(row, self._rows, placed, self._move)
            self.written.append(ElementTree.tostring(row, encoding="unicode"))

    def _held(self, row: ElementTree.Element) -> Iterator[tuple[ElementTree.Element, Span]]:
        """The cells with a value, and their old spans."""
        span: Span = (0, 1)
        for cell in row:
            name = _local(cell.tag)
            if name in self._dialect.cells:
                span = self._dialect.span(name, cell.attrib, sum(span))
                if any(_local(inner.tag) in self._dialect.values for inner in cell.iter()):
                    yield cell, span


@cache
def _local(name: str) -> str:
    return name.rpartition(":")[2]
