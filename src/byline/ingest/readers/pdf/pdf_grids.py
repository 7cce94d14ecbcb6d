"""Ruled tables of a page: the cells between lines that are drawn. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from byline.ingest.readers.pdf.pdf_paragraphs import Word

_TOLERANCE_PT: Final = 3.0
_RULES_MAX: Final = 4_000
_SIDE_PT_MIN: Final = 6.0
_TOUCHED_SHARE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule is a line drawn on the page, level or upright; places as those of words."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def is_level(self) -> bool:
        return self.right - self.left >= self.bottom - self.top


@dataclass(slots=True)
class Grid:
    """Grid is a ruled table: the places of its lines, and the cell that each field belongs to
    (fields that no line parts are one cell)."""

    xs: Sequence[float]
    ys: Sequence[float]
    cells: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    @property
    def left(self) -> float:
        return self.xs[0]

    @property
    def right(self) -> float:
        return self.xs[-1]

    @property
    def top(self) -> float:
        return self.ys[0]

    @property
    def bottom(self) -> float:
        return self.ys[-1]

    @property
    def rows(self) -> int:
        return len(self.ys) - 1

    @property
    def columns(self) -> int:
        return len(self.xs) - 1

    def cell_at(self, word: Word) -> tuple[int, int] | None:
        """The cell (row, column) that holds a word, or None."""
        x, y = (word.left + word.right) / 2, word.baseline - 0.3 * word.size
        row, column = bisect_right(self.ys, y) - 1, bisect_right(self.xs, x) - 1
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        return self.cells[row, column]

    def shown(self) -> Iterator[list[tuple[int, int] | None]]:
        """The cells of each row. A cell that spans rows is in each of them; one that spans columns
        is in the first of them (None in the others)."""
        for row in range(self.rows):
            cells: list[tuple[int, int] | None] = []
            for column in range(self.columns):
                cell = self.cells[row, column]
                cells.append(cell if cell not in cells[-1:] and column == cell[1] else None)
            yield cells


def grids_of(rules: Sequence[Rule]) -> list[Grid]:
    """The tables that the lines of a page form: at least two rows and two columns each."""
    if not 4 <= len(rules) <= _RULES_MAX:
        return []
    found = [grid for group in _touching(rules) if (grid := _grid(group)) is not None]
    found.sort(key=lambda grid: (grid.top, grid.left))
    return [
        grid
        for grid in found
        if not any(other is not grid and _contains(other, grid) for other in found)
    ]


def _contains(outer: Grid, inner: Grid) -> bool:
    return (
        outer.left - _TOLERANCE_PT <= inner.left
        and inner.right <= outer.right + _TOLERANCE_PT
        and outer.top - _TOLERANCE_PT <= inner.top
        and inner.ys[-1] <= outer.ys[-1] + _TOLERANCE_PT
    )


def _touching(rules: Sequence[Rule]) -> list[list[Rule]]:
    """The lines in groups that hang together, found by a sweep from the top."""
    groups: list[list[Rule]] = []
    open_groups: list[tuple[list[float], list[Rule]]] = []  # left, top, right, bottom; rules
    for rule in sorted(rules, key=lambda rule: rule.top):
        box = [rule.left, rule.top, rule.right, rule.bottom]
        held = [rule]
        still: list[tuple[list[float], list[Rule]]] = []
        for other, members in open_groups:
            if other[3] < rule.top - _TOLERANCE_PT:
                groups.append(members)
            elif other[0] <= box[2] + _TOLERANCE_PT and box[0] <= other[2] + _TOLERANCE_PT:
                held += members
                box = [
                    min(box[0], other[0]),
                    min(box[1], other[1]),
                    max(box[2], other[2]),
                    max(box[3], other[3]),
                ]
            else:
                still.append((other, members))
        open_groups = [*still, (box, held)]
    return groups + [members for _, members in open_groups]


def _grid(rules: Sequence[Rule]) -> Grid | None:
    """The table of lines that hang together, or None if they form none."""
    level = [rule for rule in rules if rule.is_level]
    upright = [rule for rule in rules if not rule.is_level]
    xs = _places([(rule.left + rule.right) / 2 for rule in upright])
    ys = _places([(rule.top + rule.bottom) / 2 for rule in level])
    if len(xs) < 3 or len(ys) < 3 or len(xs) * len(ys) > 20_000:
        return None
    grid = Grid(xs, ys)
    walls = _Walls(level, upright)
    for row in range(grid.rows):
        for column in range(grid.columns):
            cell = row, column
            top, bottom = ys[row], ys[row + 1]
            left, right = xs[column], xs[column + 1]
            if column and not walls.upright_at(left, top, bottom):
                cell = grid.cells[row, column - 1]
            elif row and not walls.level_at(top, left, right):
                cell = grid.cells[row - 1, column]
            grid.cells[row, column] = cell
    return grid


class _Walls:
    """Tells where a line is drawn between two fields."""

    def __init__(self, level: Sequence[Rule], upright: Sequence[Rule]) -> None:
        self._level: dict[int, list[Rule]] = {}
        self._upright: dict[int, list[Rule]] = {}
        for rule in level:
            self._level.setdefault(round((rule.top + rule.bottom) / 2), []).append(rule)
        for rule in upright:
            self._upright.setdefault(round((rule.left + rule.right) / 2), []).append(rule)

    def level_at(self, y: float, left: float, right: float) -> bool:
        spans = [(rule.left, rule.right) for rule in self._near(self._level, y)]
        return _covered(spans, left, right) >= _TOUCHED_SHARE

    def upright_at(self, x: float, top: float, bottom: float) -> bool:
        spans = [(rule.top, rule.bottom) for rule in self._near(self._upright, x)]
        return _covered(spans, top, bottom) >= _TOUCHED_SHARE

    def _near(self, held: dict[int, list[Rule]], place: float) -> Iterator[Rule]:
        reach = int(_TOLERANCE_PT) + 1
        for near in range(round(place) - reach, round(place) + reach + 1):
            yield from held.get(near, ())


def _covered(spans: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """The share of an interval that lies under spans."""
    covered, reach = 0.0, start
    for left, right in sorted(spans):
        more = min(right, end) - max(left, reach)
        if more > 0:
            covered += more
            reach = min(right, end)
    return covered / max(end - start, 1.0)


def _places(values: Sequence[float]) -> list[float]:
    """The places of lines, those that are drawn beside each other taken as one."""
    places: list[float] = []
    for value in sorted(values):
        if not places or value - places[-1] > _SIDE_PT_MIN:
            places.append(value)
    return places
