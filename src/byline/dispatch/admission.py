"""Who may use one machine, and when: the pure decisions of its gate.

An event comes in (with the time, in monotonic seconds), effects go out; no await, clock, lock or
log in here. `gate.py` performs the effects and owns futures and timers.

    on_request                                                       a call wants the machine
      1  the gate is closed                                          → RefuseClosed
      2  a slot is free (then nobody waits, by 6)                    → Grant
      3  its own class already has `queue_len_max` calls waiting     → RefuseFull
      4  otherwise it waits at the end of its class                  → Moved
    on_cancel, on_done                                        a caller leaves, a call has ended
      5  a waiting call loses its place, a running one frees its slot; any other is long gone
      6  while a slot is free: the first FOREGROUND call that waits, else the first BACKGROUND
         one                                                         → Grant
    on_tick                                                          time has passed
      7  every call that has waited `queue_wait_s_max`               → RefuseTimeout
    on_close                                                         nobody is granted any more
      8  every waiting call; the running ones keep their slots       → RefuseClosed

The queue limit counts each class by itself (3): background work can fill its own queue only, so
a person is never refused, and never waits, because of work nobody is waiting for.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from byline.domain.dispatch import Priority, Queued

DURATION_WEIGHT = 0.3
"""Weight of the newest duration in the running mean: about the last half dozen calls count."""

OVERDUE_SHARE = 0.25
"""A call that runs longer than the mean is expected to need this share of the mean still."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one gate may do: calls at once, calls waiting per class, longest wait in seconds."""

    capacity: int
    queue_len_max: int
    queue_wait_s_max: float


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
    """The call waited `waited_s` seconds, which is as long as it may."""

    ticket: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class RefuseClosed:
    """The gate grants nothing any more."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Some waiting calls have another position than before; `positions` has them all.

    One effect for any number of calls: with thousands waiting, spelling out every move would make
    each hand-over as slow as the queue is long.
    """


Effect = Grant | RefuseFull | RefuseTimeout | RefuseClosed | Moved


@dataclass(frozen=True, slots=True)
class _Waiting:
    since: float
    deadline: float


@dataclass(frozen=True, slots=True)
class _Running:
    priority: Priority
    since: float


class Admission:
    """The state of one machine's gate. A ticket is any number its owner uses once."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._closed = False
        self._running: dict[int, _Running] = {}
        # OrderedDict: the head of a plain dict takes longer to find the more heads have gone.
        self._waiting: dict[Priority, OrderedDict[int, _Waiting]] = {
            priority: OrderedDict() for priority in sorted(Priority)
        }
        self._mean_s: dict[Priority, float] = {}

    def on_request(self, ticket: int, priority: Priority, now: float) -> list[Effect]:
        """A call wants the machine."""
        queue = self._waiting[priority]
        if self._closed:  # 1
            return [RefuseClosed(ticket)]
        if len(self._running) < self.limits.capacity:  # 2
            self._running[ticket] = _Running(priority, now)
            return [Grant(ticket, waited_s=0.0)]
        if len(queue) >= self.limits.queue_len_max:  # 3
            return [RefuseFull(ticket, len(queue))]
        queue[ticket] = _Waiting(now, now + self.limits.queue_wait_s_max)  # 4
        return [Moved()]

    def on_cancel(self, ticket: int, now: float) -> list[Effect]:
        """The caller has gone, before or just after its grant; what it held is given on."""
        for queue in self._waiting.values():  # 5
            if queue.pop(ticket, None) is not None:
                return [Moved()]
        if self._running.pop(ticket, None) is None:
            return []
        return self._fill(now)

    def on_done(self, ticket: int, now: float) -> list[Effect]:
        """The call has ended, well or badly; how long it held the machine is remembered."""
        running = self._running.pop(ticket, None)  # 5
        if running is None:
            return []
        self._measure(running.priority, now - running.since)
        return self._fill(now)

    def on_tick(self, now: float) -> list[Effect]:
        """Time has passed."""
        effects: list[Effect] = []
        for queue in self._waiting.values():  # 7
            while queue and _first(queue).deadline <= now:
                ticket, waiting = queue.popitem(last=False)
                effects.append(RefuseTimeout(ticket, now - waiting.since))
        if effects:
            effects.append(Moved())
        return effects

    def on_close(self) -> list[Effect]:
        """Nobody is granted from now on."""
        self._closed = True
        effects: list[Effect] = []
        for queue in self._waiting.values():  # 8
            effects.extend(RefuseClosed(ticket) for ticket in queue)
            queue.clear()
        return effects

    def next_deadline(self) -> float | None:
        """When `on_tick` has something to do next, None while nobody waits."""
        # All calls of a class may wait equally long, so its first is its earliest.
        return min((_first(q).deadline for q in self._waiting.values() if q), default=None)

    def running(self) -> int:
        """How many slots are taken."""
        return len(self._running)

    def waiting(self, priority: Priority) -> int:
        """How many calls of the class wait."""
        return len(self._waiting[priority])

    def positions(self, now: float) -> Iterator[tuple[int, Queued]]:
        """Ticket and place of every waiting call, in the order in which they will be granted.

        `eta_s` plays the queue forward: each call is taken to hold its slot for the mean of its
        class, and a running one for what is left of that.
        """
        free_in_s = [self._left_s(running, now) for running in self._running.values()]
        heapq.heapify(free_in_s)
        ahead = len(self._running)
        position = 0
        for priority, queue in self._waiting.items():
            for ticket in queue:
                position += 1
                mean_s = self._expected_s(priority)
                if mean_s is None:
                    yield ticket, Queued(position, ahead, eta_s=None)
                else:
                    eta_s = heapq.heappop(free_in_s)
                    heapq.heappush(free_in_s, eta_s + mean_s)
                    yield ticket, Queued(position, ahead, eta_s)
                ahead += 1

    def _fill(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for priority, queue in self._waiting.items():  # 6
            while queue and len(self._running) < self.limits.capacity:
                ticket, waiting = queue.popitem(last=False)
                self._running[ticket] = _Running(priority, now)
                effects.append(Grant(ticket, now - waiting.since))
        if any(self._waiting.values()):
            # Even with nobody granted, fewer calls are ahead of those who wait.
            effects.append(Moved())
        return effects

    def _measure(self, priority: Priority, duration_s: float) -> None:
        mean_s = self._mean_s.get(priority, duration_s)
        self._mean_s[priority] = mean_s + DURATION_WEIGHT * (duration_s - mean_s)

    def _expected_s(self, priority: Priority) -> float | None:
        """The mean of the class; before it has one, that of the other class."""
        if priority in self._mean_s:
            return self._mean_s[priority]
        return next(iter(self._mean_s.values()), None)

    def _left_s(self, running: _Running, now: float) -> float:
        mean_s = self._expected_s(running.priority) or 0.0
        return max(mean_s - (now - running.since), mean_s * OVERDUE_SHARE)


def _first(queue: OrderedDict[int, _Waiting]) -> _Waiting:
    return next(iter(queue.values()))
