"""Decodes the answer of a model server into deltas: event stream or plain JSON, bytes in.

Pure: no await, clock or log. The quirks of real servers end here. `null`, `""` and a missing key
mean the same; thinking comes as `reasoning_content`, as `reasoning` or inside the content;
arguments of a tool call come as a string or as an object, with or without an `index`; usage comes
on its own chunk, on every chunk, or never; failures come inside a 200; the end comes with or
without `[DONE]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from byline.backend.error_body import (
    callers_fault,
    find_error,
    is_tool_call_error,
    refusal_fields,
    refusal_of_body,
    upstream_text,
)
from byline.backend.key_masking import NO_KEY, KeyMask
from byline.backend.sse import LINE_BYTES_MAX, LineTooLong, SseEvent, SseReader
from byline.backend.thinking_filter import ThinkSplitter, split_orphan
from byline.backend.tool_call_pieces import ToolCallPieces, text_of
from byline.backend.unicode_pieces import PairJoiner, storable, storable_json
from byline.domain.chat import Delta, MoreFields, Usage
from byline.errors import MachineRefusal

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Longest answer in bytes on the wire, with framing, unless a tighter limit is given."""


class StreamFailed(Exception):
    """The answer broke off or reported a failure. `reason` is a word of the fixed vocabulary."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


class AnswerUnusable(Exception):
    """A complete 200 that is not a chat completion (HTML, nothing at all, no choices), or one whose
    tool call its own server could not read."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class RequestRefused(Exception):
    """A refusal of the request, told inside a 200. `status` is what it stands for."""

    def __init__(self, status: int, text: str, refusal: MachineRefusal) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.refusal = refusal


DecodeFailure = StreamFailed | AnswerUnusable | RequestRefused


