"""Writes the record of calls and states, in the background.

Events come from the feed into a bounded buffer, which a task of its own writes to the database now
and then: no call ever waits for it. While the database is away the buffer fills; events beyond its
bound are dropped and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import structlog

from byline.background import in_background
from byline.dispatch.clock import Clock
from byline.dispatch.dispatcher import Dispatcher
from byline.dispatch.record.machine_records import MachineRecords
from byline.domain.gates import BackendChanged
from byline.domain.machine_reports import CallRecord
from byline.errors import BylineError
from byline.observe import Feed, Metrics

UNWRITTEN_MAX: Final = 2_000
"""Calls, and states, that wait to be written at most."""

WRITE_INTERVAL_S: Final = 1.0
"""Seconds between writes, so an event is written this much later at most while the database
answers."""

STATE_WRITE_S: Final = 30.0
"""Seconds between writes of a state that is still going on. After a crash, at most this much is
lost."""

SWEEP_INTERVAL_S: Final = 60.0
CLOSE_S_MAX: Final = 1.0

log = structlog.get_logger("byline.dispatch")


class CallRecorder:
    """CallRecorder writes the record of one process. It lives in one event loop."""

    def __init__(
        self, records: MachineRecords, dispatcher: Dispatcher, metrics: Metrics, clock: Clock
    ) -> None:
        self._records = records
        self._metrics = metrics
        self._clock = clock
        self._calls: list[CallRecord] = []
        self._changes = [
            BackendChanged(backend.name, backend.machine, backend.health().state, backend.health())
            for backend in dispatcher.backends()
        ]
        self._open_ids: Mapping[str, int] = {}
        self._states_written_at = clock.monotonic()
        self._swept_at: float | None = None
        self._failing = False

    async def listen(self, feed: Feed) -> None:
        """Add events until the feed closes. A feed that drops this reader for being too slow is
        read anew."""
        while not feed.closed:
            async for event in feed.read(CallRecord, BackendChanged):
                self.add(event)

    def add(self, event: CallRecord | BackendChanged) -> None:
        """Keep an event until it is written; drop and count it if too many wait already."""
        if isinstance(event, CallRecord) and len(self._calls) < UNWRITTEN_MAX:
            self._calls.append(event)
        elif isinstance(event, BackendChanged) and len(self._changes) < UNWRITTEN_MAX:
            self._changes.append(event)
        else:
            self._metrics.record_dropped()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self.write()
            await asyncio.sleep(WRITE_INTERVAL_S)

    async def write(self) -> None:
        """Write the waiting events. While the database is away they are kept."""
        try:
            await self._write()
            self._failing = False
        except BylineError as error:
            if not self._failing:
                log.warning("machine_record_waits", reason=error.message)
            self._failing = True
        except Exception:  # the record goes on without the events that cannot be written
            log.exception("machine_record_lost", calls=len(self._calls))
            self._calls.clear()
            self._changes.clear()

    async def close(self) -> None:
        """Write the events that are left, and until when the states lasted."""
        self._states_written_at = float("-inf")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S_MAX):
                await self.write()

    async def _write(self) -> None:
        now = self._clock.monotonic()
        # Both at once: a failed call is never written before the state that it caused.
        calls, changes = list(self._calls), list(self._changes)
        if changes:
            self._open_ids = await self._records.add_states(
                changes, self._open_ids, self._clock.now()
            )
            del self._changes[: len(changes)]
        if calls:
            await self._records.add_calls(calls)
            del self._calls[: len(calls)]
        if now - self._states_written_at >= STATE_WRITE_S:
            await self._records.extend_states(self._open_ids, self._clock.now())
            self._states_written_at = now
        if self._swept_at is None or now - self._swept_at >= SWEEP_INTERVAL_S:
            await self._records.sweep()
            self._swept_at = now


@asynccontextmanager
async def recording(recorder: CallRecorder, feed: Feed) -> AsyncIterator[None]:
    """Keep the record while the block runs."""
    try:
        async with (
            in_background({"hearing for the record": lambda: recorder.listen(feed)}),
            in_background(
                {"writing the record": recorder.run}
            ),  # ends first, for both change the lists
        ):
            yield
    finally:
        await recorder.close()
