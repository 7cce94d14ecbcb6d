"""The words of a page as blocks in the order in which people read them. Pure.

    1. words whose baselines agree are one row
    2. consecutive rows with white space at the same place are a band
         a. of a table (ruled, numbers, short cells): one line a row, cells between bars
         b. of columns of prose: each column by itself, from left to right
    3. what is left is lines of one column, joined to paragraphs (`pdf_paragraphs`)

Places are in points of the upright page, from its top; 1 em is the size of a font.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from byline.ingest.readers.pdf.pdf_grids import Grid, Rule, grids_of
from byline.ingest.readers.pdf.pdf_paragraphs import (
    Paragraph,
    Word,
    is_marker,
    line_of,
    paragraphs_of,
)
from byline.ingest.readers.pdf.pdf_rows import Band, Row, bands_of, leading_of, rows_of
from byline.ingest.readers.pdf.pdf_spacing import KoreanSpacing

_PROSE_FILL_MIN: Final = 0.72
"""The share of a column's width that its median line takes if it is prose."""
_PROSE_EMS_MIN: Final = 8.0
_DEPTH_MAX: Final = 6
_LONG_CELL_CHARS: Final = 1_200
_FILLED_SHARE_MIN: Final = 0.25
_CELL_GAP_EMS: Final = 1.5
_ROW_GAP_RATIO_MIN: Final = 1.1
_UPRIGHT_SHARE_MIN: Final = 0.6


def page_paragraphs(
    words: Sequence[Word], rules: Sequence[Rule], width: float = 0.0
) -> list[Paragraph]:
    """The paragraphs, headings and table rows of a page `width` points wide, in reading order."""
    if not words:
        return []
    if _is_upright(words):
        return list(_upright_columns(words))
    grids = [grid for grid in grids_of(rules) if _is_filled(grid, words)]
    page = _Page(rules, grids, KoreanSpacing(words))
    right_edge = width - min(word.left for word in words)
    return _joined_columns(list(page.region(page.with_grids(words), right_edge, 0)))


def _is_upright(words: Sequence[Word]) -> bool:
    """Whether the letters of the text stand below each other, as East Asian texts may be set."""
    steps = sum(
        abs(b.left - a.left) < 0.5 * a.size and 0.5 * a.size < b.baseline - a.baseline < 2 * a.size
        for a, b in itertools.pairwise(words)
    )
    short = sum(len(word.text) <= 2 for word in words)
    return len(words) >= 6 and min(steps, short) >= _UPRIGHT_SHARE_MIN * len(words)


def _upright_columns(words: Sequence[Word]) -> Iterator[Paragraph]:
    """The columns of such a text in the order of the file, as one paragraph."""
    parts: list[str] = []
    for last, word in itertools.pairwise([words[0], *words]):
        below = word.baseline - last.baseline
        if 1.3 * word.size < below < 3 * word.size:
            parts.append(" ")
        parts.append(word.text)
    yield Paragraph("".join(parts), words[0].size, words[0].bold)


def _is_filled(grid: Grid, words: Sequence[Word]) -> bool:
    """Whether enough cells of a grid have words: the lines of a chart are no table."""
    cells = {grid.cell_at(word) for word in words} - {None}
    return len(cells) >= max(2, _FILLED_SHARE_MIN * len(set(grid.cells.values())))


