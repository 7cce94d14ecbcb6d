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
from byline.backend.thinking_filter import ThinkSplitter
from byline.domain.chat import Delta, ToolCallDelta, Usage
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
    ) -> None:
        """`mask` hides the key in errors; `MaskedDeltas` masks the deltas."""
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
        self._calls = _CallIndexes()

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
        choice = _first_choice(parsed.get("choices"))
        if choice is None:
            return []
        self._choice_seen = True
        other = "message" if key == "delta" else "delta"
        said = _mapping(choice.get(key)) or _mapping(choice.get(other))
        content, thought = self._thinking.feed(_text(said.get("content")))
        reasoning = _text(said.get("reasoning_content")) or _text(said.get("reasoning"))
        calls = self._calls.read(said.get("tool_calls"))
        finish = choice.get("finish_reason")
        if isinstance(finish, str) and finish:
            self._finish_reason, self.finish_seen = finish, True
        if not (content or thought or reasoning or calls):
            return []
        return [Delta(content=content, reasoning=reasoning + thought, tool_calls=calls)]

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
        content, thought = self._thinking.close()
        rest = [Delta(content=content, reasoning=thought)] if content or thought else []
        finish = self._finish_reason or ("tool_calls" if self._calls.seen else "stop")
        return [*rest, Delta(finish_reason=finish, usage=self._usage)]


class _CallIndexes:
    """_CallIndexes gives each tool call one index, however the server numbers them."""

    def __init__(self) -> None:
        self._by_index: dict[int, int] = {}
        self._ids: list[str] = []
        self._named: list[bool] = []

    @property
    def seen(self) -> bool:
        return bool(self._ids)

    def read(self, calls: object) -> tuple[ToolCallDelta, ...]:
        if not isinstance(calls, list):
            return ()
        return tuple(self._indexed(call) for call in calls if isinstance(call, Mapping))

    def _indexed(self, call: Mapping[str, Any]) -> ToolCallDelta:
        function = _mapping(call.get("function"))
        call_id, name = _text(call.get("id")), _text(function.get("name"))
        index = self._index(call.get("index"), call_id, name)
        # Some servers repeat id and name in every piece; joining those would be wrong.
        call_id = "" if self._ids[index] else call_id
        name = "" if self._named[index] else name
        self._ids[index] = self._ids[index] or call_id
        self._named[index] = self._named[index] or bool(name)
        return ToolCallDelta(index, call_id, name, _arguments(function.get("arguments")))

    def _index(self, given: object, call_id: str, name: str) -> int:
        if isinstance(given, int):
            index = self._by_index.get(given)
            if index is not None and not self._is_another(index, call_id, name):
                return index
            self._by_index[given] = len(self._ids)
        elif call_id and call_id in self._ids:
            return self._ids.index(call_id)
        elif self._ids and not (call_id or name):
            return len(self._ids) - 1
        self._ids.append("")
        self._named.append(False)
        return len(self._ids) - 1

    def _is_another(self, index: int, call_id: str, name: str) -> bool:
        """Whether this is a new call. Older Ollama numbers every call 0: a new id with a name is
        one."""
        return bool(name and call_id and self._ids[index] and self._ids[index] != call_id)


def assemble_message(deltas: Iterable[Delta]) -> dict[str, Any]:
    """Return the message that the deltas make: the server's own `choices[0].message`, but for ids.

    `role` and `content` (None when there is no text) are always there; `reasoning_content` and
    `tool_calls` only where there are any, since servers choke on nulls sent back to them. Each
    `tool_calls[].function.arguments` is a JSON string, the model's own, unparsed.
    """
    content: list[str] = []
    reasoning: list[str] = []
    calls: dict[int, dict[str, str]] = {}
    for delta in deltas:
        content.append(delta.content)
        reasoning.append(delta.reasoning)
        for piece in delta.tool_calls:
            call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            call["id"] += piece.id
            call["name"] += piece.name
            call["arguments"] += piece.arguments
    text, thinking = "".join(content), "".join(reasoning).strip()
    if calls and not text.strip():
        text = ""  # the white space around a tool call is no content
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = [_tool_call(index, calls[index]) for index in sorted(calls)]
    return message


def _tool_call(index: int, call: Mapping[str, str]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": call["arguments"] or "{}"}
    return {
        "type": "function",
        "index": index,
        "id": call["id"] or f"call_{index}",
        "function": function,
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


def _text(value: object) -> str:
    """Return a string, the joined texts of a list of content parts, or ""."""
    if not value:
        return ""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, Mapping))
    return ""


def _storable(text: str) -> str:
    """Return the text without what JSON can escape but UTF-8 cannot carry (half a surrogate pair)
    and without NUL, which no database stores."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _arguments(value: object) -> str:
    if value is None or isinstance(value, str):
        return _storable(value or "")
    return _storable(json.dumps(value, ensure_ascii=False))


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    details = _mapping(value.get("prompt_tokens_details"))
    usage = Usage(
        _count(value.get("prompt_tokens")),
        _count(value.get("completion_tokens")),
        _count(details.get("cached_tokens")),
    )
    return usage if usage != Usage() else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
