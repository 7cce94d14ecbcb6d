"""Readiness and an examination as JSON: the shapes, and how they are filled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from byline.api.result_shapes import Shape
from byline.domain.findings import Finding, FindingState, Readiness


class SelfTestShape(Shape):
    """Korean and English text was found: without that Byline does not start."""

    state: Literal["ok"]
    at: datetime


class EmbeddingShape(Shape):
    """How search by meaning is doing. Whatever it is, search by words works."""

    kind: str
    state: Literal["off", "degraded", "filling", "ready", "unknown"]
    embedded: int = Field(description="Passages that have a vector.")
    passages: int
    reason: str | None = Field(description="Why it is degraded.")
    remedy: str | None


class BacklogShape(Shape):
    """Documents that wait to be read. `stalled`: they wait, and none is read."""

    state: Literal["idle", "moving", "stalled", "unknown"]
    waiting: int
    reading: int
    oldest_s: float = Field(description="For how long the first of them has waited, seconds.")
    reason: str | None = Field(description="Why it is stalled.")
    remedy: str | None


class DiskShape(Shape):
    """The disk with the least room of those Byline writes to. `full`: nothing more is taken in."""

    state: Literal["ok", "low", "full"]
    folder: str
    free_bytes: int
    remedy: str | None


class ReadyShape(Shape):
    """Questions are answered, or this would be an error. `degraded`: documents that were added are
    not read, or there is no room for more; `reading` and `disk` say which, and what mends it."""

    status: Literal["ok", "degraded"]
    self_test: SelfTestShape
    embedder: EmbeddingShape
    reading: BacklogShape
    disk: DiskShape


class FindingShape(Shape):
    """What one check found."""

    check: str
    state: Literal["ok", "warning", "failed"]
    said: str
    remedy: str = Field(description="What to do about it; empty where nothing is to be done.")
    took_ms: float | None


class CheckupShape(Shape):
    """An examination; `ok` unless a check failed."""

    ok: bool
    findings: list[FindingShape]


def ready_json(readiness: Readiness) -> dict[str, Any]:
    """A `ReadyShape`."""
    embedding, backlog, disk = readiness.embedding, readiness.backlog, readiness.disk
    return {
        "status": "degraded" if readiness.is_degraded else "ok",
        "self_test": {"state": "ok", "at": readiness.proved_at.isoformat()},
        "embedder": {
            "kind": embedding.kind,
            "state": embedding.state,
            "embedded": embedding.embedded,
            "passages": embedding.passages,
            "reason": embedding.reason,
            "remedy": embedding.remedy,
        },
        "reading": {
            "state": backlog.state,
            "waiting": backlog.waiting,
            "reading": backlog.reading,
            "oldest_s": backlog.oldest_s,
            "reason": backlog.reason,
            "remedy": backlog.remedy,
        },
        "disk": {
            "state": disk.state,
            "folder": disk.folder,
            "free_bytes": disk.free_bytes,
            "remedy": disk.remedy,
        },
    }


def checkup_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """A `CheckupShape`."""
    return {
        "ok": all(finding.state is not FindingState.FAILED for finding in findings),
        "findings": [
            {
                "check": finding.check,
                "state": finding.state,
                "said": finding.said,
                "remedy": finding.remedy,
                "took_ms": finding.took_ms,
            }
            for finding in findings
        ],
    }
