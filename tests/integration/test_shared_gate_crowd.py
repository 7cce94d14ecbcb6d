"""Many callers at one machine from several processes, while processes come, go and lose their
connections: never more inside than it takes, and no slot lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from gate_members import FG, LIMITS, Member, cut, member

from byline.dispatch.gate.local_gate import GateSlot
from byline.domain.gates import Priority
from byline.errors import BylineError, DatabaseUnavailable

CALLERS = 1_500
STREAMS = 60


class Crowd:
    """Callers with a fate drawn for each; counts how they ended and who was inside at once."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.came = 0
        self.outcomes: Counter[str] = Counter()
        self.inside = 0
        self.inside_max = 0

    async def stream(self, one: Member) -> None:
        while self.came < CALLERS:
            self.came += 1
            call = asyncio.create_task(self.call(one))
            if self.chance.random() < 0.3:
                await asyncio.wait([call], timeout=self.chance.uniform(0, 0.05))
                call.cancel()
            await asyncio.wait([call])
            self.outcomes["cancelled" if call.cancelled() else call.result()] += 1

    async def call(self, one: Member) -> str:
        try:
            with await one.gate.enter("gemma", self.chance.choice(list(Priority))) as slot:
                while await self.preempted(slot):
                    await slot.requeue()
                    self.outcomes["started again"] += 1
        except BylineError as error:
            return error.code
        return "completed"

    async def preempted(self, slot: GateSlot) -> bool:
        """Use the machine for a moment; whether a person wants it."""
        told = asyncio.Event()
        slot.on_preempt = told.set

        def stop(reason: BylineError) -> None:
            told.set()

        slot.on_revoked = stop
        self.inside += 1
        self.inside_max = max(self.inside_max, self.inside)
        try:
            for _ in range(self.chance.randint(0, 4)):
                await asyncio.sleep(0)
                if told.is_set():
                    return slot.revocation is None
        finally:
            self.inside -= 1
        return False


@pytest.mark.parametrize("capacity", [1, 3])
async def test_a_crowd_at_three_processes_is_never_let_in_beyond_capacity(
    database_url: str, capacity: int
) -> None:
    limits = replace(LIMITS, capacity=capacity, queue_len_max=64)
    crowd = Crowd(capacity)
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(member(database_url, limits)) for _ in range(3)]
        streams = [crowd.stream(members[number % 3]) for number in range(STREAMS)]
        await asyncio.gather(*streams)
        assert crowd.inside_max == capacity
        for one in members:
            await one.shows(0)
        for number in range(capacity):  # no slot was lost
            await members[number % 3].hold(FG)
    assert min(crowd.outcomes[fate] for fate in ("completed", "cancelled")) > 100
    assert set(crowd.outcomes) <= {"completed", "cancelled", "started again"}


async def test_processes_that_lose_their_locks_again_and_again_lose_no_slot(
    database_url: str,
) -> None:
    limits = replace(LIMITS, capacity=2, queue_len_max=64)
    crowd = Crowd(7)
    async with member(database_url, limits) as first, member(database_url, limits) as second:
        streams = [
            asyncio.create_task(crowd.stream((first, second)[number % 2])) for number in range(20)
        ]
        for number in range(6):
            reached = CALLERS * (number + 1) // 8
            while crowd.came < reached:  # noqa: ASYNC110  the crowd sends no event
                await asyncio.sleep(0.01)
            assert await cut(database_url, "byline gates") >= 2
        await asyncio.gather(*streams)
        assert set(crowd.outcomes) <= {
            *("completed", "cancelled", "started again"),
            DatabaseUnavailable.code,
        }
        for one in (first, second):
            await one.is_back()
            await one.shows(0)
        await first.hold(FG)
        await second.hold(FG)
