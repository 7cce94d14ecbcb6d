"""A call cancelled at every place where it can be: the slot is free and the upstream closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from dispatch_doubles import Lab, ScriptedClient, turn, turns, two_macs

from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import GateStatus, Priority
from byline.errors import BackendUnavailable, Stopping

IDLE = GateStatus("macmini", 1, 0, 0, 0)
REQUEST = ChatRequest(({"role": "user", "content": "Hi"},))
STEPS = (Delta(content="a"), Delta(content="b"), Delta(finish_reason="stop"))


class CancelledAt:
    """Awaits a coroutine and cancels it at its nth suspension, counted from 1.

    `asleep`: the cancellation comes while what it waits for is still to come.
    `woken`: it comes after that has happened, before the coroutine has seen it.
    `twice`: as `asleep`, and once more at the next suspension, in the middle of cleaning up.
    """

    def __init__(self, subject: Coroutine[Any, Any, None], point: int, how: str) -> None:
        self._subject = subject
        self._point = point
        self._how = how
        self.reached = False

    async def run(self) -> None:
        await self

    def __await__(self) -> Generator[Any, None, None]:
        steps = self._subject.__await__()
        task = asyncio.current_task()
        assert task is not None
        thrown: BaseException | None = None
        suspension = 0
        while True:
            try:
                awaited = steps.send(None) if thrown is None else steps.throw(thrown)
            except StopIteration:
                return
            thrown = None
            suspension += 1
            here = suspension == self._point
            self.reached = self.reached or here
            again = self._how == "twice" and suspension == self._point + 1
            if (here and self._how != "woken") or again:
                task.cancel()
            try:
                yield awaited
            except BaseException as error:  # noqa: BLE001  what the task throws in goes to the subject
                thrown = error
            if here and self._how == "woken" and thrown is None:
                thrown = asyncio.CancelledError()


@asynccontextmanager
async def server_of(client: ScriptedClient, last: Exception | None) -> AsyncIterator[None]:
    """Plays a server that takes a turn of the loop for every delta, and may fail at the end."""

    async def answer(number: int) -> None:
        call = await client.call(number)
        for step in STEPS[:-1]:
            call.say(step)
            await turn()
        call.say(last or STEPS[-1])
        call.end()

    async def serve() -> None:
        async with asyncio.TaskGroup() as answers:
            for number in range(1, 10):
                answers.create_task(answer(number))

    serving = asyncio.create_task(serve())
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.wait([serving])


async def cancel_one_call(lab: Lab, reader: str, point: int, how: str) -> bool:
    """One call waits its turn, is called and read, and is cancelled; whether `point` was met."""
    backend = lab.dispatcher.default

    async def subject() -> None:
        # The way a caller in a hurry reads: no aclosing of its own.
        async for _ in getattr(backend, reader)(REQUEST, Priority.FOREGROUND):
            await turn()

    async def occupy() -> None:
        with suppress(BackendUnavailable):
            await backend.generate("first")

    occupant = asyncio.create_task(occupy())
    await turn()
    cancelled = CancelledAt(subject(), point, how)
    follower_first = asyncio.create_task(cancelled.run())
    await turn()
    follower = asyncio.create_task(occupy())
    await asyncio.wait([occupant, follower_first, follower])
    with suppress(asyncio.CancelledError, BackendUnavailable):
        follower_first.result()
    await follower
    return cancelled.reached


@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
@pytest.mark.parametrize("how", ["asleep", "woken", "twice"])
@pytest.mark.parametrize("reader", ["events", "call"])
async def test_rule_8_cancelled_at_any_await_a_call_frees_its_slot_and_stops_its_upstream(
    reader: str, how: str, fails: bool
) -> None:
    fault = BackendUnavailable("gemma-macmini", "ReadError", machine="macmini")
    point, reached = 0, True
    while reached:
        point += 1
        lab = Lab(two_macs())
        _ = lab.dispatcher.default
        client = lab.clients["gemma-macmini"]
        async with server_of(client, fault if fails else None):
            reached = await asyncio.wait_for(cancel_one_call(lab, reader, point, how), timeout=5)
            await asyncio.wait_for(
                lab.dispatcher.gate("macmini").until(lambda s: s == IDLE), timeout=5
            )
        assert all(call.closed.is_set() for call in client.calls), f"open after point {point}"
        assert lab.clock.timers() == 0
    assert point > 5, "to wait, and to read a few deltas, are more awaits than that"


@pytest.mark.parametrize("wait_turns", range(12))
async def test_closing_at_any_moment_ends_every_call_and_frees_every_slot(wait_turns: int) -> None:
    lab = Lab(two_macs())
    backend = lab.dispatcher.default
    client = lab.clients["gemma-macmini"]
    async with server_of(client, None):
        asks = [asyncio.create_task(backend.generate("Hi")) for _ in range(4)]
        await turns(wait_turns)
        await lab.dispatcher.close()
        outcomes = await asyncio.gather(*asks, return_exceptions=True)
    assert all(outcome == "ab" or isinstance(outcome, Stopping) for outcome in outcomes)
    assert any(isinstance(outcome, Stopping) for outcome in outcomes)
    assert all(call.closed.is_set() for call in client.calls)
    assert client.closed
    assert lab.dispatcher.gates()[0] == IDLE
