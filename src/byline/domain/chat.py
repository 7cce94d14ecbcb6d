"""Requests to a model, the deltas of its answer, and the model that served them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from byline.domain.gates import UNKNOWN_ORIGIN, AskedBy

Message = Mapping[str, Any]
"""One chat message in the OpenAI wire shape: `role`, `content`, maybe `tool_calls`."""

Tool = Mapping[str, Any]
"""One tool in the OpenAI wire shape: `{"type": "function", "function": {…}}`."""

ToolChoice = Literal["auto", "none"]

WireToolChoice = Literal["auto", "none", "required"] | Mapping[str, Any]
"""What may be sent: `required` and a named function come from callers of `/v1` only."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call to a model, before a gate decides when it may run.

    `tools=()` with `tool_choice="none"` forces a final answer: no `tools` key goes upstream,
    `tool_choice` still does. With no tools and `"auto"` neither key is sent.
    `max_tokens` None means the backend's own configured limit. `options` are further fields of the
    OpenAI request (temperature, seed, stop, response_format …), sent as they are. `asked_by` is
    for the call record and is not sent.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: WireToolChoice = "auto"
    timeout_read_s: float = 300.0
    max_tokens: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    asked_by: AskedBy = UNKNOWN_ORIGIN.asked_by


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of one tool call. `arguments` is a piece of a JSON string, never an object.

    `more` are fields that Byline has no word for (`extra_content` with thought signatures).
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    more: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the server reported them; None for those it did not report. `as_sent` is its
    whole report."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    as_sent: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model that really answered: our record of the socket, and what the server has loaded.

    `address` is `host:port` of the peer of the socket used. `model_loaded` is None if the server
    cannot tell; then `verified` is False and `note` says why.
    """

    address: str
    model_loaded: str | None
    verified: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class MoreFields:
    """Fields of an answer that Byline has no word for: those of the message (`annotations`), of
    its choice (`stop_reason`) and of the whole answer (`system_fingerprint`, `timings`)."""

    message: Mapping[str, Any] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of a streamed answer. The last one, and only it, has a `finish_reason`.

    `finish_reason` is `stop`, `length`, `tool_calls` or another word of the server. The last delta
    also carries `usage` (if the server sent it) and `served`. The first delta after `served` is
    known carries it too, since an answer may break off. `refusal` is OpenAI's field for the words
    of a model that will not answer.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    served: ServedModel | None = None
    refusal: str = ""
    more: MoreFields | None = None
