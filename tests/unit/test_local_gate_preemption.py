"""Preemption in the gate's shell: who is told, when, and where a slot could get lost."""

from __future__ import annotations

import asyncio

import pytest
from dispatch_doubles import ManualClock, turns

from byline.dispatch.gate.admission import GateLimits
from byline.dispatch.gate.local_gate import Gate, GateSlot
from byline.domain.gates import GateStatus, Priority, Queued
from byline.errors import Stopping

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND
IDLE = GateStatus("macmini", 1, 0, 0, 0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gate(clock: ManualClock) -> Gate:
    limits = GateLimits(1, 8, 60.0, background_wait_s_max=300.0, background_give_up_s=600.0)
    return Gate("macmini", limits, clock)


def enter(gate: Gate, priority: Priority = FG) -> asyncio.Task[GateSlot]:
    return asyncio.create_task(gate.enter("gemma-macmini", priority))


async def disturbed(gate: Gate) -> tuple[GateSlot, asyncio.Task[GateSlot]]:
    """A background call that was told to stop, and the person it was told for."""
    told = asyncio.Event()
    slot = await gate.enter("gemma-macmini", BG)
    slot.on_preempt = told.set
    person = enter(gate)
    await asyncio.wait_for(told.wait(), 5)
    return slot, person


async def test_a_person_gets_the_slot_when_its_holder_has_stopped_and_not_before(
    gate: Gate, clock: ManualClock
) -> None:
    slot, person = await disturbed(gate)
    await turns(3)
    assert not person.done()
    assert gate.status() == GateStatus("macmini", 1, 1, 1, 0)
    again = asyncio.create_task(slot.requeue())
    with await person:
        await turns(3)
        assert not again.done()
        clock.advance(7.0)
    await again
    assert slot.waited_s == 7.0
    slot.release()
    assert gate.status() == IDLE


async def test_the_preempted_caller_hears_its_place_and_that_it_was_preempted(
    gate: Gate,
) -> None:
    heard: list[Queued] = []
    slot = await gate.enter("gemma-macmini", BG, heard.append)
    slot.on_preempt = lambda: None
    person = enter(gate)
    await turns(2)
    again = asyncio.create_task(slot.requeue())
    with await person:
        await turns(2)
    await again
    slot.release()
    assert heard[0] == Queued(1, 1, None, preemptions=1)


async def test_a_holder_who_leaves_instead_of_waiting_again_frees_the_slot(gate: Gate) -> None:
    slot, person = await disturbed(gate)
    slot.release()
    (await person).release()
    assert gate.status() == IDLE


async def test_a_preempted_caller_who_leaves_while_it_waits_again_is_not_granted(
    gate: Gate,
) -> None:
    slot, person = await disturbed(gate)
    again = asyncio.create_task(slot.requeue())
    held = await person
    again.cancel()
    await gate.until(lambda status: status.waiting_background == 0)
    held.release()
    slot.release()
    assert gate.status() == IDLE


async def test_a_caller_preempted_before_it_woke_up_never_enters(gate: Gate) -> None:
    first = await gate.enter("gemma-macmini", FG)
    background = enter(gate, BG)
    await gate.until(lambda status: status.waiting_background == 1)
    person = enter(gate)  # asks before …
    first.release()  # … the one to whom the slot is granted here wakes up
    slot = await person
    await turns(3)
    assert not background.done()
    slot.release()
    (await background).release()
    assert gate.status() == IDLE


async def test_a_holder_who_cannot_be_told_keeps_the_slot_to_its_end(gate: Gate) -> None:
    slot = await gate.enter("gemma-macmini", BG)
    person = enter(gate)
    await turns(3)
    assert not person.done()
    slot.release()
    (await person).release()
    assert gate.status() == IDLE


async def test_waiting_again_at_a_closed_gate_is_refused_and_holds_nothing(gate: Gate) -> None:
    slot, person = await disturbed(gate)
    gate.close()
    with pytest.raises(Stopping):
        await slot.requeue()
    with pytest.raises(Stopping):
        await person
    assert gate.status() == IDLE
