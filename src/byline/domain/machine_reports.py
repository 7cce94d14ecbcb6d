"""The reports on machines: their calls, the states of their backends, their queues."""

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
    """The record of a call of a model that has ended, or never began.

    Times in milliseconds: `queued_ms` is the sum of its waits, `first_token_ms` runs from the grant
    to the first piece of an answer (None: none came), `total_ms` from the arrival of the call to
    the end of its upstream. `outcome` is `completed`, `cancelled`, or the code of its error;
    `reason` that error's word, if it has one.
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
    """A state that a backend had from `began_at` until at least `seen_until`."""

    state: BackendState
    reason: str | None
    began_at: datetime
    seen_until: datetime


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """How long a backend took to begin its answers in the last day: of `count` calls the median
    and the 90th percentile, in milliseconds, and the newest ones as (when the call came,
    milliseconds)."""

    count: int = 0
    median_ms: float | None = None
    p90_ms: float | None = None
    newest: tuple[tuple[datetime, float], ...] = ()


@dataclass(frozen=True, slots=True)
class BackendView:
    """One backend, its health and its states of the last day. `model` and `address` are None where
    it has none; the address is `host:port`."""

    name: str
    kind: str
    model: str | None
    address: str | None
    default: bool
    tools: bool
    health: BackendHealth
    states: tuple[StateSpan, ...] = ()
    first_tokens: FirstTokens = FirstTokens()


@dataclass(frozen=True, slots=True)
class MachineView:
    """One machine with its backends. `gate` is None for Byline itself, which has none; `calls` has
    the newest call first; `paused_since` is set while background work is paused."""

    name: str
    gate: GateStatus | None
    queue_snapshot: QueueSnapshot
    backends: tuple[BackendView, ...]
    calls: tuple[CallRecord, ...] = ()
    paused_since: datetime | None = None
