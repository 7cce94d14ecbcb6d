"""Lays out the rows of a table as lines of text, cells between bars. Pure.

Columns without any text are left out. Where a table is far larger than its cells, one stray cell or
a diagonal of them, the cells of each row follow one another without room for what is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

DENSE_CELLS_MAX: Final = 50_000
_TIMES_MAX: Final = 10
"""How many times larger than its cells a table may be, beyond the minimum."""


def row_lines(rows: Sequence[Mapping[int, str]]) -> Iterator[str]:
    """Yield the line of each row. A row has its texts, none of them blank, by column number."""
    columns = sorted(set[int]().union(*rows))
    if is_sparse(len(rows), len(columns), sum(map(len, rows))):
        for row in rows:
            yield " | ".join(row[column] for column in sorted(row))
        return
    for row in rows:
        last = max(row, default=-1)
        yield " | ".join(row.get(column, "") for column in columns if column <= last)


def is_sparse(rows: int, columns: int, cells: int) -> bool:
    """Return whether a table with so many rows and columns has far fewer cells than places."""
    return rows * columns > max(DENSE_CELLS_MAX, _TIMES_MAX * cells)
