"""Reports on a machine: its calls, the states of its backends over time, and its queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from byline.domain.gates import (
    AskedBy,
    BackendHealth,
    BackendState,
    GateStatus,
    Priority,
    QueueSnapshot,
)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """The record of a model call that has ended, or was never granted.

    Times in milliseconds: `queued_ms` is the sum of its waits, `first_token_ms` the time from the
    grant to the first piece of the answer (None: none came), `total_ms` the time from its arrival
    to the end of its upstream. `outcome` is `completed`, `cancelled`, or the code of its error;
    `reason` is the reason of that error, if it has one.
    """

    machine: str
    backend: str
    priority: Priority
    asked_by: AskedBy
    came_at: datetime
    queued_ms: float
    first_token_ms: float | None
    total_ms: float
    outcome: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A time during which a backend was known to be in one state; it lasted at least until
    `seen_until`."""

    state: BackendState
    reason: str | None
    began_at: datetime
    seen_until: datetime


@dataclass(frozen=True, slots=True)
class FirstTokenTimes:
    """How long the answers of a backend took to begin in the last day: median and 90th percentile
    of `count` calls, in milliseconds, and the newest ones as (arrival of the call,
    milliseconds)."""

    count: int = 0
    median_ms: float | None = None
    p90_ms: float | None = None
    newest: tuple[tuple[datetime, float], ...] = ()


@dataclass(frozen=True, slots=True)
class BackendView:
    """One backend: its state now and in the last day. `model` and `address` (`host:port`) are None
    if it has none."""

    name: str
    kind: str
    model: str | None
    address: str | None
    default: bool
    tools: bool
    health: BackendHealth
    states: tuple[StateSpan, ...] = ()
    first_tokens: FirstTokenTimes = FirstTokenTimes()


@dataclass(frozen=True, slots=True)
class MachineView:
    """One machine with its backends. `gate` is None for Byline itself, which has no gate; `calls`
    are the newest calls, newest first; `paused_since` is set while background work is paused."""

    name: str
    gate: GateStatus | None
    queue_snapshot: QueueSnapshot
    backends: tuple[BackendView, ...]
    calls: tuple[CallRecord, ...] = ()
    paused_since: datetime | None = None
