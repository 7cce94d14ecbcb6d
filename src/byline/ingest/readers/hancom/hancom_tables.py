"""The cells of a table as lines of text, a row per line. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_DENSE_CELLS_MAX: Final = 50_000
_TIMES_MAX: Final = 10
"""How many times larger than its cells the rectangle of a table may be, beyond the minimum."""
_REPEATED_CHARS_MAX: Final = 300
"""Longer texts are not repeated in the further rows of a merged cell."""
_REPEATED_TOTAL_CHARS_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TextCell:
    """A cell with its text on one line; places from 0."""

    row: int
    column: int
    rows: int
    columns: int
    text: str


def table_lines(cells: Sequence[TextCell]) -> Iterator[str]:
    """The rows, their cells between bars, without what is empty: rows, columns, cells at the end.

    A merged cell says what it says in every row it spans that says anything else, and once among
    the columns.
    """
    told = [cell for cell in cells if cell.text]
    rows = sorted({cell.row for cell in told})
    columns = sorted({cell.column for cell in told})
    if len(rows) * len(columns) > max(_DENSE_CELLS_MAX, _TIMES_MAX * len(told)):
        grid = _packed(told, rows)
    else:
        grid = _aligned(told, rows, columns)
    for row in grid:
        while row and not row[-1]:
            row.pop()
        yield " | ".join(row)


def _aligned(
    cells: Sequence[TextCell], rows: Sequence[int], columns: Sequence[int]
) -> list[list[str]]:
    grid = [[""] * len(columns) for _ in rows]
    left = _REPEATED_TOTAL_CHARS_MAX
    for cell in cells:
        place = bisect_left(columns, cell.column)
        first = bisect_left(rows, cell.row)
        last = bisect_left(rows, cell.row + max(cell.rows, 1), first)
        for row in range(first, last):
            if row > first:
                left -= len(cell.text)
                if len(cell.text) > _REPEATED_CHARS_MAX or left < 0:
                    break
            before = grid[row][place]
            grid[row][place] = f"{before} {cell.text}" if before else cell.text
    return grid


def _packed(cells: Sequence[TextCell], rows: Sequence[int]) -> list[list[str]]:
    grid: list[list[str]] = [[] for _ in rows]
    for cell in sorted(cells, key=lambda cell: (cell.row, cell.column)):
        grid[bisect_left(rows, cell.row)].append(cell.text)
    return grid
