"""The calls of a gate: the plain data that `admission.py` decides about.

A `QueueState` is the whole gate at one instant. It can be stored and read again, here or in another
process: an `Admission` made from it continues where the other stopped.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from byline.domain.gates import UNKNOWN_ORIGIN, CallOrigin, Priority

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND

DURATION_WEIGHT = 0.3
"""Weight of the newest duration in the running mean: about the last half dozen calls count."""


@dataclass(slots=True)
class GateCall:
    """A call from its request to its end. Times are in seconds of the gate's clock.

    `since` is when it began to wait or to run as it does now, and `waited_s` the sum of its earlier
    waits. `order` rises with each request, `started` with each grant (None: it waits). `origin` has
    no effect on admission.
    """

    priority: Priority
    order: int
    requested_at: float
    since: float
    waited_s: float = 0.0
    preemptions: int = 0
    stopping: bool = False
    undisturbed: bool = False
    started: int | None = None
    origin: CallOrigin = UNKNOWN_ORIGIN


@dataclass(frozen=True, slots=True)
class QueueState:
    """A gate at one instant: its calls by ticket, the class whose turn it is (see 7.1 of
    `admission.py`), the mean seconds for which calls of a class hold the machine, the last number
    given to a request or a grant, and whether background work is paused."""

    calls: Mapping[int, GateCall] = field(default_factory=dict)
    turn: Priority = BG
    mean_s: Mapping[Priority, float] = field(default_factory=dict)
    last_number: int = 0
    paused: bool = False


Queue = OrderedDict[int, GateCall]
# An OrderedDict: a plain dict takes longer to find its head the more heads were removed.


def first_call(queue: Queue) -> GateCall:
    """Return the first call of a queue that is not empty."""
    return next(iter(queue.values()))


def arrival_order(item: tuple[int, GateCall]) -> int:
    """The sort key of a (ticket, call) in a queue."""
    return item[1].order


def put_back(queue: Queue, ticket: int, call: GateCall) -> None:
    """Insert a call before all that came after it: at the head, behind older calls put back
    before."""
    older = list(itertools.takewhile(lambda t: queue[t].order < call.order, queue))
    queue[ticket] = call
    for head in (ticket, *reversed(older)):
        queue.move_to_end(head, last=False)


def with_duration(
    mean_s: Mapping[Priority, float], priority: Priority, duration_s: float
) -> dict[Priority, float]:
    """Return the mean durations by class after another call of the class has taken `duration_s`."""
    before_s = mean_s.get(priority, duration_s)
    return {**mean_s, priority: before_s + DURATION_WEIGHT * (duration_s - before_s)}


def expected_s(mean_s: Mapping[Priority, float], priority: Priority) -> float | None:
    """Return the mean duration of the class; without one, that of the other class."""
    if priority in mean_s:
        return mean_s[priority]
    return next(iter(mean_s.values()), None)
