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
    """One text of all blocks. Page spans follow one another; an empty page has an empty span."""
    parts: list[str] = []
    headings: list[Heading] = []
    code: list[tuple[int, int]] = []
    page_starts: dict[int, int] = {}
    length = last_page = 0
    for block in blocks:
        text = normalise(block.text).strip()
        if block.level:
            text = re.sub(r"\s+", " ", text)
        context = title_line(block.context)
        if context and not block.level:
            headings.append(Heading(0, context, length, length))
        if not text:
            continue
        joint = "" if not parts else "\n" if block.tight else "\n\n"
        start = length + len(joint)
        parts += (joint, text)
        length = start + len(text)
        if block.page is not None and block.page > last_page:
            last_page = block.page
            page_starts[last_page] = start
        if block.level and len(text) <= _HEADING_CHARS_MAX:
            headings.append(Heading(block.level, context or text, start, length))
        if block.code:
            code.append((start, length))
    return ExtractedText(
        text="".join(parts),
        title=title_line(title),
        media_type=media_type,
        pages=_spans(page_starts, length),
        headings=tuple(headings),
        code=tuple(code),
    )


def title_line(title: str) -> str:
    """A title on one line, at most 300 characters."""
    return re.sub(r"\s+", " ", normalise(title)).strip()[:300]


def _spans(starts: dict[int, int], length: int) -> tuple[PageSpan, ...]:
    numbers = list(starts)
    ends = [*(starts[number] for number in numbers[1:]), length] if numbers else []
    return tuple(
        PageSpan(number, starts[number], end) for number, end in zip(numbers, ends, strict=True)
    )
