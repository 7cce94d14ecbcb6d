"""Every way a model server can fail, and the one word for each. Nothing here is ever an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from contract_servers import ModelServer, asking, read

from byline.backend.decode import assemble_message
from byline.errors import BackendUnavailable, LlmError
from byline.testing.machine import FakeMachine, closed_port

UNAVAILABLE: list[tuple[str, dict[str, Any], str]] = [
    ("refuse", {}, "ConnectError"),
    ("drop", {}, "ReadError"),
    ("cut", {}, "RemoteProtocolError"),
    ("drop_head", {}, "RemoteProtocolError"),
    ("not_http", {}, "RemoteProtocolError"),
    ("bad_json", {}, "RemoteProtocolError"),
    ("bad_utf8", {}, "RemoteProtocolError"),
    ("endless_line", {}, "RemoteProtocolError"),
    ("endless", {}, "RemoteProtocolError"),
    ("truncated", {}, "stream_truncated"),
    ("error_in_200", {"shape": "object"}, "stream_error"),
    ("error_in_200", {"shape": "string"}, "stream_error"),
    ("error_in_200", {"shape": "list"}, "stream_error"),
    ("error_in_200", {"shape": "detail"}, "stream_error"),
    ("loading", {}, "loading"),
    ("status", {"status": 500, "shape": "object"}, "http_500"),
    ("status", {"status": 502, "shape": "html"}, "http_502"),
    ("status", {"status": 503, "shape": "text"}, "http_503"),
    ("status", {"status": 504, "shape": "string"}, "http_504"),
    ("status", {"status": 529, "shape": "detail"}, "http_529"),
]

LLM_ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("html", {}, "bad_response"),
    ("empty", {}, "bad_response"),
    ("no_choices", {}, "bad_response"),
    ("status", {"status": 307}, "http_307"),
    ("status", {"status": 400, "shape": "detail"}, "http_400"),
    ("status", {"status": 401, "shape": "object"}, "http_401"),
    ("status", {"status": 404, "shape": "text"}, "http_404"),
    ("status", {"status": 408}, "http_408"),
    ("status", {"status": 413, "shape": "html"}, "http_413"),
    ("status", {"status": 422, "shape": "detail_list"}, "http_422"),
    ("status", {"status": 429, "shape": "string"}, "http_429"),
]


def named(case: tuple[str, dict[str, Any], str]) -> str:
    mode, behaviour, _ = case
    return "-".join([mode, *map(str, behaviour.values())])


@pytest.mark.parametrize("case", UNAVAILABLE, ids=named)
async def test_a_failure_of_the_server_is_unavailable(
    fake: ModelServer, case: tuple[str, dict[str, Any], str]
) -> None:
    mode, behaviour, reason = case
    await fake.arrange(mode, **behaviour)
    with pytest.raises(BackendUnavailable) as raised:
        await read(fake.client(max_tokens=64))
    error = raised.value
    assert error.reason == reason
    assert str(error) == f"qwen-macbook unavailable: {reason}"
    assert error.error_reason == "macbook_unavailable"
    assert error.address == fake.address
    if mode in ("status", "error_in_200"):
        assert "the engine is on fire" in error.detail


@pytest.mark.parametrize("case", LLM_ERRORS, ids=named)
async def test_a_refusal_or_a_200_without_an_answer_is_an_llm_error(
    fake: ModelServer, case: tuple[str, dict[str, Any], str]
) -> None:
    mode, behaviour, reason = case
    await fake.arrange(mode, **behaviour)
    with pytest.raises(LlmError) as raised:
        await read(fake.client())
    assert raised.value.reason == reason
    assert raised.value.text
    if mode == "status":
        assert "the engine is on fire" in raised.value.text


async def test_after_any_failure_the_next_call_is_answered(fake: ModelServer) -> None:
    client = fake.client(max_tokens=64)
    for mode, behaviour, _ in [*UNAVAILABLE, *LLM_ERRORS]:
        await fake.arrange(mode, **behaviour)
        with pytest.raises((BackendUnavailable, LlmError)):
            await read(client)
        await fake.arrange()
        assert assemble_message(await read(client))["content"], mode


async def test_a_name_nobody_knows_is_a_connect_error(fake: ModelServer) -> None:
    with pytest.raises(BackendUnavailable) as raised:
        await read(fake.client(base_url="http://macbook.invalid:8080"))
    assert raised.value.reason == "ConnectError"
    assert "macbook.invalid" in raised.value.detail


async def test_a_closed_port_is_a_connect_error(fake: ModelServer) -> None:
    with closed_port() as address, pytest.raises(BackendUnavailable) as raised:
        await read(fake.client(base_url=f"http://{address}"))
    assert raised.value.reason == "ConnectError"
    assert "refused" in raised.value.detail


async def test_a_server_that_speaks_no_tls_is_a_connect_error(fake: ModelServer) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BackendUnavailable) as raised:
            await read(fake.client(base_url=f"https://127.0.0.1:{port}"))
    assert raised.value.reason == "ConnectError"


async def test_a_redirect_is_not_followed(fake: ModelServer, machine: FakeMachine) -> None:
    elsewhere = f"{machine.base_url}/elsewhere/chat/completions"
    await fake.arrange("status", status=307, location=elsewhere)
    with pytest.raises(LlmError):
        await read(fake.client())
    assert [request["path"] for request in await machine.requests()] == ["/v1/chat/completions"]


async def test_proxies_of_the_environment_are_not_asked(
    fake: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed_port() as nowhere:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{nowhere}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert await read(fake.client())


@pytest.mark.parametrize("port", ["99999", "x"])
async def test_an_address_nobody_can_call_is_misconfigured(fake: ModelServer, port: str) -> None:
    with pytest.raises(LlmError) as raised:
        await read(fake.client(base_url=f"http://macbook:{port}"))
    assert raised.value.reason == "misconfigured"


@pytest.mark.parametrize("mode", ["no_done", "after_done", "no_stream"])
async def test_an_answer_with_an_unusual_end_is_an_answer(fake: ModelServer, mode: str) -> None:
    await fake.arrange()
    expected = await read(fake.client())
    await fake.arrange(mode)
    assert assemble_message(await read(fake.client())) == assemble_message(expected)


async def test_an_answer_whose_end_mark_never_comes_is_an_answer(fake: ModelServer) -> None:
    await fake.arrange("lingering")
    deltas = await read(fake.client(), asking(timeout_read_s=0.3))
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage is not None


async def test_a_model_that_says_nothing_is_a_complete_answer_without_content(
    fake: ModelServer,
) -> None:
    await fake.arrange("nothing_said", reply={"reasoning": "hm"})
    message = assemble_message(await read(fake.client()))
    assert message["content"] is None
    assert message["reasoning_content"] == "hm"
