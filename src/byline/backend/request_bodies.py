"""Addresses and request bodies for a model server. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from byline.config.schema import OpenAIBackend
from byline.domain.chat import ChatRequest

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dict)

_RESERVED_FIELDS: Final = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "n",
    }
)
"""Fields that `ChatRequest.options` cannot set: the configuration or the client decides them."""


def server_root(base_url: str) -> str:
    """Return the server's address without a final `/v1` or slash; either may be configured."""
    return base_url.rstrip("/").removesuffix("/v1").rstrip("/")


def address_of(base_url: str) -> str:
    """Return `host:port` of a server, with the port spelled out; never a user name or password."""
    parts = urlsplit(base_url)
    host = parts.hostname or base_url
    try:
        port = parts.port
    except ValueError:
        port = None
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port or (443 if parts.scheme == 'https' else 80)}"


def max_tokens(config: OpenAIBackend, request: ChatRequest) -> int:
    """Return the longest answer in tokens: what the call wants, within what the backend allows."""
    return min(request.max_tokens or config.max_tokens, config.max_tokens)


def chat_body(
    config: OpenAIBackend, request: ChatRequest, extra_fields: Mapping[str, Any] | None = None
) -> bytes:
    """Return the JSON of one call: always streamed, always the configured model. `extra_fields` are
    fields that this server needs; the caller's own options override them.

    `tools=()` with `"none"` sends `tool_choice` without `tools`: that forces a final answer.
    """
    body: dict[str, Any] = {
        **(extra_fields or {}),
        **{key: value for key, value in request.options.items() if key not in _RESERVED_FIELDS},
        "model": config.model,
        "messages": list(request.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": max_tokens(config, request),
    }
    if request.tools:
        body["tools"] = list(request.tools)
    if request.tools or request.tool_choice != "auto":
        body["tool_choice"] = request.tool_choice
    text = _ENCODER.encode(body)
    return text.encode("utf-8", "replace")  # half a surrogate pair is no reason to fail
