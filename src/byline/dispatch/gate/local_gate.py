"""The gate of one machine at work: futures, timers and cancellation around `admission.py`.

Lives in one event loop; nothing here polls. Decisions are all `Admission`'s. This gate makes them
here and now; `shared_gate.py` has one that makes them together with other processes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from byline.config.schema import Machine
from byline.dispatch.clock import Clock, Timer
from byline.dispatch.gate.admission import (
    Admission,
    Effect,
    GateLimits,
    Grant,
    PositionsChanged,
    Preempt,
    RefuseClosed,
    RefuseFull,
    RefuseTimeout,
)
from byline.dispatch.gate.arrivals import Arrivals, Reservation
from byline.dispatch.gate.queue_state import GateCall
from byline.domain.gates import (
    NOBODY,
    AskedBy,
    CallAtGate,
    GateStatus,
    Priority,
    Queued,
    QueueSnapshot,
    Who,
)
from byline.errors import BylineError, GateFull, GateTimeout, Stopping


@dataclass(frozen=True, slots=True)
class AdmissionEvent:
    """Something that happens to a ticket (None: to all), as one of `Admission`'s `on_…`."""

    ticket: int | None
    apply: Callable[[Admission, float], list[Effect]]


@dataclass(slots=True)
class _WaitingCaller:
    """Somebody who waits. `outcome` is its wait in seconds, or why it gets no slot; `preempted`
    is set when the slot it was granted is wanted back before it has woken up, `revocation` when that slot
    is no longer its own by then."""

    backend: str
    outcome: asyncio.Future[float | Exception]
    on_queued: Callable[[Queued], None] | None
    preempted: bool = False
    revocation: BylineError | None = None
    announced: tuple[int, int] | None = None


class GateSlot:
    """The right to use the machine, until `release`; also a context manager that releases.

    `waited_s` is all the time it was waited for. `on_preempt` is called, once, when a person is
    to have the slot: the holder then stops and calls `requeue` or `release`. A holder that leaves
    it unset is not disturbed; it must be set before anything else is awaited. So is `on_revoked`,
    called with the reason when the slot is the holder's no longer: it stops at once.
    """

    __slots__ = (
        "_gate",
        "_on_queued",
        "_ticket",
        "backend",
        "on_preempt",
        "on_revoked",
        "revocation",
        "waited_s",
    )

    def __init__(
        self, gate: Gate, ticket: int, backend: str, on_queued: Callable[[Queued], None] | None
    ) -> None:
        self._gate = gate
        self._ticket = ticket
        self._on_queued = on_queued
        self.backend = backend
        self.on_preempt: Callable[[], None] | None = None
        self.on_revoked: Callable[[BylineError], None] | None = None
        self.revocation: BylineError | None = None
        self.waited_s = 0.0

    def revoke(self, reason: BylineError) -> None:
        """It is the holder's no longer: tell it."""
        self.revocation = reason
        if self.on_revoked is not None:
            self.on_revoked(reason)

    def release(self) -> None:
        """Give the slot to whoever is next. A second time does nothing."""
        self._gate._release(self._ticket)

    async def requeue(self) -> None:
        """Give the slot to the person it is wanted for, and wait for it at the head of the class.

        Raises as `Gate.enter` does; then, too, the slot is given up.
        """
        if self.revocation is not None:
            raise self.revocation
        await self._gate._requeue(self, self._ticket, self._on_queued)

    def __enter__(self) -> GateSlot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


