"""OpenAI's chat API: requests are parsed, completions and chunks are written. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from byline.api.http.http_bytes import json_bytes
from byline.api.http.json_input import parse_json
from byline.ask.ask_shapes import BylineShape
from byline.ask.model_call import byline_of
from byline.backend.decode import assemble_message, more_fields
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.domain.chat import ChatRequest, Delta, Message, MoreFields, Tool, Usage, WireToolChoice
from byline.domain.gates import AskedBy, Asker
from byline.errors import BadRequest, ToolsUnsupported, UnknownBackend

HANDLED_FIELDS: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "max_tokens",
        "max_completion_tokens",
        "timeout_read_s",
    }
)
"""The fields that Byline handles; all others go to the machine unchanged."""

UNSUPPORTED_FIELDS: Final[Mapping[str, tuple[object, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "functions": ([], {}),
    "function_call": ("none", "auto"),
}
"""Fields whose results Byline could not return, and the values that request nothing."""

TIMEOUT_READ_S: Final = 1800.0
"""From the request to the last byte unless configured: `stall_s` finds the dead, not the clock."""
TIMEOUT_READ_S_MAX: Final = 86_400.0
_NO_LIMIT: Final = -1
"""What callers of llama.cpp and LM Studio send for the longest answer there is."""


@dataclass(frozen=True, slots=True)
class ParsedCompletionRequest:
    """A parsed chat request: which backend to call with what, and how to answer."""

    backend: Backend
    request: ChatRequest
    stream: bool
    include_usage: bool
    max_tokens_cut: int | None = None
    """The backend's limit, where the caller asked for more."""


def read_call(body: bytes, dispatcher: Dispatcher) -> ParsedCompletionRequest:
    """Parse an OpenAI chat request. Raises BadRequest, UnknownBackend, ToolsUnsupported."""
    sent = _parse(body)
    backend = _backend(sent.get("model"), dispatcher)
    for name, harmless in UNSUPPORTED_FIELDS.items():
        value = sent.get(name)
        if value is not None and value not in harmless:
            raise BadRequest(f"`{name}` is not supported here.", remedy=f"Leave `{name}` out.")
    tools = _tools(sent, backend)
    stream_options = sent.get("stream_options") or {}
    if not isinstance(stream_options, dict):
        _refuse("stream_options", "an object")
    wanted, limit = _max_tokens(sent), backend.model_to_call().max_tokens
    return ParsedCompletionRequest(
        backend=backend,
        max_tokens_cut=limit if _asks_for_more(sent, wanted, limit) else None,
        request=ChatRequest(
            messages=_messages(sent.get("messages")),
            tools=tools,
            tool_choice=_tool_choice(sent.get("tool_choice")),
            timeout_read_s=_timeout_read_s(sent.get("timeout_read_s"), backend),
            max_tokens=wanted,
            asked_by=AskedBy(Asker.V1),
            options={
                name: value
                for name, value in sent.items()
                if name not in HANDLED_FIELDS and value is not None
            },
        ),
        stream=_flag(sent, "stream"),
        include_usage=_flag(stream_options, "include_usage"),
    )


def _parse(body: bytes) -> dict[str, Any]:
    sent = parse_json(body)
    if not isinstance(sent, dict):
        raise BadRequest("The body must be a JSON object.")
    return sent


def _refuse(name: str, wanted: str) -> NoReturn:
    raise BadRequest(f"`{name}` must be {wanted}.")


def _flag(sent: Mapping[str, Any], name: str) -> bool:
    value = sent.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        _refuse(name, "true or false")
    return value


def _backend(name: object, dispatcher: Dispatcher) -> Backend:
    if not isinstance(name, str) or not name.strip():
        known = ", ".join(_names(dispatcher))
        raise BadRequest("`model` names no backend.", remedy=f"Name one of: {known}.")
    try:
        backend = dispatcher.get_backend(name)
    except UnknownBackend:
        raise _unknown(name, dispatcher) from None
    if backend.model is None:
        raise _unknown(name, dispatcher)
    return backend


def _unknown(name: str, dispatcher: Dispatcher) -> UnknownBackend:
    known = _names(dispatcher)
    error = UnknownBackend(name.strip(), known)
    error.remedy = f"Name one of these in `model`: {', '.join(known)}."  # there is no default here
    return error


def _names(dispatcher: Dispatcher) -> list[str]:
    return [backend.name for backend in model_backends(dispatcher)]


def model_backends(dispatcher: Dispatcher) -> list[Backend]:
    """The backends that have a model, in the configuration's order."""
    return [backend for backend in dispatcher.backends() if backend.model is not None]


def _messages(sent: object) -> tuple[Message, ...]:
    if not isinstance(sent, list) or not sent:
        _refuse("messages", "a list of at least one message")
    for n, message in enumerate(sent):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            _refuse(f"messages.{n}", "an object with a `role`")
    return tuple(sent)


def _tools(sent: Mapping[str, Any], backend: Backend) -> tuple[Tool, ...]:
    tools = sent.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        _refuse("tools", "a list of objects")
    if tools and not backend.tools:
        raise ToolsUnsupported(
            f"The backend {backend.name} is not configured to call tools.",
            remedy="Leave `tools` out, or name a backend with `tools = true`.",
        )
    return tuple(tools)


