"""A machine that really vanishes: packets are dropped, as when a laptop's lid is closed.

Nothing is simulated here but the machine: the kernel has to notice. Each call may wait far longer
(`timeout_read_s`, `stall_s`) than the 15 seconds in which it has to be told.

    the peer vanishes                        told by                     as
    before the connection                    timeout_connect_s           ConnectTimeout
    while a long prompt is being written     the limit on writing        WriteTimeout
    just before the prompt is written        unacknowledged data         ReadError
    while the prompt is being processed      keep-alive                  ReadError
    in the middle of the answer              keep-alive                  ReadError
    between two calls, then comes back       (the connection is not used again)

The faults of a machine that is still there (refusal, reset, slow or endless heads, bodies and
lines, redirects, wrong content, TLS, DNS, IPv6) are in `test_upstream_faults`,
`test_upstream_timeouts`, `test_upstream_connections` and `test_upstream_addresses`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, aclosing

import pytest
from aiohttp.abc import AbstractStreamWriter
from contract_servers import ModelServer, asking, read

from byline.backend.connections import TimedBody
from byline.backend.openai_client import OpenAIClient
from byline.config.schema import Ask, Config, Machine, OpenAIBackend
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.errors import BackendUnavailable
from byline.observe import Feed
from byline.testing.fake_network import Network, NotPermitted, network
from byline.testing.machine import FakeMachine

TOLD_S_MAX = 15.0
PATIENCE_S = 120.0
CONNECT_S = 0.5
MODEL = "Qwen3-32B"


@pytest.fixture
def lan() -> Iterator[Network]:
    with ExitStack() as stack:
        try:
            made = stack.enter_context(network())
        except NotPermitted as reason:
            pytest.skip(str(reason))
        yield made


@pytest.fixture
async def laptop(lan: Network) -> AsyncIterator[ModelServer]:
    with lan.machine() as machine:
        server = ModelServer(machine.base_url, MODEL, fake=machine)
        yield server
        for client in server.clients:
            await client.close()


def test_a_network_that_a_killed_run_has_left_over_is_in_nobodys_way(
    lan: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_over = int(lan.name.removeprefix("byline"))
    numbers = iter([left_over, left_over, (left_over + 1) % 16_384])
    monkeypatch.setattr(
        "byline.testing.fake_network.secrets.randbelow", lambda below: next(numbers)
    )
    with network() as other:
        assert other.name != lan.name
        assert other.host != lan.host


async def told(server: ModelServer) -> tuple[str, float]:
    """The reason a call fails with, and the seconds from its last sign of life to that."""
    client = server.client(timeout_connect_s=CONNECT_S, stall_s=PATIENCE_S, verify_model=False)
    alive_at = time.monotonic()
    with pytest.raises(BackendUnavailable) as raised:
        async with aclosing(client.stream(asking(timeout_read_s=PATIENCE_S))) as deltas:
            async for _ in deltas:
                alive_at = time.monotonic()
    return raised.value.reason, time.monotonic() - alive_at


async def test_a_peer_that_vanishes_is_noticed_within_15_seconds_however_far_the_call_had_come(
    lan: Network, laptop: ModelServer
) -> None:
    with lan.machine() as other:
        await laptop.arrange("hang")
        await other.set_mode("slow", delay_s=0.01)
        streaming = ModelServer(other.base_url, MODEL, fake=other)
        calls = [asyncio.create_task(told(one)) for one in (laptop, streaming)]
        for machine in (laptop.fake, other):
            assert machine is not None
            await machine.wait_for(requests=1)
        lan.vanish()
        vanished_at = time.monotonic()
        calls.append(asyncio.create_task(told(laptop)))
        (
            (prefilling, _),
            (midstream, midstream_s),
            (connecting, connecting_s),
        ) = await asyncio.gather(*calls)
        took_s = time.monotonic() - vanished_at
        for client in streaming.clients:
            await client.close()
    assert (prefilling, midstream, connecting) == ("ReadError", "ReadError", "ConnectTimeout")
    assert took_s < TOLD_S_MAX
    assert midstream_s < TOLD_S_MAX
    assert connecting_s < CONNECT_S + 0.5


LONG_PROMPT = "The lease begins on 1 May 2024. " * 1_000_000
"""More than the buffers of both ends hold, so that writing it cannot end."""


async def test_a_peer_that_vanishes_while_it_is_written_to_is_noticed_and_its_machine_is_free(
    lan: Network, laptop: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long prompt stops half written; a short one goes out on a pooled connection and is never
    acknowledged, and whoever vanished is not dialled again first."""
    writes = asyncio.Event()

    class Announced(TimedBody):
        async def write_with_length(self, writer: AbstractStreamWriter, length: int | None) -> None:
            writes.set()
            await super().write_with_length(writer, length)

    monkeypatch.setattr("byline.backend.completion_call.TimedBody", Announced)
    with lan.machine() as other:
        await laptop.arrange("slow_reader")
        pooled = ModelServer(other.base_url, MODEL, fake=other)
        client = pooled.client(verify_model=False)
        writing, dispatcher = _gated(laptop.client(verify_model=False))
        call = asyncio.create_task(failure(writing, LONG_PROMPT))
        await writes.wait()
        await read(client)
        short, other_dispatcher = _gated(client)
        lan.vanish()
        vanished_at = time.monotonic()
        unacknowledged = asyncio.create_task(failure(short, "How long is the warranty?"))
        reasons = await asyncio.gather(call, unacknowledged)
        took_s = time.monotonic() - vanished_at
        for one in (dispatcher, other_dispatcher):
            assert one.gate("macbook").status().running == 0
        await client.close()
    assert reasons == ["WriteTimeout", "ReadError"]
    assert took_s < TOLD_S_MAX


def _gated(client: OpenAIClient) -> tuple[Backend, Dispatcher]:
    """The client behind the gate of its machine."""
    backend = OpenAIBackend(
        kind="openai", machine="macbook", base_url="http://127.0.0.1:1", model=MODEL
    )
    config = Config(
        ask=Ask(default_backend="qwen-macbook"),
        machines={"macbook": Machine()},
        backends={"qwen-macbook": backend},
    )
    dispatcher = Dispatcher(config, lambda name, config: client, LoopClock(), Feed())
    return dispatcher.default, dispatcher


async def failure(backend: Backend, prompt: str) -> str:
    """The reason a call fails with."""
    with pytest.raises(BackendUnavailable) as raised:
        await backend.generate(prompt, timeout_read_s=PATIENCE_S)
    return raised.value.reason


async def test_a_connection_from_before_the_machine_was_unreachable_is_not_used_again(
    lan: Network, laptop: ModelServer
) -> None:
    client = laptop.client(timeout_connect_s=CONNECT_S, verify_model=False)
    await read(client)
    lan.vanish()
    with pytest.raises(BackendUnavailable):
        await client.reach()
    lan.come_back()
    await read(client)
    machine = laptop.fake
    assert isinstance(machine, FakeMachine)
    first, second = [chat["from_port"] for chat in await machine.chats()]
    assert first != second
