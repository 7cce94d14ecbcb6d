"""One ask under way: its events, those who read them, and what ends it.

An ask lives as long as somebody reads it. When the last reader has gone it ends at once, or, if it
was sent with `resumable`, after `resumable_s` without a reader; a page without scripts, which only
looks in now and then, keeps it alive as well. Events are numbered from 1; every reader takes them
at its own pace from the same list, so none holds up the machine or another.
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
    """Iterating it replays its events, then follows it live. Who started it is its first reader.

    Two tasks carry it: the work, which may be cancelled at any moment, and its end, which may not:
    it turns whatever became of the work into the last event and stores it.
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
        """Set once it can be found under its id."""
        self.times: list[datetime] = []
        self._clock = clock
        self._alone_s = resumable_s if request.resumable else 0.0
        self._readers = 1
        self._given_up: Timer | None = None
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
            self._wait_no_longer()

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
        """Each event after number `after`, with its number, until the last one."""
        while True:
            changed = self._changed
            while after < len(self.events):
                after += 1
                yield after, self.events[after - 1]
            if self._ended:
                return
            await changed.wait()

    def join(self) -> None:
        """One more reads it; goes with one `leave`."""
        self._readers += 1
        self._wait_no_longer()

    async def leave(self) -> None:
        """A reader went away. Without any the ask is cancelled: now (then it is stored and its
        machine free when this returns), or a while later if it is resumable."""
        self._readers -= 1
        if self._readers or self._work.done():
            return
        if not self._alone_s:
            await self.stop(AskStatus.CANCELLED)
            return
        self._wait_for_readers()

    def look_in(self) -> None:
        """Somebody saw how it stands and did not stay: if it waits for readers, it waits anew."""
        if self._given_up is not None:
            self._wait_no_longer()
            self._wait_for_readers()

    async def stop(self, status: AskStatus) -> None:
        """End the ask now, as `cancelled` or `interrupted`, and wait until it is stored and its
        machine free. A finished ask is left as it is."""
        self._stop(status)
        await asyncio.wait([self._end])

    def _stop(self, status: AskStatus) -> None:
        if not self._work.done():
            self.stopped_as = status
            self._work.cancel()

    def _wait_for_readers(self) -> None:
        self._given_up = self._clock.call_at(
            self._clock.monotonic() + self._alone_s, lambda: self._stop(AskStatus.CANCELLED)
        )

    def _wait_no_longer(self) -> None:
        if self._given_up is not None:
            self._given_up.cancel()
            self._given_up = None
