"""The gate's shell: futures, timers and cancellation around admission, on a clock of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from dispatch_doubles import ManualClock, turn, turns

from byline.dispatch.gate.admission import GateLimits
from byline.dispatch.gate.local_gate import Gate, GateSlot
from byline.domain.gates import GateStatus, Priority, Queued
from byline.errors import GateFull, GateTimeout, Stopping

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def open_gate(clock: ManualClock, capacity: int = 1, queue_len_max: int = 8) -> Gate:
    limits = GateLimits(
        capacity,
        queue_len_max,
        queue_wait_s_max=60.0,
        background_wait_s_max=45.0,
        background_give_up_s=90.0,
    )
    return Gate("macmini", limits, clock)


def waits(foreground: int, background: int = 0) -> Callable[[GateStatus], bool]:
    return lambda s: (s.waiting_foreground, s.waiting_background) == (foreground, background)


def enter(gate: Gate, priority: Priority = FG) -> asyncio.Task[GateSlot]:
    return asyncio.create_task(gate.enter("gemma-macmini", priority))


async def test_a_free_machine_is_entered_without_waiting(clock: ManualClock) -> None:
    gate = open_gate(clock)
    with await gate.enter("gemma-macmini", FG) as slot:
        assert slot.waited_s == 0.0
        assert gate.status() == GateStatus("macmini", 1, 1, 0, 0)
    assert gate.status().running == 0


async def test_a_slot_is_handed_to_the_next_with_its_wait(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    second = enter(gate)
    await gate.until(waits(1))
    clock.advance(3.0)
    first.release()
    assert (await second).waited_s == 3.0
    assert gate.status().running == 1


async def test_a_hand_over_takes_one_turn_of_the_loop(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    second = enter(gate)
    await gate.until(waits(1))
    first.release()
    await turns(2)
    assert second.done()


async def test_a_body_that_fails_frees_the_slot(clock: ManualClock) -> None:
    gate = open_gate(clock)
    with pytest.raises(RuntimeError), await gate.enter("gemma-macmini", FG):
        raise RuntimeError
    assert gate.status().running == 0


async def test_releasing_twice_frees_one_slot(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    second, third = enter(gate), enter(gate)
    await gate.until(waits(2))
    first.release()
    first.release()
    await second
    await turns(3)
    assert not third.done()
    (await second).release()
    (await third).release()


async def test_a_caller_who_leaves_the_queue_is_never_granted(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    leaver, stayer = enter(gate), enter(gate)
    await gate.until(waits(2))
    leaver.cancel()
    await gate.until(waits(1))
    first.release()
    (await stayer).release()
    assert leaver.cancelled()
    assert gate.status() == GateStatus("macmini", 1, 0, 0, 0)


async def test_a_caller_cancelled_just_before_the_grant_passes_it_on(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    leaver, stayer = enter(gate), enter(gate)
    await gate.until(waits(2))
    leaver.cancel()  # its task has not run yet: the gate still has it in line
    first.release()
    (await stayer).release()
    assert leaver.cancelled()
    assert gate.status().running == 0


async def test_a_caller_cancelled_between_grant_and_wake_up_passes_it_on(
    clock: ManualClock,
) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    leaver, stayer = enter(gate), enter(gate)
    await gate.until(waits(2))
    first.release()  # the grant is on its way …
    leaver.cancel()  # … and nobody is there to take it
    (await stayer).release()
    assert leaver.cancelled()
    assert gate.status().running == 0


async def test_a_full_queue_refuses_at_once_by_name_and_length(clock: ManualClock) -> None:
    gate = open_gate(clock, queue_len_max=1)
    first = await gate.enter("gemma-macmini", FG)
    second = enter(gate)
    await gate.until(waits(1))
    with pytest.raises(GateFull) as refusal:
        await gate.enter("phi-macmini", FG)
    error = refusal.value
    assert (error.backend, error.machine, error.queue_len) == ("phi-macmini", "macmini", 1)
    first.release()
    (await second).release()


async def test_a_wait_ends_at_the_limit_by_the_clock_alone(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    early = enter(gate)
    await gate.until(waits(1))
    clock.advance(30.0)
    late = enter(gate, BG)
    await gate.until(waits(1, 1))
    clock.advance(29.9)
    await turn()
    assert not early.done()
    clock.advance(0.1)
    with pytest.raises(GateTimeout) as refusal:
        await early
    assert refusal.value.waited_s == pytest.approx(60.0)
    assert gate.status().waiting_background == 1
    clock.advance(60.0)
    with pytest.raises(GateTimeout):
        await late
    first.release()
    assert clock.timers() == 0


async def test_no_timer_is_left_when_nobody_waits(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    second = enter(gate)
    await gate.until(waits(1))
    assert clock.timers() == 1
    first.release()
    (await second).release()
    assert clock.timers() == 0


async def test_closing_refuses_all_who_wait_and_all_who_come(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    second, third = enter(gate), enter(gate, BG)
    await gate.until(waits(1, 1))
    gate.close()
    for waiter in (second, third):
        with pytest.raises(Stopping):
            await waiter
    with pytest.raises(Stopping):
        await gate.enter("gemma-macmini", FG)
    assert gate.status().running == 1
    first.release()


async def test_a_gate_closed_between_grant_and_wake_up_lets_nobody_in(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    second = enter(gate)
    await gate.until(waits(1))
    first.release()
    gate.close()
    with pytest.raises(Stopping):
        await second
    assert gate.status().running == 0


async def test_callers_hear_their_place_and_every_change_of_it(clock: ManualClock) -> None:
    gate = open_gate(clock)
    heard: dict[str, list[Queued]] = {"fg": [], "bg": []}
    first = await gate.enter("gemma-macmini", FG)
    background = asyncio.create_task(gate.enter("gemma-macmini", BG, heard["bg"].append))
    await gate.until(waits(0, 1))
    foreground = asyncio.create_task(gate.enter("gemma-macmini", FG, heard["fg"].append))
    await gate.until(waits(1, 1))
    await turns(2)
    clock.advance(8.0)
    first.release()
    slot = await foreground
    await turns(2)
    slot.release()
    (await background).release()
    assert heard["fg"] == [Queued(1, 1, None)]
    assert [(q.position, q.ahead) for q in heard["bg"]] == [(1, 1), (2, 2), (1, 1)]
    assert heard["bg"][-1].eta_s == pytest.approx(8.0)


async def test_a_place_is_heard_before_the_wait_begins(clock: ManualClock) -> None:
    gate = open_gate(clock)
    heard: list[Queued] = []
    first = await gate.enter("gemma-macmini", FG)
    waiter = asyncio.create_task(gate.enter("gemma-macmini", FG, heard.append))
    await turn()
    assert heard == [Queued(1, 1, None)]
    first.release()
    (await waiter).release()


async def test_a_listener_that_fails_ends_its_own_wait_and_nobody_elses(
    clock: ManualClock,
) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)
    ahead = enter(gate)
    await gate.until(waits(1))
    news: list[Queued] = []

    def fail_on_the_second(queued: Queued) -> None:
        news.append(queued)
        if len(news) == 2:
            raise LookupError("no such page")

    faulty = asyncio.create_task(gate.enter("gemma-macmini", FG, fail_on_the_second))
    heard: list[Queued] = []
    behind = asyncio.create_task(gate.enter("gemma-macmini", FG, heard.append))
    await gate.until(waits(3))
    first.release()
    slot = await ahead
    with pytest.raises(LookupError):
        await faulty
    await turns(2)
    slot.release()
    (await behind).release()
    assert [(q.position, q.ahead) for q in heard] == [(3, 3), (2, 2), (1, 1)]
    assert gate.status() == GateStatus("macmini", 1, 0, 0, 0)


async def test_a_listener_that_fails_at_once_leaves_the_queue(clock: ManualClock) -> None:
    gate = open_gate(clock)
    first = await gate.enter("gemma-macmini", FG)

    def fail(_: Queued) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await gate.enter("gemma-macmini", FG, fail)
    assert gate.status().waiting_foreground == 0
    first.release()
