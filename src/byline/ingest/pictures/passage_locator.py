"""Finds a passage on a page. Both are compared as bare letters and digits, so that spaces, line
ends, hyphens and marks that only one of them has do not matter. Pure.

1. no letter or digit in the passage                    nowhere
2. the page has it, letter for letter                   there; of several places the nearest to
                                                        where it lies in the page's text
3. its parts stand apart (columns, tables, footers)     all parts of `PART_CHARS` letters or more,
                                                        if they are most of the passage
4. otherwise                                            nowhere
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

PART_CHARS: Final = 8
FOUND_SHARE_MIN: Final = 0.6
_PLACES_TRIED_MAX: Final = 40
"""How many occurrences of a part are tried; more could not be distinguished anyway."""

Span = tuple[int, int]


def locate(passage: str, page: str, about: float = 0.0) -> list[Span]:
    """Spans of `page` (offsets, end exclusive, in order) that hold the passage; empty: nowhere.

    `about` is where in the page it should begin, from 0 (its top) to 1.
    """
    wanted, _ = _squeezed(passage)
    there, places = _squeezed(page)
    if not wanted or not there:
        return []
    whole = _whole(wanted, there, about)
    parts = whole or _parts(wanted, there)
    if sum(end - start for start, end in parts) < FOUND_SHARE_MIN * len(wanted):
        return []
    return [(places[start], places[end - 1] + 1) for start, end in _joined(parts)]


def _squeezed(text: str) -> tuple[str, Sequence[int]]:
    """The letters and digits of a text, folded, and the offset of each in the text."""
    letters: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        for folded in unicodedata.normalize("NFKD", char).casefold():
            if folded.isalnum():
                letters.append(folded)
                places.append(place)
    return "".join(letters), places


def _whole(wanted: str, there: str, about: float) -> list[Span]:
    found: list[int] = []
    at = there.find(wanted)
    while at >= 0 and len(found) < _PLACES_TRIED_MAX:
        found.append(at)
        at = there.find(wanted, at + 1)
    if not found:
        return []
    best = min(found, key=lambda place: abs(place - about * len(there)))
    return [(best, best + len(wanted))]


def _parts(wanted: str, there: str) -> list[Span]:
    """The longest pieces of `wanted` that occur in `there`, from its beginning to its end."""
    beginnings: defaultdict[str, list[int]] = defaultdict(list)
    for at in range(len(there) - PART_CHARS + 1):
        beginnings[there[at : at + PART_CHARS]].append(at)
    return list(_pieces(wanted, there, beginnings))


def _pieces(wanted: str, there: str, beginnings: Mapping[str, Sequence[int]]) -> Iterator[Span]:
    at = after = 0
    while at <= len(wanted) - PART_CHARS:
        places = beginnings.get(wanted[at : at + PART_CHARS], ())[:_PLACES_TRIED_MAX]
        if not places:
            at += 1
            continue
        lengths = {place: _common(wanted, at, there, place) for place in places}
        # Of equally long ones the one that continues the piece before.
        best = max(places, key=lambda place: (lengths[place], place >= after, -abs(place - after)))
        yield best, best + lengths[best]
        after = best + lengths[best]
        at += lengths[best]


def _common(wanted: str, at: int, there: str, place: int) -> int:
    length_max = min(len(wanted) - at, len(there) - place)
    for length in range(length_max):
        if wanted[at + length] != there[place + length]:
            return length
    return length_max


def _joined(parts: Sequence[Span]) -> list[Span]:
    """The spans in the order of the page; those that touch or overlap become one."""
    joined: list[Span] = []
    for start, end in sorted(parts):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