class _Page:
    """_Page reads the parts of a page. Its ruled tables are stand-in words until their turn."""

    def __init__(
        self, rules: Sequence[Rule], grids: Sequence[Grid], spacing: KoreanSpacing
    ) -> None:
        self._rules = rules
        self._spacing = spacing
        self._grids = grids
        self._held: dict[int, list[Word]] = {}

    def with_grids(self, words: Sequence[Word]) -> list[Word]:
        """The words outside of ruled tables, and a stand-in for each table."""
        free: list[Word] = []
        for word in words:
            for number, grid in enumerate(self._grids):
                if grid.cell_at(word) is not None:
                    self._held.setdefault(number, []).append(word)
                    break
            else:
                free.append(word)
        for number, held in self._held.items():
            grid = self._grids[number]
            place = (grid.left, grid.right, grid.top + 1.0, 0.0)
            free.append(Word("", *place, order=held[0].order, grid=number, bottom=grid.bottom))
        return free

    def region(self, words: Sequence[Word], right_edge: float, depth: int) -> Iterator[Paragraph]:
        """The paragraphs of a part of the page whose lines may reach `right_edge`."""
        for band in bands_of(rows_of(words)):
            if band.is_grid:
                yield from self._grid(band.rows[0].words[0].grid or 0, depth)
            elif depth >= _DEPTH_MAX:
                yield from self._prose(band.rows, right_edge)
            else:
                yield from self._band(_without_marker_gutters(band), right_edge, depth)

    def _cells(self, row: Sequence[Sequence[Word]]) -> list[str]:
        """The texts of a row's cells. What stands far apart in one cell is two: columns that words
        of other rows reach into are told by nothing else."""
        return [self._cell(part) for cell in row for part in _parts(cell)]

    def _cell(self, words: Sequence[Word]) -> str:
        """The words of a cell on one line."""
        lines = [line_of(row.words) for row in rows_of(words)]
        return " ".join(
            paragraph.text.replace("\n", " ") for paragraph in paragraphs_of(lines, self._spacing)
        )

    def _prose(self, rows: Sequence[Row], right_edge: float) -> Iterator[Paragraph]:
        """The paragraphs of rows of one column."""
        yield from paragraphs_of([line_of(row.words) for row in rows], self._spacing, right_edge)

    def _band(self, band: Band, right_edge: float, depth: int) -> Iterator[Paragraph]:
        if not band.gutters:
            yield from self._prose(band.rows, right_edge)
            return
        if len(band.rows) == 1:
            yield Paragraph.table([self._cells(band.slots(band.rows[0]))], band.rows[0].size)
            return
        held = [number for number, row in enumerate(band.rows) if row.is_grid]
        if _is_table(band, self._rules):
            start = 0
            for number in [*held, len(band.rows)]:
                if number > start:
                    part = Band(band.rows[start:number], band.gutters)
                    yield from self._table(part, right_edge, depth)
                if number in held:
                    yield from self._grid(band.rows[number].words[0].grid or 0, depth)
                start = number + 1
            return
        columns: list[list[Word]] = [[] for _ in range(len(band.gutters) + 1)]
        for row in band.rows:
            for words, slot in zip(columns, band.slots(row), strict=True):
                words.extend(slot)
        size = statistics.median(row.size for row in band.rows)
        edges = [right - size for _, right in band.gutters] + [right_edge]
        for column, edge in zip(columns, edges, strict=True):
            yield from self.region(column, edge, depth + 1)

    def _table(self, band: Band, right_edge: float, depth: int) -> Iterator[Paragraph]:
        """The rows of a table, and what stands above and below it in one column only."""
        slots = [band.slots(row) for row in band.rows]
        if (by_order := _rows_by_order(slots)) is not None:
            yield Paragraph.table([self._cells(row) for row in by_order], band.rows[0].size)
            return
        several = [n for n, row in enumerate(slots) if sum(map(bool, row)) > 1]
        if not several:
            yield from self._prose(band.rows, right_edge)
            return
        first, last = several[0], several[-1]
        limit = _row_gap(band.rows) or 1.1 * leading_of(band.rows[first : last + 1])
        while last + 1 < len(slots) and not slots[last + 1][0]:
            if band.rows[last + 1].baseline - band.rows[last].baseline > limit:
                break
            last += 1
        while first and not slots[first - 1][0]:
            if band.rows[first].baseline - band.rows[first - 1].baseline > limit:
                break
            first -= 1
        if first:
            yield from self._prose(band.rows[:first], right_edge)
        rows = _merged(band.rows[first : last + 1], slots[first : last + 1])
        yield Paragraph.table([self._cells(row) for row in rows], band.rows[first].size)
        if last + 1 < len(slots):
            below = [word for row in band.rows[last + 1 :] for word in row.words]
            yield from self.region(below, right_edge, depth + 1)

    def _grid(self, number: int, depth: int) -> Iterator[Paragraph]:
        """The rows of a ruled table; very long cells are read as parts of the page."""
        grid, words = self._grids[number], self._held[number]
        held: dict[tuple[int, int], list[Word]] = {}
        for word in words:
            if (cell := grid.cell_at(word)) is not None:
                held.setdefault(cell, []).append(word)
        longest = max(sum(len(w.text) for w in cell) for cell in held.values())
        if longest > _LONG_CELL_CHARS and depth < _DEPTH_MAX:
            for _, inside in sorted(held.items()):
                yield from self.region(inside, 0.0, depth + 1)
            return
        texts = {cell: self._cell(inside) for cell, inside in held.items()}
        rows = [[texts.get(cell, "") if cell else "" for cell in row] for row in grid.shown()]
        yield Paragraph.table(rows, max(word.size for word in words))


