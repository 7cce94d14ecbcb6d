"""Writes an ask as JSON: one shape for the answer, the events and the stored transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count, groupby
from typing import Any, Final

from byline.ask.reason_words import check_words, note_words, refusal_words
from byline.domain.asks import (
    AskAnswer,
    AskDone,
    AskEvent,
    AskFailed,
    AskNote,
    AskQueued,
    AskStarted,
    Byline,
    CheckedSentence,
    Citation,
    CitationFound,
    Refusal,
    Source,
    SourcesFound,
    Token,
    ToolCalled,
    ToolReturned,
)
from byline.domain.chat import Usage
from byline.domain.echo import shortened
from byline.domain.reasons import SearchNote
from byline.domain.searches import DuplicatePassage
from byline.errors import BylineError, GateFull, MachineError

Json = dict[str, Any]

ERROR_CHARS_MAX: Final = 1_000
MACHINE_CHARS_MAX: Final = 2_500
"""Longest message and longest remedy of an error, in characters."""


def answer_json(answer: AskAnswer) -> Json:
    """Return the whole answer: the body of a JSON ask, the data of `done`, the row of history."""
    return {
        "ask_id": answer.ask_id,
        "question": answer.question,
        "status": answer.status.value,
        "answer": answer.answer,
        "partial_answer": answer.partial_answer,
        "conversation_id": answer.conversation_id,
        "searched_for": answer.searched_for,
        "sentences": [sentence_json(sentence) for sentence in answer.sentences],
        "citations": [citation_json(citation) for citation in answer.citations],
        "sources": [source_json(source) for source in answer.sources],
        "grounding": {
            "supported": answer.grounding.supported,
            "weak": answer.grounding.weak,
            "unsupported": answer.grounding.unsupported,
            "attributed": answer.grounding.attributed,
            "uncited": answer.grounding.uncited,
        },
        "byline": byline_json(answer.byline),
        "refusal": refusal_json(answer.refusal),
        "error": error_json(answer.error) if answer.error else None,
        "error_reason": answer.error_reason,
        "reason": answer.reason,
        "timings_ms": {part: round(ms, 1) for part, ms in answer.timings_ms.items()},
        "usage": usage_json(answer.usage),
        "finish_reason": answer.finish_reason,
    }


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
        body["sources"] = [source_json(source) for source in answer.sources]
    return body


def error_json(error: BylineError) -> Json:
    """Return the part of the error shape that every error has.

    Errors that repeat a caller's words shorten them where they are raised; the bounds here catch
    those that do not. A machine's own words may be longer.
    """
    chars_max = MACHINE_CHARS_MAX if isinstance(error, MachineError) else ERROR_CHARS_MAX
    return {
        "code": error.code,
        "message": shortened(error.message, chars_max),
        "remedy": shortened(error.remedy, chars_max),
        "src": error.src,
    }


def source_json(source: Source) -> Json:
    return {
        "n": source.n,
        "passage_id": source.passage_id,
        "document_id": source.document_id,
        "name": source.name,
        "title": source.title,
        "page": source.page,
        "heading": source.heading,
        "start": source.start,
        "end": source.end,
        "excerpt": source.text,
        "score": round(source.score, 4),
        "also_in": [also_in_json(other) for other in source.also_in],
    }


def also_in_json(other: DuplicatePassage) -> Json:
    return {
        "document_id": other.document_id,
        "title": other.title,
        "passage_id": other.passage_id,
    }


def sentence_json(sentence: CheckedSentence) -> Json:
    reason = sentence.reason.value if sentence.reason else ""
    return {
        "start": sentence.start,
        "end": sentence.end,
        "citations": list(sentence.citations),
        "attributed": list(sentence.attributed),
        "support": sentence.support.value,
        "reason": reason,
        "arguments": dict(sentence.arguments),
        "why": check_words(reason, sentence.arguments),
    }


def refusal_json(refusal: Refusal | None) -> Json | None:
    if refusal is None:
        return None
    notes = [search_note_json(note) for note in refusal.notes]
    return {
        "code": refusal.code.value,
        "arguments": dict(refusal.arguments),
        "notes": notes,
        "message": refusal_words(refusal.code, refusal.arguments, notes),
        "by": refusal.by.value,
        "said": refusal.said,
    }


def search_note_json(note: SearchNote) -> Json:
    return {"code": note.code.value, "arguments": dict(note.arguments)}


def citation_json(citation: Citation) -> Json:
    return {
        "n": citation.n,
        "document_id": citation.document_id,
        "title": citation.title,
        "page": citation.page,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "by": citation.by.value,
    }


def byline_json(byline: Byline | None) -> Json | None:
    if byline is None:
        return None
    return {
        "backend": byline.backend,
        "machine": byline.machine,
        "model_requested": byline.model_requested,
        "model_loaded": byline.model_loaded,
        "verified": byline.verified,
        "note": byline.note,
    }


def usage_json(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
    }


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
            return {"ask_id": ask_id, "sources": [source_json(source) for source in sources]}
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
                "sentence": sentence_json(sentence),
                "citations": [citation_json(citation) for citation in citations],
            }
        case ToolCalled() | ToolReturned():
            return tool_json(event)
        case AskNote(code, arguments):
            said = note_words(code, arguments)
            return {"code": code.value, "arguments": dict(arguments), "message": said}
        case AskDone(answer):
            return answer_json(answer)
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
        "sources": [source_json(source) for source in event.sources],
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
