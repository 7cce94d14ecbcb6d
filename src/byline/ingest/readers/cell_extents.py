"""How sparse a table is, and how it is compacted. Pure.

A table that holds far less than its rectangle is compacted in as few steps as it takes:

    1. rows without a value are removed; they leave no trace in the text anyway
    2. columns without a value are removed
    3. what is repeated is kept once, and the cells of each row are moved together
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_EXTENT_CELLS_MIN: Final = 50_000
_TIMES_MAX: Final = 10
"""How many times larger than its cells the rectangle of a sheet may be, beyond the minimum."""
_REPEATED_CELLS_MAX: Final = 5_000_000
"""Cells that a table may have through repetition."""

Span: TypeAlias = tuple[int, int]
"""The first row or column, from 1, and how many there are."""


@dataclass(slots=True)
class Extent:
    """The rows and columns of a table with a value, as spans."""

    rows: list[Span] = field(default_factory=list)
    columns: set[Span] = field(default_factory=set)
    cells: int = 0
    filled: int = 0
    """Cells with a value, repetitions counted."""

    def add_row(self, row: Span, cells: Sequence[Span]) -> None:
        self.rows.append(row)
        self.columns.update(cells)
        self.cells += len(cells)
        self.filled += row[1] * sum(count for _, count in cells)


@dataclass(frozen=True, slots=True)
class Compaction:
    """How a table is compacted: `columns` are those to keep, None for all."""

    columns: tuple[Span, ...] | None = None
    packs_rows: bool = False

    def places(self, cells: Sequence[Span]) -> Sequence[Span]:
        """The new places of the cells of a row."""
        if self.packs_rows:
            return [(number, 1) for number, _ in enumerate(cells, 1)]
        if self.columns is None:
            return cells
        starts = [start for start, _ in self.columns]
        before = [0, *itertools.accumulate(count for _, count in self.columns)]
        indexes = [bisect_right(starts, start) - 1 for start, _ in cells]
        return [
            (before[index] + start - starts[index] + 1, count)
            for index, (start, count) in zip(indexes, cells, strict=True)
        ]


def compaction_of(extent: Extent) -> Compaction | None:
    """The compaction that a table needs; None if it is not sparse."""
    if not extent.rows:
        return None
    height, width = _length(extent.rows), _length(extent.columns)
    if height * width <= _EXTENT_CELLS_MIN or not _is_sparse(extent, height * width):
        return None
    rows = sum(count for _, count in extent.rows)
    if not _is_sparse(extent, rows * width):
        return Compaction()  # 1
    columns = _united(extent.columns)
    if not _is_sparse(extent, rows * sum(count for _, count in columns)):
        return Compaction(columns)  # 2
    return Compaction(packs_rows=True)  # 3


def is_surely_dense(extent_cells: int, held: int) -> bool:
    """Whether a rectangle of `extent_cells` cells is small enough, wherever its cells lie."""
    return extent_cells <= max(_EXTENT_CELLS_MIN, _TIMES_MAX * held)


def _is_sparse(extent: Extent, cells: int) -> bool:
    held = extent.filled if cells <= _REPEATED_CELLS_MAX else extent.cells
    return cells > _TIMES_MAX * held


def _length(spans: Sequence[Span] | set[Span]) -> int:
    return max(start + count for start, count in spans) - min(start for start, _ in spans)


def _united(spans: set[Span]) -> tuple[Span, ...]:
    united: list[Span] = []
    for start, count in sorted(spans):
        if united and start <= sum(united[-1]):
            first = united[-1][0]
            united[-1] = (first, max(sum(united[-1]), start + count) - first)
        else:
            united.append((start, count))
    return tuple(united)