class AnswerDecoder:
    """AnswerDecoder decodes the body of a 200. Feed it the chunks; call `close` at the end.

    Only the last delta has a `finish_reason`; no delta follows it. `feed` and `close` raise
    StreamFailed, AnswerUnusable and RequestRefused.
    """

    def __init__(
        self,
        *,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        line_bytes_max: int = LINE_BYTES_MAX,
        mask: KeyMask = NO_KEY,
        ids_taken: Iterable[str] = (),
    ) -> None:
        """`mask` hides the key in errors; `MaskedDeltas` masks the deltas. `ids_taken`: the ids of
        tool calls that the conversation has already."""
        self.ended = False
        """The last delta has been returned."""
        self.finish_seen = False
        """The model has finished; only usage and the end mark may still come."""
        self.chunks_seen = 0
        """Chunks of the model so far; keep-alive comments do not count."""
        self._bytes_left = answer_bytes_max
        self._mask = mask
        self._reader = SseReader(line_bytes_max)
        self._body: bytearray | None = None
        self._begun = False
        self._choice_seen = False
        self._finish_reason = ""
        self._usage: Usage | None = None
        self.failure: DecodeFailure | None = None
        """What `close` will raise, once the deltas that came before it have been returned."""
        self._thinking = ThinkSplitter()
        self._calls = ToolCallPieces(ids_taken)
        self._content, self._reasoning, self._refusal = PairJoiner(), PairJoiner(), PairJoiner()
        self._answer_fields: dict[str, Any] = {}
        self._answer_fields_unsent: dict[str, Any] = {}
        self._choice_fields_unsent: dict[str, Any] = {}

    @property
    def signs_of_life(self) -> int:
        """Chunks of the model and keep-alive comments of its server so far."""
        return self.chunks_seen + self._reader.comments_seen

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return the deltas that `chunk` completes."""
        if self.ended:
            return []
        self._bytes_left -= len(chunk)
        if self._bytes_left < 0:
            raise StreamFailed("RemoteProtocolError", "the answer has no end in sight")
        if not self._begun:
            chunk = self._begin(chunk)
        if self._body is not None:
            self._body += chunk
            return []
        try:
            events = self._reader.feed(chunk)
        except LineTooLong as error:
            raise StreamFailed("RemoteProtocolError", str(error)) from error
        return self._events(events)

    def close(self) -> list[Delta]:
        """Return the deltas that the end of the body completes."""
        if self.failure is not None:
            raise self.failure
        if self.ended:
            return []
        if self._body is not None:
            return self._whole(bytes(self._body))
        deltas = self._events(self._reader.close())
        if self.ended:
            return deltas
        if self.finish_seen:
            return deltas + self._end()
        if not self._choice_seen and not self.chunks_seen:
            stray = self._mask.text(self._reader.stray.decode("utf-8", "replace"))
            raise AnswerUnusable(f"not a chat completion: {stray[:200]}" if stray else "no body")
        raise StreamFailed("stream_truncated", "the stream ended before the answer did")

    def _begin(self, chunk: bytes) -> bytes:
        """Tell by the first byte whether the body is a stream of events or one document."""
        first = chunk.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not first:
            return chunk
        self._begun = True
        if first[:1] in b"{[<":
            self._body = bytearray()
            return first
        return chunk

    def _events(self, events: Iterable[SseEvent]) -> list[Delta]:
        deltas: list[Delta] = []
        for event in events:
            if self.ended or self.failure is not None:
                break
            try:
                deltas += self._event(event)
            except (StreamFailed, AnswerUnusable, RequestRefused) as failure:
                if not deltas:
                    raise
                self.failure = failure  # raised later: deltas in the same chunk are not lost
        return deltas

    def _event(self, event: SseEvent) -> list[Delta]:
        data = event.data.strip()
        if data == b"[DONE]":
            if not self._choice_seen:
                raise AnswerUnusable("the stream held no choices")
            return self._end()
        if not data:
            return []
        if event.name == "error":
            raise self._failure(self._text(data), refusal_of_body(data, self._mask))
        return self._chunk(_parsed(data), "delta")

    def _whole(self, body: bytes) -> list[Delta]:
        """Decode one JSON document, from a server that ignores `stream: true`."""
        try:
            parsed = json.loads(body.decode())
        except (ValueError, RecursionError) as error:
            raise AnswerUnusable(f"not a chat completion: {self._text(body)}") from error
        if not isinstance(parsed, dict):
            raise AnswerUnusable(f"not a chat completion: {self._text(body)}")
        deltas = self._chunk(parsed, "message")
        if not self._choice_seen:
            raise AnswerUnusable(f"no choices: {self._text(body)}")
        return deltas + self._end()

    def _chunk(self, parsed: Mapping[str, Any], key: str) -> list[Delta]:
        error = find_error(parsed, self._mask)
        if error:
            raise self._failure(error, refusal_fields(parsed, self._mask))
        self.chunks_seen += 1
        if told := parsed.get("usage"):
            self._usage = _usage(told) or self._usage
        if not parsed.keys() <= _ANSWER_FIELDS:
            self._note_answer_fields(parsed)
        choice = _first_choice(parsed.get("choices"))
        if choice is None:
            return []
        self._choice_seen = True
        if not choice.keys() <= _CHOICE_FIELDS:
            self._choice_fields_unsent |= _unknown(choice, _CHOICE_FIELDS)
        other = "message" if key == "delta" else "delta"
        delta = self._delta(_mapping(choice.get(key)) or _mapping(choice.get(other)))
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish_reason, self.finish_seen = finish, True
        return [delta] if delta is not None else []

    def _delta(self, said: Mapping[str, Any]) -> Delta | None:
        """Return the delta of one piece of a message, or None if it holds nothing."""
        content, thought = self._thinking.feed(self._content.feed(text_of(said.get("content"))))
        reasoning = text_of(said.get("reasoning_content")) or text_of(said.get("reasoning"))
        reasoning = self._reasoning.feed(reasoning) + thought
        calls = self._calls.read(said.get("tool_calls"))
        if called := said.get("function_call"):  # OpenAI's form before there were tools
            calls += self._calls.read([{"index": 0, "function": called}])
        refusal, unknown = "", {}
        if not said.keys() <= _USUAL_MESSAGE_FIELDS:
            refusal = self._refusal.feed(text_of(said.get("refusal")))
            unknown = _unknown(said, _MESSAGE_FIELDS)
        if not (content or reasoning or calls or refusal or unknown):
            return None
        return Delta(content, reasoning, calls, refusal=refusal, more=self._more(unknown))

    def _note_answer_fields(self, parsed: Mapping[str, Any]) -> None:
        """Keep new fields for the next delta: by themselves they are no part of an answer."""
        for name, value in _unknown(parsed, _ANSWER_FIELDS).items():
            if self._answer_fields.get(name) != value:
                self._answer_fields[name] = self._answer_fields_unsent[name] = value

    def _more(self, message: Mapping[str, Any]) -> MoreFields | None:
        answer, choice = self._answer_fields_unsent, self._choice_fields_unsent
        if not (message or answer or choice):
            return None
        self._answer_fields_unsent, self._choice_fields_unsent = {}, {}
        return MoreFields(message, choice, answer)

    def _text(self, body: bytes) -> str:
        return upstream_text(body, mask=self._mask)

    def _failure(self, text: str, refusal: MachineRefusal) -> DecodeFailure:
        """Return the error: a machine that cannot parse its model's tool call works; its answer is
        unusable. One that blames the request works, too."""
        if is_tool_call_error(text):
            return AnswerUnusable(text)
        status = callers_fault(text, refusal)
        if status is not None:
            return RequestRefused(status, text, refusal)
        return StreamFailed("stream_error", text)

    def _end(self) -> list[Delta]:
        self.ended = True
        content, thought = self._thinking.feed(self._content.close())
        held, held_thought = self._thinking.close()
        content, reasoning = content + held, self._reasoning.close() + thought + held_thought
        finish = self._finish_reason or ("tool_calls" if self._calls.seen else "stop")
        if finish == "function_call":
            finish = "tool_calls"  # as the calls are told
        calls = self._calls.close(cut_off=finish == "length")
        refusal = self._refusal.close()
        rest = Delta(content, reasoning, calls, refusal=refusal)
        last = Delta(finish_reason=finish, usage=self._usage, more=self._more({}))
        return [*([rest] if rest != _NOTHING else []), last]


_NOTHING: Final = Delta()
_ANSWER_FIELDS: Final = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "error", "byline"}
)
_CHOICE_FIELDS: Final = frozenset(
    {"index", "delta", "message", "text", "finish_reason", "logprobs"}
)
_USUAL_MESSAGE_FIELDS: Final = frozenset(
    {"role", "content", "reasoning_content", "reasoning", "tool_calls", "function_call"}
)
_MESSAGE_FIELDS: Final = _USUAL_MESSAGE_FIELDS | {"refusal", "tool_call_id", "name"}
"""The fields Byline has a word for, or that say what the request said."""


def _unknown(sent: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return the other fields; null and empty mean the same as missing."""
    return {
        storable(name): storable_json(value)
        for name, value in sent.items()
        if name not in known and value is not None and value not in ("", [], {})
    }


