"""Every way a model server can fail, and the one word for each. Nothing here is ever an answer."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


CHAT = (
    b'data: {"choices":[{"delta":{"content":"Two"}}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
PAGE = b"<html><h1>Welcome to your router</h1></html>"


def response(body: bytes, content_type: str = "text/event-stream", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def saying(answer: bytes, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """The address of a server that answers every request with these bytes and hangs up."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(say, host, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


ODD_ANSWERS = {
    "a page labelled as a stream": (response(PAGE), "bad_response"),
    "plain text labelled as a stream": (response(b"Not Found\n"), "bad_response"),
    "a JSON document of somebody else's": (
        response(b'{"status": "ok"}', "application/json"),
        "bad_response",
    ),
    "a picture": (response(b"\x89PNG\r\n\x1a\n\x00\x00", "image/png"), "bad_response"),
    "201 with an answer": (response(CHAT, status="201 Created"), "bad_response"),
    "204 without a body": (response(b"", status="204 No Content"), "bad_response"),
    "206 with part of an answer": (response(CHAT, status="206 Partial Content"), "bad_response"),
    "100 and then nothing": (b"HTTP/1.1 100 Continue\r\n\r\n", "RemoteProtocolError"),
    "103 and then nothing": (b"HTTP/1.1 103 Early Hints\r\n\r\n", "RemoteProtocolError"),
    "101 and another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + CHAT,
        "bad_response",
    ),
    "an error list": (response(b'{"error": [{"msg": "no"}]}', status="400 Bad"), "http_400"),
    "an error of nothing": (response(b'{"error": {}}', status="400 Bad"), "http_400"),
    "an empty error": (response(b"", status="500 Oops"), "http_500"),
    "529 of nothing": (response(b"{}", status="529 "), "http_529"),
}


@pytest.mark.parametrize("odd", ODD_ANSWERS)
async def test_an_odd_answer_is_a_named_failure_with_a_text(fake: ModelServer, odd: str) -> None:
    answer, reason = ODD_ANSWERS[odd]
    async with saying(answer) as base_url:
        with pytest.raises((BackendUnavailable, LlmError)) as raised:
            await read(fake.client(base_url=base_url))
    error = raised.value
    assert error.reason == reason
    assert (error.text if isinstance(error, LlmError) else error.detail).strip()


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "text/html", "x"])
async def test_a_whole_answer_counts_whatever_its_label(
    fake: ModelServer, content_type: str
) -> None:
    """Servers and proxies mislabel streams; the bytes alone decide whether this is an answer."""
    async with saying(response(CHAT, content_type)) as base_url:
        deltas = await read(fake.client(base_url=base_url))
    assert assemble_message(deltas)["content"] == "Two"


async def test_hints_before_the_answer_are_skipped(fake: ModelServer) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with saying(hints + response(CHAT)) as base_url:
        assert assemble_message(await read(fake.client(base_url=base_url)))["content"] == "Two"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6")
async def test_a_server_that_has_ipv6_only_is_called(fake: ModelServer) -> None:
    async with saying(response(CHAT), "::1") as base_url:
        last = (await read(fake.client(base_url=base_url)))[-1]
    assert last.served is not None
    assert last.served.address == base_url.removeprefix("http://")


async def test_a_model_that_says_nothing_is_a_complete_answer_without_content(
    fake: ModelServer,
) -> None:
    await fake.arrange("nothing_said", reply={"reasoning": "hm"})
    message = assemble_message(await read(fake.client()))
    assert message["content"] is None
    assert message["reasoning_content"] == "hm"
