"""What the tests of `dispatch` stand in for: time, and model clients that do what they are told."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from byline.backend.chat_client import ProbeResult
from byline.config.schema import (
    Ask,
    BackendBranch,
    Config,
    Machine,
    OpenAIBackend,
    QuotesBackend,
)
from byline.dispatch.calls import CallEvent
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import Queued, Started
from byline.observe import Feed

Step = Delta | Exception
HAS_IT_LOADED = ProbeResult("It has the model loaded.", listed=True, loaded=True)
ANSWER = (Delta(content="Yes."), Delta(finish_reason="stop"))


async def turn() -> None:
    """Let every callback that is ready now run once."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon(done.set)
    await done.wait()


async def turns(count: int) -> None:
    for _ in range(count):
        await turn()


class ManualClock:
    """Time passes when the test says so; timers that are due then ring, in order."""

    @dataclass(slots=True)
    class Timer:
        callback: Callable[[], None] | None

        def cancel(self) -> None:
            self.callback = None

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self._timers: list[tuple[float, int, ManualClock.Timer]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = ManualClock.Timer(callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        end = self.seconds + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            self.seconds = max(self.seconds, when)
            if timer.callback is not None:
                timer.callback()
        self.seconds = end

    def timers(self) -> int:
        return sum(timer.callback is not None for _, _, timer in self._timers)


class ScriptedCall:
    """One call a `ScriptedClient` received; the test plays its server."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.closed = asyncio.Event()
        self.steps: asyncio.Queue[Step | None] = asyncio.Queue()

    def say(self, *steps: Step) -> None:
        for step in steps:
            self.steps.put_nowait(step)

    def end(self) -> None:
        """End the stream, with or without a `finish_reason` before."""
        self.steps.put_nowait(None)

    def finish(self) -> None:
        self.say(*ANSWER)
        self.end()


class ScriptedClient:
    """A `ChatClient` without a server. `script` answers every call at once; without one, each
    call waits in `calls` for the test to play it."""

    def __init__(self, script: Iterable[Step] | None = None) -> None:
        self.script = None if script is None else tuple(script)
        self.calls: list[ScriptedCall] = []
        self.probe_outcome: ProbeResult | Exception = HAS_IT_LOADED
        self.reach_outcome: Exception | None = None
        self.probes = self.reached = 0
        self.connecting = asyncio.Event()
        self.connecting.set()
        self.closed = False
        self._arrived = asyncio.Condition()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        call = ScriptedCall(request)
        self.calls.append(call)
        if self.script is not None:
            call.say(*self.script)
            call.end()
        try:
            async with self._arrived:
                self._arrived.notify_all()
            while (step := await call.steps.get()) is not None:
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            try:
                await turn()  # closing a connection takes a turn of the loop, too
            finally:
                call.closed.set()

    async def call(self, number: int = 1) -> ScriptedCall:
        """The `number`th call, from 1, once it is there."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.calls) >= number)
        return self.calls[number - 1]

    async def count_tokens(self, text: str) -> int | None:
        return None

    async def reach(self) -> None:
        """Takes until `connecting` is set."""
        self.reached += 1
        await self.connecting.wait()
        if self.reach_outcome is not None:
            raise self.reach_outcome

    async def probe(self) -> ProbeResult:
        self.probes += 1
        if isinstance(self.probe_outcome, Exception):
            raise self.probe_outcome
        return self.probe_outcome

    async def close(self) -> None:
        self.closed = True


@dataclass
class Heard:
    """Reads the events of a call: remembers what is told of it, passes on its deltas."""

    events: list[Queued | Started] = field(default_factory=list)

    async def deltas(self, call: AsyncGenerator[CallEvent, None]) -> AsyncGenerator[Delta, None]:
        async with aclosing(call) as events:
            async for event in events:
                if isinstance(event, Delta):
                    yield event
                else:
                    self.events.append(event)

    def places(self) -> list[tuple[int, int]]:
        return [(e.position, e.ahead) for e in self.events if isinstance(e, Queued)]


def two_macs(**macmini: float) -> Config:
    """Two backends on `macmini` (the default is one of them), one on `macbook`, and `quotes`."""
    gemma = {"kind": "openai", "machine": "macmini", "base_url": "http://macmini:8080"}
    return Config(
        ask=Ask(default_backend="gemma-macmini"),
        machines={"macmini": Machine(**macmini), "macbook": Machine()},
        backends={
            "gemma-macmini": OpenAIBackend(**gemma, model="gemma", max_tokens=16),
            "phi-macmini": OpenAIBackend(**gemma, model="phi"),
            "qwen-macbook": OpenAIBackend(
                kind="openai",
                machine="macbook",
                base_url="http://macbook:8080",
                model="qwen",
                tools=True,
            ),
            "quotes": QuotesBackend(kind="quotes"),
        },
    )


class Lab:
    """A dispatcher over scripted clients and manual time."""

    def __init__(self, config: Config, script: Iterable[Step] | None = None) -> None:
        self.clock = ManualClock()
        self.clients: dict[str, ScriptedClient] = {}
        self._script = script
        self.feed = Feed()
        self.dispatcher = Dispatcher(config, self._make_client, self.clock, self.feed)

    def _make_client(self, name: str, config: BackendBranch) -> ScriptedClient:
        self.clients[name] = ScriptedClient(self._script)
        return self.clients[name]
