"""Each limit on waiting by itself: what it bounds, and what it leaves alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest
from contract_servers import ModelServer, asking, read

from byline.backend.http_session import HttpLimits
from byline.backend.openai_client import OpenAIClient
from byline.domain.chat import ChatRequest
from byline.errors import BackendUnavailable
from byline.testing.machine import FakeMachine, black_hole

SHORT_S = 0.15
LONG_S = 30.0
SLACK_S = 0.35
"""A busy machine may be late; every limit that must not strike is much longer."""
BEAT_S = 0.01


@dataclass(slots=True)
class Took:
    """How long something lasted, in seconds by the clock and in seconds in which this process was
    let run: those another process had, or a long prompt took to write out, are no limit's fault."""

    clock_s: float = 0.0
    awake_s: float = 0.0


@asynccontextmanager
async def measured() -> AsyncIterator[Took]:
    took, started = Took(), time.monotonic()

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            took.awake_s += BEAT_S

    beating = asyncio.create_task(beat())
    try:
        yield took
    finally:
        took.clock_s = time.monotonic() - started
        beating.cancel()


async def failure(client: OpenAIClient, request: ChatRequest) -> tuple[str, Took]:
    """The reason a call fails with, and after how long."""
    async with measured() as took:
        with pytest.raises(BackendUnavailable) as raised:
            await read(client, request)
    return raised.value.reason, took


async def test_no_connection_in_time_is_a_connect_timeout(fake: ModelServer) -> None:
    with black_hole() as address:
        client = fake.client(base_url=f"http://{address}", timeout_connect_s=SHORT_S)
        reason, took = await failure(client, asking(timeout_read_s=LONG_S))
    assert reason == "ConnectTimeout"
    assert took.clock_s >= SHORT_S
    assert took.awake_s < SHORT_S + SLACK_S


async def test_connecting_does_not_eat_the_read_budget(fake: ModelServer) -> None:
    with black_hole() as address:
        client = fake.client(base_url=f"http://{address}", timeout_connect_s=2 * SHORT_S)
        reason, took = await failure(client, asking(timeout_read_s=SHORT_S / 2))
    assert reason == "ConnectTimeout"
    assert took.clock_s >= 2 * SHORT_S


@pytest.mark.parametrize("mode", ["hang", "slow_head", "stall", "slow"])
async def test_an_answer_not_whole_in_time_is_a_read_timeout(fake: ModelServer, mode: str) -> None:
    await fake.arrange(mode, delay_s=0.01)
    client = fake.client(timeout_connect_s=LONG_S, stall_s=LONG_S)
    reason, took = await failure(client, asking(timeout_read_s=SHORT_S))
    assert reason == "ReadTimeout"
    assert took.clock_s >= SHORT_S
    assert took.awake_s < SHORT_S + SLACK_S


async def test_tokens_never_renew_the_read_timeout(fake: ModelServer) -> None:
    await fake.arrange("slow", delay_s=0.01)
    client = fake.client(stall_s=LONG_S)
    seen = 0
    async with measured() as took:
        with pytest.raises(BackendUnavailable, match="ReadTimeout"):
            async for _ in client.stream(asking(timeout_read_s=2 * SHORT_S)):
                seen += 1
    assert seen > 3
    assert took.awake_s < 2 * SHORT_S + SLACK_S


async def test_bytes_that_never_pause_do_not_outrun_the_read_timeout(fake: ModelServer) -> None:
    await fake.arrange("endless")
    client = fake.client(max_tokens=1_000_000, stall_s=LONG_S)
    async with measured() as took:
        with pytest.raises(BackendUnavailable, match="ReadTimeout"):
            async for _ in client.stream(asking(timeout_read_s=SHORT_S)):
                await asyncio.sleep(0)  # more bytes are there each time, so no read ever waits
    assert took.awake_s < SHORT_S + 3 * SLACK_S


