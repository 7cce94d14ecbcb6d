"""Cuts text into sentences, in English, Korean and other scripts, keeping exact offsets. Pure.

A sentence ends
 1. at a code fence: ``` opens a block that is one "sentence" up to the fence that closes it;
 2. at `.`, `!`, `?`, `…` or their forms in other scripts, with the quotes, brackets and emphasis
    that close there, when white space, the end of the text or a citation follows, unless the dot
    is an abbreviation's, an initial's, a list or article number's or a date's, or a quotation goes
    on ("…" he said, "…" 라고);
 3. at a line break that is not a soft wrap: before a list item, table row or heading, after a
    short line, or at a blank line.
Citation markers that follow the end (`… two years. [1]`), also alone on the next line, belong to
the sentence they follow.

Every decision looks back as far as it likes and ahead no further than LOOKAHEAD_CHARS of text, so
a sentence that much text stands behind is the same whatever comes later: `settled_sentences`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from byline.verify.markers import MARKER, MARKER_CHARS_MAX

LOOKAHEAD_CHARS: Final = 32
WRAPPED_LINE_WIDTH_MIN: Final = 50
"""A line at least this wide (Hangul and Han count double) that ends without a terminator is taken
as wrapped, not finished."""

_CLOSERS: Final = "\"'”’»」』)\\]*_"
_CANDIDATE: Final = re.compile(
    rf"(?P<dot>[.!?…।؟۔።]+[{_CLOSERS}]*(?=\s|$|[\[［【〔]\s?(?:\d|\^|[sS출자]))"
    rf"|[。！？｡]+[”’」』）\)]*|(?<=[다요죠까])\.(?=[가-힣](?!고\s)))"
    r"|(?P<line>[ \t]*\n)"
)
_TRAILING_MARKERS: Final = re.compile(
    rf"(?:[ \t]{{0,3}}(?:{MARKER.pattern}))+"
    r"|\n[ \t]*(?:[\[［【][ \t]?\d{1,3}[\d ,–-]*[\]］】][ \t]*)+(?=\n|$)",
    re.IGNORECASE,
)
_OPENING: Final = "[［【〔(†"
_MARKER_CHARS: Final = " \t\r\n0123456789[]［］【】〔〕,;、，·&~∼〜–—^-"
_FENCE: Final = re.compile(r"[ \t]*(```+|~~~+)")
_STARTS_BLOCK: Final = re.compile(
    r"[ \t]*(?:[-*•·▪○●□■※]\s|[○●□■※]|\d{1,3}[.)]|[가-힣][.)]|#{1,6}\s|\||>|```|~~~)"
)
_ABBREVIATION: Final = re.compile(
    r"(?:^|[\s(\"'*_])(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|cf|approx|Gen|Col|Capt|Lt|Sgt|Rev"
    r"|Hon|Gov"
    r"|Sen|Rep|Mt|Ft|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|Fig|Eq|Vol|pp?)\.$"
)
_MAY_END: Final = re.compile(
    r"(?:^|[\s(\"'*_])(?:[A-Za-z]|etc|Inc|Ltd|Co|Corp|Jr|Sr|No|[ap]\.m|Ph\.D|[A-Z](?:\.[A-Z])+)\.$"
)
_OPENER: Final = re.compile(
    r"(?:The|He|She|It|They|This|That|These|Those|There|In|On|At|An?|We|You|I|But|And|However|His"
    r"|Her|Its|Their|After|Before|When|For|As|If|By|From|Then)\b"
)
_NUMBERED: Final = re.compile(r"\b(?:no|nr|art|tel|ext|ca|c|p|sec|ch)\.$", re.IGNORECASE)
_LIST_NUMBER: Final = re.compile(r"(?:^|\n)[ \t]*(?:[-*•][ \t]+)?(?:\d{1,3}|[가-힣])\.$")
_ARTICLE: Final = re.compile(r"제\s?\d+(?:조|항|장|절|호)(?:의\s?\d+)?\.$")
_DATE_HEAD: Final = re.compile(r"(?:^|\D)(?:\d{4}|\d{4}\.\s?\d{1,2})\.$")
_DATE_TAIL: Final = re.compile(r"\d{4}\.\s?\d{1,2}\.\s?\d{1,2}\.$")
_SAYS: Final = re.compile(r"(?:이?라고|이?라며|이?라는|하고|라면서|는|고)(?:\s|$)")


def split_sentences(text: str, at: int = 0) -> list[tuple[int, int]]:
    """The sentences of `text` from offset `at` on, as (start, end) code points, end exclusive,
    white space trimmed; `at` is 0 or the end of a sentence."""
    spans: list[tuple[int, int]] = []
    while (span := _next(text, at)) is not None:
        spans.append(span)
        at = span[1]
    return spans


def settled_sentences(text: str, at: int) -> list[tuple[int, int]]:
    """Those sentences from offset `at` on that no further text can change; `at` is 0 or the end
    of a settled sentence."""
    spans: list[tuple[int, int]] = []
    while (span := _next(text, at)) is not None:
        behind = text[span[1] :].lstrip()
        needed = LOOKAHEAD_CHARS + (MARKER_CHARS_MAX if behind[:1] in _OPENING else 0)
        if len(behind.lstrip(_MARKER_CHARS)) < needed:
            break
        spans.append(span)
        at = span[1]
    return spans


def _next(text: str, at: int) -> tuple[int, int] | None:
    while at < len(text) and text[at].isspace():
        at += 1
    if at == len(text):
        return None
    end = _end(text, at)
    while text[end - 1].isspace():
        end -= 1
    return at, end


def _end(text: str, start: int) -> int:
    fence = _FENCE.match(text, start) if _begins_line(text, start) else None
    if fence:
        return _fence_end(text, fence)
    for match in _CANDIDATE.finditer(text, start):
        if match["line"] is not None:
            if match.start() > start and not _is_soft_wrap(text, match):
                return _with_markers(text, match.start())
        elif not _goes_on(text, match):
            return _with_markers(text, match.end())
    return len(text)


def _with_markers(text: str, end: int) -> int:
    markers = _TRAILING_MARKERS.match(text, end)
    return markers.end() if markers else end


def _fence_end(text: str, fence: re.Match[str]) -> int:
    closing = re.compile(rf"\n[ \t]*{re.escape(fence[1])}[ \t]*(?=\n|$)").search(text, fence.end())
    return closing.end() if closing else len(text)


def _begins_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether the sentence goes on behind these terminators."""
    written = match.group()
    terminators = written.rstrip(_CLOSERS.replace("\\", ""))
    behind = text[match.end() : match.end() + LOOKAHEAD_CHARS // 2].lstrip(" \t")
    if terminators != written and (behind[:1].islower() or _SAYS.match(behind)):
        return True
    if terminators[0] not in ".…" or behind.startswith("\n"):
        return False
    if behind[:1].islower():
        return True
    before = text[max(0, match.start() - 24) : match.start() + 1]
    return terminators == "." and _is_abbreviation(before, behind)


def _is_abbreviation(before: str, behind: str) -> bool:
    if _LIST_NUMBER.search(before) or _ABBREVIATION.search(before) or _ARTICLE.search(before):
        return True
    if _DATE_TAIL.search(before):
        return bool(behind) and not behind[0].isupper()
    if behind[:1].isdigit():
        return bool(_NUMBERED.search(before) or _DATE_HEAD.search(before))
    return bool(_MAY_END.search(before) and behind and not _OPENER.match(behind))


def _is_soft_wrap(text: str, line_break: re.Match[str]) -> bool:
    line_start = text.rfind("\n", 0, line_break.start()) + 1
    line = text[line_start : line_break.start()].strip()
    if text[line_break.end() : line_break.end() + LOOKAHEAD_CHARS // 2].lstrip(" \t")[:1] == "\n":
        return False
    if line[:1] in "#|" or line.endswith(("]", "】", "］", ":")) or _is_short(line):
        return False
    return not _STARTS_BLOCK.match(text, line_break.end(), line_break.end() + LOOKAHEAD_CHARS)


def _is_short(line: str) -> bool:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide < WRAPPED_LINE_WIDTH_MIN
