"""The gate of a machine that other processes may use too.

It is in one of three modes. `ALONE`: no other process is on the database, and it decides in memory,
as its parent class does. `SHARED`: events go into an outbox; `coordinator.py` applies them to the
queue that all processes share and returns the results. `DISCONNECTED`: there is no connection to
the database. Calls that held a slot have lost it; calls that wait keep their place until the
connection is back.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping
from enum import Enum

from byline.dispatch.clock import Clock
from byline.dispatch.gate.admission import (
    Admission,
    Effect,
    GateLimits,
    Grant,
    RefuseFull,
    RefuseTimeout,
)
from byline.dispatch.gate.local_gate import AdmissionEvent, Gate, GateSlot
from byline.dispatch.gate.queue_state import GateCall, QueueState
from byline.domain.gates import UNKNOWN_ORIGIN, AskedBy, Priority, Queued
from byline.errors import BylineError, DatabaseUnavailable, Stopping

TICK_LATE_S = 0.001
"""Seconds added to a timer's time: a timer that rings too early has to be set again."""


class GateMode(Enum):
    """Where a gate's decisions are made; see the module."""

    ALONE = "alone"
    SHARED = "shared"
    DISCONNECTED = "disconnected"


class SharedGate(Gate):
    """SharedGate is a gate that is disconnected until a `Coordinator` has found its peers.

    Its decisions use the database's time, in seconds since 1970.
    """

    def __init__(self, machine: str, limits: GateLimits, clock: Clock) -> None:
        super().__init__(machine, limits, clock)
        self.limits = limits
        self.mode = GateMode.DISCONNECTED
        # Each process counts its tickets from a random number, so they differ across processes.
        self._tickets = itertools.count(secrets.randbits(40) << 22)
        self._offset_s = 0.0
        self._outbox: list[AdmissionEvent] = []
        self._preempt_told: set[int] = set()
        self._refusal: str | None = None
        self._on_event: Callable[[], None] = _ignore_event

    async def enter(
        self,
        backend: str,
        priority: Priority,
        on_queued: Callable[[Queued], None] | None = None,
        asked_by: AskedBy = UNKNOWN_ORIGIN.asked_by,
    ) -> GateSlot:
        """As `Gate.enter`. Also raises DatabaseUnavailable when the database has been away for
        longer than calls wait for it."""
        self._refuse_if_unavailable()
        return await super().enter(backend, priority, on_queued, asked_by)

    def close(self) -> None:
        """As `Gate.close`, for the calls of this process only."""
        if self.mode is GateMode.ALONE:
            super().close()
        self._closed = True
        self._end_waits(Stopping)

    # Called by `Coordinator`.

    def on_new_event(self, on_event: Callable[[], None]) -> None:
        """Call `on_event` whenever an event is put into the outbox."""
        self._on_event = on_event

    @property
    def has_unsent_events(self) -> bool:
        """Whether the outbox holds an event."""
        return bool(self._outbox)

    @property
    def has_calls(self) -> bool:
        """Whether a call of this process waits or runs."""
        return bool(self._callers or self._held)

    def take_events(self) -> list[AdmissionEvent]:
        """Empty the outbox and return its events, in order."""
        events, self._outbox = self._outbox, []
        return events

    def put_events_back(self, events: list[AdmissionEvent]) -> None:
        """Put events that could not be delivered back at the head of the outbox."""
        self._outbox[:0] = events

    def decide_alone(self, admission: Admission, now: float) -> None:
        """Decide in memory from now on. `admission` is the queue as it was at the time `now`."""
        if self.mode is GateMode.DISCONNECTED:
            self.put_events_back([_return_event(self._admission.state().calls)])
            self._admission = admission
            self._offset_s = now - self._clock.monotonic()
        else:
            self.adopt(admission, [], now)
            self.put_events_back([_return_event({})])
        self.mode = GateMode.ALONE
        self._refusal = None
        for event in self.take_events():
            self._apply(self._decide(event))

    def decide_shared(self) -> Admission:
        """Leave decisions to the shared queue from now on; return what was decided in memory.

        Calls that waited while the gate was disconnected go into the outbox.
        """
        if self.mode is GateMode.DISCONNECTED:
            self.put_events_back([_return_event(self._admission.state().calls)])
        self.mode = GateMode.SHARED
        self._refusal = None
        return self._admission

    def adopt(self, admission: Admission, effects: list[Effect], now: float) -> None:
        """Take over the shared queue as it was at the time `now`. `effects` are those of the events
        that were taken from the outbox.

        Other processes may have granted, preempted or timed out calls of this one: that is read
        from `admission`. Calls with an event still in the outbox are left alone.
        """
        before, self._admission = self._admission, admission
        self._offset_s = now - self._clock.monotonic()
        self._end_reservations()
        refusals = [e for e in effects if isinstance(e, RefuseFull | RefuseTimeout)]
        self._apply([e for e in refusals if e.ticket in self._callers])
        unsent = {event.ticket for event in self._outbox}
        for ticket in self._callers.keys() - unsent:
            self._update_caller(ticket, before)
        self._preempt_told &= self._held.keys()
        for ticket in self._held.keys() - unsent:
            self._update_holder(ticket)
        self._announce_soon()
        self._set_timer()
        self._wake_watchers()

    def disconnect(self, reason: BylineError) -> None:
        """The connection that held the slots is lost: revoke every slot of this process."""
        self.mode = GateMode.DISCONNECTED
        unsent = {event.ticket for event in self._outbox}
        waiting: dict[int, GateCall] = {}
        for ticket, caller in self._callers.items():
            call = self._admission.call(ticket)
            if call is not None and call.started is None:
                waiting[ticket] = call
            elif call is not None or ticket not in unsent:
                caller.revocation = reason
                if not caller.outcome.done():
                    caller.outcome.set_result(reason)
        state = self._admission.state()
        kept = QueueState(waiting, mean_s=state.mean_s, paused=state.paused)
        self._admission = Admission(self.limits, kept)
        for slot in list(self._held.values()):
            slot.revoke(reason)
        self._held.clear()
        self._set_timer()
        self._wake_watchers()

    def refuse_all(self, reason: str) -> None:
        """The connection has been away for too long: refuse the calls that wait and those that
        come."""
        if self.mode is GateMode.DISCONNECTED:
            self._refusal = reason
            self._end_waits(lambda: DatabaseUnavailable(reason))

    # Overrides of `Gate`.

    def _decide(self, event: AdmissionEvent) -> list[Effect]:
        # A disconnected gate still ends waits that have lasted too long.
        if self.mode is GateMode.ALONE or (
            self.mode is GateMode.DISCONNECTED and event.ticket is None
        ):
            return super()._decide(event)
        self._outbox.append(event)
        self._on_event()
        return []

    def _leave(self, ticket: int) -> None:
        super()._leave(ticket)
        if self.mode is GateMode.DISCONNECTED and self._admission.call(ticket) is not None:
            state = self._admission.state()
            calls = {other: call for other, call in state.calls.items() if other != ticket}
            kept = QueueState(calls, mean_s=state.mean_s, paused=state.paused)
            self._admission = Admission(self.limits, kept)

    async def _requeue(
        self, slot: GateSlot, ticket: int, on_queued: Callable[[Queued], None] | None
    ) -> None:
        self._refuse_if_unavailable()
        await super()._requeue(slot, ticket, on_queued)

    def _announce(self) -> None:
        self._announcing = False
        if self.mode is not GateMode.DISCONNECTED:  # positions are unknown then
            super()._announce()

    def _now(self) -> float:
        return self._clock.monotonic() + self._offset_s

    def _clock_time(self, deadline: float) -> float:
        return deadline - self._offset_s + TICK_LATE_S

    def _refuse_if_unavailable(self) -> None:
        if self._closed:
            raise Stopping()
        if self._refusal is not None:
            raise DatabaseUnavailable(self._refusal)

    def _end_waits(self, error: Callable[[], BylineError]) -> None:
        for caller in self._callers.values():
            if not caller.outcome.done():
                caller.outcome.set_result(error())

    def _update_caller(self, ticket: int, before: Admission) -> None:
        """Tell a waiting caller what the shared queue says of its call."""
        caller, call = self._callers[ticket], self._admission.call(ticket)
        if call is None:
            known = before.call(ticket)
            if caller.outcome.done():
                caller.revocation = _place_missing(self.machine)
            elif known is not None:
                self._resolve_missing(ticket, known)
        elif call.started is not None:
            if not caller.outcome.done():
                self._apply([Grant(ticket, call.waited_s)])
            caller.preempted = caller.preempted or call.stopping

    def _resolve_missing(self, ticket: int, call: GateCall) -> None:
        """Time out a call that waited and is no longer in the queue, or send it again if its time
        is not up: then the table has been emptied."""
        now = self._now()
        if call.requested_at + self._admission.wait_s_max(call.priority) <= now:
            self._apply([RefuseTimeout(ticket, call.waited_s + now - call.since)])
        else:
            self._outbox.append(_return_event({ticket: call}))
            self._on_event()

    def _update_holder(self, ticket: int) -> None:
        """Preempt or revoke a held slot where the shared queue says so."""
        call = self._admission.call(ticket)
        if call is None or call.started is None:
            self._held.pop(ticket).revoke(_place_missing(self.machine))
        elif call.stopping and ticket not in self._preempt_told:
            self._preempt_told.add(ticket)
            self._preempt(ticket)


def _return_event(calls: Mapping[int, GateCall]) -> AdmissionEvent:
    return AdmissionEvent(None, lambda admission, now: admission.on_return(calls, now))


def _place_missing(machine: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"The database knows nothing of the call's place at {machine}.")


def _ignore_event() -> None:
    return None