def _without_marker_gutters(band: Band) -> Band:
    """The band without the gap behind bullets and numbers of a list."""
    gutters = list(band.gutters)
    while gutters:
        trial = Band(band.rows, gutters)
        slots = [trial.slots(row) for row in band.rows]
        firsts = [" ".join(w.text for w in slot[0]) for slot in slots if slot[0]]
        if not firsts or not all(is_marker(text) for text in firsts):
            break
        gutters = gutters[1:]
    return Band(band.rows, gutters)


def _is_table(band: Band, rules: Sequence[Rule]) -> bool:
    """Whether a band with gutters is a table, not columns of prose.

    1. two lines are ruled across a gutter: a table
    2. lines that fill their columns, in each of them: prose
    3. the file has the columns one after the other: columns
    4. otherwise: a table
    """
    top, bottom = band.rows[0].baseline - band.rows[0].size, band.rows[-1].baseline
    across = {
        round(rule.top)
        for rule in rules
        if rule.is_level
        and top - 6 <= rule.top <= bottom + 6
        and any(rule.left < left and right < rule.right for left, right in band.gutters)
    }
    if len(across) >= 2:
        return True
    slots = [band.slots(row) for row in band.rows]
    if all(_is_prose([row[n] for row in slots if row[n]]) for n in range(len(band.gutters) + 1)):
        return False
    return not _is_columnwise(slots)


def _is_prose(lines: Sequence[Sequence[Word]]) -> bool:
    left = min(line[0].left for line in lines)
    right = max(line[-1].right for line in lines)
    size = statistics.median(line[0].size for line in lines)
    widths = [line[-1].right - line[0].left for line in lines]
    fill = statistics.median(widths) / max(right - left, 1.0)
    words = statistics.mean(len(line) for line in lines)
    return (
        len(lines) >= 3
        and fill >= _PROSE_FILL_MIN
        and right - left >= _PROSE_EMS_MIN * size
        and words >= 2.5
    )


def _is_columnwise(slots: Sequence[Sequence[Sequence[Word]]]) -> bool:
    """Whether the file has all words of one column before those of the next, in several rows."""
    columns = range(len(slots[0]))
    orders = [[w.order for row in slots for w in row[n] if w.line >= 0] for n in columns]
    counts = [sum(bool(row[n]) for row in slots) for n in columns]
    if min(counts) < 2 or not all(orders):
        return False
    return all(max(a) < min(b) for a, b in itertools.pairwise(orders))


