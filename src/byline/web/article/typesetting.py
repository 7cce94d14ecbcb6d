"""The language of a text, and the part of a long text that a page shows.

Pure. Texts are returned unchanged; the template escapes them. `answer_html` renders answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_HANGUL: Final = re.compile(r"[\uac00-\ud7a3\u3131-\u318e]")
_LATIN: Final = re.compile(r"[A-Za-z]")


def language(text: str) -> str:
    """`ko` or `en`, which decides line breaking and fonts."""
    hangul = len(_HANGUL.findall(text))
    return "ko" if hangul * 2 > len(_LATIN.findall(text)) and hangul else "en"


@dataclass(frozen=True, slots=True)
class TextWindow:
    """A part of a document's text: before the mark, marked, after it. `previous` and `next` are the
    offsets of the parts beside it, or None."""

    before: str
    marked: str
    after: str
    start: int
    previous: int | None
    next: int | None


WINDOW_CHARS: Final = 6_000
CONTEXT_CHARS: Final = 1_500


def text_window(text: str, *, at: int = 0, marked: tuple[int, int] | None = None) -> TextWindow:
    """The part of `text` that begins at `at`, or surrounds the span `marked`. Offsets are
    clamped."""
    if marked is not None:
        first = min(max(marked[0], 0), len(text))
        last = min(max(marked[1], first), len(text), first + WINDOW_CHARS)
        start = max(0, first - CONTEXT_CHARS)
        end = min(len(text), last + CONTEXT_CHARS)
    else:
        start = min(max(at, 0), len(text))
        end = min(len(text), start + WINDOW_CHARS)
        first = last = end
    return TextWindow(
        before=text[start:first],
        marked=text[first:last],
        after=text[last:end],
        start=start,
        previous=max(0, start - WINDOW_CHARS) if start > 0 else None,
        next=end if end < len(text) else None,
    )
