"""A person at a machine that background work keeps busy: how long until the first token.

Real sockets and a fake machine process. The same person comes at random moments to an idle machine,
and to one saturated by background work under three ways to admit: first come first served, people
first, and people first with preemption, which is what Byline does.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.report import Row
from bench.settings import Settings
from bench.wire import quantile
from byline.backend.chat_client import ChatClient
from byline.backend.client_factory import make_client
from byline.config.schema import Ask, Config, LlamaCppBackend, Machine, OpenAIBackend
from byline.dispatch.calls import CallEvent
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.dispatch.gate.admission import PREEMPTIONS_MAX
from byline.dispatch.gate.local_gate import Gate
from byline.domain.chat import ChatRequest
from byline.domain.gates import Priority, Queued, Started
from byline.errors import Preempted
from byline.observe import Feed
from byline.testing.machine import fake_machine

NAME = "first token of a person while background work saturates the machine"

PEOPLE = 40
WORKERS = 4
FIRST_TOKEN_S = 0.08
TOKEN_S = 0.02
RATIO_MAX = 1.2
REQUEST = ChatRequest(({"role": "user", "content": "How long is the warranty?"},))
FG, BG = Priority.FOREGROUND, Priority.BACKGROUND


@dataclass(frozen=True)
class Scene:
    """Which machine people come to, how many of them, and what everybody asks."""

    backend: OpenAIBackend | LlamaCppBackend
    home: Path
    people: int = PEOPLE
    request: ChatRequest = REQUEST


@dataclass(frozen=True)
class Office:
    """One machine with one backend; `client` is its way to the server, without the gate."""

    dispatcher: Dispatcher
    client: ChatClient
    request: ChatRequest

    @classmethod
    def at(cls, scene: Scene) -> Office:
        backend = scene.backend
        config = Config(
            ask=Ask(default_backend="bench"),
            machines={"bench": Machine()},
            backends={"bench": backend},
        )
        client = make_client("bench", backend, home=scene.home)
        dispatcher = Dispatcher(config, lambda name, config: client, LoopClock(), Feed())
        return cls(dispatcher, client, scene.request)

    def call(self) -> AsyncGenerator[CallEvent, None]:
        """Background work as Byline admits it."""
        return self.backend.events(self.request, BG)

    @property
    def backend(self) -> Backend:
        return self.dispatcher.default

    @property
    def gate(self) -> Gate:
        return self.dispatcher.gate("bench")


@dataclass
class Worker:
    """Background work without end. `busy`: it has the machine; `preemptions` of its call."""

    busy: bool = False
    preemptions: int = 0

    async def work(self, call: Callable[[], AsyncGenerator[CallEvent, None]]) -> None:
        while True:
            self.preemptions = 0
            with suppress(Preempted):
                async with aclosing(call()) as events:
                    async for event in events:
                        self.hear(event)
            self.busy = False

    def hear(self, event: CallEvent) -> None:
        if isinstance(event, Queued):
            self.busy = False
            self.preemptions = event.preemptions
        elif isinstance(event, Started):
            self.busy = True

    @property
    def undisturbed(self) -> bool:
        return self.busy and self.preemptions >= PREEMPTIONS_MAX


async def run(settings: Settings) -> list[Row]:
    """One table: the idle machine, then each way to admit; about two minutes."""
    async with fake_machine(first_delay_s=FIRST_TOKEN_S, delay_s=TOKEN_S) as machine:
        backend = OpenAIBackend(
            kind="openai", machine="bench", base_url=machine.base_url, model="bench"
        )
        return await table(Scene(backend, settings.scratch), "fake machine")


async def table(scene: Scene, server: str) -> list[Row]:
    """The idle machine, each way to admit, and what preemption makes of the wait."""
    measured = partial(_measured, scene)
    idle, _ = await measured(None)
    fifo, _ = await measured(lambda office: office.backend.events(office.request, FG))
    first, _ = await measured(_not_disturbed)
    byline, left_out = await measured(Office.call)
    rows = [
        Row(f"first token, {name}: {share}", value, "ms", None, "lower", f"{server}, {len(waits)}")
        for name, waits in (
            ("idle machine", idle),
            ("first come first served", fifo),
            ("people first, no preemption", first),
            ("preemption", byline),
        )
        for share, value in (("median", statistics.median(waits)), ("p95", quantile(waits, 0.95)))
    ]
    ratio = quantile(byline, 0.95) / quantile(idle, 0.95)
    note = (
        f"{server}, {WORKERS} background callers; {left_out} who met an undisturbed call left out"
    )
    rows.append(Row("first token, saturated : idle, p95", ratio, "x", RATIO_MAX, "lower", note))
    return rows


async def _not_disturbed(office: Office) -> AsyncGenerator[CallEvent, None]:
    """Priority without preemption: a holder of the slot whom nobody tells to stop."""
    with await office.gate.enter(office.backend.name, BG):
        async with aclosing(office.client.stream(office.request)) as deltas:
            async for delta in deltas:
                yield delta


async def _measured(
    scene: Scene,
    call: Callable[[Office], AsyncGenerator[CallEvent, None]] | None,
) -> tuple[list[float], int]:
    """First tokens of people in milliseconds beside such background calls, and how many were left
    out."""
    office = Office.at(scene)
    await _first_token_ms(office)  # the first call may load a model
    workers = [Worker() for _ in range(WORKERS if call else 0)]
    tasks = [asyncio.create_task(w.work(partial(call, office))) for w in workers if call]
    chance = random.Random(5)
    waits_ms: list[float] = []
    left_out = 0
    try:
        while len(waits_ms) < scene.people:
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            undisturbed = any(worker.undisturbed for worker in workers)
            wait_ms = await _first_token_ms(office)
            left_out += undisturbed
            if not undisturbed:
                waits_ms.append(wait_ms)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await office.dispatcher.close()
    return waits_ms, left_out


async def _first_token_ms(office: Office) -> float:
    began = time.perf_counter()
    first_ms = 0.0
    async with aclosing(office.backend.call(office.request, FG)) as deltas:
        async for delta in deltas:
            if delta.content and not first_ms:
                first_ms = (time.perf_counter() - began) * 1000
    return first_ms