def _merged(rows: Sequence[Row], slots: Sequence[list[list[Word]]]) -> list[list[list[Word]]]:
    """Rows of a table whose cells have several lines made one row each.

    1. nearly all rows have most of their cells: each line is a row
    2. the file has the table cell by cell, each row from its first cell on: as the file has it
    3. some lines stand closer together than others, and what lies between the wider gaps has one
       first cell: these gaps separate the rows
    4. otherwise a line without a first cell continues the row above it
    """
    columns = len(slots[0])
    full = sum(sum(map(bool, row)) >= 0.6 * columns for row in slots)
    if full >= 0.8 * len(slots) and all(row[0] for row in slots):
        return list(slots)
    if (by_order := _rows_by_order(slots)) is not None:
        return by_order
    begins = _row_starts(rows, slots)
    merged: list[list[list[Word]]] = []
    for row, is_first in zip(slots, begins, strict=True):
        if is_first or not merged:
            merged.append([list(cell) for cell in row])
        else:
            for cell, more in zip(merged[-1], row, strict=True):
                cell.extend(more)
    return merged


def _rows_by_order(slots: Sequence[list[list[Word]]]) -> list[list[list[Word]]] | None:
    """The rows of a table as the file has them one after the other; None if it does not: each must
    have its first cell, and stand below the one before."""
    columns = len(slots[0])
    words = sorted(
        ((word, n) for row in slots for n, cell in enumerate(row) for word in cell),
        key=lambda held: held[0].order,
    )
    rows: list[list[list[Word]]] = []
    last = columns
    for word, column in words:
        if column < last:
            rows.append([[] for _ in range(columns)])
        rows[-1][column].append(word)
        last = column
    several = sum(sum(map(bool, row)) > 1 for row in rows)
    if (
        len(rows) >= len(slots)
        or any(word.line < 0 for word, _ in words)
        or not all(row[0] for row in rows)
        or 2 * several < len(rows)
    ):
        return None
    extents = [[word.baseline for cell in row for word in cell] for row in rows]
    apart = all(max(a) < min(b) for a, b in itertools.pairwise(extents))
    return rows if apart else None


def _row_starts(rows: Sequence[Row], slots: Sequence[list[list[Word]]]) -> list[bool]:
    """Which lines begin a row of the table (rules 3 and 4)."""
    by_label = [bool(row[0]) for row in slots]
    limit = _row_gap(rows)
    if limit is None:
        return by_label
    by_gap = [True, *(b.baseline - a.baseline > limit for a, b in itertools.pairwise(rows))]
    labels: list[int] = []
    for is_first, has_label in zip(by_gap, by_label, strict=True):
        if is_first:
            labels.append(0)
        labels[-1] += has_label
    return by_gap if sum(count >= 1 for count in labels) >= 0.7 * len(labels) else by_label


def _row_gap(rows: Sequence[Row]) -> float | None:
    """The distance of lines past which a new row begins, if there are two kinds of distances."""
    steps = sorted(b.baseline - a.baseline for a, b in itertools.pairwise(rows))
    if len(steps) < 2 or steps[-1] < _ROW_GAP_RATIO_MIN * steps[0]:
        return None
    _, at = max((b - a, n) for n, (a, b) in enumerate(itertools.pairwise(steps)))
    return (steps[at] + steps[at + 1]) / 2


def _parts(cell: Sequence[Word]) -> list[Sequence[Word]]:
    if len(cell) < 2 or cell[-1].baseline - cell[0].baseline > 0.5 * cell[0].size:
        return [cell]
    parts: list[list[Word]] = [[cell[0]]]
    for last, word in itertools.pairwise(cell):
        if word.left - last.right > _CELL_GAP_EMS * word.size:
            parts.append([])
        parts[-1].append(word)
    return list(parts)


def _joined_columns(paragraphs: list[Paragraph]) -> list[Paragraph]:
    """A paragraph that goes on in the next column made one."""
    joined: list[Paragraph] = []
    for paragraph in paragraphs:
        if joined and joined[-1].continues_in(paragraph):
            joined[-1] = joined[-1].followed_by(paragraph)
        else:
            joined.append(paragraph)
    return joined
