"""Probes of servers on a timer, only while no call gives evidence.

Each backend is probed `probe_s` seconds after the latest evidence about it, give or take a fifth,
so that the probes of many backends and many Bylines do not run at the same moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import structlog

from byline.dispatch.clock import Clock, Timer
from byline.dispatch.dispatcher import Dispatcher

FIRST_PROBE_S_MAX: Final = 2.0
"""Longest time from the start to the first probe of a backend, in seconds."""

JITTER: Final = 0.2
"""The share of `probe_s` by which a probe may come earlier or later."""

log = structlog.get_logger("byline.dispatch")


@asynccontextmanager
async def probing(dispatcher: Dispatcher, clock: Clock, random: Random) -> AsyncIterator[None]:
    """Probe the backends while the block runs; no probe is under way after it."""
    prober = Prober(dispatcher, clock, random)
    prober.start()
    try:
        yield
    finally:
        await prober.close()


class Prober:
    """Prober keeps one timer for each backend that is probed. It lives in one event loop."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, random: Random) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._random = random
        self._timers: dict[str, Timer] = {}
        self._running_probes: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        """Set the timers; backends with `probe_s = 0` are not probed."""
        for backend in self._dispatcher.backends():
            period_s = self._period_s(backend.name)
            if period_s:
                self._set_timer(
                    backend.name, self._random.uniform(0, min(FIRST_PROBE_S_MAX, period_s))
                )

    async def close(self) -> None:
        """Cancel the timers and the probes under way."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        for task in self._running_probes:
            task.cancel()
        if self._running_probes:
            await asyncio.wait(self._running_probes)

    def _period_s(self, name: str) -> float:
        return self._dispatcher.get_backend(name).config.probe_s

    def _set_timer(self, name: str, wait_s: float) -> None:
        if not self._closed:
            when = self._clock.monotonic() + wait_s
            self._timers[name] = self._clock.call_at(when, lambda: self._on_timer(name))

    def _on_timer(self, name: str) -> None:
        last_evidence_at = self._dispatcher.get_backend(name).last_evidence_at
        if last_evidence_at is not None:
            not_due_s = (
                last_evidence_at + self._period_s(name) * (1 - JITTER) - self._clock.monotonic()
            )
            if not_due_s > 0:  # a call has given evidence meanwhile
                self._set_timer(name, not_due_s + self._jitter_s(name))
                return
        task = asyncio.create_task(self._probe(name), name=f"probe of {name}")
        self._running_probes.add(task)
        task.add_done_callback(self._running_probes.discard)

    async def _probe(self, name: str) -> None:
        try:
            await self._dispatcher.get_backend(name).probe()
        except Exception:
            log.exception("a probe failed for an unforeseen reason", backend=name)
        self._set_timer(name, self._period_s(name) * (1 - JITTER) + self._jitter_s(name))

    def _jitter_s(self, name: str) -> float:
        return self._random.uniform(0, 2 * JITTER * self._period_s(name))