def _tool_choice(sent: object) -> WireToolChoice:
    match sent:
        case None | "auto":
            return "auto"
        case "none":
            return "none"
        case "required":
            return "required"
        case dict():
            return sent
    _refuse("tool_choice", "auto, none, required or an object that names a function")


def _max_tokens(sent: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = sent.get(name)
        if value is None:
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value == _NO_LIMIT and not isinstance(value, bool):
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            _refuse(name, "a whole number of at least 1")
        return value
    return None


def _asks_for_more(sent: Mapping[str, Any], wanted: int | None, limit: int) -> bool:
    if wanted is not None:
        return wanted > limit
    return any(sent.get(name) is not None for name in ("max_completion_tokens", "max_tokens"))


def _timeout_read_s(sent: object, backend: Backend) -> float:
    if sent is None:
        return backend.timeout_read_s or TIMEOUT_READ_S
    if isinstance(sent, bool) or not isinstance(sent, int | float):
        _refuse("timeout_read_s", "a number of seconds")
    if not 0 < sent <= TIMEOUT_READ_S_MAX:
        _refuse("timeout_read_s", f"over 0 and at most {TIMEOUT_READ_S_MAX:.0f} seconds")
    return float(sent)


def completion(
    call: ParsedCompletionRequest, completion_id: str, created: int, deltas: Sequence[Delta]
) -> dict[str, Any]:
    """The complete answer as OpenAI's `chat.completion`; `model` is the backend's name."""
    last, more = deltas[-1], more_fields(deltas)
    return {
        **more.answer,
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": call.backend.name,
        "choices": [
            {
                **more.choice,
                "index": 0,
                "message": assemble_message(deltas),
                "finish_reason": last.finish_reason,
                "logprobs": None,
            }
        ],
        "usage": usage_json(last.usage),
        "byline": BylineShape.json_of(byline_of(call.backend, last)),
    }


class ChunkWriter:
    """Writes deltas as the chunks of one stream. What all chunks share is encoded once."""

    def __init__(self, call: ParsedCompletionRequest, completion_id: str, created: int) -> None:
        self._call = call
        shared = json_bytes(
            {
                "id": completion_id,
                "object": "chat.completion.chunk",
                "created": created,
                "model": call.backend.name,
            }
        )
        self._open = b"data: " + shared[:-1] + b","
        self._head = self._open + b'"choices":['
        self._role: dict[str, Any] = {"role": "assistant"}

    def chunk(self, delta: Delta) -> bytes:
        """One delta as one chunk; the last chunk has the byline, too."""
        said = self._role | _delta_json(delta)
        self._role = {}
        told: dict[str, Any] = {"index": 0, "delta": said, "finish_reason": delta.finish_reason}
        if delta.more is not None:
            return self._chunk_with_more(delta, told, delta.more)
        choice = json_bytes(told)
        if delta.finish_reason is None:
            return b"".join((self._head, choice, b"]}\n\n"))
        byline = BylineShape.bytes_of(byline_of(self._call.backend, delta))
        return b"".join((self._head, choice, b'],"byline":', byline, b"}\n\n"))

    def _chunk_with_more(self, delta: Delta, choice: dict[str, Any], more: MoreFields) -> bytes:
        body: dict[str, Any] = {"choices": [{**more.choice, **choice}], **more.answer}
        if delta.finish_reason is not None:
            body["byline"] = BylineShape.json_of(byline_of(self._call.backend, delta))
        return b"".join((self._open, json_bytes(body)[1:], b"\n\n"))

    def end(self, last: Delta) -> bytes:
        """What follows the last delta: the usage, if it was requested, and `[DONE]`."""
        done = b"data: [DONE]\n\n"
        if not self._call.include_usage:
            return done
        usage = json_bytes(usage_json(last.usage))
        return b"".join((self._head, b'],"usage":', usage, b"}\n\n", done))


def _delta_json(delta: Delta) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if delta.content:
        said["content"] = delta.content
    if delta.reasoning:
        said["reasoning_content"] = delta.reasoning
    if delta.refusal:
        said["refusal"] = delta.refusal
    if delta.more is not None:
        said = {**delta.more.message, **said}
    if delta.tool_calls:
        said["tool_calls"] = [
            {
                "index": call.index,
                **({"id": call.id, "type": "function"} if call.id else {}),
                "function": {
                    **({"name": call.name} if call.name else {}),
                    "arguments": call.arguments,
                },
                **(call.more or {}),
            }
            for call in delta.tool_calls
        ]
    return said


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    """Token counts in OpenAI's terms; None if the server gave none."""
    if usage is None or (usage.prompt_tokens is None and usage.completion_tokens is None):
        return None
    told: dict[str, Any] = {
        "total_tokens": (usage.prompt_tokens or 0) + (usage.completion_tokens or 0),
        **usage.as_sent,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
    }
    if usage.cached_tokens is not None and "prompt_tokens_details" not in told:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    return told
