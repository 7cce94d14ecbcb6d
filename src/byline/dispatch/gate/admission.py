"""Who may use one machine, and when: the pure decisions of its gate.

An event comes in (with the time, in monotonic seconds), effects go out; no await, clock, lock or
log in here. `local_gate.py` performs the effects and owns futures and timers.

    on_request                                                       a call wants the machine
      1  the gate is closed                                          → RefuseClosed
      2  a slot is free (then nobody waits for it, by 7), and it is no background call while
         background work is paused                                   → Grant
      3  its own class already has `queue_len_max` calls waiting     → RefuseFull
      4  otherwise it waits at the end of its class                  → PositionsChanged
    on_cancel, on_done                                        a caller leaves, a call has ended
      5  a waiting call loses its place, a running one frees its slot; any other is long gone
    on_preempted                               a call told to stop has stopped, to start again
      6  it waits in its class, before all who came after it; a closed gate
         refuses it                                                  → RefuseClosed
    after 5 and 6, while a slot is free
      7.1  the first BACKGROUND call is older than `background_wait_s_max`, it is its turn,
           and a person waits: it goes first, and is not preempted any more   → Grant
      7.2  else the first FOREGROUND call                            → Grant
      7.3  else the first BACKGROUND one                             → Grant
           (while background work is paused only 7.2 applies)
    after 4 (what 5 and 6 change never makes it necessary)
      8  more people wait than slots are being vacated for them: the preemptible BACKGROUND
         call that started last                                      → Preempt
    on_tick                                                          time has passed
      9  every FOREGROUND call that has waited `queue_wait_s_max`, every BACKGROUND one as old
         as `background_give_up_s`                                   → RefuseTimeout
    on_close                                                         nobody is granted any more
      10  every waiting call; the running ones keep their slots      → RefuseClosed
    on_return                       calls that waited, and whose places were missing meanwhile
      11  each waits where it did before; then 7 and 8. Without calls, 7 alone may grant:
          changed limits may leave a slot free
    on_pause, on_resume                                the owner pauses or resumes background work
      12  it is paused: the preemptible BACKGROUND calls stop        → Preempt
      13  it is resumed: 7

The queue limit counts each class by itself (3): background work can fill its own queue only, so a
person is never refused because of work nobody is waiting for.

A slot taken from a background call is a person's (7.2), and counts as taken until the upstream of
that call is closed. A call that was preempted `preemptions_max` times is not preempted any more.

Turns (7.1) alternate: an old call goes before one person, then a person before the next old call.
All calls of a large background job grow old sooner or later; without turns they would then keep
people out until the job is done.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter

from byline.dispatch.gate.queue_state import (
    BG,
    FG,
    GateCall,
    Queue,
    QueueState,
    arrival_order,
    expected_s,
    first_call,
    put_back,
    with_duration,
)
from byline.domain.gates import UNKNOWN_ORIGIN, CallOrigin, Priority, Queued

OVERDUE_SHARE = 0.25
"""A call that runs longer than the mean is expected to need this share of the mean still."""

PREEMPTIONS_MAX = 3
"""How often a call is preempted; after that it runs to its end."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """The limits of one gate. Lengths in calls, counted per class; times in seconds."""

    capacity: int
    queue_len_max: int
    queue_wait_s_max: float
    background_wait_s_max: float
    background_give_up_s: float
    preemptions_max: int = PREEMPTIONS_MAX


@dataclass(frozen=True, slots=True)
class Grant:
    """The call has a slot from now on; it waited `waited_s` seconds for it."""

    ticket: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class RefuseFull:
    """The call may not wait: `queue_len` calls of its class already do."""

    ticket: int
    queue_len: int


@dataclass(frozen=True, slots=True)
class RefuseTimeout:
    """The call waited `waited_s` seconds, the longest it may."""

    ticket: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class RefuseClosed:
    """The gate is closed."""

    ticket: int


@dataclass(frozen=True, slots=True)
class PositionsChanged:
    """Some waiting calls have another position than before; `positions` has them all.

    One effect for any number of calls: with thousands waiting, an effect for each would make every
    grant as slow as the queue is long.
    """


@dataclass(frozen=True, slots=True)
class Preempt:
    """The call is to stop for a person; it holds its slot until `on_preempted` or `on_done`."""

    ticket: int


Effect = Grant | RefuseFull | RefuseTimeout | RefuseClosed | PositionsChanged | Preempt


class Admission:
    """Admission holds the state of one machine's gate. A ticket is a number that its owner uses
    once."""

    def __init__(self, limits: GateLimits, state: QueueState | None = None) -> None:
        """Continue from `state`, or start empty; the calls in it are this gate's from now on."""
        state = state or QueueState()
        self.limits = limits
        self._closed = False
        self._last_number = state.last_number
        calls = state.calls.items()
        started = [(call.started, ticket, call) for ticket, call in calls if call.started]
        self._running = {ticket: call for _, ticket, call in sorted(started, key=itemgetter(0))}
        self._stopping = sum(call.stopping for call in self._running.values())
        waiting = sorted((item for item in calls if not item[1].started), key=arrival_order)
        self._waiting: Mapping[Priority, Queue] = {
            priority: OrderedDict(item for item in waiting if item[1].priority is priority)
            for priority in (FG, BG)
        }
        self._turn = state.turn
        self._mean_s = state.mean_s
        self.paused = state.paused

    def state(self) -> QueueState:
        """Return a copy of the whole state."""
        everyone = (self._running, *self._waiting.values())
        calls = {ticket: replace(call) for group in everyone for ticket, call in group.items()}
        return QueueState(calls, self._turn, self._mean_s, self._last_number, self.paused)

    def call(self, ticket: int) -> GateCall | None:
        """Return the call of a ticket, running or waiting, or None. Do not change it."""
        for group in (self._running, *self._waiting.values()):
            if (call := group.get(ticket)) is not None:
                return call
        return None

    def on_request(
        self, ticket: int, priority: Priority, now: float, origin: CallOrigin = UNKNOWN_ORIGIN
    ) -> list[Effect]:
        """A call wants the machine."""
        queue = self._waiting[priority]
        if self._closed:  # 1
            return [RefuseClosed(ticket)]
        call = GateCall(
            priority, self._next_number(now), requested_at=now, since=now, origin=origin
        )
        if len(self._running) < self.limits.capacity and not (self.paused and priority is BG):  # 2
            self._start(ticket, call, now)
            return [Grant(ticket, waited_s=0.0)]
        if len(queue) >= self.limits.queue_len_max:  # 3
            return [RefuseFull(ticket, len(queue))]
        queue[ticket] = call  # 4
        return [PositionsChanged(), *self._preempt_for_people()]

    def on_cancel(self, ticket: int, now: float) -> list[Effect]:
        """The caller has left, before or just after its grant; its slot goes to the next call."""
        for queue in self._waiting.values():  # 5
            if queue.pop(ticket, None) is not None:
                return [PositionsChanged()]
        return [] if self._free(ticket) is None else self._grant_free_slots(now)

    def on_done(self, ticket: int, now: float) -> list[Effect]:
        """The call has ended, well or badly. Its duration is recorded, unless it was told to
        stop."""
        call = self._free(ticket)  # 5
        if call is None:
            return []
        if not call.stopping:
            self._mean_s = with_duration(self._mean_s, call.priority, now - call.since)
        return self._grant_free_slots(now)

    def on_preempted(self, ticket: int, now: float) -> list[Effect]:
        """The call was told to stop, has stopped, and is to start again."""
        call = self._free(ticket)
        if call is None:
            return []
        if self._closed:  # 6
            return [RefuseClosed(ticket)]
        call.stopping = False
        call.started = None
        call.preemptions += 1
        call.since = now
        put_back(self._waiting[call.priority], ticket, call)
        return self._grant_free_slots(now)

    def on_tick(self, now: float) -> list[Effect]:
        """Time has passed."""
        effects: list[Effect] = []
        for priority, queue in self._waiting.items():  # 9
            wait_s_max = self.wait_s_max(priority)
            while queue and first_call(queue).requested_at + wait_s_max <= now:
                ticket, call = queue.popitem(last=False)
                effects.append(RefuseTimeout(ticket, call.waited_s + now - call.since))
        if effects:
            effects.append(PositionsChanged())
        return effects

    def on_close(self) -> list[Effect]:
        """Grant nothing from now on."""
        self._closed = True
        effects: list[Effect] = []
        for queue in self._waiting.values():  # 10
            effects.extend(RefuseClosed(ticket) for ticket in queue)
            queue.clear()
        return effects

    def on_return(self, calls: Mapping[int, GateCall], now: float) -> list[Effect]:
        """Calls that waited, by ticket, wait again, each in its former place."""
        if self._closed:
            return [RefuseClosed(ticket) for ticket in calls]
        for ticket, call in calls.items():  # 11
            if self.call(ticket) is None:
                put_back(self._waiting[call.priority], ticket, replace(call))
        return [*self._grant_free_slots(now), *self._preempt_for_people()]

    def on_pause(self, now: float) -> list[Effect]:
        """Grant no background work until `on_resume`; a second call changes nothing."""
        self.paused = True
        return [
            PositionsChanged(),
            *map(self._preempt_call, filter(self._is_preemptible, self._running)),
        ]  # 12

    def on_resume(self, now: float) -> list[Effect]:
        """Grant background work again."""
        self.paused = False
        return self._grant_free_slots(now)  # 13

    def next_deadline(self) -> float | None:
        """Return when `on_tick` has something to do next, None while nobody waits."""
        # A queue is in the order its calls came, so its first has the earliest deadline.
        people, background = self._waiting[FG], self._waiting[BG]
        deadlines = []
        if people:
            deadlines.append(first_call(people).requested_at + self.limits.queue_wait_s_max)
        if background:
            deadlines.append(first_call(background).requested_at + self.limits.background_give_up_s)
        return min(deadlines, default=None)

    def running(self) -> int:
        """Return how many slots are taken."""
        return len(self._running)

    def waiting(self, priority: Priority) -> int:
        """Return how many calls of the class wait."""
        return len(self._waiting[priority])

    def positions(self, now: float) -> Iterator[tuple[int, Queued]]:
        """Yield ticket and position of every waiting call, in the order in which they will be
        granted.

        `eta_s` simulates the queue: each call is taken to hold its slot for the mean of its class,
        a running one for the rest of that mean. A call told to stop frees its slot at once and
        needs one again when its turn comes.
        """
        free_in_s = [self._remaining_s(call, now) for call in self._running.values()]
        heapq.heapify(free_in_s)
        ahead = len(self._running)
        position = 0
        for ticket, call in self._serving_order(now):
            mean_s = expected_s(self._mean_s, call.priority)
            eta_s = None
            if mean_s is not None and not (self.paused and call.priority is BG):
                eta_s = heapq.heappop(free_in_s)
                heapq.heappush(free_in_s, eta_s + mean_s)
            if call.stopping:
                continue  # it is counted among the running calls
            position += 1
            yield ticket, Queued(position, ahead, eta_s, call.preemptions)
            ahead += 1

    def _serving_order(self, now: float) -> Iterator[tuple[int, GateCall]]:
        """Yield the calls that wait, and those that will wait again, as 7 serves them."""
        people = list(self._waiting[FG].items())
        returning = sorted((i for i in self._running.items() if i[1].stopping), key=arrival_order)
        background = list(heapq.merge(returning, self._waiting[BG].items(), key=arrival_order))
        served = min(self._stopping, len(people))
        yield from people[:served]
        turn = BG if served else self._turn
        passed = 0
        while served < len(people):
            if (
                turn is BG
                and passed < len(background)
                and self._is_overdue(background[passed][1], now)
            ):
                yield background[passed]
                passed += 1
                turn = FG
            else:
                yield people[served]
                served += 1
                turn = BG
        yield from background[passed:]

    def _grant_free_slots(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        people, background = self._waiting[FG], self._waiting[BG]
        while (people or (background and not self.paused)) and (
            len(self._running) < self.limits.capacity
        ):
            old = (
                bool(background)
                and self._turn is BG
                and self._is_overdue(first_call(background), now)
            )
            if people and old:  # 7.1
                ticket, call = background.popitem(last=False)
                call.undisturbed = True
                self._turn = FG
            elif people:  # 7.2
                ticket, call = people.popitem(last=False)
                self._turn = BG
            else:  # 7.3
                ticket, call = background.popitem(last=False)
            call.waited_s += now - call.since
            call.since = now
            self._start(ticket, call, now)
            effects.append(Grant(ticket, call.waited_s))
        if people or background:
            # Even with nobody granted, fewer calls are ahead of those who wait.
            effects.append(PositionsChanged())
        return effects

    def _start(self, ticket: int, call: GateCall, now: float) -> None:
        call.started = self._next_number(now)
        self._running[ticket] = call

    def _next_number(self, now: float) -> int:
        # From the time, so that calls keep their order even where the last number is not known.
        self._last_number = max(self._last_number + 1, int(now * 1e6))
        return self._last_number

    def _preempt_for_people(self) -> list[Effect]:
        effects: list[Effect] = []
        for ticket in reversed(self._running):  # 8: the last to start comes first
            if len(self._waiting[FG]) <= self._stopping:
                break
            if self._is_preemptible(ticket):
                effects.append(self._preempt_call(ticket))
        return effects

    def _preempt_call(self, ticket: int) -> Preempt:
        self._running[ticket].stopping = True
        self._stopping += 1
        return Preempt(ticket)

    def _is_preemptible(self, ticket: int) -> bool:
        call = self._running[ticket]
        return (
            call.priority is BG
            and not call.stopping
            and not call.undisturbed
            and call.preemptions < self.limits.preemptions_max
        )

    def _free(self, ticket: int) -> GateCall | None:
        call = self._running.pop(ticket, None)
        if call is not None and call.stopping:
            self._stopping -= 1
            self._turn = FG  # the slot was taken for a person
        return call

    def _is_overdue(self, call: GateCall, now: float) -> bool:
        return not self.paused and call.requested_at + self.limits.background_wait_s_max <= now

    def wait_s_max(self, priority: Priority) -> float:
        """Return how many seconds after its request a call of the class may still wait."""
        limits = self.limits
        return limits.queue_wait_s_max if priority is FG else limits.background_give_up_s

    def _remaining_s(self, call: GateCall, now: float) -> float:
        if call.stopping:
            return 0.0
        mean_s = expected_s(self._mean_s, call.priority) or 0.0
        return max(mean_s - (now - call.since), mean_s * OVERDUE_SHARE)
