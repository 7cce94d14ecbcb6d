"""The record of machines in memory, and a database that may be away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from byline.dispatch.record.machine_records import DayRecord

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class MemoryMachineRecords:
    """A day without a call; remembers where background work rests."""

    def __init__(self) -> None:
        self.day_before = DayRecord({}, {}, {}, {})
        self.paused: dict[str, datetime] = {}

    async def day(self, machines: Sequence[str], backends: Sequence[str]) -> DayRecord:
        return replace(self.day_before, paused_since=dict(self.paused))

    async def pause(self, machine: str) -> None:
        self.paused.setdefault(machine, NOON)

    async def resume(self, machine: str) -> None:
        self.paused.pop(machine, None)


class MemoryDatabase:
    def __init__(self) -> None:
        self.error: Exception | None = None

    async def check(self) -> None:
        if self.error is not None:
            raise self.error
