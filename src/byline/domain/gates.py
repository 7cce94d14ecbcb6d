"""Machines, gates and backends as the rest of Byline sees them."""

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
    """On whose behalf a call is made: `asker`, and the id of the ask it is part of, if any."""

    asker: Asker = Asker.PROGRAM
    ask_id: str | None = None


@dataclass(frozen=True, slots=True)
class CallLabel:
    """What a gate shows of a call: the backend it is for (or `embedder`), and on whose behalf."""

    backend: str = ""
    asked_by: AskedBy = AskedBy()


NO_LABEL: Final = CallLabel()
"""The label of a call of which nothing is known."""


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
    `preemptions` counts how often the call has given the machine to a person who waits; above 0
    that is why it waits again.
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
    """A gate at one instant. Lengths in calls."""

    machine: str
    capacity: int
    running: int
    waiting_foreground: int
    waiting_background: int
    background_paused: bool = False


@dataclass(frozen=True, slots=True)
class CallAtGate:
    """A call that runs, or waits at `place`, for `for_s` seconds now; it waited `waited_s`
    before."""

    label: CallLabel
    priority: Priority
    for_s: float
    waited_s: float
    preemptions: int
    place: Queued | None = None


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The calls at a gate: those that run, in the order they began, and those that wait, in the
    order they will be served. `waiting` may hold only the first of them; `waiting_count` counts
    all."""

    running: tuple[CallAtGate, ...] = ()
    waiting: tuple[CallAtGate, ...] = ()
    waiting_count: int = 0


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """The state of one backend, since when, and the last failure in words (None: never one)."""

    state: BackendState
    since: datetime
    reason: str | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class BackendChanged:
    """The state of a backend has changed from `was`. A change to or from `busy` is not
    published."""

    backend: str
    machine: str
    was: BackendState
    health: BackendHealth
