"""Joins the blocks that readers yield into one cleaned text; offsets are counted after cleaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from byline.domain.documents import ExtractedText, Heading, PageSpan

_LINE_ENDS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_LINE_END_HINT: Final = re.compile(r"[\r\x0b\x0c\x85\u2028\u2029]")
# C0 and C1 controls but tab and line feed (PostgreSQL refuses NUL), soft hyphens and byte order
# marks (they hide inside words and break every search), halves of surrogate pairs, non-characters.
_DROPPED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_TRAILING: Final = re.compile(r"(?<![ \t])[ \t]++\n")
_HEADING_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list item or table as a reader found it, not yet cleaned.

    `level` is the heading's level (0: no heading); `page` counts from 1; a `tight` block begins on
    the line after the one before (items of one list), others after an empty line; `code` is program
    text, which is kept together. `context` goes into the context line of passages: for a heading,
    of those below it, in place of its text; for any other block, of all from here on.
    """

    text: str
    page: int | None = None
    level: int = 0
    tight: bool = False
    code: bool = False
    context: str = ""


def normalise(text: str) -> str:
    """The text in the one form in which texts are stored: NFC, lines ended by LF without blanks
    before it, no control characters. For a text already in that form this costs a few searches."""
    if _LINE_END_HINT.search(text):
        text = _LINE_ENDS.sub("\n", text)
    if _DROPPED.search(text):
        text = _DROPPED.sub("", text)
    if " \n" in text or "\t\n" in text:
        text = _TRAILING.sub("\n", text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def assemble(blocks: Iterable[Block], *, title: str, media_type: str) -> ExtractedText:
    """One text of all blocks. Page spans follow one another; an empty page has an empty span, if a
    block without text names it. What has no page and comes after the pages is in no span."""
    parts: list[str] = []
    headings: list[Heading] = []
    code: list[tuple[int, int]] = []
    page_starts: dict[int, int | None] = {}
    length = last_page = 0
    paged_end: int | None = None
    for block in blocks:
        text = normalise(block.text).strip()
        if block.level:
            text = re.sub(r"\s+", " ", text)
        context = title_line(block.context)
        if context and not block.level:
            headings.append(Heading(0, context, length, length))
        if block.page is not None and block.page > last_page:
            last_page = block.page
            page_starts[last_page] = None  # begins with its first text
        if not text:
            continue
        if block.page is None and page_starts and paged_end is None:
            paged_end = length
        joint = "" if not parts else "\n" if block.tight else "\n\n"
        start = length + len(joint)
        parts += (joint, text)
        length = start + len(text)
        if block.page is not None and page_starts[last_page] is None:
            page_starts[last_page] = start
        if block.level and len(text) <= _HEADING_CHARS_MAX:
            headings.append(Heading(block.level, context or text, start, length))
        if block.code:
            code.append((start, length))
    return ExtractedText(
        text="".join(parts),
        title=title_line(title),
        media_type=media_type,
        pages=_spans(page_starts, length if paged_end is None else paged_end),
        headings=tuple(headings),
        code=tuple(code),
    )


def title_line(title: str) -> str:
    """A title on one line, at most 300 characters."""
    return re.sub(r"\s+", " ", normalise(title)).strip()[:300]


def _spans(starts: dict[int, int | None], length: int) -> tuple[PageSpan, ...]:
    """The spans of the pages; those without text are empty and lie where the next one begins."""
    spans: list[PageSpan] = []
    end = length
    for number, start in reversed(starts.items()):
        begin = end if start is None else min(start, end)
        spans.append(PageSpan(number, begin, end))
        end = begin
    return tuple(reversed(spans))
