"""The words of a page as rows, and rows with white space at the same place as bands. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from byline.ingest.readers.pdf.pdf_paragraphs import Word, spaced

_GUTTER_EMS_MIN: Final = 0.55
_GUTTER_PT_MIN: Final = 4.0
_SURE_GAP_EMS: Final = 2.0
_BLANK_EMS_MAX: Final = 0.8
_OVERLAP_EMS: Final = 0.9
_LEADING_ROWS: Final = 12
_GAP_IN_TABLE_LINES: Final = 1.8
_STRAY_GAP_LINES: Final = 3.5
_ROW_TOLERANCE_EMS: Final = 0.35


@dataclass(frozen=True, slots=True)
class Row:
    """Row is the words of one baseline, from left to right."""

    words: Sequence[Word]
    baseline: float
    size: float

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return max(word.right for word in self.words[-3:])

    @property
    def bottom(self) -> float:
        return self.words[0].bottom if self.is_grid else self.baseline

    @property
    def is_grid(self) -> bool:
        return self.words[0].grid is not None


@dataclass(frozen=True, slots=True)
class Gap:
    """Gap is white space that goes through some rows; in `rows` of them it stands between words and
    is clearly wider than the blanks."""

    left: float
    right: float
    rows: int

    def is_gutter(self, size: float) -> bool:
        """Whether it parts columns: the wider, the fewer rows must show it."""
        width = (self.right - self.left) / max(size, 1.0)
        return self.rows >= 1 and (
            width >= _SURE_GAP_EMS or self.rows >= 3 or (self.rows == 2 and width >= 1.0)
        )


@dataclass(slots=True)
class Band:
    """Band is consecutive rows that white space divides at the same places: `gutters` are from
    left to right, as (left, right)."""

    rows: list[Row]
    gutters: list[tuple[float, float]] = field(default_factory=list)

    @property
    def is_grid(self) -> bool:
        return len(self.rows) == 1 and self.rows[0].is_grid

    @property
    def is_prose(self) -> bool:
        return not self.gutters and not self.is_grid

    def slots(self, row: Row) -> list[list[Word]]:
        """The words of a row by column; what spans several is in the first of them."""
        middles = [(left + right) / 2 for left, right in self.gutters]
        slots: list[list[Word]] = [[] for _ in range(len(middles) + 1)]
        at = 0
        reach = float("-inf")
        for word in row.words:
            if word.left - reach >= _GUTTER_EMS_MIN * row.size or at < 0:
                at = sum(word.left + 0.1 * word.width > middle for middle in middles)
            reach = max(reach, word.right)
            slots[at].append(word)
        return slots


def rows_of(words: Sequence[Word]) -> list[Row]:
    """The words by baseline, from the top; a grid is a row of its own."""
    rows: list[Row] = []
    held: list[Word] = []
    for word in sorted(words, key=lambda word: (word.baseline, word.order)):
        tolerance = _ROW_TOLERANCE_EMS * min(word.size, held[-1].size) if held else 0.0
        alone = word.grid is not None or (held and held[-1].grid is not None)
        if held and (alone or word.baseline - held[-1].baseline > tolerance):
            rows.append(_row(held))
            held = []
        held.append(word)
    if held:
        rows.append(_row(held))
    return _with_raised(rows)


def _row(words: Sequence[Word]) -> Row:
    size = max(word.size for word in words)
    baseline = max((word.size, word.baseline) for word in words)[1]
    return Row(spaced(words), baseline, size)


def _with_raised(rows: Sequence[Row]) -> list[Row]:
    """Rows with small raised or lowered words (footnote numbers, x², H₂O) put into their line."""
    kept: list[Row] = []
    for row in rows:
        if kept:
            above = kept[-1]
            near = abs(row.baseline - above.baseline) < 0.6 * max(row.size, above.size)
            small, large = sorted((row, above), key=lambda one: one.size)
            if near and small.size < 0.8 * large.size and _fits(small, large):
                words = spaced([*above.words, *row.words])
                kept[-1] = Row(words, large.baseline, large.size)
                continue
        kept.append(row)
    return kept


def _fits(small: Row, large: Row) -> bool:
    """Whether each word of `small` stands right beside a word of `large` and on none of them."""
    return all(
        any(abs(word.left - other.right) < 0.4 * large.size for other in large.words)
        and not any(
            min(word.right, other.right) - max(word.left, other.left) > 0.3 * word.width
            for other in large.words
        )
        for word in small.words
    )


def bands_of(rows: Sequence[Row]) -> list[Band]:
    """The rows as bands, each as long as a gutter goes through all of them."""
    if not rows:
        return []
    reach = min(row.left for row in rows), max(row.right for row in rows)
    gaps = [_gaps(row) for row in rows]
    bands: list[Band] = []
    start = 0
    while start < len(rows):
        band = _band_from(rows, gaps, start, reach)
        if len(band.rows) > 2 and len(gaps[start]) < len(gaps[start + 1]):
            band = _with_wide_header(band, _band_from(rows, gaps, start + 1, reach))
        start += len(band.rows)
        if bands and band.is_prose and bands[-1].is_prose:
            bands[-1].rows += band.rows
        else:
            bands.append(band)
    return bands


def _with_wide_header(band: Band, below: Band) -> Band:
    """The band with the finer columns of the rows below its first, whose cells span several."""
    if len(below.gutters) <= len(band.gutters) or len(below.rows) < len(band.rows) - 1:
        return band
    return Band([band.rows[0], *below.rows], below.gutters)


def _band_from(
    rows: Sequence[Row], gaps_of: Sequence[list[Gap]], start: int, reach: tuple[float, float]
) -> Band:
    """The longest band that begins at a row: a gutter has words on both of its sides."""
    first = rows[start]
    gaps = gaps_of[start]
    best_end, best = start, [(g.left, g.right) for g in gaps if g.is_gutter(first.size)]
    spanning = 0
    for end in range(start + 1, len(rows)):
        row = rows[end]
        distance = row.baseline - max(one.bottom for one in rows[max(start, end - 3) : end])
        lines = distance / leading_of(rows[max(start, end - _LEADING_ROWS) : end])
        if lines > _STRAY_GAP_LINES:
            break
        left = _common(gaps, gaps_of[end])
        if distance < _OVERLAP_EMS * row.size:
            left = [_supported(gap, rows[end - 1], row) for gap in left]
        alive = [(g.left, g.right) for g in left if g.rows]
        if len(alive) < len(best):
            spanning += 1
            is_part = alive and sum(map(bool, Band([], alive).slots(row))) > 1
            if not is_part or lines > _GAP_IN_TABLE_LINES or 2 * spanning > end - start:
                break
            best_end = end
            continue
        gaps = left
        gutters = [(g.left, g.right) for g in left if g.is_gutter(row.size)]
        if gutters and len(gutters) >= len(best):
            best_end, best = end, gutters
        elif not alive and gaps[0].right <= reach[0] + 1 and gaps[-1].left >= reach[1] - 1:
            break
    return Band(list(rows[start : best_end + 1]), best)


def _supported(gap: Gap, above: Row, row: Row) -> Gap:
    """The gap, shown by one row more if two rows overlap and lie on either side of it: a label in
    the middle of a cell of several lines."""
    first, last = sorted((above, row), key=lambda one: one.left)
    lies_between = first.right <= gap.left and gap.right <= last.left
    return replace(gap, rows=gap.rows + 1) if lies_between else gap


def leading_of(rows: Sequence[Row]) -> float:
    """The usual distance of rows; for a single one what its size makes likely."""
    steps = sorted(b.baseline - a.baseline for a, b in itertools.pairwise(rows))
    usual = steps[len(steps) // 2] if steps else 0.0
    return usual if usual > 0 else max(max(row.size for row in rows) * 1.3, 1.0)


def _gaps(row: Row) -> list[Gap]:
    """The white space of a row, its margins included."""
    least = max(_GUTTER_EMS_MIN * row.size, _GUTTER_PT_MIN)
    clear = least
    steps = sorted(b.left - a.right for a, b in itertools.pairwise(row.words))
    usual = steps[len(steps) // 2] if len(steps) >= 3 else 0.0
    if usual < _BLANK_EMS_MAX * row.size:  # blanks of justified lines are wide, but all of them
        clear = max(least, min(1.8 * usual, _SURE_GAP_EMS * row.size))
    gaps = [Gap(float("-inf"), row.words[0].left, 0)]
    reach = row.words[0].right
    for word in row.words[1:]:
        if word.left - reach >= least:
            gaps.append(Gap(reach, word.left, int(word.left - reach >= clear)))
        reach = max(reach, word.right)
    gaps.append(Gap(reach, float("inf"), 0))
    return gaps


def _common(one: Sequence[Gap], other: Sequence[Gap]) -> list[Gap]:
    found: list[Gap] = []
    i = j = 0
    while i < len(one) and j < len(other):
        a, b = one[i], other[j]
        left, right = max(a.left, b.left), min(a.right, b.right)
        if right - left >= _GUTTER_PT_MIN:
            found.append(Gap(left, right, a.rows + b.rows))
        if a.right < b.right:
            i += 1
        else:
            j += 1
    return found
