"""Cuts text into sentences, in English and Korean, keeping exact offsets.

A sentence ends
 1. at `.`, `!`, `?`, `…` or their CJK forms, with the quotes and brackets that close there,
    when white space, the end of the text or a citation follows and the dot is not an
    abbreviation's, an initial's or a list number's;
 2. at a line break that is not a soft wrap: before a list item, table row or heading, after a
    short line, or at a blank line.
Citation markers that follow the end (`… two years. [1]`) belong to the sentence they follow.
"""

from __future__ import annotations

import re
from typing import Final

WRAPPED_LINE_CHARS_MIN: Final = 50
"""A line at least this long that ends without a terminator is taken as wrapped, not finished."""

MARKER: Final = re.compile(r"(?:\[|【)\s*\d[\d\s,;\-–]*(?:\]|】)")
"""A citation as models write it: `[1]`, `[1, 2]`, `[1-3]`, `【1】`."""

_TERMINATOR: Final = re.compile(
    r"[.!?…。！？]+[\"'”’»」』)\]]*(?=\s|$|\[\s*\d|【)|[。！？]+[”’」』）]*"
)
_TRAILING_MARKERS: Final = re.compile(rf"(?:[ \t]*{MARKER.pattern})+")
_LINE_BREAK: Final = re.compile(r"[ \t]*\n[ \t]*")
_STARTS_BLOCK: Final = re.compile(r"(?:[-*•·▪○●□■※]|\d{1,3}[.)]|[가-힣][.)]|#{1,6}|\||>)\s?")
_ABBREVIATION: Final = re.compile(
    r"(?:^|[\s(\"'])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|No|vs|etc|e\.g|i\.e|cf|approx|Jan|Feb|Mar|Apr"
    r"|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|Inc|Ltd|Co|Corp|Fig|Eq|Vol|pp?|[A-Z](?:\.[A-Z])+)\.$"
)
_NUMBERED: Final = re.compile(r"\b(?:no|nr|art|tel|ext|ca|c)\.$", re.IGNORECASE)
_LIST_NUMBER: Final = re.compile(r"(?:^|\n)[ \t]*(?:\d{1,3}|[가-힣])\.$")


def split_sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of `text` as (start, end) code points, end exclusive, white space trimmed."""
    spans: list[tuple[int, int]] = []
    start = 0
    for end in _ends(text):
        if end <= start:
            continue
        trimmed = _trim(text, start, end)
        if trimmed[0] < trimmed[1]:
            spans.append(trimmed)
        start = end
    trimmed = _trim(text, start, len(text))
    if trimmed[0] < trimmed[1]:
        spans.append(trimmed)
    return spans


def _ends(text: str) -> list[int]:
    ends = set()
    for match in _TERMINATOR.finditer(text):
        if not _is_abbreviation(text, match):
            markers = _TRAILING_MARKERS.match(text, match.end())
            ends.add(markers.end() if markers else match.end())
    for match in _LINE_BREAK.finditer(text):
        if not _is_soft_wrap(text, match):
            ends.add(match.start())
    return sorted(ends)


def _is_abbreviation(text: str, match: re.Match[str]) -> bool:
    if match.group()[0] != "." or len(match.group().rstrip("\"'”’»」』)]")) > 1:
        return False
    before = text[max(0, match.start() - 12) : match.start() + 1]
    follows = text[match.end() : match.end() + 2].strip()[:1]
    return bool(
        _LIST_NUMBER.search(before)
        or _ABBREVIATION.search(before)
        or (follows.isdigit() and _NUMBERED.search(before))
        or follows.islower()
    )


def _is_soft_wrap(text: str, match: re.Match[str]) -> bool:
    if "\n" in text[match.end() : match.end() + 1] or match.group().count("\n") > 1:
        return False
    line_start = text.rfind("\n", 0, match.start()) + 1
    line = text[line_start : match.start()].strip()
    if len(line) < WRAPPED_LINE_CHARS_MIN or line[:1] in "#|" or line.endswith(("]", "】")):
        return False
    return not _STARTS_BLOCK.match(text, match.end())


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
