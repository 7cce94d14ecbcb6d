"""What is told of a call when it is over: to the feed, whatever became of it, and once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from dispatch_doubles import ANSWER, Lab, two_macs

from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import AskedBy, Asker, Priority
from byline.domain.machine_reports import CallRecord
from byline.errors import BackendUnavailable, BylineError, LlmError
from byline.observe import Reading

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND
GEMMA = "gemma-macmini"
ASKED = AskedBy(Asker.ASK, "an-ask")
REQUEST = ChatRequest(({"role": "user", "content": "Hi"},), asked_by=ASKED)


async def told(lab: Lab, reading: Reading) -> list[CallRecord]:
    lab.feed.close()
    return [happening async for happening in reading if isinstance(happening, CallRecord)]


async def test_a_call_is_told_with_its_times() -> None:
    lab = Lab(two_macs())
    reading = lab.feed.read(CallRecord)
    gemma = lab.dispatcher.get_backend(GEMMA)
    with await lab.dispatcher.gate("macmini").enter("phi-macmini", FG):
        calling = asyncio.create_task(gemma.collect(REQUEST, FG))
        await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
        lab.clock.advance(2.0)
    call = await lab.clients[GEMMA].call()
    lab.clock.advance(0.5)
    call.finish()
    await calling
    (record,) = await told(lab, reading)
    assert (record.machine, record.backend, record.priority) == ("macmini", GEMMA, FG)
    assert (record.asked_by, record.outcome, record.reason) == (ASKED, "completed", None)
    assert (record.queued_ms, record.first_token_ms, record.total_ms) == (2000.0, 500.0, 2500.0)
    assert (lab.clock.now() - record.came_at).total_seconds() == 2.5


@pytest.mark.parametrize(
    ("fault", "outcome", "reason"),
    [
        (BackendUnavailable(GEMMA, "stalled", machine="macmini"), "backend_unavailable", "stalled"),
        (LlmError(GEMMA, "http_400", machine="macmini"), "llm_error", "http_400"),
        (ValueError("a fault of our own"), "internal", None),
    ],
)
async def test_a_call_that_fails_is_told_with_its_reason(
    fault: Exception, outcome: str, reason: str | None
) -> None:
    lab = Lab(two_macs(), [Delta(content="half "), fault])
    reading = lab.feed.read(CallRecord)
    with pytest.raises(type(fault)):
        await lab.dispatcher.get_backend(GEMMA).collect(REQUEST, FG)
    (record,) = await told(lab, reading)
    assert (record.outcome, record.reason) == (outcome, reason)
    assert record.first_token_ms == 0.0


async def test_a_call_its_gate_refuses_is_told_with_its_wait_and_no_first_token() -> None:
    lab = Lab(two_macs(queue_wait_s_max=5.0))
    reading = lab.feed.read(CallRecord)
    with await lab.dispatcher.gate("macmini").enter("phi-macmini", FG):
        calling = asyncio.create_task(lab.dispatcher.get_backend(GEMMA).collect(REQUEST, FG))
        await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
        lab.clock.advance(5.0)
        with pytest.raises(BylineError):
            await calling
    (record,) = await told(lab, reading)
    assert (record.outcome, record.queued_ms, record.total_ms) == ("gate_timeout", 5000.0, 5000.0)
    assert record.first_token_ms is None


async def test_a_reader_who_leaves_in_the_middle_has_cancelled_and_after_the_end_has_not() -> None:
    lab = Lab(two_macs())
    reading = lab.feed.read(CallRecord)
    gemma = lab.dispatcher.get_backend(GEMMA)
    async with aclosing(gemma.call(REQUEST, FG)) as deltas:
        reads = asyncio.ensure_future(anext(deltas))
        call = await lab.clients[GEMMA].call()
        call.say(Delta(content="half "))
        await reads
    async with aclosing(gemma.call(REQUEST, FG)) as deltas:
        reads = asyncio.ensure_future(anext(deltas))
        call = await lab.clients[GEMMA].call(2)
        call.finish()
        await call.closed.wait()
        await reads
        await lab.dispatcher.gate("macmini").until(lambda status: status.running == 0)
    assert [record.outcome for record in await told(lab, reading)] == ["cancelled", "completed"]


async def test_a_slow_reader_does_not_make_the_machines_time_longer() -> None:
    lab = Lab(two_macs(), ANSWER)
    reading = lab.feed.read(CallRecord)
    async with aclosing(lab.dispatcher.get_backend(GEMMA).call(REQUEST, FG)) as deltas:
        await anext(deltas)
        await lab.dispatcher.gate("macmini").until(lambda status: status.running == 0)
        lab.clock.advance(60.0)
        async for _ in deltas:
            pass
    (record,) = await told(lab, reading)
    assert record.total_ms == 0.0


async def test_background_work_that_starts_again_is_one_call() -> None:
    lab = Lab(two_macs())
    reading = lab.feed.read(CallRecord)
    gemma = lab.dispatcher.get_backend(GEMMA)
    background = asyncio.create_task(gemma.collect(REQUEST, BG))
    await lab.clients[GEMMA].call()
    person = asyncio.create_task(gemma.collect(REQUEST, FG))
    second = await lab.clients[GEMMA].call(2)
    lab.clock.advance(3.0)
    second.finish()
    await person
    (await lab.clients[GEMMA].call(3)).finish()
    await background
    first, last = await told(lab, reading)
    assert (first.priority, last.priority, last.outcome) == (FG, BG, "completed")
    assert (last.queued_ms, last.total_ms) == (3000.0, 3000.0)
