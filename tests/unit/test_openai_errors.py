"""Errors of `/v1`: what OpenAI's clients read of them, and what a machine said in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api_doubles import office

from byline.api.failures import openai_failure
from byline.backend.decode import AnswerDecoder, RequestRefused, StreamFailed
from byline.backend.failures import Upstream, status_error
from byline.errors import (
    BackendUnavailable,
    BylineError,
    DatabaseUnavailable,
    GateTimeout,
    Internal,
    LlmError,
    MachineRefusal,
)

CHAT = "/v1/chat/completions"
TO = Upstream("qwen-macbook", "macbook", "macbook:8080")


def body(**more: Any) -> dict[str, Any]:
    return {"model": "qwen-macbook", "messages": [{"role": "user", "content": "x"}], **more}


def down(reason: str) -> BackendUnavailable:
    return BackendUnavailable("qwen-macbook", reason, machine="macbook", detail="it said: no")


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (down("ConnectError"), False),
        (down("http_500"), False),
        (down("stream_error"), False),
        (LlmError("q", "bad_response", machine="m"), False),
        (LlmError("q", "http_418", machine="m"), False),
        (Internal("x"), False),
        (down("loading"), True),
        (GateTimeout("q", "m", 3), True),
        (DatabaseUnavailable("gone"), True),
    ],
)
def test_clients_are_told_not_to_retry_what_no_retry_mends(error: BylineError, again: bool) -> None:
    response = openai_failure(error)
    assert response.status_code >= 500
    assert response.headers.get("x-should-retry") == (None if again else "false")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429])
async def test_a_machines_refusal_keeps_its_status_code_and_words(
    tmp_path: Path, status: int, stream: bool
) -> None:
    said = b'{"error":{"message":"no such thing","type":"their_type","code":"their_code"}}'
    refused = status_error(status, "", said, TO, "7")
    async with office(tmp_path, script=[refused]) as byline:
        answer = await byline.call.post(CHAT, body(stream=stream))
        calls = len(byline.client("qwen-macbook").calls)
    told = answer.json()
    assert (answer.status, answer.headers["retry-after"], calls) == (status, "7", 1)
    error = told["error"]
    assert (error["message"], error["type"], error["code"]) == (
        "no such thing",
        "their_type",
        "their_code",
    )
    assert (told["error_reason"], told["reason"]) == ("llm_error", f"http_{status}")
    assert "x-should-retry" not in answer.headers


def test_a_refusal_without_fields_has_those_of_its_status() -> None:
    response = openai_failure(LlmError("q", "http_401", machine="m", text="who are you"))
    assert response.status_code == 401
    assert b'"authentication_error"' in response.body
    assert b'"llm_error"' in response.body


def test_what_a_machine_says_when_it_fails_stands_in_the_message() -> None:
    assert b"it said: no" in openai_failure(down("http_500")).body


@pytest.mark.parametrize("sent", ["soon\nX: 1", "x" * 99, ""])
def test_a_retry_after_that_is_none_is_not_passed_on(sent: str) -> None:
    refused = status_error(429, "", b"", TO, sent)
    assert isinstance(refused, LlmError)
    assert refused.refusal == MachineRefusal()


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ('{"error":{"message":"bad","type":"invalid_request_error"}}', 400),
        ('{"error":{"message":"bad","code":"context_length_exceeded"}}', 400),
        ('{"object":"error","message":"bad","type":"BadRequestError","code":400}', 400),
        ('{"error":{"message":"slow down","code":"429"}}', 429),
        ('{"error":{"message":"who","type":"authentication_error"}}', 401),
        (
            '{"error":{"message":"Trying to keep the first 9000 tokens when context the '
            'overflows."}}',
            400,
        ),
        ('{"error":"The model is loaded with context length of only 4096 tokens"}', 400),
        ('{"error":{"code":500,"message":"Context size has been exceeded."}}', 400),
    ],
)
@pytest.mark.parametrize("form", ["data: {}\n\n", "event: error\ndata: {}\n\n", "{}"])
def test_a_fault_of_the_request_told_in_a_200_is_the_callers(
    event: str, status: int, form: str
) -> None:
    decoder = AnswerDecoder()
    with pytest.raises(RequestRefused) as raised:
        decoder.feed(form.replace("{}", event).encode()) or decoder.close()
    assert raised.value.status == status


@pytest.mark.parametrize(
    "event",
    [
        '{"error":{"message":"CUDA out of memory","code":500,"type":"invalid_request_error"}}',
        '{"error":"boom"}',
        '{"error":{"message":"boom","code":true}}',
    ],
)
def test_a_fault_of_the_machine_told_in_a_200_is_the_machines(event: str) -> None:
    with pytest.raises(StreamFailed):
        AnswerDecoder().feed(f"data: {event}\n\n".encode())
