"""Work for a caller who may leave: it is interrupted then, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from dispatch_doubles import turn, turns
from starlette.types import Message

from byline.api.http.event_streams import CallerLeft, run_while_connected


class Caller:
    """A caller who leaves when told to, and work for it that ends when told to."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.leaves: asyncio.Future[Message] = loop.create_future()
        self.works: asyncio.Future[str] = loop.create_future()
        self.tidied = False

    def receive(self) -> Awaitable[Message]:
        return asyncio.shield(self.leaves)

    async def work(self) -> str:
        try:
            return await self.works
        finally:
            await turn()  # what is closed takes its time
            self.tidied = True

    async def served(self) -> Any:
        """The answer, and proof that nobody interrupts what comes after it."""
        answer = await run_while_connected(self.receive, self.work())
        await turns(5)
        return answer

    def leave(self) -> None:
        self.leaves.set_result({"type": "http.disconnect"})


async def test_work_that_ends_is_answered() -> None:
    caller = Caller()
    serving = asyncio.create_task(caller.served())
    await turns(3)
    caller.works.set_result("an answer")
    assert await serving == "an answer"


async def test_a_caller_who_leaves_ends_the_work_and_waits_for_what_it_closes() -> None:
    caller = Caller()
    serving = asyncio.create_task(caller.served())
    await turns(3)
    caller.leave()
    with pytest.raises(CallerLeft):
        await serving
    assert caller.tidied
    assert serving.cancelling() == 0


async def test_a_caller_who_cannot_be_heard_has_left() -> None:
    caller = Caller()
    serving = asyncio.create_task(caller.served())
    await turns(3)
    caller.leaves.set_exception(ConnectionError("gone"))
    with pytest.raises(CallerLeft):
        await serving


@pytest.mark.parametrize("turns_between", range(4))
async def test_a_caller_who_leaves_as_the_work_ends_interrupts_nothing_else(
    turns_between: int,
) -> None:
    caller = Caller()
    serving = asyncio.create_task(caller.served())
    await turns(3)
    caller.works.set_result("an answer")
    await turns(turns_between)
    caller.leave()
    try:
        assert await serving == "an answer"
    except CallerLeft:  # it was still being tidied up after
        assert caller.tidied
    assert serving.cancelling() == 0


async def test_work_that_ends_although_its_caller_left_leaves_nobody_interrupted() -> None:
    caller = Caller()

    async def stubborn() -> str:
        try:
            return await caller.works
        except asyncio.CancelledError:
            return "an answer"

    serving = asyncio.create_task(run_while_connected(caller.receive, stubborn()))
    await turns(3)
    caller.leave()
    assert await serving == "an answer"
    assert serving.cancelling() == 0


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    caller = Caller()
    serving = asyncio.create_task(caller.served())
    await turns(3)
    serving.cancel()
    caller.leave()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert caller.tidied


async def test_an_error_of_the_work_comes_out() -> None:
    caller = Caller()
    serving = asyncio.create_task(caller.served())
    await turns(3)
    caller.works.set_exception(ValueError("of the work"))
    with pytest.raises(ValueError, match="of the work"):
        await serving
