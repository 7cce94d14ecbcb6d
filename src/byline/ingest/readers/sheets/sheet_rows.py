"""Lays out the cells of a sheet as text: a line per row, cells between bars. Pure.

1. A note stands behind the text of its cell.
2. A merged cell speaks in every row it spans that has something of its own to say.
3. Rows and columns without any text are left out, however far apart the others lie.
4. A table ends at an empty row, unless the next row goes on with it: the same columns, and no
   new names of columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from byline.ingest.readers.row_lines import row_lines
from byline.ingest.readers.text_blocks import Block

_WHITE: Final = re.compile(r"\s+")
_ROWS_SPANNED_MAX: Final = 10_000
"""Rows in which one merged cell is repeated: whole columns can be merged."""
_REPEATED_MAX: Final = 1_000_000
"""Rows that all merged cells of a sheet are looked for in, together."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged cell: its first and last row and column, all included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Sheet:
    """The text of one sheet: `rows` has by row number the texts by column number; `notes` those of
    (row, column); `boxes` are the texts of text boxes and charts."""

    name: str
    is_hidden: bool = False
    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    notes: dict[tuple[int, int], str] = field(default_factory=dict)
    boxes: list[str] = field(default_factory=list)


def squeezed(text: str) -> str:
    """Return the text of a cell on one line."""
    return _WHITE.sub(" ", text).strip() if not text.isalnum() else text


def sheet_blocks(sheet: Sheet) -> Iterator[Block]:
    """Yield a heading with the name of the sheet, its tables, and its text boxes."""
    yield Block(f"{sheet.name} (hidden)" if sheet.is_hidden else sheet.name, level=2)
    for (row, column), note in sheet.notes.items():
        cells = sheet.rows.setdefault(row, {})
        cells[column] = f"{cells.get(column, '')} (※ {squeezed(note)})".strip()
    _spread(sheet.rows, sheet.merges)
    for table in _tables(sheet.rows):
        yield Block("\n".join(row_lines(table)))
    for box in sheet.boxes:
        yield Block(box)


def _spread(rows: Mapping[int, dict[int, str]], merges: Sequence[Merge]) -> None:
    """Give the rows under the first of a merged cell its text (rule 2)."""
    spread: list[tuple[int, int, str]] = []
    left = _REPEATED_MAX
    for merge in merges:
        text = rows.get(merge.top, {}).get(merge.left, "")
        last = min(merge.bottom, merge.top + min(_ROWS_SPANNED_MAX, left))
        left -= max(0, last - merge.top) if text else 0
        for row in range(merge.top + 1, last + 1) if text else ():
            own = rows.get(row)
            if own and any(text for column, text in own.items() if column != merge.left):
                spread.append((row, merge.left, text))
    # Only now, so that one merged cell does not count as another's own text.
    for row, column, text in spread:
        rows[row][column] = text


def _tables(rows: Mapping[int, Mapping[int, str]]) -> Iterator[list[Mapping[int, str]]]:
    table: list[Mapping[int, str]] = []
    before = 0
    for number in sorted(rows):
        cells = {column: text for column, text in rows[number].items() if text}
        if not cells:
            continue
        if table and number > before + 1 and not _goes_on(table, cells):
            yield table
            table = []
        table.append(cells)
        before = number
    if table:
        yield table


def _goes_on(table: Sequence[Mapping[int, str]], cells: Mapping[int, str]) -> bool:
    """Whether a row behind an empty one belongs to the table above."""
    columns = set().union(*table[-3:])
    if len(cells) < 2 or not cells.keys() <= columns:
        return False
    names_columns = not any(map(_has_digit, cells.values()))
    return not (names_columns and any(map(_has_digit, table[-1].values())))


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
