"""Lines of one column joined to paragraphs. Pure.

A line begins a paragraph of its own when

    1. its font size or weight is another than that of the line above
    2. it stands further below than the lines around it do from each other
    3. it is indented and the line above is not, or begins with the mark of a list item
    4. the line above ends so early that its first word had found room there

What is only broken off (3, 4) begins on a new line of the same paragraph. Korean lines are joined
with a blank where the text layer has one, where lines end at whole words, or where it is likely
(`pdf_spacing`); Latin ones always, a hyphen at the end of a line apart.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

SOFT_HYPHEN: Final = "\u00ad"
"""Stands where a line ends with a hyphen that may belong to the break alone."""

_SIZE_RATIO: Final = 1.08
_LEADING_RATIO: Final = 1.3
_LEADING_EMS_MAX: Final = 2.4
"""The distance of lines, in ems, past which they are never one paragraph."""
_INDENT_EMS_MIN: Final = 0.8
_FULL_LINES_MIN: Final = 3
_SHORT_SHARE: Final = 0.5
_TOLD_SHARE_MIN: Final = 0.15
_UNEVEN_EMS_MIN: Final = 1.2
_UNEVEN_SHARE_MIN: Final = 0.3
_MARKER: Final = re.compile(
    r"(?:[-–—•●○◦▪■□▶►◆◇※*·⁃ㆍ‧∙]|[oO](?= )|\(?\d{1,3}[.)]|\d{1,2}(?:\.\d{1,2}){1,3}\.?"
    r"|\(?[가나다라마바사아자차카타파하][.)]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,5}[.)]|[①-⑳㉠-㉻ⅰ-ⅻⅠ-Ⅻ]\.?"
    r"|제\d+[조항호](?:의\d+)?)"
)
_STARTS_ITEM: Final = re.compile(_MARKER.pattern + r"(?=\s|\(|$)|[•●○◦▪■□▶►◆◇※①-⑳](?=\S)")
_BULLET: Final = re.compile(r"[•●○◦▪■□▶►◆◇※ㆍ①-⑳㉠-㉻]|[-–—·‧∙] ")
_HANGUL: Final = re.compile(r"[\uac00-\ud7a3\u3131-\u318e]")
_WIDE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef、。]")
_ENDS_SENTENCE: Final = re.compile(r"[.!?。！？…:;：][\"'”’)\]」』]*$")
_KEPT_HYPHEN: Final = re.compile(r"^(?:[A-Z0-9]|[^a-zà-ÿ])")


@dataclass(slots=True)
class Word:
    """Word is a run of letters without a blank, in points of the upright page.

    `order` is its place in the file, `line` the line the text layer has it on (below 0: it is not
    of the text layer); `spaced` says that the text layer has a blank behind it. `grid` is set for
    a stand-in of a ruled table, whose lower edge is `bottom`.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    order: int = 0
    line: int = 0
    bold: bool = False
    spaced: bool = False
    grid: int | None = None
    bottom: float = 0.0

    @property
    def width(self) -> float:
        return self.right - self.left


@dataclass(frozen=True, slots=True)
class Line:
    """Line is a printed line: its text, place and type. `first_width` is the width of its first
    word; `spaced` says that the text layer has a blank at its end."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    first_width: float
    spaced: bool


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Paragraph is a piece of text that belongs together: prose, a heading, the rows of a table.

    `is_full` says that its last line reaches the end of the column, so that it may go on in the
    next; `is_open` that its first line is not indented. `lines` is how many printed lines it has.
    """

    text: str
    size: float
    bold: bool = False
    lines: int = 1
    is_table: bool = False
    is_full: bool = False
    is_open: bool = False
    columns: int = 1

    @classmethod
    def table(cls, rows: Sequence[Sequence[str]], size: float) -> Paragraph:
        """The rows of a table, a line each, cells between bars as all readers write them."""
        lines = []
        for row in rows:
            cells = [re.sub(r"\s+", " ", cell).strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                lines.append(" | ".join(cells))
        return cls("\n".join(lines), size, lines=len(lines), is_table=True)

    def continues_in(self, other: Paragraph) -> bool:
        """Whether `other`, which begins another column, is the rest of this paragraph."""
        return (
            self.is_full
            and other.is_open
            and not self.is_table
            and not other.is_table
            and abs(self.size - other.size) < 0.3
            and self.bold == other.bold
            and not _ENDS_SENTENCE.search(self.text)
            and not _STARTS_ITEM.match(other.text)
        )

    def followed_by(self, other: Paragraph) -> Paragraph:
        text = joined(self.text, other.text, blank=True)
        return replace(self, text=text, lines=self.lines + other.lines, is_full=other.is_full)


def is_marker(text: str) -> bool:
    """Whether a text is the mark or number of a list item and nothing else."""
    return _MARKER.fullmatch(text.strip()) is not None


def spaced(words: Sequence[Word]) -> list[Word]:
    """The words of one baseline from left to right. Words that the file has on one line keep its
    order, which for scripts from right to left is the other way round."""
    runs: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.order):
        last = runs[-1][-1] if runs else None
        if (
            last is not None
            and last.line == word.line
            and last.grid is None
            and word.left >= last.left
        ):
            runs[-1].append(word)
        else:
            runs.append([word])
    if len(runs) > 1:
        runs.sort(key=lambda run: run[0].left)
        if any(b[0].left < a[-1].left for a, b in itertools.pairwise(runs)):
            return sorted(words, key=lambda word: (word.left, word.order))
    return [word for run in runs for word in run]


