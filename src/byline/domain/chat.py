"""What is said to a model and what comes back: requests, stream deltas, who served them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from byline.domain.gates import NO_LABEL, AskedBy

Message = Mapping[str, Any]
"""One chat message in the OpenAI wire shape: `role`, `content`, maybe `tool_calls`."""

Tool = Mapping[str, Any]
"""One tool in the OpenAI wire shape: `{"type": "function", "function": {…}}`."""

ToolChoice = Literal["auto", "none"]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call to a model, before anyone decides when it may run.

    `tools=()` with `tool_choice="none"` forces a final answer: no `tools` key goes upstream,
    `tool_choice` still does. With no tools and `"auto"` neither key is sent.
    `max_tokens` None means the backend's own configured limit. `options` are further fields of the
    OpenAI request (temperature, seed, stop, response_format …), sent as they are. `asked_by` is
    for our own record; no server hears of it.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    timeout_read_s: float = 300.0
    max_tokens: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    asked_by: AskedBy = NO_LABEL.asked_by


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of one tool call. `arguments` is a piece of a JSON string, never an object."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the server reported them; None where it said nothing."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """Who really answered: our record of the socket plus what the server says it has loaded.

    `address` is `host:port` of the peer of the socket used. `model_loaded` is None where the
    server cannot tell; then `verified` is False and `note` says why.
    """

    address: str
    model_loaded: str | None
    verified: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of a streamed answer. The last one, and only it, has a `finish_reason`.

    `finish_reason` is `stop`, `length`, `tool_calls` or what else the server said. The last delta
    also carries `usage` (where the server sent it) and `served`; the first one that comes after
    `served` is known carries it as well, for an answer may break off.
    """

    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    served: Served | None = None
