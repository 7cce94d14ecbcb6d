"""Machines, gates and backends as the rest of Byline sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Priority(IntEnum):
    """Lower runs first. FOREGROUND: a person waits. BACKGROUND: enrichment, embedding."""

    FOREGROUND = 0
    BACKGROUND = 1


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
    `preemptions` is how often the call has given the machine to a person who waits; above 0 that
    is why it waits again.
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


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """The state of one backend, since when, and the last failure in words (None: never one)."""

    state: BackendState
    since: datetime
    reason: str | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class BackendChanged:
    """The state of a backend has become another one than `was`. `busy` is never told of so."""

    backend: str
    machine: str
    was: BackendState
    health: BackendHealth