class Gate:
    """Admission to one machine, shared by all its backends."""

    def __init__(self, machine: str, limits: GateLimits, clock: Clock) -> None:
        self.machine = machine
        self._clock = clock
        self._admission = Admission(limits)
        self._arrivals = Arrivals()
        self._tickets = itertools.count(1)
        self._callers: dict[int, _WaitingCaller] = {}
        self._held: dict[int, GateSlot] = {}
        self._observers = 0
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self._announcing = False
        self._closed = False
        self._watchers: list[asyncio.Future[None]] = []

    def reserve(self, backend: str, ask_id: str) -> Reservation:
        """Keep a place for an ask that will come later. Raises GateFull where there is none left;
        who comes without one is not kept out by it."""
        status, on_the_way = self.status(), len(self._arrivals)
        if self._arrivals.places_left(status, self._admission.limits.queue_len_max) <= 0:
            raise GateFull(backend, self.machine, status.waiting_foreground, on_the_way)
        return self._arrivals.keep(ask_id)

    async def enter(
        self,
        backend: str,
        priority: Priority,
        on_queued: Callable[[Queued], None] | None = None,
        asked_by: AskedBy = NOBODY.asked_by,
    ) -> GateSlot:
        """Wait for the machine; `with await gate.enter(…):` holds it.

        `on_queued` hears the caller's place when it has to wait, and again whenever that changes;
        what it raises ends the wait and comes out here. Whoever is cancelled has left the queue,
        and a slot that was on its way to it goes to the next. There is no await between the grant
        being taken here and the return, so a slot cannot get lost on its way to the caller.
        Raises GateFull, GateTimeout, or Stopping once the gate is closed.
        """
        ticket = next(self._tickets)
        slot = GateSlot(self, ticket, backend, on_queued)
        caller = _WaitingCaller(backend, asyncio.get_running_loop().create_future(), on_queued)
        who = Who(backend, asked_by)
        request = AdmissionEvent(
            ticket, lambda admission, now: admission.on_request(ticket, priority, now, who)
        )
        self._arrivals.enters(ticket, asked_by)
        slot.waited_s = await self._wait(ticket, caller, request)
        self._held[ticket] = slot
        return slot

    def close(self) -> None:
        """Refuse all who wait and all who come. Running calls keep their slots."""
        self._closed = True
        self._apply(self._admission.on_close())

    def _decide(self, event: AdmissionEvent) -> list[Effect]:
        """The effects of an event, as far as they are known now."""
        return event.apply(self._admission, self._now())

    def _now(self) -> float:
        """The time of decisions, in seconds."""
        return self._clock.monotonic()

    def _clock_time(self, deadline: float) -> float:
        """When the clock shows what is `deadline` in the time of decisions."""
        return deadline

    def status(self) -> GateStatus:
        """Who runs and waits at this instant."""
        return GateStatus(
            machine=self.machine,
            capacity=self._admission.limits.capacity,
            running=self._admission.running(),
            waiting_foreground=self._admission.waiting(Priority.FOREGROUND),
            waiting_background=self._admission.waiting(Priority.BACKGROUND),
            background_paused=self._admission.paused,
        )

    def queue_snapshot(self, waiting_max: int) -> QueueSnapshot:
        """Everyone at the gate at this instant; of those who wait, the first `waiting_max`."""
        now = self._now()
        calls = self._admission.state().calls
        running = sorted(
            (call for call in calls.values() if call.started is not None),
            key=lambda call: call.started or 0,
        )
        waiting = [(calls[ticket], place) for ticket, place in self._admission.positions(now)]
        return QueueSnapshot(
            tuple(_call_at_gate(call, None, now) for call in running),
            tuple(_call_at_gate(call, place, now) for call, place in waiting[:waiting_max]),
            len(waiting),
        )

    def set_background_paused(self, *, paused: bool) -> None:
        """The owner's wish: whether background work rests here. Who runs for it gives the machine
        back as for a person; who may not be disturbed any more runs to its end."""
        if paused is not self._admission.paused:
            self._apply(self._decide(PAUSE if paused else RESUME))

    async def until(self, condition: Callable[[GateStatus], bool]) -> GateStatus:
        """Wait until the gate's status meets `condition`; return that status."""
        while not condition(status := self.status()):
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watchers.append(change)
            await change
        return status

    async def _requeue(
        self, slot: GateSlot, ticket: int, on_queued: Callable[[Queued], None] | None
    ) -> None:
        del self._held[ticket]
        caller = _WaitingCaller(slot.backend, asyncio.get_running_loop().create_future(), on_queued)
        slot.waited_s = await self._wait(ticket, caller, _preemption(ticket))
        self._held[ticket] = slot

    async def _wait(self, ticket: int, caller: _WaitingCaller, admit: AdmissionEvent) -> float:
        """Wait for the slot from `admit` on; returns the seconds in the queue."""
        self._callers[ticket] = caller
        self._observers += caller.on_queued is not None
        try:
            while True:
                self._apply(self._decide(admit))
                self._note_arrivals()
                if caller.on_queued is not None and not caller.outcome.done():
                    self._announce()  # at once: a caller's first place is news, not a change
                outcome = await caller.outcome
                if isinstance(outcome, Exception):
                    raise outcome
                if caller.revocation is not None:
                    raise caller.revocation
                if self._closed:  # since the grant, before its receiver woke up
                    raise Stopping()
                if not caller.preempted:
                    return outcome
                caller.preempted = False
                caller.outcome = asyncio.get_running_loop().create_future()
                admit = _preemption(ticket)
        except BaseException:
            self._leave(ticket)
            raise
        finally:
            del self._callers[ticket]
            self._observers -= caller.on_queued is not None

    def _release(self, ticket: int) -> None:
        self._held.pop(ticket, None)
        self._arrivals.left(ticket)
        done = AdmissionEvent(ticket, lambda admission, now: admission.on_done(ticket, now))
        self._apply(self._decide(done))

    def _leave(self, ticket: int) -> None:
        self._arrivals.left(ticket)
        self._apply(self._decide(cancellation(ticket)))

    def _note_arrivals(self) -> None:
        self._arrivals.settle(lambda ticket: self._admission.call(ticket) is not None)

    def _apply(self, effects: Iterable[Effect]) -> None:
        pending = deque(effects)
        while pending:
            effect = pending.popleft()
            if isinstance(effect, PositionsChanged):
                self._announce_soon()
                continue
            if isinstance(effect, Preempt):
                self._preempt(effect.ticket)
                continue
            caller = self._callers[effect.ticket]
            if caller.outcome.done():
                # Cancelled, and its task has not run since: a grant counts only if its receiver
                # is still there.
                pending.extend(self._decide(cancellation(effect.ticket)))
            else:
                caller.outcome.set_result(self._outcome(effect, caller))
        self._set_timer()
        self._wake_watchers()

    def _preempt(self, ticket: int) -> None:
        if (caller := self._callers.get(ticket)) is not None:
            caller.preempted = True
        elif (slot := self._held.get(ticket)) is not None and slot.on_preempt is not None:
            slot.on_preempt()

    def _outcome(
        self, effect: Grant | RefuseFull | RefuseTimeout | RefuseClosed, caller: _WaitingCaller
    ) -> float | Exception:
        match effect:
            case Grant(_, waited_s):
                return waited_s
            case RefuseFull(_, queue_len):
                return GateFull(caller.backend, self.machine, queue_len)
            case RefuseTimeout(_, waited_s):
                return GateTimeout(caller.backend, self.machine, waited_s)
            case RefuseClosed():
                return Stopping()

    def _set_timer(self) -> None:
        deadline = self._admission.next_deadline()
        if self._timer is not None:
            # A timer that rings too early only finds nothing to do, so the usual case (the head
            # was granted, the next one's deadline is later) leaves it as it is.
            if deadline is not None and self._timer_due <= deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer_due = deadline
            self._timer = self._clock.call_at(self._clock_time(deadline), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._apply(
            self._decide(AdmissionEvent(None, lambda admission, now: admission.on_tick(now)))
        )

    def _announce_soon(self) -> None:
        # After the hand-over, and once for all that happens in one turn of the loop.
        if self._observers and not self._announcing:
            self._announcing = True
            asyncio.get_running_loop().call_soon(self._announce)

    def _announce(self) -> None:
        self._announcing = False
        for ticket, queued in list(self._admission.positions(self._now())):
            caller = self._callers.get(ticket)
            if caller is None or caller.on_queued is None or caller.outcome.done():
                continue
            place = (queued.position, queued.ahead)
            if place == caller.announced:
                continue
            caller.announced = place
            try:
                caller.on_queued(queued)
            except Exception as error:  # noqa: BLE001  its own caller gets it, the others go on
                if not caller.outcome.done():
                    caller.outcome.set_result(error)

    def _wake_watchers(self) -> None:
        watchers, self._watchers = self._watchers, []
        for change in watchers:
            if not change.done():
                change.set_result(None)


PAUSE: Final = AdmissionEvent(None, lambda admission, now: admission.on_pause(now))
RESUME: Final = AdmissionEvent(None, lambda admission, now: admission.on_resume(now))


def _call_at_gate(call: GateCall, place: Queued | None, now: float) -> CallAtGate:
    since_s = max(0.0, now - call.since)
    return CallAtGate(call.who, call.priority, since_s, call.waited_s, call.preemptions, place)


def cancellation(ticket: int) -> AdmissionEvent:
    """The caller has gone."""
    return AdmissionEvent(ticket, lambda admission, now: admission.on_cancel(ticket, now))


def _preemption(ticket: int) -> AdmissionEvent:
    return AdmissionEvent(ticket, lambda admission, now: admission.on_preempted(ticket, now))


def gate_limits(machine: Machine) -> GateLimits:
    """What the gate of a machine may do, from its configuration."""
    return GateLimits(
        capacity=machine.capacity,
        queue_len_max=machine.queue_len_max,
        queue_wait_s_max=machine.queue_wait_s_max,
        background_wait_s_max=machine.background_wait_s_max,
        background_give_up_s=machine.background_give_up_s,
    )
