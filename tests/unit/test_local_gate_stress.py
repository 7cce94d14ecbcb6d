"""Thousands of callers who come, wait, cancel, fail and are preempted: not a slot is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import pytest
from dispatch_doubles import ManualClock, turn, turns

from byline.dispatch.gate.admission import GateLimits
from byline.dispatch.gate.local_gate import Gate, GateSlot
from byline.domain.gates import GateStatus, Priority, Queued
from byline.errors import GateFull, GateTimeout

CALLERS = 2_000


class Crowd:
    """Callers with a fate drawn for each; counts how they ended and who was inside at once."""

    def __init__(self, gate: Gate, seed: int) -> None:
        self.gate = gate
        self.capacity = gate.status().capacity
        self.chance = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.inside = 0
        self.inside_max = 0

    async def caller(self, priority: Priority, hold_turns: int, fails: bool) -> None:
        try:
            with await self.gate.enter("gemma-macmini", priority, self.listener()) as slot:
                while await self.preempted(slot, hold_turns):
                    await slot.requeue()
                    self.outcomes["started again"] += 1
                if fails:
                    raise RuntimeError("the call failed")
        except GateFull:
            self.outcomes["full"] += 1
        except GateTimeout:
            self.outcomes["timeout"] += 1
        except RuntimeError:
            self.outcomes["failed"] += 1
        except asyncio.CancelledError:
            self.outcomes["cancelled"] += 1
            raise
        else:
            self.outcomes["completed"] += 1

    async def preempted(self, slot: GateSlot, hold_turns: int) -> bool:
        """Be inside for some turns; whether a person wants the slot, and the upstream is closed."""
        told = asyncio.Event()
        slot.on_preempt = told.set
        self.inside += 1
        self.inside_max = max(self.inside_max, self.inside)
        try:
            for _ in range(hold_turns):
                await turn()
                if told.is_set():
                    await turns(2)
                    return True
        finally:
            self.inside -= 1
        return False

    def listener(self) -> Callable[[Queued], None] | None:
        return (lambda _: None) if self.chance.random() < 0.05 else None

    async def come_and_go(self, clock: ManualClock) -> None:
        came: list[asyncio.Task[None]] = []
        while len(came) < CALLERS:
            # About as many as the machine can take, in bursts: the queue fills and drains again.
            burst = self.chance.random() < 0.14 * self.capacity
            for _ in range(self.chance.randint(0, 6) if burst else 0):
                caller = self.caller(
                    self.chance.choice(list(Priority)),
                    self.chance.randint(0, 4),
                    self.chance.random() < 0.2,
                )
                came.append(asyncio.create_task(caller))
            if came and self.chance.random() < 0.1 * self.capacity:
                # Also before its first step, inside the gate, while holding, and after its end.
                self.chance.choice(came[-20:]).cancel()
            if self.chance.random() < 0.03:
                clock.advance(self.chance.uniform(0.0, 90.0))
            await turn()
        await asyncio.gather(*came, return_exceptions=True)


@pytest.mark.parametrize("capacity", [1, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_slot_is_lost_however_callers_come_go_cancel_and_fail(
    capacity: int, seed: int
) -> None:
    clock = ManualClock()
    limits = GateLimits(capacity, 12, 60.0, background_wait_s_max=50.0, background_give_up_s=120.0)
    gate = Gate("macmini", limits, clock)
    crowd = Crowd(gate, seed)
    await crowd.come_and_go(clock)
    assert crowd.inside_max == capacity
    assert gate.status() == GateStatus("macmini", capacity, 0, 0, 0)
    assert clock.timers() == 0
    # Every fate was met, or the crowd proves nothing.
    fates = ("completed", "failed", "cancelled", "full", "timeout", "started again")
    assert min(crowd.outcomes[fate] for fate in fates) > 20
    slots = [await gate.enter("gemma-macmini", Priority.BACKGROUND) for _ in range(capacity)]
    assert all(slot.waited_s == 0.0 for slot in slots)
