"""Replays a stored transcript and says where today's code would decide otherwise. Pure; no model is
called.

    1. The events are cut into messages of the model, each from one `started` to the next.
    2. For a run of agent mode, each message goes through `step`, with the tool results of the
       transcript. What `step` publishes and decides must equal what the transcript has.
    3. The text of the last message is checked again against its sources. Answer and verdicts must
       equal those of `done`.

Differences are sentences. A difference means that the code has changed since, or is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from byline.ask.agent.step import (
    AgentEffect,
    AgentPhase,
    AgentState,
    CallForAnswer,
    CallWithTools,
    Fail,
    Finish,
    ModelMessage,
    Publish,
    RequestedCall,
    RunTools,
    SearchDone,
    ToolsRan,
    step,
)
from byline.ask.answer_text import THOUGHT_ALOUD, answer_text
from byline.ask.ask_json import tool_json
from byline.ask.ask_shapes import SentenceShape
from byline.domain.asks import AskNote, Source, ToolCalled, ToolOutcome, ToolReturned
from byline.verify.citations import check_answer
from byline.verify.refusal_lines import is_refusal

TranscriptRow = Mapping[str, Any]
"""One event of a transcript: `{seq, type, data}`."""

_HAD_NO_END = '```json\n{"name": "'
"""Stands for a cut-off call that was written as text: transcripts do not keep its own text."""
_UNREADABLE = "<tool_call>"
"""Stands for the markup of a call in an unknown dialect, which was held back from the stream."""


@dataclass(slots=True)
class RecordedMessage:
    """A message of the model in the transcript: its streamed text, its calls, their results, and
    the codes of the notes on it."""

    text: str = ""
    calls: list[ToolCalled] = field(default_factory=list)
    results: list[ToolReturned] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Replay:
    """`answer` is the answer the events spell, None if there is none; `differences` are sentences,
    empty if today's code decides the same."""

    answer: str | None
    messages: tuple[RecordedMessage, ...]
    differences: tuple[str, ...]


def replay(rows: Sequence[TranscriptRow]) -> Replay:
    """Replay the transcript of an ended ask."""
    messages = tuple(_messages(rows))
    done = next((row["data"] for row in rows if row["type"] == "done"), None)
    text = answer_text(messages[-1].text) if messages else ""
    is_run = len(messages) > 1 or any(one.calls or one.notes for one in messages)
    differences = list(_differences(messages, done)) if is_run else []
    if done is None or done["status"] not in ("completed", "no_evidence"):
        return Replay(None, messages, tuple(differences))
    if done["status"] == "no_evidence":
        by_model = (done.get("refusal") or {}).get("by") == "model"
        if by_model and not is_refusal(text):
            differences.append("The model's words are no refusal any more.")
        return Replay(None, messages, tuple(differences))
    checked = check_answer(text, [_source(source) for source in done["sources"]])
    if checked.answer != done["answer"]:
        differences.append("The events spell another answer than the one that was stored.")
    verdicts = [SentenceShape.json_of(sentence) for sentence in checked.sentences]
    if verdicts != done["sentences"]:
        differences.append("Its sentences are judged otherwise.")
    return Replay(checked.answer, messages, tuple(differences))


def _messages(rows: Sequence[TranscriptRow]) -> Iterator[RecordedMessage]:
    message: RecordedMessage | None = None
    for row in rows:
        data = row["data"]
        if row["type"] == "started":
            if message is not None:
                yield message
            message = RecordedMessage()
        elif message is None:
            continue  # before the first message: search, queue, rewriting of the question
        elif row["type"] == "token":
            message.text += data["text"]
        elif row["type"] == "note" and data["code"] == THOUGHT_ALOUD.code:
            message.text = ""
        elif row["type"] == "note":
            message.notes.append(data["code"])
        elif row["type"] == "tool_call":
            message.calls.append(ToolCalled(**data))
        elif row["type"] == "tool_result":
            message.results.append(_tool_result(data))
    if message is not None:
        yield message


def _differences(messages: Sequence[RecordedMessage], done: TranscriptRow | None) -> Iterator[str]:
    """Pass the messages through `step` and yield a sentence for what it now does otherwise."""
    state, effects = step(AgentState(), SearchDone())
    for number, message in enumerate(messages, start=1):
        if state.phase not in (AgentPhase.MESSAGE, AgentPhase.ANSWER):
            yield f"After message {number - 1} the run would have ended."
            return
        is_silent = not (message.text or message.calls or message.notes)
        if is_silent and number == len(messages) and not _ended_empty(done):
            return  # the ask was stopped, or its machine failed, before the model wrote anything
        before = effects
        state, effects = step(
            state, _model_message(message, is_last=isinstance(before[-1], CallForAnswer))
        )
        told = [*_published(effects)]
        if isinstance(effects[-1], RunTools):
            wanted = {call.call_id for call in effects[-1].calls}
            ran = tuple(one for one in message.results if one.call_id in wanted)
            if len(ran) < len(wanted):
                return  # the ask was stopped while tools ran
            if any(map(_is_refused, ran)):
                yield f"Message {number} would be taken otherwise: {_next_in_words(effects)}."
                return
            state, effects = step(state, ToolsRan(ran))
            told += _published(effects)
        if told != [*_recorded(message)]:
            yield f"Message {number} would be taken otherwise: {_next_in_words(effects)}."
            return
    if isinstance(effects[-1], CallWithTools | CallForAnswer) and done and done["answer"]:
        yield "The run would not have ended with this answer."


