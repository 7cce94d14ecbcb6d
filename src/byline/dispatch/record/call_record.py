"""Collects the times of one call while it is made, for the record of its machine."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from byline.dispatch.clock import Clock
from byline.domain.chat import Delta
from byline.domain.gates import CallOrigin, Priority
from byline.domain.machine_reports import CallRecord
from byline.errors import BylineError, MachineError


class CallRecordBuilder:
    """CallRecordBuilder notes the times of one call, in monotonic seconds of the clock.

    A preempted call is granted again: the time to its first token counts from the last grant.
    """

    __slots__ = (
        "_arrived_at",
        "_clock",
        "_complete",
        "_ended",
        "_error",
        "_first",
        "_granted",
        "queued_s",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrived_at = clock.monotonic()
        self._granted: float | None = None
        self._first: float | None = None
        self._ended: float | None = None
        self._error: BaseException | None = None
        self._complete = False
        self.queued_s = 0.0

    def granted(self, waited_s: float) -> None:
        """The call has the machine, after waiting `waited_s` seconds in all."""
        self.queued_s = waited_s
        self._granted = self._clock.monotonic()
        self._first = self._ended = None

    def received(self, delta: Delta) -> None:
        """A delta has come."""
        if self._first is None and (delta.content or delta.reasoning or delta.tool_calls):
            self._first = self._clock.monotonic()

    def upstream_ended(self, *, complete: bool) -> None:
        """The upstream has ended; `complete`: the answer came to its end."""
        self._ended = self._clock.monotonic()
        self._complete = complete

    def failed(self, error: BaseException) -> None:
        """The call raised `error`, or its reader has left."""
        self._error = error

    def outcome(self) -> str:
        """Return the outcome, see `CallRecord`. A reader who leaves a complete answer has not
        cancelled it."""
        if self._error is None or self._complete:
            return "completed"
        if isinstance(self._error, BylineError):
            return self._error.code
        left = isinstance(self._error, GeneratorExit | asyncio.CancelledError)
        return "cancelled" if left else "internal"

    def build(self, origin: CallOrigin, machine: str, priority: Priority) -> CallRecord:
        """Return the record of the call."""
        now = self._clock.monotonic()
        ended = now if self._ended is None else self._ended
        first_ms = None
        if self._first is not None and self._granted is not None:
            first_ms = (self._first - self._granted) * 1000
        queued_s = self.queued_s if self._granted is not None else ended - self._arrived_at
        return CallRecord(
            machine=machine,
            backend=origin.backend,
            priority=priority,
            asked_by=origin.asked_by,
            came_at=self._clock.now() - timedelta(seconds=now - self._arrived_at),
            queued_ms=queued_s * 1000,
            first_token_ms=first_ms,
            total_ms=(ended - self._arrived_at) * 1000,
            outcome=self.outcome(),
            reason=self._reason(),
        )

    def _reason(self) -> str | None:
        if self._complete or not isinstance(self._error, MachineError):
            return None
        return self._error.reason
