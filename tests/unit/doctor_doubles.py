"""An examination without parts: a Byline that is well but for its embedder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from byline.domain.findings import (
    BacklogState,
    BacklogStatus,
    DiskState,
    DiskStatus,
    EmbedderState,
    EmbeddingStatus,
    Finding,
    FindingState,
    Readiness,
)

PROVED = datetime(2026, 1, 1, 12, tzinfo=UTC)


class _Checked(Protocol):
    async def check(self) -> None: ...


class MemoryCheckup:
    """Not ready while its database is not."""

    def __init__(self, database: _Checked) -> None:
        self.database = database

    async def readiness(self) -> Readiness:
        await self.database.check()
        reason, remedy = "ConnectError: refused", "Start the server."
        embedding = EmbeddingStatus("http", EmbedderState.DEGRADED, 3, 12, reason, remedy)
        return Readiness(PROVED, embedding, await self.backlog(), await self.disk())

    async def backlog(self) -> BacklogStatus:
        return BacklogStatus(BacklogState.MOVING, waiting=2, reading=1, oldest_s=1.5)

    async def partly_read(self) -> int | None:
        return 4

    async def disk(self) -> DiskStatus:
        return DiskStatus("/data/byline", DiskState.OK, 5_000_000_000)

    async def findings(self) -> list[Finding]:
        return [
            Finding("search", FindingState.OK, "Korean and English text is found.", took_ms=4.5),
            Finding("embedder", FindingState.FAILED, "ConnectError: refused", "Start the server."),
        ]