def _ended_empty(done: TranscriptRow | None) -> bool:
    return done is not None and done["reason"] == "empty_answer"


def _model_message(message: RecordedMessage, *, is_last: bool) -> ModelMessage:
    """Return the message as `step` got it. What the transcript does not keep (calls written as
    text, a cut-off end) is replaced by a form that `step` reads the same way."""
    calls = tuple(RequestedCall(call.tool, call.arguments) for call in message.calls)
    cut = "message_cut" in message.notes
    if "call_in_words" in message.notes:
        written = [json.dumps({"name": c.name, "arguments": c.arguments}) for c in calls]
        blocks = "\n".join(f"```json\n{one}\n```" for one in written)
        said = message.calls[0].said if message.calls else message.text
        return ModelMessage(f"{said}\n{blocks}")
    if cut and not calls:
        return ModelMessage(f"{message.text}\n{_HAD_NO_END}", finish_reason="length")
    if "unreadable_call" in message.notes:
        return ModelMessage(f"{message.text}\n{_UNREADABLE}")
    if "call_after_last_round" in message.notes and is_last:
        return ModelMessage(message.text, (RequestedCall("search", "{}"),), "tool_calls")
    text = message.calls[0].said if message.calls else message.text
    return ModelMessage(text, calls, "length" if cut else "stop")


def _published(effects: Sequence[AgentEffect]) -> Iterator[tuple[Any, ...]]:
    for effect in effects:
        if isinstance(effect, Publish):
            yield _comparison_key(effect.event)


def _recorded(message: RecordedMessage) -> Iterator[tuple[Any, ...]]:
    """Yield what the transcript has on a message, in the form of `_published` and the order in
    which `step` publishes."""
    refused = [one for one in message.results if _is_refused(one)]
    ran = [one for one in message.results if not _is_refused(one)]
    first = [
        code
        for code in message.notes
        if code in ("call_in_words", "empty_message", "unreadable_call")
    ]
    first += [code for code in message.notes if code == "call_after_last_round"]
    cut = [code for code in message.notes if code == "message_cut"]
    last = [code for code in message.notes if code in ("last_round", "no_progress")]
    for code in first:
        yield ("note", code)
    yield from map(_comparison_key, message.calls)
    for code in cut:
        yield ("note", code)
    yield from map(_comparison_key, (*refused, *ran))
    for code in last:
        yield ("note", code)


def _is_refused(result: ToolReturned) -> bool:
    return result.outcome not in (ToolOutcome.OK, ToolOutcome.FAILED)


def _comparison_key(event: object) -> tuple[Any, ...]:
    match event:
        case AskNote(code, _):
            return ("note", code)
        case ToolCalled():
            return ("call", event.round, event.call_id, event.tool, event.arguments)
        case ToolReturned():
            return ("result", event.round, event.call_id, event.tool, event.outcome)
    return (type(event).__name__,)


def _next_in_words(effects: Sequence[AgentEffect]) -> str:
    match effects[-1]:
        case CallWithTools():
            return "the model would be asked on, with tools"
        case CallForAnswer():
            return "the model could only answer then"
        case RunTools():
            return "its calls would be run"
        case Finish():
            return "it would be the answer"
        case Fail():
            return "the run would fail"
    return "something else would be told"


def _tool_result(data: TranscriptRow) -> ToolReturned:
    return ToolReturned(
        data["round"],
        data["call_id"],
        data["tool"],
        ToolOutcome(data["outcome"]),
        data["text"],
        tuple(_source(source) for source in data["sources"]),
    )


def _source(data: TranscriptRow) -> Source:
    """Return a source as it was shown. The pages it spans are not stored; no verdict needs them."""
    return Source(
        n=data["n"],
        passage_id=data["passage_id"],
        document_id=data["document_id"],
        name=data["name"],
        title=data["title"],
        page=data["page"],
        heading=data["heading"],
        start=data["start"],
        end=data["end"],
        text=data["excerpt"],
        score=data["score"],
    )


def replay_json(replayed: Replay) -> dict[str, Any]:
    """Return the JSON that the API sends."""
    return {
        "answer": replayed.answer,
        "agrees": not replayed.differences,
        "differences": list(replayed.differences),
        "messages": [
            {
                "text": message.text,
                "calls": [tool_json(call) for call in message.calls],
                "results": [tool_json(result) for result in message.results],
                "notes": message.notes,
            }
            for message in replayed.messages
        ],
    }
