"""Splits text into sentences, in English, Korean and other scripts, with exact offsets. Pure.

A sentence ends
 1. at a code fence: ``` opens a block that is one "sentence" up to the fence that closes it;
 2. at a terminator, if `text.sentence_boundaries` says that a sentence ends there;
 3. at a line break that is not a soft wrap: before a list item, table row or heading, after a
    short line, or at a blank line;
 4. before its last word if it would be longer than SENTENCE_CHARS_MAX: so no check of sentences
    takes time that grows with the square of an answer.
Citation markers that follow the end (`… two years. [1]`), also alone on the next line, belong to
the sentence they follow.

A decision may depend on all text before it, but on no more than LOOKAHEAD_CHARS behind it. So a
sentence with that much text behind it cannot change any more: `settled_sentences`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from byline.text.sentence_boundaries import TERMINATOR, Boundary, boundary
from byline.verify.citation_markers import MARKER, MARKER_CHARS_MAX

SENTENCE_CHARS_MAX: Final = 2_000
"""Longer than any sentence a person would write; citations behind it and the lookahead are not
counted."""
LOOKAHEAD_CHARS: Final = 32
WRAPPED_LINE_WIDTH_MIN: Final = 50
"""A line of at least this width (Hangul and Han count double) that ends without a terminator is
taken as wrapped, not finished."""
_MARKERS_MAX: Final = 40
_MARKER_RUN_CHARS_MAX: Final = _MARKERS_MAX * 64

_CANDIDATE: Final = re.compile(rf"{TERMINATOR.pattern}|(?P<line>(?<![ \t])[ \t]*\n)")
_TRAILING_MARKERS: Final = re.compile(
    rf"(?:[ \t]{{0,3}}(?:{MARKER.pattern})){{1,{_MARKERS_MAX}}}"
    rf"|\n[ \t]{{0,8}}(?:(?:{MARKER.pattern})[ \t]{{0,3}}){{1,{_MARKERS_MAX}}}(?=\n|$)",
    re.IGNORECASE,
)
_OPENING: Final = "[［【〔⟦(（†\\"
_NOT_BLANK: Final = re.compile(r"\S")
_NOT_OF_MARKER: Final = re.compile(r"[^ \t\r\n0123456789\[\]［］【】〔〕⟦⟧\\①-⑳,;、，·&~∼〜–—^-]")
_LAST_BLANKS: Final = (
    re.compile(r".*(?<![0-9,;、，·&~∼〜–—^-])\s", re.DOTALL),  # none inside a marker
    re.compile(r".*\s", re.DOTALL),
)
_FENCE: Final = re.compile(r"[ \t]*(```+|~~~+)")
_STARTS_BLOCK: Final = re.compile(
    r"[ \t]*(?:[-*•·▪○●□■※]\s|[○●□■※]|\d{1,3}[.)]|[가-힣][.)]|#{1,6}\s|\||>|```|~~~)"
)


def split_sentences(text: str, at: int = 0) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence of `text` from offset `at` on, in order, not empty,
    without surrounding white space. `at` is 0 or the end of a sentence."""
    spans: list[tuple[int, int]] = []
    while (span := _next_sentence(text, at)) is not None:
        spans.append(span)
        at = span[1]
    return spans


def settled_sentences(text: str, at: int) -> list[tuple[int, int]]:
    """Return the sentences from offset `at` on that no further text can change. `at` is 0 or the
    end of a settled sentence."""
    spans: list[tuple[int, int]] = []
    while (span := _next_sentence(text, at)) is not None and _is_settled(text, span[1]):
        spans.append(span)
        at = span[1]
    return spans


def _is_settled(text: str, end: int) -> bool:
    behind = _NOT_BLANK.search(text, end)
    if behind is None:
        return False
    reach = behind.start() + _MARKER_RUN_CHARS_MAX
    told = _NOT_OF_MARKER.search(text, behind.start(), reach)
    place = told.start() if told else min(reach, len(text))
    return len(text) - place >= LOOKAHEAD_CHARS + (
        MARKER_CHARS_MAX if behind.group() in _OPENING else 0
    )


def _next_sentence(text: str, at: int) -> tuple[int, int] | None:
    found = _NOT_BLANK.search(text, at)
    if found is None:
        return None
    start = found.start()
    begins_line = at == 0 or "\n" in text[at:start]
    end = _fence_end(text, start) if begins_line else None
    return start, start + len(text[start : end or _sentence_end(text, start)].rstrip())


def _fence_end(text: str, start: int) -> int | None:
    fence = _FENCE.match(text, start)
    if fence is None:
        return None
    closing = re.compile(rf"\n[ \t]*{re.escape(fence[1])}[ \t]*(?=\n|$)").search(text, fence.end())
    return closing.end() if closing else len(text)


def _sentence_end(text: str, start: int) -> int:
    limit = start + SENTENCE_CHARS_MAX
    for match in _CANDIDATE.finditer(text, start, limit + LOOKAHEAD_CHARS):
        if match.end() > limit:
            break
        if match["line"] is not None:
            if match.start() > start and not _is_soft_wrap(text, match):
                return _end_with_markers(text, match.start())
        elif boundary(text, match) is not Boundary.NONE:
            return _end_with_markers(text, match.end())
    return (
        _cut_long_sentence(text, start, limit) if limit + LOOKAHEAD_CHARS < len(text) else len(text)
    )


def _cut_long_sentence(text: str, start: int, limit: int) -> int:
    for last_blank in _LAST_BLANKS:
        if found := last_blank.match(text, start + SENTENCE_CHARS_MAX // 2, limit):
            return found.end()
    return limit


def _end_with_markers(text: str, end: int) -> int:
    markers = _TRAILING_MARKERS.match(text, end)
    return markers.end() if markers else end


def _is_soft_wrap(text: str, line_break: re.Match[str]) -> bool:
    line_start = text.rfind("\n", 0, line_break.start()) + 1
    line = text[line_start : line_break.start()].strip()
    if text[line_break.end() : line_break.end() + LOOKAHEAD_CHARS // 2].lstrip(" \t")[:1] == "\n":
        return False
    if (
        line[:1] in "#|"
        or " | " in line
        or line.endswith(("]", "】", "］", ":"))
        or _is_short(line)
    ):
        return False
    return not _STARTS_BLOCK.match(text, line_break.end(), line_break.end() + LOOKAHEAD_CHARS)


def _is_short(line: str) -> bool:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide < WRAPPED_LINE_WIDTH_MIN
