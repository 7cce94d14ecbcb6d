"""The states of gates, calls and backends, as the rest of Byline sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final


class Priority(IntEnum):
    """Lower runs first. FOREGROUND: a person waits. BACKGROUND: enrichment, embedding."""

    FOREGROUND = 0
    BACKGROUND = 1


class Asker(StrEnum):
    """On whose behalf a model is called."""

    ASK = "ask"
    FOLLOW_UP = "follow_up"
    AGENT = "agent"
    V1 = "v1"
    SEARCH = "search"
    EMBEDDING = "embedding"
    TRIAL = "trial"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class AskedBy:
    """On whose behalf a call is made, and the id of the ask it is part of, if any."""

    asker: Asker = Asker.PROGRAM
    ask_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallOrigin:
    """What a gate shows of a call: the backend it is for (or `embedder`), and who asked for it."""

    backend: str = ""
    asked_by: AskedBy = AskedBy()


UNKNOWN_ORIGIN: Final = CallOrigin()
"""The origin of a call of which nothing is known."""


class BackendState(StrEnum):
    """What is known of a backend, from real calls first and probes second."""

    ONLINE = "online"
    BUSY = "busy"
    LOADING = "loading"
    UNREACHABLE = "unreachable"
    MISCONFIGURED = "misconfigured"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Queued:
    """A call waits at a gate. `position` counts from 1; `ahead` calls run or wait before it.

    `eta_s` is an estimate in seconds from measured durations, None before any was measured.
    `preemptions` counts how often the call was preempted; if it is above 0, that is why the call
    waits again.
    """

    position: int
    ahead: int
    eta_s: float | None
    preemptions: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """A call got its machine after waiting `queue_ms` milliseconds."""

    queue_ms: float


@dataclass(frozen=True, slots=True)
class GateStatus:
    """The state of a gate at one instant; all numbers count calls."""

    machine: str
    capacity: int
    running: int
    waiting_foreground: int
    waiting_background: int
    background_paused: bool = False


@dataclass(frozen=True, slots=True)
class CallAtGate:
    """A call that waits at `place`, or runs (`place` None). It has done so for `for_s` seconds;
    `waited_s` is the sum of its waits before."""

    origin: CallOrigin
    priority: Priority
    for_s: float
    waited_s: float
    preemptions: int
    place: Queued | None = None


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The calls at a gate: those that run, in the order they began, and the first of those that
    wait, in the order they will be served; `waiting_count` counts all that wait."""

    running: tuple[CallAtGate, ...] = ()
    waiting: tuple[CallAtGate, ...] = ()
    waiting_count: int = 0


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """The state of one backend, since when, and its last failure in words (None: no failure)."""

    state: BackendState
    since: datetime
    reason: str | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class BackendChanged:
    """Event: the state of a backend is no longer `was`. Changes to `busy` make no event."""

    backend: str
    machine: str
    was: BackendState
    health: BackendHealth