def line_of(words: Sequence[Word]) -> Line:
    """The words of one baseline as a line."""
    parts: list[str] = []
    last: Word | None = None
    for word in words:
        if last is not None and _is_apart(last, word):
            parts.append(" ")
        parts.append(word.text)
        last = word
    text = "".join(parts)
    bold = sum(len(w.text) for w in words if w.bold)
    size = _weighted_size(words)
    return Line(
        text,
        min(word.left for word in words),
        max(word.right for word in words),
        words[0].baseline,
        size,
        2 * bold > sum(len(w.text) for w in words),
        words[0].width,
        words[-1].spaced,
    )


def _weighted_size(words: Sequence[Word]) -> float:
    held: dict[float, int] = {}
    for word in words:
        held[word.size] = held.get(word.size, 0) + len(word.text)
    return max(held, key=lambda size: held[size])


def _is_apart(last: Word, word: Word) -> bool:
    """Whether a blank stands between two words: the file says so for those of one of its lines,
    and the white space for others."""
    if last.line == word.line and word.order == last.order + 1:
        return True
    return word.left - last.right > 0.12 * max(last.size, word.size)


class Spacing(Protocol):
    """Spacing tells whether a blank belongs between two lines, where the lines do not."""

    def has_blank(self, above: str, below: str) -> bool:
        """Whether one belongs between two lines of Hangul."""
        ...


def paragraphs_of(
    lines: Sequence[Line], spacing: Spacing, right_edge: float = 0.0
) -> list[Paragraph]:
    """The paragraphs of the lines of one column, from the top. `right_edge` is where lines could
    end, for columns too short to tell by themselves."""
    if not lines:
        return []
    left = min(line.left for line in lines)
    right = max(line.right for line in lines)
    flush = all(right - line.right < _UNEVEN_EMS_MIN * line.size for line in lines[:-1])
    is_wrapped = flush and len(lines) > 2
    if not is_wrapped and _full_lines(lines, right) < _FULL_LINES_MIN:
        right = max(right, right_edge)
    joint = _Joint(lines, right, spacing)
    found: list[Paragraph] = []
    start = 0
    for number in range(1, len(lines) + 1):
        if number == len(lines) or _begins(lines, number):
            found.append(_paragraph(lines[start:number], left, right, joint))
            start = number
    return found


def _full_lines(lines: Sequence[Line], right: float) -> int:
    """How many lines end where the next word had no room any more."""
    return sum(
        above.right + below.first_width > right - 0.5 * above.size
        for above, below in itertools.pairwise(lines)
    )


def _begins(lines: Sequence[Line], number: int) -> bool:
    """Whether a line begins a paragraph (rules 1 and 2)."""
    above, line = lines[number - 1], lines[number]
    ratio = max(above.size, line.size) / max(min(above.size, line.size), 0.1)
    if ratio > _SIZE_RATIO or above.bold != line.bold:
        return True
    distance = line.baseline - above.baseline
    if distance > _LEADING_EMS_MAX * line.size:
        return True
    return distance > _LEADING_RATIO * _usual(lines, number)


