"""Holds one running ask: its events, its readers, and what ends it.

An ask runs as long as it has a reader. When the last reader leaves, it ends at once, or, if it was
sent with `resumable`, after `resumable_s` without a reader. A page without scripts, which reloads
now and then, keeps it alive too. Events are numbered from 1. Every reader takes them from the same
list at its own pace, so no reader holds up the machine or another reader.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import datetime

from byline.dispatch.clock import Clock, Timer
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import (
    AskDone,
    AskEvent,
    AskFailed,
    AskQueued,
    AskRequest,
    AskStarted,
    AskStatus,
)

LastEvent = AskDone | AskFailed


class RunningAsk:
    """A running ask. Iterating yields its past events, then the live ones. Its first reader is
    whoever started it.

    It has two tasks: the work, which may be cancelled at any moment, and the end, which may not: it
    turns the result of the work into the last event and stores it.
    """

    def __init__(
        self, request: AskRequest, backend: Backend, clock: Clock, resumable_s: float
    ) -> None:
        self.id = str(uuid.uuid4())
        self.request = request
        self.backend = backend
        self.status = AskStatus.RUNNING
        self.begun_at = time.monotonic()
        self.stopped_as = AskStatus.CANCELLED
        self.events: list[AskEvent] = []
        self.stored = asyncio.Event()
        """Set once the ask can be found under its id."""
        self.times: list[datetime] = []
        self._clock = clock
        self._unread_s_max = resumable_s if request.resumable else 0.0
        self._readers = 1
        self._cancel_timer: Timer | None = None
        self._ended = False
        self._changed = asyncio.Event()
        self._work: asyncio.Task[LastEvent]
        self._end: asyncio.Task[None]

    def begin(
        self,
        work: Coroutine[None, None, LastEvent],
        end: Callable[[asyncio.Task[LastEvent]], Awaitable[LastEvent]],
    ) -> None:
        self._work = asyncio.create_task(work, name=f"ask {self.id}")

        async def settle() -> None:
            await asyncio.wait([self._work])
            self.publish(await end(self._work))
            self._stop_cancel_timer()

        self._end = asyncio.create_task(settle(), name=f"end of ask {self.id}")

    def publish(self, event: AskEvent) -> None:
        match event:
            case AskQueued():
                self.status = AskStatus.QUEUED
            case AskStarted():
                self.status = AskStatus.RUNNING
            case AskDone(answer) | AskFailed(_, answer):
                self.status = answer.status
                self._ended = True
        self.events.append(event)
        self.times.append(self._clock.now())
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def __aiter__(self) -> AsyncIterator[AskEvent]:
        async for _, event in self.read():
            yield event

    async def read(self, after: int = 0) -> AsyncIterator[tuple[int, AskEvent]]:
        """Yield each event after number `after`, with its number, up to the last one."""
        while True:
            changed = self._changed
            while after < len(self.events):
                after += 1
                yield after, self.events[after - 1]
            if self._ended:
                return
            await changed.wait()

    def join(self) -> None:
        """Add a reader, who has to call `leave`."""
        self._readers += 1
        self._stop_cancel_timer()

    async def leave(self) -> None:
        """Remove a reader. Without readers the ask is cancelled: at once (it is stored and its
        machine free when this returns), or after `resumable_s` if it is resumable."""
        self._readers -= 1
        if self._readers or self._work.done():
            return
        if not self._unread_s_max:
            await self.stop(AskStatus.CANCELLED)
            return
        self._start_cancel_timer()

    def keep_alive(self) -> None:
        """Restart the time after which an ask without readers is cancelled, if it is running."""
        if self._cancel_timer is not None:
            self._stop_cancel_timer()
            self._start_cancel_timer()

    async def stop(self, status: AskStatus) -> None:
        """End the ask as `cancelled` or `interrupted`; return when it is stored and its machine
        free. A finished ask is left as it is."""
        self._stop(status)
        await asyncio.wait([self._end])

    def _stop(self, status: AskStatus) -> None:
        if not self._work.done():
            self.stopped_as = status
            self._work.cancel()

    def _start_cancel_timer(self) -> None:
        self._cancel_timer = self._clock.call_at(
            self._clock.monotonic() + self._unread_s_max, lambda: self._stop(AskStatus.CANCELLED)
        )

    def _stop_cancel_timer(self) -> None:
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
            self._cancel_timer = None
