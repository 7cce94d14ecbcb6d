"""What Byline sends to a model server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from byline.backend.request_bodies import address_of, chat_body, server_root
from byline.config.schema import OpenAIBackend
from byline.domain.chat import ChatRequest

TOOL = {"type": "function", "function": {"name": "search"}}


def sent(config: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    backend = OpenAIBackend(
        kind="openai", machine="m", base_url="http://m:8080", model="qwen", **(config or {})
    )
    messages = ({"role": "user", "content": "보증 기간?"},)
    body = json.loads(chat_body(backend, ChatRequest(messages=messages, **request)))
    assert isinstance(body, dict)
    return body


def test_a_call_is_always_streamed_with_usage_and_max_tokens() -> None:
    body = sent()
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert body["max_tokens"] == 4096
    assert "max_completion_tokens" not in body
    assert body["messages"] == [{"role": "user", "content": "보증 기간?"}]


def test_the_configured_model_is_sent_whatever_the_caller_wants() -> None:
    assert sent(options={"model": "gpt-9", "stream": False, "n": 5})["model"] == "qwen"
    assert sent(options={"stream": False})["stream"] is True
    assert "n" not in sent(options={"n": 5})


def test_other_options_are_sent_as_they_are() -> None:
    body = sent(options={"temperature": 0, "stop": ["x"], "max_completion_tokens": 9})
    assert body["temperature"] == 0
    assert body["stop"] == ["x"]
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize(
    ("wanted", "configured", "sent_tokens"), [(None, 256, 256), (10, 256, 10), (999, 256, 256)]
)
def test_max_tokens_stay_within_what_the_backend_allows(
    wanted: int | None, configured: int, sent_tokens: int
) -> None:
    assert sent({"max_tokens": configured}, max_tokens=wanted)["max_tokens"] == sent_tokens


def test_no_tools_and_none_sends_the_choice_and_no_tools_key() -> None:
    body = sent(tools=(), tool_choice="none")
    assert "tools" not in body
    assert body["tool_choice"] == "none"


def test_no_tools_and_auto_sends_neither() -> None:
    body = sent(tools=(), tool_choice="auto")
    assert "tools" not in body
    assert "tool_choice" not in body


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_tools_are_sent_with_their_choice(choice: str) -> None:
    body = sent(tools=(TOOL,), tool_choice=choice)
    assert body["tools"] == [TOOL]
    assert body["tool_choice"] == choice


def test_half_a_surrogate_pair_in_a_message_breaks_nothing() -> None:
    assert sent(options={"user": "a\ud83d"})["user"] == "a?"


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://m:8080", "http://m:8080"),
        ("http://m:8080/", "http://m:8080"),
        ("http://m:8080/v1", "http://m:8080"),
        ("http://m:8080/v1/", "http://m:8080"),
        ("https://m/llm/v1", "https://m/llm"),
    ],
)
def test_the_address_may_be_configured_with_or_without_v1(base_url: str, root: str) -> None:
    assert server_root(base_url) == root


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://macbook:8080/v1", "macbook:8080"),
        ("http://macbook", "macbook:80"),
        ("https://macbook", "macbook:443"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://me:secret@macbook:8080", "macbook:8080"),
        ("http://macbook:99999", "macbook:80"),
    ],
)
def test_the_address_shown_is_host_and_port_and_never_a_password(
    base_url: str, address: str
) -> None:
    assert address_of(base_url) == address
