"""Which characters of a witness's lines are not in a text. Pure, and linear in time.

Only letters and digits count, case aside, so that blanks, marks and line breaks make no difference;
nor does the order of lines. A line that is there twice in the witness must be there twice in the
text.

    1. lines that follow one another in the text as they do in the witness are found by a search
       that goes on from the last one; the characters of the text found so are used up
    2. those that are elsewhere a line of the text, or a cell of one, are found and used up too
    3. the same as 1. without what does not count
    4. the other lines are cut into runs of a few characters, which are looked for among those of
       the characters left over; a character is there if a run with it in it is
    5. a line shorter than that is looked for as a whole
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_RUN_CHARS: Final = ((1_000, 3), (10_000, 4))
_RUN_CHARS_MOST: Final = 6
"""How long a run is, by the characters it is looked for among: so long that chance finds few."""
_LINE_CHARS_MIN: Final = 2
"""A line of one letter or digit says nothing by itself: it is found in any text."""
_WINDOW_CHARS: Final = 2_000
_SHORT_WINDOW_CHARS: Final = 60
_SHORT_CHARS_MAX: Final = 8
_FAR_CHARS_MIN: Final = 24
_FAR_SEARCHES_MAX: Final = 200
_CELL_MARK: Final = " | "
"""Between the cells of a row, in the texts of all readers."""
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_NOT_COUNTED: Final = re.compile(r"[^\w\n]+|_+")

_Codes = npt.NDArray[np.uint32]
_Hashes = npt.NDArray[np.uint64]
_Flags = npt.NDArray[np.bool_]
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LineLoss:
    """How many letters and digits of line `number` (from 0) are not in the text, of how many."""

    number: int
    lost: int
    characters: int


def compare(lines: Sequence[str], text: str) -> list[LineLoss]:
    """The lines of a witness of which something is not in a text. No line holds a line break."""
    lines = [line.strip() for line in lines]
    unordered, left = _unordered(lines, text)
    sought, left = _nowhere(lines, unordered, left)
    if not sought:
        return []
    squeezed = _squeezed("\n".join(lines[number] for number in sought)).split("\n")
    again, left = _unordered(squeezed, _squeezed(left).replace("\n", ""))
    if not again:
        return []
    lost = _lost([squeezed[place] for place in again], left)
    return [
        LineLoss(sought[place], count, len(squeezed[place]))
        for place, count in zip(again, lost.tolist(), strict=True)
        if count
    ]


def counted_characters(lines: Iterable[str]) -> int:
    """How many letters and digits there are in lines."""
    return sum(map(len, _squeezed("\n".join(lines)).split("\n")))


def _squeezed(text: str) -> str:
    """The letters and digits of a text, its line breaks kept."""
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return _NOT_COUNTED.sub("", text).casefold()


def _unordered(lines: Sequence[str], text: str) -> tuple[list[int], str]:
    """The numbers of the lines that are not where they are expected, and the text without those
    that are."""
    sought: list[int] = []
    left: list[str] = []
    at = far = 0
    for number, line in enumerate(lines):
        length = len(line)
        if length < _LINE_CHARS_MIN:
            continue
        window = _SHORT_WINDOW_CHARS if length <= _SHORT_CHARS_MAX else _WINDOW_CHARS
        found = text.find(line, at, at + length + window)
        if found < 0 and length >= _FAR_CHARS_MIN and far < _FAR_SEARCHES_MAX:
            far += 1
            found = text.find(line, at)
        if found < 0:
            sought.append(number)
            continue
        left.append(text[at:found])
        at = found + length
    left.append(text[at:])
    # A mark that no line holds, so that no run reaches over what was taken out.
    return sought, "\n".join(left)


def _nowhere(lines: Sequence[str], sought: Sequence[int], text: str) -> tuple[Sequence[int], str]:
    """The numbers of the lines that are nowhere a line or cell of a text, and the text without
    those that are."""
    if not sought:
        return sought, text
    cells = [cell.strip() for line in text.split("\n") for cell in line.split(_CELL_MARK)]
    there = Counter(cells)
    nowhere = []
    for number in sought:
        if there[lines[number]] > 0:
            there[lines[number]] -= 1
        else:
            nowhere.append(number)
    return nowhere, "\n".join(there.elements())


def _lost(lines: Sequence[str], text: str) -> _Numbers:
    """How many characters of each line are not in the text."""
    codes, pool = _codes("\n".join(lines)), _codes(text)
    breaks = codes == ord("\n")
    line_of = np.cumsum(breaks)
    lengths = np.bincount(line_of[~breaks], minlength=len(lines))
    run = next((run for most, run in _RUN_CHARS if len(pool) <= most), _RUN_CHARS_MOST)
    covered = _covered(codes, pool, (line_of, lengths), run)
    for length in range(_LINE_CHARS_MIN, run):
        if (lengths == length).any():
            covered |= _covered_short(codes, pool, line_of, (lengths, covered), length)
    return np.bincount(line_of[~breaks & ~covered], minlength=len(lines))


def _codes(text: str) -> _Codes:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _runs(codes: _Codes, length: int) -> tuple[_Hashes, _Flags]:
    """A hash of each run of `length` characters, and which of them lie in one line."""
    count = max(0, len(codes) - length + 1)
    hashes = np.zeros(count, np.uint64)
    whole = np.ones(count, np.bool_)
    for offset in range(length):
        part = codes[offset : offset + count]
        hashes = (hashes ^ part) * _MULTIPLIER
        whole &= part != ord("\n")
    return hashes, whole


def _counted(kinds: _Hashes, hashes: _Hashes) -> _Numbers:
    """How often each of `kinds`, which are sorted, is among `hashes`."""
    if not len(kinds):
        return np.zeros(0, np.int64)
    places = np.searchsorted(kinds, hashes)
    places[places == len(kinds)] = 0
    return np.bincount(places[kinds[places] == hashes], minlength=len(kinds))


def _covered(codes: _Codes, pool: _Codes, lines: tuple[_Numbers, _Numbers], run: int) -> _Flags:
    """Which characters lie in a run that the pool has. Where it has a run less often than the
    lines do, those lines get it of which the most is there. `lines` has the line of each character
    and the length of each line."""
    line_of, lengths = lines
    hashes, whole = _runs(codes, run)
    at = np.flatnonzero(whole)
    kinds, kind = np.unique(hashes[at], return_inverse=True)
    pool_hashes, pool_whole = _runs(pool, run)
    there = _counted(kinds, pool_hashes[pool_whole])
    line = line_of[at]
    absent = np.bincount(line[there[kind] == 0], minlength=len(lengths)) / np.maximum(lengths, 1)
    order = np.lexsort((at, absent[line], kind))
    sorted_kind = kind[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_kind, sorted_kind)
    found = at[order[rank < there[sorted_kind]]]
    ends = np.zeros(len(codes) + 1, np.int64)
    np.add.at(ends, found, 1)
    np.add.at(ends, found + run, -1)
    return np.cumsum(ends[:-1]) > 0


def _covered_short(
    codes: _Codes,
    pool: _Codes,
    line_of: _Numbers,
    known: tuple[_Numbers, _Flags],
    length: int,
) -> _Flags:
    """Which characters are those of lines of `length` that the pool has, besides in the longer
    lines that it has."""
    lengths, covered = known
    hashes, whole = _runs(codes, length)
    is_line = whole & (lengths[line_of[: len(hashes)]] == length)
    at = np.flatnonzero(is_line)
    kinds, kind = np.unique(hashes[at], return_inverse=True)
    pool_hashes, pool_whole = _runs(pool, length)
    there = _counted(kinds, pool_hashes[pool_whole])
    there -= _counted(kinds, hashes[whole & ~is_line & covered[: len(hashes)]])
    order = np.argsort(kind, kind="stable")
    sorted_kind = kind[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_kind, sorted_kind)
    found = at[order[rank < there[sorted_kind]]]
    result = np.zeros(len(codes), np.bool_)
    for offset in range(length):
        result[found + offset] = True
    return result
