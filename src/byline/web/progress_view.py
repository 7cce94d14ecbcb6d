"""The progress of an ask, from its transcript so far: phase, sources, steps and text.

Pure. The rows are those of `Asks.events`, for a running ask and for one that has ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

Row = Mapping[str, Any]

NOTES: Final = frozenset({"rewritten", "carried_over"})
"""Notes left out, because the byline shows them."""


class ProgressPhase(StrEnum):
    """What an ask is doing or waiting for."""

    SEARCHING = "searching"
    REWRITING = "rewriting"
    ADMITTED = "admitted"
    QUEUED = "queued"
    ASKED = "asked"
    LOOKING = "looking"
    WRITING = "writing"
    ENDED = "ended"


@dataclass(slots=True)
class ProgressStep:
    """A tool call or a note. `words` is what was searched for, or where. `outcome` is None while
    the call runs, `found` is the number of passages it gave, `told` says why there are none. `note`
    is the data of a note."""

    kind: str
    words: str = ""
    outcome: str | None = None
    found: int = 0
    told: str = ""
    note: Row | None = None


@dataclass(slots=True)
class ProgressView:
    """ProgressView is an ask after some of its events. `seq` is the number of the last one; `text`
    is the answer so far, unprocessed."""

    phase: ProgressPhase = ProgressPhase.SEARCHING
    seq: int = 0
    position: int = 0
    eta_s: int | None = None
    sources: list[Row] = field(default_factory=list)
    steps: list[ProgressStep] = field(default_factory=list)
    text: str = ""


def ask_progress(rows: Iterable[Row]) -> ProgressView:
    """The progress of an ask after these events."""
    now = ProgressView()
    calls: dict[str, ProgressStep] = {}
    for row in rows:
        _take(now, calls, str(row["type"]), row["data"])
        now.seq = int(row["seq"])
    return now


def _take(now: ProgressView, calls: dict[str, ProgressStep], kind: str, data: Row) -> None:
    match kind:
        case "sources":
            now.sources, now.phase = list(data["sources"]), ProgressPhase.ADMITTED
        case "queued":
            # Before the search a machine is asked to rewrite a follow-up so that it stands alone.
            searched = now.phase not in (ProgressPhase.SEARCHING, ProgressPhase.REWRITING)
            now.phase = ProgressPhase.QUEUED if searched else ProgressPhase.REWRITING
            now.position = int(data["position"])
            now.eta_s = None if data["eta_s"] is None else max(1, round(data["eta_s"]))
        case "started":
            now.phase = ProgressPhase.ASKED
        case "token":
            now.text, now.phase = now.text + str(data["text"]), ProgressPhase.WRITING
        case "tool_call":
            step = ProgressStep(str(data["tool"]), _words(str(data["arguments"])))
            calls[_call_key(data)] = step
            now.steps.append(step)
            now.text, now.phase = "", ProgressPhase.LOOKING
        case "tool_result":
            _take_result(calls.get(_call_key(data), ProgressStep("")), data)
            known = {source["n"] for source in now.sources}
            now.sources += [source for source in data["sources"] if source["n"] not in known]
        case "note" if data["code"] not in NOTES:
            now.steps.append(ProgressStep("note", note=data))
            now.text = ""
        case "done" | "error":
            now.phase = ProgressPhase.ENDED


def _call_key(data: Row) -> str:
    return f"{data['round']} {data['call_id']}"


def _take_result(step: ProgressStep, data: Row) -> None:
    step.outcome, step.found = str(data["outcome"]), len(data["sources"])
    if not step.found:
        step.told = " ".join(str(data["text"]).split())
    names = {str(source["name"]) for source in data["sources"]}
    if step.kind == "read_document" and len(names) == 1:
        step.words = names.pop()  # the model says D1


def _words(arguments: str) -> str:
    """The words of a tool call's arguments; the arguments themselves if they are not an object."""
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    if not isinstance(given, Mapping):
        return arguments
    said = (given.get(name) for name in ("query", "text", "name_contains", "document"))
    return next((str(words) for words in said if words), "")
