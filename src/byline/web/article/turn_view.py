"""A stored ask as the pages show it: its text, checks, outcome and sources. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from byline.config.schema import QUOTES_MACHINE
from byline.domain.asks import StoredAsk
from byline.web.article.answer_html import AnswerText

MARKED_CHARS_MAX: Final = 600
"""Quotes of one source that span more than this are not marked as one."""
_MARK: Final = re.compile(r"(?<!\s)\s*\[\d{1,4}\]")


def turn(stored: StoredAsk) -> dict[str, Any]:
    """What `turn.html` shows of an ask."""
    answer: Mapping[str, Any] | None = stored.answer
    cited = _cited(answer) if answer else {}
    return {
        "ask": stored,
        "answer": answer,
        "text": (answer.get("answer") or answer.get("partial_answer") or "") if answer else "",
        "checks": checks(answer) if answer else [],
        "sources": sources(answer["sources"], cited) if answer else [],
        "cited": cited,
        "quoted": bool(answer and answer["byline"]) and stored.machine == QUOTES_MACHINE,
        "searched_for": answer.get("searched_for") if answer else None,
        "total_ms": sum(answer["timings_ms"].values()) if answer else None,
    }


def answer_text(turn: Mapping[str, Any], at: str) -> AnswerText:
    """The answer's text, for rendering. An unfinished text has no sentences yet."""
    answer = turn["answer"]
    return AnswerText(
        text=turn["text"],
        sentences=answer.get("sentences", ()) if answer.get("answer") else (),
        numbers=frozenset(source["n"] for source in turn["sources"]),
        at=at,
        heading=3 if at else 2,  # among turns the question has the second level
    )


def checks(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each sentence that was checked: its number from 1, its words, its support and the reason."""
    text = answer.get("answer") or ""
    return [
        {
            "number": number,
            "text": _words(text[sentence["start"] : sentence["end"]]),
            "support": sentence["support"],
            "reason": sentence["reason"],
            "arguments": sentence["arguments"],
        }
        for number, sentence in enumerate(answer.get("sentences", ()), start=1)
        if text and sentence["support"] != "not_needed"
    ]


def sources(
    found: Iterable[Mapping[str, Any]], cited: Mapping[int, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Each source with its `quotes` (the cited ones, else the excerpt) and the span to mark, with
    its page. The caller sets `gone` if the document was removed, and its reading `warnings`."""
    return [_source(source, cited.get(source["n"], ())) for source in found]


def _words(sentence: str) -> str:
    """The sentence without its numerals; the cells of a table row are joined by dots."""
    cells = _MARK.sub("", sentence).strip().strip("|").split(" | ")
    return " · ".join(cell.strip() for cell in cells)


def _cited(answer: Mapping[str, Any]) -> dict[int, list[Mapping[str, Any]]]:
    """The citations of each source, in the order in which they stand in the document."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for citation in sorted(answer["citations"], key=lambda one: (one["n"], one["start"])):
        found.setdefault(citation["n"], []).append(citation)
    return found


def _source(source: Mapping[str, Any], citations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    quotes = [str(one["quote"]) for one in citations] or [str(source["excerpt"])]
    first = citations[0] if citations else source
    start, end = int(first["start"]), int(first["end"])
    together = max((int(one["end"]) for one in citations), default=end)
    if together - start <= MARKED_CHARS_MAX:
        end = max(end, together)
    marked = {"start": start, "end": end, "page": first["page"]}
    return {**source, "quotes": quotes, "marked": marked, "gone": False, "warnings": ()}
