"""The cells of a table as lines of text, a row per line. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from byline.ingest.readers.row_lines import is_sparse, row_lines

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
    the columns; in a table far larger than its cells only once.
    """
    told = [cell for cell in cells if cell.text]
    numbers = sorted({cell.row for cell in told})
    columns = {cell.column for cell in told}
    repeats = not is_sparse(len(numbers), len(columns), len(told))
    rows: list[dict[int, str]] = [{} for _ in numbers]
    left = _REPEATED_TOTAL_CHARS_MAX
    for cell in told:
        first = bisect_left(numbers, cell.row)
        spanned = max(cell.rows, 1) if repeats else 1
        for row in range(first, bisect_left(numbers, cell.row + spanned, first)):
            if row > first:
                left -= len(cell.text)
                if len(cell.text) > _REPEATED_CHARS_MAX or left < 0:
                    break
            before = rows[row].get(cell.column)
            rows[row][cell.column] = f"{before} {cell.text}" if before else cell.text
    yield from row_lines(rows)
