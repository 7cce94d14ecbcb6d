"""Lays out the table of a document or slide as text: a line per row, cells between bars. Pure.

1. A cell that spans rows speaks in each of them that has something of its own to say.
2. Rows and columns without any text are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from byline.ingest.readers.row_lines import row_lines

_WHITE: Final = re.compile(r"\s+")
_ROWS_SPANNED_MAX: Final = 1_000
"""Rows in which one cell is repeated."""


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell at its first row and column; `rows` is how many rows it spans."""

    row: int
    column: int
    text: str
    rows: int = 1


def table_text(cells: Iterable[TableCell]) -> str:
    """Return the lines of a table."""
    rows: dict[int, dict[int, str]] = {}
    spanning: list[TableCell] = []
    for cell in cells:
        said = _WHITE.sub(" ", cell.text).strip()
        if said:
            rows.setdefault(cell.row, {})[cell.column] = said
            if cell.rows > 1:
                spanning.append(TableCell(cell.row, cell.column, said, cell.rows))
    for cell in spanning:
        for row in range(cell.row + 1, cell.row + min(cell.rows, _ROWS_SPANNED_MAX)):
            if row in rows:
                rows[row].setdefault(cell.column, cell.text)
    return "\n".join(row_lines([rows[number] for number in sorted(rows)]))
