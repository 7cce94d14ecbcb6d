"""Readiness and an examination as JSON: the shapes, and how they are filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from byline.ask.ask_shapes import Json, Moment, Shape
from byline.domain.findings import Finding, FindingState, Readiness


class SelfTestShape(Shape):
    """Korean and English text was found: without that Byline does not start."""

    state: Literal["ok"]
    at: Moment


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


def ready_json(readiness: Readiness) -> Json:
    """A `ReadyShape`."""
    return ReadyShape.json_of(
        {
            "status": "degraded" if readiness.is_degraded else "ok",
            "self_test": {"state": "ok", "at": readiness.proved_at},
            "embedder": readiness.embedding,
            "reading": readiness.backlog,
            "disk": readiness.disk,
        }
    )


def checkup_json(findings: Sequence[Finding]) -> Json:
    """A `CheckupShape`."""
    ok = all(finding.state is not FindingState.FAILED for finding in findings)
    return CheckupShape.json_of({"ok": ok, "findings": findings})
