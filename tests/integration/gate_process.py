"""A process that shares machines with others, and that a test may kill.

`python gate_process.py DATABASE_URL BASE_URL CAPACITY` reads lines of JSON and answers with such
lines: `{"call": NAME, "priority": 0}` makes a call, of which `queued`, `started` and its end are
told; `{"crowd": SEED, "callers": N}` makes many at random, of which the fates are told.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from byline.backend.client_factory import make_client
from byline.config.schema import Ask, Config, Machine, OpenAIBackend
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Dispatcher
from byline.dispatch.gate.coordinator import shared_gates
from byline.dispatch.gate.local_gate import gate_limits
from byline.dispatch.gate.shared_gate import SharedGate
from byline.domain.chat import ChatRequest
from byline.domain.gates import Priority, Queued, Started
from byline.errors import BylineError
from byline.observe import Feed

QUESTION = ChatRequest(({"role": "user", "content": "How long is the warranty?"},))


def say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


class Caller:
    """Makes calls of the one backend."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, wanted: dict[str, Any]) -> None:
        work = self.crowd(wanted) if "crowd" in wanted else self.told(wanted)
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def told(self, wanted: dict[str, Any]) -> None:
        name = wanted["call"]
        ended = await self.end(Priority(wanted["priority"]), name)
        say(call=name, event=ended)

    async def end(self, priority: Priority, name: str = "") -> str:
        """How a call ends: `done`, or the code of its error. One with a name tells how it fares."""
        try:
            async with aclosing(self.dispatcher.default.events(QUESTION, priority)) as events:
                async for event in events:
                    if name and isinstance(event, Queued):
                        place = {"position": event.position, "ahead": event.ahead}
                        say(call=name, event="queued", **place)
                    elif name and isinstance(event, Started):
                        say(call=name, event="started")
        except BylineError as error:
            return error.code
        return "done"

    async def crowd(self, wanted: dict[str, Any]) -> None:
        chance = random.Random(wanted["crowd"])
        fates: Counter[str] = Counter()

        async def one() -> None:
            task = asyncio.create_task(self.end(chance.choice(list(Priority))))
            if chance.random() < 0.4:
                # Anywhere in its life: in the queue, on its way to the slot, or in the answer.
                await asyncio.wait([task], timeout=chance.uniform(0, 0.1))
                task.cancel()
            await asyncio.wait([task])
            fates["cancelled" if task.cancelled() else task.result()] += 1

        async def stream(count: int) -> None:
            for _ in range(count):
                await one()

        streams = 12
        await asyncio.gather(*(stream(wanted["callers"] // streams) for _ in range(streams)))
        say(crowd=wanted["crowd"], fates=fates)


async def main(url: str, base_url: str, capacity: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    backend = OpenAIBackend(
        kind="openai", machine="macmini", base_url=base_url, model="gemma", probe_s=0
    )
    config = Config(
        ask=Ask(default_backend="gemma"),
        machines={"macmini": Machine(capacity=capacity, queue_len_max=64)},
        backends={"gemma": backend},
    )
    clock = LoopClock()
    gate = SharedGate("macmini", gate_limits(config.machines["macmini"]), clock)
    client = partial(make_client, home=Path(), slots=capacity)
    dispatcher = Dispatcher(config, client, clock, Feed(), {"macmini": gate})
    async with shared_gates([gate], url, clock, 10.0):
        caller = Caller(dispatcher)
        say(ready=True)
        try:
            while line := await asyncio.to_thread(sys.stdin.readline):
                caller.start(json.loads(line))
        finally:
            await dispatcher.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
