"""Processes that share a machine, played by several gates in one event loop: each member has its
own connections, which is all that tells processes apart in the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg

from byline.dispatch.clock import LoopClock
from byline.dispatch.gate.admission import GateLimits
from byline.dispatch.gate.coordinator import Coordinator, shared_gates
from byline.dispatch.gate.local_gate import GateSlot
from byline.dispatch.gate.shared_gate import SharedGate
from byline.domain.gates import GateStatus, Priority, Queued
from byline.errors import BylineError

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND
LIMITS = GateLimits(1, 8, 60.0, background_wait_s_max=60.0, background_give_up_s=60.0)
WITHIN_S = 20.0


@dataclass
class Call:
    """One call: its place as it was told, its slot, and why that was taken away."""

    task: asyncio.Task[GateSlot]
    places: list[Queued]
    told_a_place: asyncio.Event
    told_to_stop: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Future[BylineError] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def place(self) -> Queued:
        """Its latest place, once it has been told one."""
        async with asyncio.timeout(WITHIN_S):
            await self.told_a_place.wait()
        return self.places[-1]

    async def slot(self) -> GateSlot:
        async with asyncio.timeout(WITHIN_S):
            slot = await self.task
        slot.on_preempt = self.told_to_stop.set
        slot.on_revoked = self.lost.set_result
        return slot


@dataclass
class Member:
    """A process with one machine."""

    gate: SharedGate
    coordinator: Coordinator

    def call(self, priority: Priority = FG) -> Call:
        places: list[Queued] = []
        told = asyncio.Event()

        def tell(place: Queued) -> None:
            places.append(place)
            told.set()

        return Call(asyncio.create_task(self.gate.enter("gemma", priority, tell)), places, told)

    async def hold(self, priority: Priority = FG) -> Call:
        """A call that has the machine."""
        call = self.call(priority)
        await call.slot()
        return call

    async def shows(self, running: int, people: int = 0, background: int = 0) -> None:
        """Wait until the gate says so."""
        machine, capacity = self.gate.machine, self.gate.status().capacity
        expected = GateStatus(machine, capacity, running, people, background)
        async with asyncio.timeout(WITHIN_S):
            await self.gate.until(lambda status: status == expected)

    async def is_alone(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not (self.coordinator.connected.is_set() and self.coordinator.alone):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def is_back(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            await self.coordinator.connected.wait()


@asynccontextmanager
async def member(
    url: str, limits: GateLimits = LIMITS, *, machine: str = "macmini", patience_s: float = 10.0
) -> AsyncIterator[Member]:
    """A process that takes part for as long as the block lasts."""
    gate = SharedGate(machine, limits, LoopClock())
    async with shared_gates([gate], url, LoopClock(), patience_s) as coordinator:
        try:
            yield Member(gate, coordinator)
        finally:
            gate.close()


async def query(url: str, sql: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(sql.encode())
        return await cursor.fetchall() if cursor.description else []


async def cut(url: str, which: str) -> int:
    """End the connections whose application name begins so; how many there were."""
    return len(
        await query(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = current_database() AND application_name LIKE '{which}%'",
        )
    )
