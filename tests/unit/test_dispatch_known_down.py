"""Calls to a machine that is known to be down: one quick try for all of them, none in the gate."""

from __future__ import annotations

import asyncio

import pytest
from dispatch_doubles import ANSWER, Lab, ScriptedClient, turns, two_macs

from byline.domain.gates import BackendState, GateStatus, Priority
from byline.errors import BackendUnavailable

IDLE = GateStatus("macmini", 1, 0, 0, 0)
BG = Priority.BACKGROUND
DOWN = BackendUnavailable("gemma-macmini", "ConnectTimeout", machine="macmini")


class Place:
    """One machine; who calls it; how often it was tried and called."""

    def __init__(self) -> None:
        self.lab = Lab(two_macs())
        self.backend = self.lab.dispatcher.default
        self.client: ScriptedClient = self.lab.clients["gemma-macmini"]
        self.gate = self.lab.dispatcher.gate("macmini")

    async def goes_down(self) -> None:
        self.client.probe_outcome = DOWN
        assert (await self.backend.probe()).state is BackendState.UNREACHABLE
        self.client.reach_outcome = DOWN
        self.client.connecting.clear()

    def calls(
        self, count: int, priority: Priority = Priority.FOREGROUND
    ) -> list[asyncio.Task[str]]:
        return [
            asyncio.create_task(self.backend.generate("Hi", priority=priority))
            for _ in range(count)
        ]


async def refused(*calls: asyncio.Task[str]) -> None:
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, BackendUnavailable)
        assert outcome.reason == "ConnectTimeout"


async def test_all_who_call_wait_for_one_try_outside_the_gate_and_are_refused_by_it() -> None:
    place = Place()
    await place.goes_down()
    calls = place.calls(20)
    await turns(5)
    assert place.gate.status() == IDLE
    assert not any(call.done() for call in calls)
    place.client.connecting.set()
    await refused(*calls)
    assert (place.client.reached, place.client.calls) == (1, [])


async def test_all_who_call_go_on_once_the_machine_is_back() -> None:
    place = Place()
    await place.goes_down()
    place.client.reach_outcome, place.client.script = None, ANSWER
    calls = place.calls(5)
    await turns(5)
    place.client.connecting.set()
    assert await asyncio.gather(*calls) == ["Yes."] * 5
    assert place.client.reached == 1


async def test_a_machine_not_known_to_be_down_is_called_without_a_try() -> None:
    place = Place()
    place.client.script = ANSWER
    await asyncio.gather(*place.calls(5))
    assert place.client.reached == 0


async def test_who_was_in_the_queue_already_shares_one_try_too() -> None:
    place = Place()
    first, *queued = place.calls(6)
    upstream = await place.client.call()
    await place.gate.until(lambda status: status.waiting_foreground == 5)
    place.client.reach_outcome = DOWN
    place.client.connecting.clear()
    place.lab.clock.advance(5.0)
    upstream.say(DOWN)
    await refused(first)
    await turns(5)
    place.lab.clock.advance(5.0)
    place.client.connecting.set()
    await refused(*queued)
    assert (place.client.reached, len(place.client.calls)) == (1, 1)
    assert place.gate.status() == IDLE


async def test_who_was_in_the_queue_keeps_its_place_while_the_machine_is_tried() -> None:
    place = Place()
    first, *queued = place.calls(3)
    upstream = await place.client.call()
    await place.gate.until(lambda status: status.waiting_foreground == 2)
    place.client.connecting.clear()
    upstream.say(DOWN)
    await refused(first)
    place.client.script = ANSWER
    latecomer = place.calls(1)
    await turns(5)
    assert place.gate.status() == GateStatus("macmini", 1, 1, 1, 0)
    place.client.connecting.set()
    assert await asyncio.gather(*queued, *latecomer) == ["Yes."] * 3
    assert place.client.reached == 1


@pytest.mark.parametrize("wait_turns", range(8))
async def test_who_leaves_during_the_try_leaves_it_to_the_others(wait_turns: int) -> None:
    place = Place()
    first, queued, other = place.calls(3)
    upstream = await place.client.call()
    await place.gate.until(lambda status: status.waiting_foreground == 2)
    place.client.connecting.clear()
    upstream.say(DOWN)
    await refused(first)
    await turns(wait_turns)
    queued.cancel()
    await asyncio.wait([queued])
    place.client.script = ANSWER
    place.client.connecting.set()
    assert await other == "Yes."
    await place.gate.until(lambda status: status == IDLE)


async def test_closing_ends_the_wait_for_a_try() -> None:
    place = Place()
    await place.goes_down()
    (call,) = place.calls(1)
    await turns(3)
    await place.lab.dispatcher.close()
    await asyncio.wait([call])
    assert isinstance(call.exception(), BackendUnavailable)
    assert place.gate.status() == IDLE
