"""The events of an ask as JSON, and the transcript they are stored as. The shapes of what they hold
are in `ask_shapes.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count, groupby
from typing import Final

from byline.ask.ask_shapes import (
    AnswerShape,
    CitationShape,
    Json,
    SentenceShape,
    SourceShape,
    error_json,
)
from byline.ask.reason_words import note_words
from byline.domain.asks import (
    AskAnswer,
    AskDone,
    AskEvent,
    AskFailed,
    AskNote,
    AskQueued,
    AskStarted,
    CitationFound,
    SourcesFound,
    Token,
    ToolCalled,
    ToolReturned,
)
from byline.errors import BylineError, GateFull, MachineError


def failure_json(error: BylineError, answer: AskAnswer | None = None) -> Json:
    """Return the error shape: with the machine's fields if a machine failed, and the sources."""
    body: Json = {"error": error_json(error)}
    if error.error_reason is not None:
        body["error_reason"] = error.error_reason
    if isinstance(error, MachineError):
        body |= {"backend": error.backend, "machine": error.machine, "reason": error.reason}
    if isinstance(error, GateFull):
        body["queue_len"] = error.queue_len
    if answer is not None:
        body["ask_id"] = answer.ask_id
        body["sources"] = [SourceShape.json_of(source) for source in answer.sources]
    return body


EVENT_NAMES: Final[Mapping[type, str]] = {
    SourcesFound: "sources",
    AskQueued: "queued",
    AskStarted: "started",
    Token: "token",
    ToolCalled: "tool_call",
    ToolReturned: "tool_result",
    AskNote: "note",
    CitationFound: "citation",
    AskDone: "done",
    AskFailed: "error",
}


def event_name(event: AskEvent) -> str:
    return EVENT_NAMES[type(event)]


def event_data(event: AskEvent) -> Json:
    match event:
        case SourcesFound(sources, ask_id):
            return {
                "ask_id": ask_id,
                "sources": [SourceShape.json_of(source) for source in sources],
            }
        case AskQueued(queued):
            return {"position": queued.position, "ahead": queued.ahead, "eta_s": queued.eta_s}
        case AskStarted(backend, machine, model, queue_ms):
            return {
                "backend": backend,
                "machine": machine,
                "model": model,
                "queue_ms": round(queue_ms, 1),
            }
        case Token(text):
            return {"text": text}
        case CitationFound(sentence, citations):
            return {
                "sentence": SentenceShape.json_of(sentence),
                "citations": [CitationShape.json_of(citation) for citation in citations],
            }
        case ToolCalled() | ToolReturned():
            return tool_json(event)
        case AskNote(code, arguments):
            said = note_words(code, arguments)
            return {"code": code.value, "arguments": dict(arguments), "message": said}
        case AskDone(answer):
            return AnswerShape.json_of(answer)
        case AskFailed(error, answer):
            return failure_json(error, answer)


def tool_json(event: ToolCalled | ToolReturned) -> Json:
    """Return a tool call or its result; both carry the same `call_id`."""
    call = {"round": event.round, "call_id": event.call_id, "tool": event.tool}
    if isinstance(event, ToolCalled):
        return {**call, "arguments": event.arguments, "said": event.said}
    return {
        **call,
        "outcome": event.outcome.value,
        "text": event.text,
        "sources": [SourceShape.json_of(source) for source in event.sources],
    }


def transcript(events: Sequence[AskEvent], times: Sequence[datetime]) -> list[Json]:
    """Return `[{seq, type, since, at, data}]` for storing. `times` are the moments of the events.

    A run of tokens is one row with the `seq` and `at` of its last token and the time of its first
    as `since`. Its `pieces` are the lengths of the tokens in characters, so that a reader can
    resume in the middle.
    """
    rows: list[Json] = []
    numbered = zip(count(1), events, times, strict=False)
    for is_text, run in groupby(numbered, key=lambda one: isinstance(one[1], Token)):
        if not is_text:
            rows += [_row(n, event, event_data(event), (at, at)) for n, event, at in run]
            continue
        tokens = [(n, event, at) for n, event, at in run if isinstance(event, Token)]
        texts = [event.text for _, event, _ in tokens]
        data = {"text": "".join(texts), "pieces": list(map(len, texts))}
        (_, _, since), (last, event, at) = tokens[0], tokens[-1]
        rows.append(_row(last, event, data, (since, at)))
    return rows


def _row(n: int, event: AskEvent, data: Json, times: tuple[datetime, datetime]) -> Json:
    since, at = (moment.isoformat() for moment in times)
    return {"seq": n, "type": event_name(event), "since": since, "at": at, "data": data}


def rows_after(rows: Sequence[Json], after: int) -> list[Json]:
    """Return the rows of a transcript behind event number `after`, a run of tokens cut there."""
    return [_row_after(row, after) for row in rows if row["seq"] > after]


def _row_after(row: Json, after: int) -> Json:
    if row["type"] != EVENT_NAMES[Token]:
        return row
    text, pieces = row["data"]["text"], row["data"].get("pieces", [])
    had = max(0, after - (row["seq"] - len(pieces)))
    return {**row, "data": {"text": text[sum(pieces[:had]) :]}}
