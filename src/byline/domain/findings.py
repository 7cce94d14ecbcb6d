"""What `byline doctor` and `/readyz` find: checks, vectors, the backlog of documents, the disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FindingState(StrEnum):
    """`warning`: Byline works, and something about it is worth knowing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, in words; `took_ms` is set if the duration matters."""

    check: str
    state: FindingState
    said: str
    remedy: str = ""
    took_ms: float | None = None


class EmbedderState(StrEnum):
    """How search by meaning is doing.

    off        no embedder is configured
    degraded   the embedder fails; what has vectors is still found by them
    filling    passages wait for their vectors
    ready      no passage waits
    unknown    the database did not say in time
    """

    OFF = "off"
    DEGRADED = "degraded"
    FILLING = "filling"
    READY = "ready"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EmbeddingStatus:
    """The state of the configured embedder: how many of all `passages` are `embedded`, and why it
    fails, if it does."""

    kind: str
    state: EmbedderState
    embedded: int = 0
    passages: int = 0
    reason: str | None = None
    remedy: str | None = None


class BacklogState(StrEnum):
    """Whether added documents are read.

    idle      none waits
    moving    they are read, one after the other
    stalled   they wait, and nothing happens
    unknown   the database did not say in time
    """

    IDLE = "idle"
    MOVING = "moving"
    STALLED = "stalled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BacklogStatus:
    """The numbers of documents that wait to be read and that are being read; `oldest_s` is how long
    the first has waited, in seconds. If it is stalled, `reason` says why and `remedy` what to
    do."""

    state: BacklogState
    waiting: int = 0
    reading: int = 0
    oldest_s: float = 0.0
    reason: str | None = None
    remedy: str | None = None


class DiskState(StrEnum):
    """How much room is left for documents and answers; `full`: nothing more is taken in."""

    OK = "ok"
    LOW = "low"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class DiskStatus:
    """The disk with the least free space of those Byline writes to."""

    folder: str
    state: DiskState
    free_bytes: int
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of a Byline that can serve. `proved_at` is when a search last found something."""

    proved_at: datetime
    embedding: EmbeddingStatus
    backlog: BacklogStatus
    disk: DiskStatus

    @property
    def is_degraded(self) -> bool:
        """Whether documents are not read, or there is no space for more."""
        return self.backlog.state is BacklogState.STALLED or self.disk.state is DiskState.FULL