def _joined(had: Any, piece: Any) -> Any:
    """Return a field whose pieces come in several deltas: lists and texts go on, objects are
    filled, anything else is as it was last."""
    if isinstance(had, list) and isinstance(piece, list):
        return [*had, *piece]
    if isinstance(had, str) and isinstance(piece, str):
        return had if had == piece else had + piece
    if isinstance(had, Mapping) and isinstance(piece, Mapping):
        return {**had, **{k: _joined(had.get(k), v) for k, v in piece.items()}}
    return piece


def more_fields(deltas: Iterable[Delta]) -> MoreFields:
    """Return all fields without a word of ours, put together."""
    message: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    for delta in deltas:
        if delta.more is not None:
            for name, value in delta.more.message.items():
                message[name] = _joined(message.get(name), value)
            choice |= delta.more.choice
            answer |= delta.more.answer
    return MoreFields(message, choice, answer)


def assemble_message(deltas: Iterable[Delta]) -> dict[str, Any]:
    """Return the message that the deltas make: the server's own `choices[0].message`, but for ids.

    `role` and `content` (None when there is no text) are always there; `reasoning_content` and
    `tool_calls` only where there are any, since servers choke on nulls sent back to them; so are
    `refusal` and fields that Byline has no word for. Thinking whose beginning is missing is taken
    out of the content. Each
    `tool_calls[].function.arguments` is a JSON string, the model's own, unparsed.
    """
    content: list[str] = []
    reasoning: list[str] = []
    refusal: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    deltas = list(deltas)
    for delta in deltas:
        content.append(delta.content)
        reasoning.append(delta.reasoning)
        refusal.append(delta.refusal)
        for piece in delta.tool_calls:
            call = calls.setdefault(
                piece.index, {"id": "", "name": "", "arguments": "", "more": {}}
            )
            call["id"] += piece.id
            call["name"] += piece.name
            call["arguments"] += piece.arguments
            for name, value in (piece.more or {}).items():
                call["more"][name] = _joined(call["more"].get(name), value)
    text, orphan = split_orphan("".join(content))
    thinking = ("".join(reasoning) + orphan).strip()
    if calls and not text.strip():
        text = ""  # the white space around a tool call is no content
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = [_tool_call(index, calls[index]) for index in sorted(calls)]
    if words := "".join(refusal):
        message["refusal"] = words
    return {**message, **more_fields(deltas).message}


def _tool_call(index: int, call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": call["arguments"] or "{}"}
    return {
        "type": "function",
        "index": index,
        "id": call["id"] or f"call_{index}",
        "function": function,
        **call["more"],
    }


_read_json: Final = json.JSONDecoder().raw_decode  # `json.loads` looks for white space, twice


def _parsed(data: bytes) -> Mapping[str, Any]:
    """Return `data`, which has no white space around it, as an object. Raises StreamFailed."""
    try:
        text = data.decode()
        parsed, end = _read_json(text)
        if end != len(text):
            raise ValueError("something follows the JSON")
    except (ValueError, RecursionError) as error:
        raise StreamFailed("RemoteProtocolError", "an event of the stream is no JSON") from error
    if not isinstance(parsed, dict):
        raise StreamFailed("RemoteProtocolError", "an event of the stream is no JSON object")
    return parsed


def _first_choice(choices: object) -> Mapping[str, Any] | None:
    if not isinstance(choices, list):
        return None
    for choice in choices:
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    details = _mapping(value.get("prompt_tokens_details"))
    usage = Usage(
        _count(value.get("prompt_tokens")),
        _count(value.get("completion_tokens")),
        _count(details.get("cached_tokens")),
        storable_json(value),
    )
    return usage if usage != Usage() else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
