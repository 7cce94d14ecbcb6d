"""Citations as models spell them: `[1]`, `[1, 2]`, `[1-3]`, `【1】`, `［1］`, `[source 1]`. Pure.

`(1)` is no citation, nor is a bracketed year or date, nor anything inside `code`. What a document
has in brackets itself (footnotes, mostly) is the document's: a copy of it in an answer is none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

RANGE_LEN_MAX: Final = 20
"""`[1-999]` is not a citation of a thousand sources."""
MARKER_CHARS_MAX: Final = 560

_NUMBER: Final = r"\d{1,3}(?!\d)"
_NAMED: Final = r"(?:\^|(?:sources?|refs?|출처|자료|문서)[ \t]?[:#]?[ \t]?)?"
_JOINED: Final = (
    r"(?:(?:[ \t]{0,2}(?:[,;、，·&~∼〜–—-]|and\b|및)[ \t]{0,2}|[ \t]{1,4})"
    rf"{_NAMED}{_NUMBER}){{0,20}}"
)
MARKER: Final = re.compile(
    rf"[\[［【〔]{{1,2}}[ \t]?{_NAMED}{_NUMBER}{_JOINED}["
    rf" \t]?(?:†[^\]】\n]{{0,40}})?[\]］】〕]{{1,2}}"
    r"(?:\((?:https?:|#|/)[^()\s]{0,80}\))?",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"(?<!`)(`+)(?!`)[^`\n]+(?<!`)\1(?!`)")
_PART: Final = re.compile(r"(\d+)(?:[ \t]*[-–—~∼〜][ \t]*(\d+))?")
_LINK: Final = re.compile(r"[\]］】〕]\(.*|†.*")
_TAIL_CHARS: Final = 16
_TAIL_CHARS_MIN: Final = 8
_TAIL_LOOK_BACK: Final = 200

OwnMarkers = Mapping[tuple[int, ...], Mapping[str, frozenset[int]]]
"""Of the sources: the numbers of a marker of their own → the letters before it → who has it."""


def marker_numbers(marker: str) -> list[int]:
    """The numbers a marker names, ranges counted out; a range backwards or too long names none."""
    numbers: list[int] = []
    for part in _PART.finditer(_LINK.sub("", marker)):
        low, high = int(part[1]), int(part[2] or part[1])
        if low <= high <= low + RANGE_LEN_MAX:
            numbers.extend(range(low, high + 1))
    return numbers


_NONE: Final[OwnMarkers] = MappingProxyType({})


def normalise_markers(answer: str, known: Mapping[int, object], own: OwnMarkers = _NONE) -> str:
    """Every marker rewritten as `[1][2]…`; numbers not in `known`, and copies of a document's own
    markers (`own`), are dropped."""
    code_ends = {match.start(): match.end() for match in _CODE.finditer(answer)}
    code_starts = sorted(code_ends)
    written: list[str] = []
    at = 0
    for match in MARKER.finditer(answer):
        code = bisect_right(code_starts, match.start()) - 1
        if code >= 0 and match.start() < code_ends[code_starts[code]]:
            continue
        numbers = marker_numbers(match.group())
        copied = _copied_from(answer, match.start(), tuple(numbers), own)
        kept = "".join(f"[{n}]" for n in dict.fromkeys(numbers) if n in known)
        if copied and not copied & set(numbers):
            kept = ""
        before = answer[at : match.start()]
        written += (before, kept) if kept else (before.rstrip(" \t"),)
        at = match.end()
    return "".join((*written, answer[at:]))


def own_markers(texts: Iterable[tuple[int, str]]) -> OwnMarkers:
    """The markers that stand in the sources' own texts, given as (source number, text)."""
    own: dict[tuple[int, ...], dict[str, frozenset[int]]] = {}
    for n, text in texts:
        for match in MARKER.finditer(text):
            if tail := _tail(text, match.start()):
                holders = own.setdefault(tuple(marker_numbers(match.group())), {})
                holders[tail] = holders.get(tail, frozenset()) | {n}
    return own


def without_markers(text: str) -> str:
    """`text` with nothing that reads as a citation: a document's `[7]` becomes `(7)`."""
    return MARKER.sub(lambda match: f"({', '.join(map(str, marker_numbers(match.group())))})", text)


def _copied_from(
    answer: str, place: int, numbers: tuple[int, ...], own: OwnMarkers
) -> frozenset[int]:
    """The sources whose own text has this marker after the words before `place`."""
    holders = own.get(numbers)
    return holders.get(_tail(answer, place), frozenset()) if holders else frozenset()


def _tail(text: str, place: int) -> str:
    before = MARKER.sub("", text[max(0, place - _TAIL_LOOK_BACK) : place])
    letters = [c for c in before.casefold() if c.isalnum()]
    return "".join(letters[-_TAIL_CHARS:]) if len(letters) >= _TAIL_CHARS_MIN else ""
