"""Plain text and Markdown: the text is unchanged; headings and pages are noted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from byline.domain.documents import ExtractedText, Heading, PageSpan
from byline.domain.formats import Format
from byline.ingest.readers.text_blocks import normalise, title_line

_PAGES_LEAST: Final = 2
_MARKDOWN_LINE: Final = re.compile(
    r"^(?P<fence> {0,3}(?:```|~~~))"
    r"|^ {0,3}(?P<marks>\#{1,6})[ \t]++(?P<text>\S[^\n]*+)$"
    r"|^(?P<lined>[^\s#>|`~-][^\n]*+)\n {0,3}(?P<underline>=++|-{2,}+)[ \t]*+$",
    re.MULTILINE,
)
_FRONT_MATTER: Final = re.compile(r"\A---\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE_FIELD: Final = re.compile(r"^title:([^\n]++)$", re.MULTILINE)


def read_text(text: str, kind: Format) -> ExtractedText:
    """A plain text, already decoded. Form feeds, where there are any, begin pages."""
    clean, pages = _paged(text)
    return ExtractedText(text=clean, title="", media_type=kind.media_type, pages=pages)


def read_markdown(text: str, kind: Format) -> ExtractedText:
    """Markdown, as written; its title is the front matter's, else the first level-1 heading's."""
    clean = normalise(text)
    front = _FRONT_MATTER.match(clean)
    headings = tuple(_headings(clean, front.end() if front else 0))
    named = _TITLE_FIELD.search(front[1]) if front else None
    title = _unquoted(named[1]) if named else next((h.text for h in headings if h.level == 1), "")
    return ExtractedText(
        text=clean, title=title_line(title), media_type=kind.media_type, headings=headings
    )


def _paged(text: str) -> tuple[str, tuple[PageSpan, ...]]:
    sheets = text.split("\f")
    if len(sheets) < _PAGES_LEAST:
        return normalise(text), ()
    spans: list[PageSpan] = []
    parts: list[str] = []
    length = 0
    for number, sheet in enumerate(map(normalise, sheets), 1):
        ended = sheet if number == len(sheets) or sheet.endswith("\n") else sheet + "\n"
        if ended:
            spans.append(PageSpan(number, length, length + len(ended)))
        parts.append(ended)
        length += len(ended)
    return "".join(parts), tuple(spans)


def _unquoted(field: str) -> str:
    value = field.strip(" \t")
    start = 1 if value[:1] in ('"', "'") else 0
    end = len(value) - 1 if value[-1:] in ('"', "'") else len(value)
    return value[start:end]


def _headings(text: str, start: int) -> Iterator[Heading]:
    in_fence = False
    for found in _MARKDOWN_LINE.finditer(text, start):
        if found["fence"]:
            in_fence = not in_fence
        elif in_fence:
            continue
        elif found["marks"]:
            words = found["text"].rstrip(" \t").rstrip("#").rstrip(" \t") or found["text"][:1]
            yield Heading(len(found["marks"]), words, found.start(), found.end())
        else:
            level = 1 if found["underline"][0] == "=" else 2
            yield Heading(level, found["lined"].strip(), found.start(), found.end())