def _usual(lines: Sequence[Line], number: int) -> float:
    """The distance of lines around a place: the least of those of a like size, since paragraphs may
    be shorter than what is between them."""
    size = lines[number].size
    near = lines[max(0, number - 8) : number + 8]
    steps = [
        b.baseline - a.baseline
        for a, b in itertools.pairwise(near)
        if 0.5 * size < b.baseline - a.baseline <= _LEADING_EMS_MAX * size
        and abs(a.size - b.size) < 0.1 * size
    ]
    if not steps:
        return 1.5 * size
    steps.sort()
    return steps[len(steps) // 4]


def _paragraph(lines: Sequence[Line], left: float, right: float, joint: _Joint) -> Paragraph:
    """One paragraph of lines; those that were only broken off begin on a new line of it."""
    text = lines[0].text
    own_left = min(line.left for line in lines)
    for number, (above, line) in enumerate(itertools.pairwise(lines), 2):
        if _is_broken_off(above, line, own_left, right, is_followed=number < len(lines)):
            text += "\n" + line.text
        else:
            text = joined(text, line.text, blank=joint.has_blank(above, line))
    last = lines[-1]
    return Paragraph(
        text.replace(SOFT_HYPHEN, "-"),
        statistics.median(line.size for line in lines),
        lines[0].bold,
        len(lines),
        is_full=last.right > right - max(3 * last.size, 0.25 * (right - left)),
        is_open=lines[0].left - left < _INDENT_EMS_MIN * lines[0].size,
    )


def _is_broken_off(
    above: Line, line: Line, left: float, right: float, *, is_followed: bool
) -> bool:
    """Whether a line goes on with something new (rules 3 and 4)."""
    size = line.size
    if above.text.endswith(SOFT_HYPHEN):
        return False
    ends = _ENDS_SENTENCE.search(above.text) is not None
    room = right - 0.5 * size - above.right - 0.25 * size - line.first_width
    if not ends and _HANGUL.match(above.text[-1:]) and _HANGUL.match(line.text):
        room -= 2 * size  # lines may end inside of words
    if _STARTS_ITEM.match(line.text) and (
        ends or room > 0 or _BULLET.match(line.text) or _STARTS_ITEM.match(above.text)
    ):
        return True
    if room > 0:
        return ends or not line.text[:1].islower()
    if ends and line.right < left + _SHORT_SHARE * (right - left) and is_followed:
        return not _ENDS_SENTENCE.search(line.text)  # a title above the text that follows
    indent = line.left - above.left
    return (
        _INDENT_EMS_MIN * size < indent < 4 * size
        and above.left - left < 0.3 * size
        and not _STARTS_ITEM.match(above.text)
        and ends
    )


class _Joint:
    """_Joint tells whether a blank belongs between two lines of a column."""

    def __init__(self, lines: Sequence[Line], right: float, spacing: Spacing) -> None:
        told = [
            line
            for line, below in itertools.pairwise(lines)
            if _HANGUL.search(line.text) and below.baseline - line.baseline < 2.4 * line.size
        ]
        spaced = sum(line.spaced for line in told)
        uneven = sum(right - line.right > _UNEVEN_EMS_MIN * line.size for line in told)
        self._layer_tells = spaced >= max(1, _TOLD_SHARE_MIN * len(told))
        self._keeps_words = len(told) >= 3 and uneven >= _UNEVEN_SHARE_MIN * len(told)
        self._spacing = spacing

    def has_blank(self, above: Line, line: Line) -> bool:
        """Whether a blank belongs between two lines of a paragraph: as the text layer says; where
        lines end unevenly, that is at whole words, always; else as the spacing says."""
        end, start = above.text[-1:], line.text[:1]
        if above.spaced:
            return True
        if _WIDE.match(end) and _WIDE.match(start):
            return False
        if not (_HANGUL.match(end) and _HANGUL.match(start)):
            return True
        if self._layer_tells or self._keeps_words:
            return not self._layer_tells
        return self._spacing.has_blank(above.text, line.text)


def joined(text: str, more: str, *, blank: bool) -> str:
    """Two lines as one. A hyphen that stood at the end of the first goes, unless what follows shows
    that it belongs to the word."""
    if text.endswith(SOFT_HYPHEN):
        kept = "-" if _KEPT_HYPHEN.match(more) else ""
        return text[:-1] + kept + more
    return f"{text} {more}" if blank else text + more
