"""When servers are asked how they are, unasked: only while no call tells it anyway.

Each backend is looked at `probe_s` seconds after the latest evidence about it, give or take a
fifth, so that the probes of many backends and many Bylines do not march in step.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import structlog

from byline.config.schema import QuotesBackend
from byline.dispatch.clock import Clock, Timer
from byline.dispatch.dispatcher import Dispatcher

FIRST_S_MAX: Final = 2.0
"""The first look at a backend comes within this time, in seconds, after the start."""

JITTER: Final = 0.2
"""By how much of `probe_s` a look may come earlier or later."""

log = structlog.get_logger("byline.dispatch")


@asynccontextmanager
async def probing(dispatcher: Dispatcher, clock: Clock, chance: Random) -> AsyncIterator[None]:
    """Probe the backends for as long as the block lasts; none is under way after it."""
    probes = Probes(dispatcher, clock, chance)
    probes.start()
    try:
        yield
    finally:
        await probes.close()


class Probes:
    """One timer for each backend that is probed. Lives in one event loop."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, chance: Random) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._chance = chance
        self._timers: dict[str, Timer] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        """Begin; backends with `probe_s = 0` are left alone."""
        for backend in self._dispatcher.backends():
            period_s = self._period_s(backend.name)
            if period_s:
                self._arm(backend.name, self._chance.uniform(0, min(FIRST_S_MAX, period_s)))

    async def close(self) -> None:
        """Stop, giving up what is under way."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        for look in self._looks:
            look.cancel()
        if self._looks:
            await asyncio.wait(self._looks)

    def _period_s(self, name: str) -> float:
        config = self._dispatcher.get_backend(name).config
        return 0.0 if isinstance(config, QuotesBackend) else config.probe_s

    def _arm(self, name: str, wait_s: float) -> None:
        if not self._closed:
            when = self._clock.monotonic() + wait_s
            self._timers[name] = self._clock.call_at(when, lambda: self._ring(name))

    def _ring(self, name: str) -> None:
        heard_at = self._dispatcher.get_backend(name).heard_at
        if heard_at is not None:
            fresh_s = heard_at + self._period_s(name) * (1 - JITTER) - self._clock.monotonic()
            if fresh_s > 0:  # a call has told it meanwhile
                self._arm(name, fresh_s + self._jitter_s(name))
                return
        look = asyncio.create_task(self._look(name), name=f"probe of {name}")
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look(self, name: str) -> None:
        try:
            await self._dispatcher.get_backend(name).probe()
        except Exception:
            log.exception("a probe failed for an unforeseen reason", backend=name)
        self._arm(name, self._period_s(name) * (1 - JITTER) + self._jitter_s(name))

    def _jitter_s(self, name: str) -> float:
        return self._chance.uniform(0, 2 * JITTER * self._period_s(name))
