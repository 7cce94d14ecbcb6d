"""Writes asks and conversations as Markdown, with bylines and the passages behind answers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from byline.domain.asks import StoredAsk
from byline.domain.conversations import Conversation

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")


def conversation_markdown(conversation: Conversation, asks: Sequence[StoredAsk]) -> str:
    """Return the whole conversation, its answers as they were written."""
    parts = [f"# {_escaped_line(conversation.title) or 'Untitled conversation'}"]
    for ask in asks:
        parts += _turn(ask)
    return "\n\n".join(parts) + "\n"


def ask_markdown(ask: StoredAsk) -> str:
    """Return one ask, with its byline and the passages behind its answer."""
    return "\n\n".join([f"# {_escaped_line(ask.question)}", *_answer(ask)]) + "\n"


def _turn(ask: StoredAsk) -> Iterator[str]:
    yield f"## {_escaped_line(ask.question)}"
    yield from _answer(ask)


def _answer(ask: StoredAsk) -> Iterator[str]:
    answer: Mapping[str, Any] = ask.answer or {}
    text = answer.get("answer") or answer.get("partial_answer")
    if answer.get("partial_answer"):
        yield f"*Unfinished and unchecked ({ask.status.value}):*"
    if text:
        yield str(text).strip()
    else:
        yield f"*{_escaped_line(_outcome_text(ask, answer))}*"
    yield f"— {_byline(ask, answer)}, {ask.created_at:%Y-%m-%d %H:%M} UTC"
    if sources := list(_sources(answer)):
        yield "\n".join(sources)


def _outcome_text(ask: StoredAsk, answer: Mapping[str, Any]) -> str:
    told = answer.get("refusal") or answer.get("error") or {}
    return str(told.get("message") or f"No answer: {ask.status.value}.")


def _byline(ask: StoredAsk, answer: Mapping[str, Any]) -> str:
    byline = answer.get("byline")
    if not byline:
        return f"asked of {_escaped_line(ask.backend)} on {_escaped_line(ask.machine)}"
    model = byline["model_loaded"] or byline["model_requested"]
    verified = "verified" if byline["verified"] else "not verified"
    who = f"by {_escaped_line(byline['backend'])} on {_escaped_line(byline['machine'])}"
    return f"{who}, {_escaped_line(model)}, {verified}"


def _sources(answer: Mapping[str, Any]) -> Iterator[str]:
    names = {source["n"]: source["name"] for source in answer.get("sources", ())}
    for citation in answer.get("citations", ()):
        page = f", page {citation['page']}" if citation["page"] is not None else ""
        name = _escaped_line(names.get(citation["n"], citation["title"]))
        yield f"- \\[{citation['n']}\\] {name}{page}: “{_escaped_line(citation['quote'])}”"


def _escaped_line(text: str) -> str:
    """Return `text` on one line, with Markdown's special characters escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
