"""The gate in one process: how long a free machine stays idle, and whether a slot gets lost."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bench.report import Row
from bench.settings import Settings
from byline.backend.chat_client import ProbeResult
from byline.config.schema import Ask, BackendBranch, Config, Machine, OpenAIBackend
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.dispatch.gate.admission import GateLimits
from byline.dispatch.gate.local_gate import Gate
from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import Priority, Queued
from byline.errors import Preempted
from byline.observe import Feed

NAME = "gate: hand-over and lost slots, one process"

WAITING = 32
HAND_OVERS = 20_000
ABORTED_CALLS = 10_000
DELTAS = 100_000
LIMITS = GateLimits(1, WAITING, 600.0, background_wait_s_max=600.0, background_give_up_s=600.0)


async def run(settings: Settings) -> list[Row]:
    """All rows of the gate, in about four seconds."""
    rows = _hand_over_rows("gate hand-over", await _hand_overs(), budget=1.0)
    rows += _hand_over_rows("upstream to upstream", await _idle_times(), budget=None)
    lost, history = await _lost_slots()
    rows.append(Row("slots lost", lost, "slots", 0, "lower", f"after {history}"))
    added_us = await _added_per_delta_us()
    rows.append(
        Row("added per delta", added_us, "µs", None, "lower", f"{DELTAS:,} deltas, no network")
    )
    return rows


def _hand_over_rows(name: str, waits_ms: list[float], budget: float | None) -> list[Row]:
    p99 = statistics.quantiles(waits_ms, n=100)[98]
    note = f"{len(waits_ms):,} hand-overs, {WAITING} calls waiting"
    return [
        Row(f"{name}, median", statistics.median(waits_ms), "ms", budget, "lower", note),
        Row(f"{name}, p99", p99, "ms", budget, "lower", note),
    ]


async def _hand_overs() -> list[float]:
    """From `release` to the next caller running, in milliseconds."""
    gate = Gate("bench", LIMITS, LoopClock())
    waits_ms: list[float] = []
    released = 0.0

    async def caller() -> None:
        nonlocal released
        while len(waits_ms) < HAND_OVERS:
            slot = await gate.enter("bench", Priority.FOREGROUND, _ignore)
            waits_ms.append((time.perf_counter() - released) * 1000)
            released = time.perf_counter()
            slot.release()
            await asyncio.sleep(0)  # rejoin the queue behind the others

    released = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(WAITING)))
    return waits_ms


class _Client:
    """A model server without a network that notes when it is busy."""

    def __init__(self, deltas: int) -> None:
        self._deltas = deltas
        self.idle_ms: list[float] = []
        self._ended: float | None = None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        if self._ended is not None:
            self.idle_ms.append((time.perf_counter() - self._ended) * 1000)
        try:
            for _ in range(self._deltas):
                await asyncio.sleep(0)
                yield Delta(content="word ")
            yield Delta(finish_reason="stop")
        finally:
            self._ended = time.perf_counter()

    async def probe(self) -> ProbeResult:
        return ProbeResult("it is this process")

    async def reach(self) -> None:
        return None

    async def count_tokens(self, text: str) -> int | None:
        return None

    async def close(self) -> None:
        return None


def _ignore(queued: Queued) -> None:
    return None


def _backend(client: _Client, *, capacity: int, max_tokens: int) -> tuple[Dispatcher, Backend]:
    config = Config(
        ask=Ask(default_backend="bench"),
        machines={"bench": Machine(capacity=capacity, queue_len_max=WAITING)},
        backends={
            "bench": OpenAIBackend(
                kind="openai",
                machine="bench",
                base_url="http://127.0.0.1:1",
                model="bench",
                max_tokens=max_tokens,
            )
        },
    )

    def make_client(name: str, backend: BackendBranch) -> _Client:
        return client

    dispatcher = Dispatcher(config, make_client, LoopClock(), Feed())
    return dispatcher, dispatcher.default


async def _read(backend: Backend, priority: Priority = Priority.FOREGROUND) -> None:
    request = ChatRequest(({"role": "user", "content": "Hi"},))
    async with aclosing(backend.events(request, priority)) as events:
        async for _ in events:
            pass


async def _idle_times() -> list[float]:
    """From the end of one call's upstream to the beginning of the next one's, in milliseconds."""
    client = _Client(deltas=3)
    dispatcher, backend = _backend(client, capacity=1, max_tokens=16)

    async def caller() -> None:
        while len(client.idle_ms) < HAND_OVERS // 4:
            await _read(backend)

    await asyncio.gather(*(caller() for _ in range(WAITING)))
    await dispatcher.close()
    return client.idle_ms


async def _lost_slots() -> tuple[int, str]:
    """Abort calls at random moments of their life; how many slots the gate misses afterwards."""
    capacity = 4
    chance = random.Random(11)
    dispatcher, backend = _backend(_Client(deltas=4), capacity=capacity, max_tokens=16)
    aborted = preempted = 0

    async def caller() -> None:
        nonlocal aborted, preempted
        while aborted < ABORTED_CALLS:
            call = asyncio.create_task(_read(backend, chance.choice(list(Priority))))
            for _ in range(chance.randint(0, 40)):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            aborted += call.cancelled()
            preempted += not call.cancelled() and isinstance(call.exception(), Preempted)

    await asyncio.gather(*(caller() for _ in range(WAITING)))
    lost = dispatcher.gates()[0].running
    await dispatcher.close()
    return lost, f"{aborted:,} calls aborted and {preempted:,} preempted anywhere"


async def _added_per_delta_us() -> float:
    """What the gate's buffer adds to a delta, against reading the client itself."""
    client = _Client(deltas=DELTAS)
    dispatcher, backend = _backend(client, capacity=1, max_tokens=DELTAS)
    began = time.perf_counter()
    async for _ in client.stream(ChatRequest(())):
        pass
    direct_s = time.perf_counter() - began
    began = time.perf_counter()
    await _read(backend)
    gated_s = time.perf_counter() - began
    await dispatcher.close()
    return (gated_s - direct_s) / DELTAS * 1e6
