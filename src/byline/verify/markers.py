"""Citations as models spell them: `[1]`, `[1, 2]`, `[1-3]`, `【1】`, `［1］`, `[source 1]`. Pure.

`(1)` is no citation, nor is a bracketed year or date, nor anything inside `code`. What a document
has in brackets itself (footnotes, mostly) is the document's: a copy of it in an answer is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

RANGE_LEN_MAX: Final = 20
"""`[1-999]` is not a citation of a thousand sources."""
MARKER_CHARS_MAX: Final = 360

_NUMBER: Final = r"\d{1,3}(?!\d)"
_JOINED: Final = rf"(?:[ \t]{{0,2}}(?:[,;、，·&~∼〜–—-]|and\b|및)?[ \t]{{0,2}}{_NUMBER}){{0,20}}"
_NAMED: Final = r"(?:\^|(?:sources?|refs?|출처|자료|문서)[ \t]?[:#]?[ \t]?)?"
MARKER: Final = re.compile(
    rf"[\[［【〔]{{1,2}}[ \t]?{_NAMED}{_NUMBER}{_JOINED}["
    rf" \t]?(?:†[^\]】\n]{{0,40}})?[\]］】〕]{{1,2}}"
    r"(?:\((?:https?:|#|/)[^()\s]{0,80}\))?",
    re.IGNORECASE,
)
_SPACED: Final = re.compile(rf"(?P<space>[ \t]*)(?P<marker>{MARKER.pattern})", re.IGNORECASE)
_CODE: Final = re.compile(r"(`+)[^`\n]+?\1")
_PART: Final = re.compile(r"(\d+)(?:[ \t]*[-–—~∼〜][ \t]*(\d+))?")
_LINK: Final = re.compile(r"[\]］】〕]\(.*|†.*")
_TAIL_CHARS: Final = 16
_TAIL_CHARS_MIN: Final = 8

OwnMarkers = frozenset[tuple[int, str, tuple[int, ...]]]
"""Of the sources: (source number, the letters before a marker of its own, the marker's numbers)."""


def marker_numbers(marker: str) -> list[int]:
    """The numbers a marker names, ranges counted out; a range backwards or too long names none."""
    numbers: list[int] = []
    for part in _PART.finditer(_LINK.sub("", marker)):
        low, high = int(part[1]), int(part[2] or part[1])
        if low <= high <= low + RANGE_LEN_MAX:
            numbers.extend(range(low, high + 1))
    return numbers


def normalise_markers(
    answer: str, known: Mapping[int, object], own: OwnMarkers = frozenset()
) -> str:
    """Every marker rewritten as `[1][2]…`; numbers not in `known`, and copies of a document's own
    markers (`own`), are dropped."""
    code = [match.span() for match in _CODE.finditer(answer)]

    def rewrite(match: re.Match[str]) -> str:
        if any(start <= match.start("marker") < end for start, end in code):
            return match.group()
        numbers = marker_numbers(match["marker"])
        copied = _copied_from(answer[: match.start()], tuple(numbers), own)
        if copied and not copied & set(numbers):
            return ""
        kept = "".join(f"[{n}]" for n in dict.fromkeys(numbers) if n in known)
        return match["space"] + kept if kept else ""

    return _SPACED.sub(rewrite, answer)


def own_markers(texts: Iterable[tuple[int, str]]) -> OwnMarkers:
    """The markers that stand in the sources' own texts, given as (source number, text)."""
    return frozenset(
        (n, tail, tuple(marker_numbers(match.group())))
        for n, text in texts
        for match in MARKER.finditer(text)
        if (tail := _tail(text[: match.start()]))
    )


def without_markers(text: str) -> str:
    """`text` with nothing that reads as a citation: a document's `[7]` becomes `(7)`."""
    return MARKER.sub(lambda match: f"({', '.join(map(str, marker_numbers(match.group())))})", text)


def _copied_from(before: str, numbers: tuple[int, ...], own: OwnMarkers) -> set[int]:
    """The sources whose own text has this marker after these words."""
    tail = _tail(before) if own else ""
    return {n for n, words, named in own if tail and words == tail and named == numbers}


def _tail(before: str) -> str:
    letters = [c for c in MARKER.sub("", before[-200:]).casefold() if c.isalnum()]
    return "".join(letters[-_TAIL_CHARS:]) if len(letters) >= _TAIL_CHARS_MIN else ""
