"""An answer as a page sets it: paragraphs of sentences, each with its citations and its support.

Pure: the `done` JSON in, values for the template out. Every text leaves here as it came; the
template escapes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_MARK: Final = re.compile(r"\s*\[(\d{1,4})\]")
_PARAGRAPH_BREAK: Final = re.compile(r"\n\s*\n")
_HANGUL: Final = re.compile(r"[\uac00-\ud7a3\u3131-\u318e]")
_LATIN: Final = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text, or (`n` not None) a citation numeral."""

    text: str
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """Runs with one support: `supported`, `weak`, `unsupported`, `uncited`, `not_needed`, or "" for
    none; `attributed` are the sources Byline found it in, where the model cited none."""

    runs: tuple[Run, ...]
    support: str
    why: str = ""
    attributed: tuple[int, ...] = ()


Paragraph = tuple[Sentence, ...]


def paragraphs(answer: Mapping[str, Any]) -> list[Paragraph]:
    """The text of the answer, or of what there is of it, split at blank lines, its sentences told
    apart."""
    text: str = answer.get("answer") or answer.get("partial_answer") or ""
    numbers = {source["n"] for source in answer.get("sources", ())}
    found = []
    for start, end in _paragraph_spans(text):
        spans = _sentence_spans(answer.get("sentences", ()), start, end)
        paragraph = tuple(
            Sentence(
                tuple(_runs(text[a:b], numbers)),
                checked.get("support", ""),
                checked.get("why", ""),
                tuple(checked.get("attributed", ())),
            )
            for a, b, checked in spans
        )
        found.append(paragraph)
    return found


def _paragraph_spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for gap in _PARAGRAPH_BREAK.finditer(text):
        yield start, gap.start()
        start = gap.end()
    if text[start:].strip():
        yield start, len(text)


def _sentence_spans(
    sentences: Sequence[Mapping[str, Any]], start: int, end: int
) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """The spans of one paragraph without a gap; what lies between sentences has no support."""
    at = start
    for sentence in sentences:
        a, b = max(sentence["start"], at), min(sentence["end"], end)
        if a >= b:
            continue
        if a > at:
            yield at, a, {}
        yield a, b, sentence
        at = b
    if at < end:
        yield at, end, {}


def _runs(text: str, numbers: set[int]) -> Iterator[Run]:
    """Text and numerals; a number no source bears stays text."""
    at = 0
    for mark in _MARK.finditer(text):
        n = int(mark[1])
        if n not in numbers:
            continue
        if mark.start() > at:
            yield Run(text[at : mark.start()])
        yield Run(str(n), n)
        at = mark.end()
    if at < len(text):
        yield Run(text[at:])


def language(text: str) -> str:
    """`ko` or `en`, for line breaking and fonts."""
    hangul = len(_HANGUL.findall(text))
    return "ko" if hangul * 2 > len(_LATIN.findall(text)) and hangul else "en"


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a document's text: before, marked, after; `previous`/`next` are offsets or None."""

    before: str
    marked: str
    after: str
    start: int
    previous: int | None
    next: int | None


WINDOW_CHARS: Final = 6_000
CONTEXT_CHARS: Final = 1_500


def window(text: str, *, at: int = 0, marked: tuple[int, int] | None = None) -> Window:
    """The part of `text` from `at`, or around the span `marked`; offsets are clamped."""
    if marked is not None:
        first = min(max(marked[0], 0), len(text))
        last = min(max(marked[1], first), len(text), first + WINDOW_CHARS)
        start = max(0, first - CONTEXT_CHARS)
        end = min(len(text), last + CONTEXT_CHARS)
    else:
        start = min(max(at, 0), len(text))
        end = min(len(text), start + WINDOW_CHARS)
        first = last = end
    return Window(
        before=text[start:first],
        marked=text[first:last],
        after=text[last:end],
        start=start,
        previous=max(0, start - WINDOW_CHARS) if start > 0 else None,
        next=end if end < len(text) else None,
    )
