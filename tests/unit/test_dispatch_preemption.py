"""A background call that gives its machine to a person: stopped, and started again or told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from dispatch_doubles import Heard, Lab, ScriptedCall, turns, two_macs

from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import GateStatus, Priority, Queued, Started
from byline.errors import BackendUnavailable, Preempted, Stopping

IDLE = GateStatus("macmini", 1, 0, 0, 0)
FG, BG = Priority.FOREGROUND, Priority.BACKGROUND


class Office:
    """One machine, one background call that holds it, people who come."""

    def __init__(self) -> None:
        self.lab = Lab(two_macs())
        self.backend = self.lab.dispatcher.default
        self.gate = self.lab.dispatcher.gate("macmini")
        self.client = self.lab.clients["gemma-macmini"]
        self.heard = Heard()

    def stream(self) -> AsyncGenerator[Delta, None]:
        request = ChatRequest(({"role": "user", "content": "background"},))
        return self.heard.deltas(self.backend.events(request, BG))

    async def read(self) -> list[str]:
        return [delta.content async for delta in self.stream()]

    async def collected(self) -> list[str]:
        request = ChatRequest(({"role": "user", "content": "background"},))
        return [delta.content for delta in await self.backend.collect(request, BG)]

    async def background(self) -> tuple[asyncio.Task[list[str]], ScriptedCall]:
        calls = len(self.client.calls)
        task = asyncio.create_task(self.read())
        return task, await self.client.call(calls + 1)

    def person(self) -> asyncio.Task[str]:
        return asyncio.create_task(self.backend.generate("person"))

    async def idle(self) -> None:
        await asyncio.wait_for(self.gate.until(lambda status: status == IDLE), 5)


async def test_a_person_stops_the_background_call_and_it_starts_again_afterwards() -> None:
    office = Office()
    background, first = await office.background()
    person = office.person()
    second = await office.client.call(2)
    assert first.closed.is_set(), "the person was called before the other upstream was closed"
    assert second.request.messages[0]["content"] == "person"
    second.finish()
    assert await person == "Yes."
    (await office.client.call(3)).finish()
    assert await background == ["Yes.", ""]
    await office.idle()


async def test_the_background_caller_hears_why_it_waits_again_and_when_it_starts() -> None:
    office = Office()
    background, _ = await office.background()
    person = office.person()
    (await office.client.call(2)).finish()
    (await office.client.call(3)).finish()
    await asyncio.gather(background, person)
    kinds = [type(event) for event in office.heard.events]
    assert kinds == [Started, Queued, Started]
    queued = office.heard.events[1]
    assert isinstance(queued, Queued)
    assert queued.preemptions == 1


async def test_what_came_and_was_not_read_is_dropped_and_the_answer_is_whole() -> None:
    office = Office()
    background, first = await office.background()
    person = office.person()
    first.say(Delta(content="half"))  # on its way when the person comes
    (await office.client.call(2)).finish()
    (await office.client.call(3)).finish()
    await person
    assert await background == ["Yes.", ""]
    await office.idle()


async def test_a_call_whose_reader_has_had_output_ends_as_preempted() -> None:
    office = Office()
    stream = office.stream()
    reading = asyncio.create_task(anext(stream))
    first = await office.client.call()
    first.say(Delta(content="half"), Delta(content=" an answer"))
    await reading
    await turns(3)
    person = office.person()
    (await office.client.call(2)).finish()
    assert await person == "Yes."
    assert (await anext(stream)).content == " an answer"
    with pytest.raises(Preempted) as failure:
        await anext(stream)
    assert (failure.value.backend, failure.value.machine) == ("gemma-macmini", "macmini")
    assert len(office.client.calls) == 2
    await office.idle()


async def test_a_call_is_preempted_three_times_and_then_runs_to_its_end() -> None:
    office = Office()
    background, _ = await office.background()
    for round_ in range(3):
        person = office.person()
        (await office.client.call(2 * round_ + 2)).finish()
        await person
        await office.client.call(2 * round_ + 3)
    person = office.person()
    await office.gate.until(lambda status: status.waiting_foreground == 1)
    await turns(5)
    undisturbed = office.client.calls[-1]
    assert not undisturbed.closed.is_set()
    undisturbed.finish()
    assert await background == ["Yes.", ""]
    (await office.client.call(8)).finish()
    await person
    await office.idle()


async def test_a_call_that_ended_before_it_could_be_stopped_is_whole() -> None:
    office = Office()
    background, first = await office.background()
    first.finish()
    await turns(1)
    person = office.person()
    while not person.done():
        for call in office.client.calls[1:]:
            call.finish()
        await turns(2)
    assert await background == ["Yes.", ""]
    await office.idle()


async def test_what_is_collected_starts_again_however_far_it_was() -> None:
    office = Office()
    background = asyncio.create_task(office.collected())
    preemptions: list[int] = []
    for round_ in range(3):
        (await office.client.call(2 * round_ + 1)).say(Delta(content="half"))
        await turns(5)
        person = office.person()
        call = await office.client.call(2 * round_ + 2)
        preemptions += [one.preemptions for one in office.gate.queue_snapshot(9).waiting]
        call.finish()
        await person
    person = office.person()
    await office.gate.until(lambda status: status.waiting_foreground == 1)
    undisturbed = await office.client.call(7)
    await turns(5)
    assert not undisturbed.closed.is_set(), "a fourth time"
    undisturbed.finish()
    assert await background == ["Yes.", ""]
    (await office.client.call(8)).finish()
    await person
    assert preemptions == [1, 2, 3]
    await office.idle()


async def test_background_work_for_a_text_is_done_again_by_itself() -> None:
    office = Office()
    background = asyncio.create_task(office.backend.generate("summary", priority=BG))
    (await office.client.call()).say(Delta(content="half"))
    await turns(5)
    person = office.person()
    (await office.client.call(2)).finish()
    (await office.client.call(3)).finish()
    assert (await person, await background) == ("Yes.", "Yes.")
    await office.idle()


async def test_what_is_collected_fails_as_its_upstream_does() -> None:
    office = Office()
    background = asyncio.create_task(office.collected())
    broke = BackendUnavailable("gemma-macmini", "ReadError", machine="macmini")
    (await office.client.call()).say(Delta(content="half"), broke)
    with pytest.raises(BackendUnavailable, match="ReadError"):
        await background
    await office.idle()


@pytest.mark.parametrize("wait_turns", range(14))
async def test_who_collects_may_leave_at_any_moment_of_a_preemption(wait_turns: int) -> None:
    office = Office()
    background = asyncio.create_task(office.collected())
    await office.client.call()
    person = office.person()
    await turns(wait_turns)
    background.cancel()
    (await office.client.call(2)).finish()
    assert await person == "Yes."
    with pytest.raises(asyncio.CancelledError):
        await background
    assert all(call.closed.is_set() for call in office.client.calls)
    await office.idle()


@pytest.mark.parametrize("wait_turns", range(14))
async def test_a_preempted_caller_may_leave_at_any_moment(wait_turns: int) -> None:
    office = Office()
    background, _ = await office.background()
    person = office.person()
    await turns(wait_turns)
    background.cancel()
    (await office.client.call(2)).finish()
    assert await person == "Yes."
    with pytest.raises(asyncio.CancelledError):
        await background
    assert all(call.closed.is_set() for call in office.client.calls)
    await office.idle()


@pytest.mark.parametrize("wait_turns", range(14))
async def test_a_person_may_leave_at_any_moment_of_the_preemption(wait_turns: int) -> None:
    office = Office()
    background, _ = await office.background()
    person = office.person()
    await turns(wait_turns)
    person.cancel()
    await asyncio.wait([person])
    while not background.done():
        office.client.calls[-1].finish()
        await turns(2)
    assert await background == ["Yes.", ""]
    await office.idle()


@pytest.mark.parametrize("wait_turns", range(10))
async def test_closing_at_any_moment_of_a_preemption_ends_all_calls(wait_turns: int) -> None:
    office = Office()
    background, _ = await office.background()
    person = office.person()
    await turns(wait_turns)
    await office.lab.dispatcher.close()
    outcomes = await asyncio.gather(background, person, return_exceptions=True)
    assert all(isinstance(outcome, Stopping) for outcome in outcomes)
    await office.idle()
