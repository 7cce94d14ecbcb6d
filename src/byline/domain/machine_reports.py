"""What each machine does and did: its calls, how its backends were known to be, who is at it."""

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
    """A call of a model has ended, or never began.

    Times in milliseconds: `queued_ms` all its waits together, `first_token_ms` from the grant to
    the first piece of an answer (None: none came), `total_ms` from its coming to the end of its
    upstream. `outcome` is `completed`, `cancelled`, or the code of its error; `reason` that error's
    word, if it has one.
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
    """A backend was known to be in a state, from a time until at least another."""

    state: BackendState
    reason: str | None
    began_at: datetime
    seen_until: datetime


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """How long a backend took to begin its answers in the last day: of `count` calls the median and
    the nine in ten, in milliseconds, and the newest ones as (when the call came, milliseconds)."""

    count: int = 0
    median_ms: float | None = None
    p90_ms: float | None = None
    newest: tuple[tuple[datetime, float], ...] = ()


@dataclass(frozen=True, slots=True)
class BackendView:
    """One backend: how it is, and how it was in the last day. `model` and `address` are None where
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
    """One machine with its backends. `gate` is None for Byline itself, which has none; `calls` are
    the newest, newest first; `paused_since` is set while background work rests."""

    name: str
    gate: GateStatus | None
    queue_snapshot: QueueSnapshot
    backends: tuple[BackendView, ...]
    calls: tuple[CallRecord, ...] = ()
    paused_since: datetime | None = None
