"""Readiness and an examination as JSON: the shapes, and how they are filled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from byline.api.shapes import Shape
from byline.domain.checkup import Finding, FindingState, Readiness


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


class ReadyShape(Shape):
    """`ok`, or the answer would be an error."""

    status: Literal["ok"]
    self_test: SelfTestShape
    embedder: EmbeddingShape


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
    embedding = readiness.embedding
    return {
        "status": "ok",
        "self_test": {"state": "ok", "at": readiness.proved_at.isoformat()},
        "embedder": {
            "kind": embedding.kind,
            "state": embedding.state,
            "embedded": embedding.embedded,
            "passages": embedding.passages,
            "reason": embedding.reason,
            "remedy": embedding.remedy,
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