@pytest.mark.parametrize("mode", ["stall", "vanish"])
async def test_silence_after_the_first_token_is_a_stall(fake: ModelServer, mode: str) -> None:
    await fake.arrange(mode)
    client = fake.client(stall_s=SHORT_S)
    reason, took = await failure(client, asking(timeout_read_s=LONG_S))
    assert reason == "stalled"
    assert took.clock_s >= SHORT_S
    assert took.awake_s < SHORT_S + SLACK_S


async def test_keepalive_comments_are_a_sign_of_life(fake: ModelServer) -> None:
    await fake.arrange("pings")
    client = fake.client(stall_s=SHORT_S / 3)
    reason, _ = await failure(client, asking(timeout_read_s=SHORT_S))
    assert reason == "ReadTimeout"


async def test_silence_before_the_first_token_is_no_stall(fake: ModelServer) -> None:
    await fake.arrange("stall", after=1)  # llama.cpp's first chunk holds no token
    client = fake.client(stall_s=SHORT_S / 3)
    reason, took = await failure(client, asking(timeout_read_s=SHORT_S))
    assert reason == "ReadTimeout"
    assert took.clock_s >= SHORT_S


async def test_tokens_renew_the_stall_limit(fake: ModelServer) -> None:
    await fake.arrange(delay_s=SHORT_S / 2, reply={"tokens": 6})
    assert (await read(fake.client(stall_s=SHORT_S)))[-1].finish_reason == "stop"


async def test_the_reader_s_own_time_is_no_stall(fake: ModelServer, machine: FakeMachine) -> None:
    await fake.arrange("hold")
    client = fake.client(stall_s=0.001)
    async with aclosing(client.stream(asking())) as deltas:
        await anext(deltas)
        await machine.release()
        await machine.wait_for(done=1)  # the rest is there; the reader took longer than stall_s
        assert [delta async for delta in deltas][-1].finish_reason == "stop"


async def test_a_server_that_does_not_read_is_a_write_timeout(fake: ModelServer) -> None:
    await fake.arrange("slow_reader")
    client = fake.client(limits=HttpLimits(write_s=SHORT_S))
    reason, took = await failure(client, asking("word " * 4_000_000, timeout_read_s=LONG_S))
    assert reason == "WriteTimeout"
    assert took.clock_s >= SHORT_S
    assert took.awake_s < SHORT_S + 3 * SLACK_S


async def test_a_server_that_resets_while_it_is_written_to_is_a_write_error(
    fake: ModelServer,
) -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()  # with bytes unread, which makes it a reset

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = fake.client(base_url=f"http://127.0.0.1:{port}")
        reason, _ = await failure(client, asking("word " * 4_000_000))
    assert reason == "WriteError"


async def test_no_free_place_in_time_is_a_pool_timeout(
    fake: ModelServer, machine: FakeMachine
) -> None:
    await fake.arrange("hang")
    client = fake.client(limits=HttpLimits(pool_s=SHORT_S, calls_max=1))
    first = asyncio.create_task(read(client))
    await machine.wait_for(requests=1)
    reason, took = await failure(client, asking(timeout_read_s=LONG_S))
    assert reason == "PoolTimeout"
    assert took.clock_s >= SHORT_S
    assert took.awake_s < SHORT_S + SLACK_S
    first.cancel()
    await machine.wait_for(left=1)
    await fake.arrange()
    assert await read(client)


async def test_a_check_of_the_model_that_hangs_does_not_hold_the_answer_up(
    fake: ModelServer,
) -> None:
    """A server whose other pages hang still answers; then its model is not verified."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"POST"):
            await reader.read()  # hangs until the client gives up
        body = b'data: {"choices":[{"delta":{"content":"Two"},"finish_reason":"stop"}]}\n\n'
        writer.write(b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nConnection: close\r\n\r\n" + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = fake.client(
            base_url=f"http://127.0.0.1:{port}",
            limits=HttpLimits(json_s=SHORT_S, check_wait_s=0.01),
        )
        served = (await read(client))[-1].served
    assert served is not None
    assert not served.verified
    assert served.note
