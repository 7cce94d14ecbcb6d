"""What a gate knows of its calls: the plain data that `admission.py` decides about.

A `QueueState` is all of it at one instant. It can be written down and read again, here or in another
process: an `Admission` made of it goes on as if nothing had happened.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from byline.domain.gates import NOBODY, Priority, Who

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND

DURATION_WEIGHT = 0.3
"""Weight of the newest duration in the running mean: about the last half dozen calls count."""


@dataclass(slots=True)
class GateCall:
    """A call from its request to its end. Times are in seconds of the gate's clock.

    `arrival_order` rises with the coming of calls, `started` with the grants; it is None for a call that
    waits. `since` is when it began what it does now, `waited_s` the sum of its waits, without the
    one it is in. Of `who` nothing depends.
    """

    priority: Priority
    order: int
    came: float
    since: float
    waited_s: float = 0.0
    preemptions: int = 0
    stopping: bool = False
    undisturbed: bool = False
    started: int | None = None
    who: Who = NOBODY


@dataclass(frozen=True, slots=True)
class QueueState:
    """A gate at one instant: its calls by ticket, whose turn it is (see 7.1 of `admission.py`), how
    long calls of a class hold the machine, the last number given to a coming or a grant, and
    whether background work rests."""

    calls: Mapping[int, GateCall] = field(default_factory=dict)
    turn: Priority = BG
    mean_s: Mapping[Priority, float] = field(default_factory=dict)
    last_number: int = 0
    paused: bool = False


Queue = OrderedDict[int, GateCall]
# OrderedDict: the head of a plain dict takes longer to find the more heads have gone.


def first_call(queue: Queue) -> GateCall:
    """The call at the head of a queue that has one."""
    return next(iter(queue.values()))


def arrival_order(item: tuple[int, GateCall]) -> int:
    """The key by which (ticket, call) stand in a queue."""
    return item[1].order


def put_back(queue: Queue, ticket: int, call: GateCall) -> None:
    """Before everyone who came after it: to the head, but behind older calls put back before."""
    older = list(itertools.takewhile(lambda t: queue[t].order < call.order, queue))
    queue[ticket] = call
    for head in (ticket, *reversed(older)):
        queue.move_to_end(head, last=False)


def with_duration(
    mean_s: Mapping[Priority, float], priority: Priority, duration_s: float
) -> dict[Priority, float]:
    """How long calls hold the machine, by class, once another of the class has taken that long."""
    before_s = mean_s.get(priority, duration_s)
    return {**mean_s, priority: before_s + DURATION_WEIGHT * (duration_s - before_s)}


def expected_s(mean_s: Mapping[Priority, float], priority: Priority) -> float | None:
    """The mean of the class; before it has one, that of the other class."""
    if priority in mean_s:
        return mean_s[priority]
    return next(iter(mean_s.values()), None)
