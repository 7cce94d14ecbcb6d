"""A stored ask as the pages show it: its byline, its text, its outcome, its sources. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byline.config.schema import QUOTES_MACHINE
from byline.domain.asking import StoredAsk
from byline.web import typeset


def turn(stored: StoredAsk) -> dict[str, Any]:
    """What `turn.html` shows of an ask."""
    answer: Mapping[str, Any] | None = stored.answer
    return {
        "ask": stored,
        "answer": answer,
        "paragraphs": typeset.paragraphs(answer) if answer else [],
        "sources": answer["sources"] if answer else [],
        "cited": {c["n"]: c for c in answer["citations"]} if answer else {},
        "quoted": bool(answer and answer["byline"]) and stored.machine == QUOTES_MACHINE,
        "searched_for": answer.get("searched_for") if answer else None,
        "total_ms": sum(answer["timings_ms"].values()) if answer else None,
    }
