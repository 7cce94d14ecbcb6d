"""The limits of the door, held by the real program on real sockets."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from byline.api.http.http_protocol import HEAD_BYTES_MAX
from tests.acceptance.conftest import Site, Start

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ANSWER_S_MAX = 10.0


def address(site: Site) -> tuple[str, int]:
    host, _, port = site.url.removeprefix("http://").rpartition(":")
    return host, int(port)


@asynccontextmanager
async def connected(
    site: Site,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address(site))
    try:
        yield reader, writer
    finally:
        writer.close()


async def said(site: Site, sent: bytes) -> bytes:
    """What the server says to this until it closes the connection."""
    async with connected(site) as (reader, writer), asyncio.timeout(ANSWER_S_MAX):
        writer.write(sent)
        return await reader.read()


def code(answer: bytes) -> str:
    found: str = json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]["code"]
    return found


async def test_a_head_without_end_is_refused_while_it_is_sent(start: Start) -> None:
    site = await start()
    answer = await said(site, b"GET / HTTP/1.1\r\nX: " + b"x" * (HEAD_BYTES_MAX * 8))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert code(answer) == "too_large"
    assert b"x-content-type-options: nosniff" in answer
    assert (await site.get("/healthz")).status == 200


async def test_what_is_no_http_is_answered_in_the_one_shape(start: Start) -> None:
    site = await start()
    for sent in (b"hello\r\n\r\n", b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        answer = await said(site, sent)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert code(answer) == "bad_request"


async def test_requests_in_one_go_are_answered_in_turn(start: Start) -> None:
    site = await start()
    answer = await said(site, GET * 3 + LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 4
    assert answer.count(b'{"status":"ok"}') == 4


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Host: localhost:abc", 403),
        (b"Host: localhost:99999", 403),
        (b"Host: [::1", 403),
        (b"Host: user@localhost", 403),
        (b"Host: ", 403),
        (b"X: no host", 403),
        (b"Host: localhost\r\nHost: localhost", 400),
        (b"Host: localhost\r\nOrigin: http://[", 403),
        (b"Host: foo.localhost:8420", 200),
        (b"Host: [::1]:8420", 200),
    ],
)
async def test_a_host_that_is_none_is_refused(start: Start, head: bytes, status: int) -> None:
    site = await start()
    answer = await said(
        site, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + head + b"\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer


async def test_connections_over_the_bound_are_told_to_come_back(start: Start) -> None:
    site = await start({"server": {"connections_max": 3}})
    async with connected(site) as (reader, writer), connected(site), connected(site):
        answer = await said(site, GET)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert code(answer) == "busy"
        assert b"retry-after: 5\r\n" in answer
        writer.write(GET)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    async with asyncio.timeout(ANSWER_S_MAX):
        while not (await said(site, LAST)).startswith(b"HTTP/1.1 200 "):
            pass


async def test_without_descriptors_what_is_open_goes_on_and_the_log_has_one_line(
    start: Start,
) -> None:
    site = await start()
    loop = asyncio.get_running_loop()
    told, in_vain = loop.get_exception_handler(), asyncio.Event()
    assert told is not None

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told(loop, context)
        in_vain.set()

    loop.set_exception_handler(tell)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with connected(site) as (reader, writer), asyncio.timeout(ANSWER_S_MAX):
        with socket.socket() as late, capture_logs() as logs:
            late.setblocking(False)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                await loop.sock_connect(late, address(site))
                await in_vain.wait()
                writer.write(GET)
                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await loop.sock_sendall(late, GET)
            assert (await loop.sock_recv(late, 100)).startswith(b"HTTP/1.1 200 ")
    lines = [line for line in logs if "as many files open" in line["event"]]
    assert len(lines) == 1
    loop.set_exception_handler(told)
