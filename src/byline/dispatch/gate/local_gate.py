"""The gate of one machine: futures, timers and cancellation around `admission.py`.

A gate lives in one event loop and never polls. `Admission` makes all decisions. `Gate` applies them
in this process; `SharedGate` in `shared_gate.py` shares them with other processes.
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
    UNKNOWN_ORIGIN,
    AskedBy,
    CallAtGate,
    CallOrigin,
    GateStatus,
    Priority,
    Queued,
    QueueSnapshot,
)
from byline.errors import BylineError, GateFull, GateTimeout, Stopping


@dataclass(frozen=True, slots=True)
class AdmissionEvent:
    """Something that happens to the call with this ticket (None: to all calls): a call of one of
    the `on_…` methods of `Admission`."""

    ticket: int | None
    apply: Callable[[Admission, float], list[Effect]]


@dataclass(slots=True)
class _WaitingCaller:
    """A caller that waits. `outcome` is its wait in seconds, or the error that refuses it.

    Between a grant and the caller's next turn, `preempted` says that the slot is wanted back,
    `revocation` why it is no longer the caller's. `announced` is the (position, ahead) it heard
    last.
    """

    backend: str
    outcome: asyncio.Future[float | Exception]
    on_queued: Callable[[Queued], None] | None
    preempted: bool = False
    revocation: BylineError | None = None
    announced: tuple[int, int] | None = None


class GateSlot:
    """The right to use the machine until `release`; a context manager that releases.

    `waited_s` is the whole time the call waited for it. `on_preempt` is called once, when a person
    needs the slot: the holder stops and calls `requeue` or `release`; a holder that leaves it unset
    is not disturbed. `on_revoked` is called with the reason when the slot is no longer the
    holder's: it stops at once. Set both before the next await.
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
        """The slot is no longer the holder's: tell it why."""
        self.revocation = reason
        if self.on_revoked is not None:
            self.on_revoked(reason)

    def release(self) -> None:
        """Free the slot for the next call. A second call does nothing."""
        self._gate._release(self._ticket)

    async def requeue(self) -> None:
        """Free the slot for the person who needs it, and wait for it at the head of the class.

        Raises as `Gate.enter` does, and then holds no slot.
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
    """Gate admits calls to one machine; all its backends share it."""

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
        """Reserve a place for an ask that will call later. Raises GateFull where none is left.

        A call without a reservation is not refused because of one.
        """
        status, on_the_way = self.status(), len(self._arrivals)
        if self._arrivals.places_left(status, self._admission.limits.queue_len_max) <= 0:
            raise GateFull(backend, self.machine, status.waiting_foreground, on_the_way)
        return self._arrivals.reserve(ask_id)

    async def enter(
        self,
        backend: str,
        priority: Priority,
        on_queued: Callable[[Queued], None] | None = None,
        asked_by: AskedBy = UNKNOWN_ORIGIN.asked_by,
    ) -> GateSlot:
        """Wait for the machine; `with await gate.enter(…):` holds it.

        `on_queued` hears the caller's position when it has to wait, and each change of it; an error
        it raises ends the wait and is raised here. A caller that is cancelled leaves the queue, and
        a slot that was on its way to it goes to the next. There is no await between the grant being
        taken here and the return, so a slot cannot get lost on its way to the caller. Raises
        GateFull, GateTimeout, or Stopping once the gate is closed.
        """
        ticket = next(self._tickets)
        slot = GateSlot(self, ticket, backend, on_queued)
        caller = _WaitingCaller(backend, asyncio.get_running_loop().create_future(), on_queued)
        origin = CallOrigin(backend, asked_by)
        request = AdmissionEvent(
            ticket, lambda admission, now: admission.on_request(ticket, priority, now, origin)
        )
        self._arrivals.call_arrives(ticket, asked_by)
        slot.waited_s = await self._wait(ticket, caller, request)
        self._held[ticket] = slot
        return slot

    def close(self) -> None:
        """Refuse all waiting and all later calls. Running calls keep their slots."""
        self._closed = True
        self._apply(self._admission.on_close())

    def _decide(self, event: AdmissionEvent) -> list[Effect]:
        """Return the effects of an event, as far as they are known now."""
        return event.apply(self._admission, self._now())

    def _now(self) -> float:
        """Return the time that decisions use, in seconds."""
        return self._clock.monotonic()

    def _clock_time(self, deadline: float) -> float:
        """Convert `deadline` from the time of decisions to that of the clock."""
        return deadline

    def status(self) -> GateStatus:
        """Return how many calls run and wait at this instant."""
        return GateStatus(
            machine=self.machine,
            capacity=self._admission.limits.capacity,
            running=self._admission.running(),
            waiting_foreground=self._admission.waiting(Priority.FOREGROUND),
            waiting_background=self._admission.waiting(Priority.BACKGROUND),
            background_paused=self._admission.paused,
        )

    def queue_snapshot(self, waiting_max: int) -> QueueSnapshot:
        """Return the calls at the gate at this instant: all that run, the first `waiting_max` that
        wait."""
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
        """Pause or resume background work. Running background calls are preempted, except those
        that are already protected."""
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
        """Apply `admit` and wait for the slot; return the seconds in the queue."""
        self._callers[ticket] = caller
        self._observers += caller.on_queued is not None
        try:
            while True:
                self._apply(self._decide(admit))
                self._end_reservations()
                if caller.on_queued is not None and not caller.outcome.done():
                    self._announce()  # at once: the caller does not know its first position yet
                outcome = await caller.outcome
                if isinstance(outcome, Exception):
                    raise outcome
                if caller.revocation is not None:
                    raise caller.revocation
                if self._closed:  # between the grant and this turn of the loop
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
        self._arrivals.call_left(ticket)
        done = AdmissionEvent(ticket, lambda admission, now: admission.on_done(ticket, now))
        self._apply(self._decide(done))

    def _leave(self, ticket: int) -> None:
        self._arrivals.call_left(ticket)
        self._apply(self._decide(cancellation(ticket)))

    def _end_reservations(self) -> None:
        self._arrivals.end_reservations(lambda ticket: self._admission.call(ticket) is not None)

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
                # The caller was cancelled and its task has not run since: a grant counts only if
                # its receiver is still there.
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
            # A timer that rings too early does no harm, so the usual case (the head was granted,
            # the deadline of the next is later) keeps it.
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
        # After the grants are delivered, and once for all events of one turn of the loop.
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
            except Exception as error:  # noqa: BLE001  its caller gets the error, the others go on
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
    return CallAtGate(call.origin, call.priority, since_s, call.waited_s, call.preemptions, place)


def cancellation(ticket: int) -> AdmissionEvent:
    """Return the event of a caller that has left."""
    return AdmissionEvent(ticket, lambda admission, now: admission.on_cancel(ticket, now))


def _preemption(ticket: int) -> AdmissionEvent:
    return AdmissionEvent(ticket, lambda admission, now: admission.on_preempted(ticket, now))


def gate_limits(machine: Machine) -> GateLimits:
    """Return the limits of a machine's gate, from its configuration."""
    return GateLimits(
        capacity=machine.capacity,
        queue_len_max=machine.queue_len_max,
        queue_wait_s_max=machine.queue_wait_s_max,
        background_wait_s_max=machine.background_wait_s_max,
        background_give_up_s=machine.background_give_up_s,
    )
