"""Dispatch over real sockets: two machines as processes, and what they saw of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from byline.backend.client_factory import make_client
from byline.config.schema import Ask, Config, Machine, OpenAIBackend
from byline.dispatch.calls import DELTAS_SLACK
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import BackendState, GateStatus, Priority
from byline.errors import BackendUnavailable, GateFull, LlmError
from byline.observe import Feed
from byline.testing.machine import FakeMachine, fake_machine

QUESTION = ChatRequest(({"role": "user", "content": "How long is the warranty?"},))
FG = Priority.FOREGROUND
IDLE = GateStatus("macmini", 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class TwoMacs:
    """A dispatcher and the two machines it knows; `gemma` and `phi` are both on `macmini`."""

    dispatcher: Dispatcher
    macmini: FakeMachine
    macbook: FakeMachine


def backend(machine: str, base_url: str, model: str) -> OpenAIBackend:
    return OpenAIBackend(
        kind="openai", machine=machine, base_url=base_url, model=model, max_tokens=64, tools=True
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machines() -> AsyncIterator[tuple[FakeMachine, FakeMachine]]:
    """Two processes for all tests of this module; each test finds them well and with no past."""
    async with fake_machine() as macmini, fake_machine() as macbook:
        yield macmini, macbook


@pytest.fixture
async def macs(machines: tuple[FakeMachine, FakeMachine], tmp_path: Path) -> AsyncIterator[TwoMacs]:
    for machine in machines:
        await machine.set_mode("ok")
        await machine.wait_for(running=0)
        await machine.forget()
    macmini, macbook = machines
    config = Config(
        ask=Ask(default_backend="gemma"),
        machines={"macmini": Machine(queue_len_max=8), "macbook": Machine()},
        backends={
            "gemma": backend("macmini", macmini.base_url, "gemma"),
            "phi": backend("macmini", macmini.base_url, "phi"),
            "qwen": backend("macbook", macbook.base_url, "qwen"),
        },
    )
    dispatcher = Dispatcher(config, partial(make_client, home=tmp_path), LoopClock(), Feed())
    try:
        yield TwoMacs(dispatcher, macmini, macbook)
    finally:
        await dispatcher.close()


async def idle(macs: TwoMacs) -> None:
    """Wait until the gate of `macmini` is free; a lost slot ends the test by its time limit."""
    async with asyncio.timeout(10):
        await macs.dispatcher.gate("macmini").until(lambda status: status == IDLE)


FAULTS = [
    *("status", "loading", "not_http", "drop_head", "drop", "cut", "truncated"),
    *("error_in_200", "bad_json", "html", "empty", "no_choices", "nothing_said"),
]


@pytest.mark.parametrize("mode", FAULTS)
async def test_rule_2_the_other_machines_log_stays_empty_under_a_fault(
    macs: TwoMacs, mode: str
) -> None:
    await macs.macmini.set_mode(mode)
    with pytest.raises((BackendUnavailable, LlmError)):
        await macs.dispatcher.default.generate("Hi")
    assert await macs.macbook.requests() == []
    models = {chat["body"]["model"] for chat in await macs.macmini.chats()}
    assert models == {"gemma"}
    assert len(await macs.macmini.chats()) == 1
    await idle(macs)


async def test_rule_2_a_machine_that_is_gone_is_said_to_be_gone_and_nobody_else_is_asked(
    macs: TwoMacs,
) -> None:
    await macs.macmini.set_mode("refuse")
    with pytest.raises(BackendUnavailable) as failure:
        await macs.dispatcher.default.generate("Hi")
    assert str(failure.value) == "gemma unavailable: ConnectError"
    assert failure.value.error_reason == "macmini_unavailable"
    assert failure.value.address == macs.macmini.address
    assert macs.dispatcher.default.health().state is BackendState.UNREACHABLE
    assert await macs.macbook.requests() == []


async def test_rule_7_one_machine_is_asked_one_thing_at_a_time_by_all_its_backends(
    macs: TwoMacs,
) -> None:
    backends = [macs.dispatcher.get_backend(name) for name in ("gemma", "phi")]
    answers = await asyncio.gather(*(b.generate("Hi") for b in backends for _ in range(4)))
    counts = await macs.macmini.counts()
    assert all(answers)
    assert (counts["done"], counts["running_max"]) == (8, 1)


async def test_rule_7_a_machine_that_hangs_delays_no_other(macs: TwoMacs) -> None:
    await macs.macmini.set_mode("hang")
    stuck = asyncio.create_task(macs.dispatcher.default.generate("Hi"))
    await macs.macmini.wait_for(running=1)
    assert await macs.dispatcher.get_backend("qwen").generate("Hi")
    stuck.cancel()
    await idle(macs)


@pytest.mark.parametrize("mode", ["hang", "hold"])
async def test_rule_8_who_leaves_before_or_amid_the_answer_stops_the_machine(
    macs: TwoMacs, mode: str
) -> None:
    await macs.macmini.set_mode(mode)
    asking = asyncio.create_task(macs.dispatcher.default.generate("Hi"))
    await macs.macmini.wait_for(running=1)
    asking.cancel()
    await macs.macmini.wait_for(left=1, running=0)
    await idle(macs)


async def test_rule_8_a_slow_reader_lets_the_next_call_run(macs: TwoMacs) -> None:
    slow = macs.dispatcher.default.call(QUESTION, FG)
    async with aclosing(slow):
        received = [await anext(slow)]
        await idle(macs)
        assert await macs.dispatcher.get_backend("phi").generate("and me?")
        received += [delta async for delta in slow]
    assert received[-1].finish_reason == "stop"
    assert "".join(delta.content for delta in received)


async def test_rule_8_a_machine_that_never_ends_its_answer_is_cut_off(macs: TwoMacs) -> None:
    await macs.macmini.set_mode("endless")
    async with aclosing(macs.dispatcher.default.call(QUESTION, FG)) as deltas:
        received = [delta async for delta in deltas]
    assert received[-1].finish_reason == "length"
    assert len(received) <= 64 + DELTAS_SLACK
    await macs.macmini.wait_for(left=1, running=0)
    await idle(macs)


async def test_rule_9_time_in_the_queue_is_not_read_time(macs: TwoMacs) -> None:
    await macs.macmini.set_mode("hold")
    first = asyncio.create_task(macs.dispatcher.default.generate("one"))
    await macs.macmini.wait_for(running=1)
    second = asyncio.create_task(macs.dispatcher.default.generate("two", timeout_read_s=0.5))
    gate = macs.dispatcher.gate("macmini")
    await gate.until(lambda status: status.waiting_foreground == 1)
    with pytest.raises(BackendUnavailable) as failure:  # the macbook takes the same half second
        await macs.macbook.set_mode("hang")
        await macs.dispatcher.get_backend("qwen").generate("clock", timeout_read_s=0.5)
    assert failure.value.reason == "ReadTimeout"
    assert not second.done()
    await macs.macmini.set_mode("ok")
    await macs.macmini.release()
    assert await first
    assert await second


async def test_rule_10_the_tool_message_comes_with_its_arguments_as_a_json_string(
    macs: TwoMacs,
) -> None:
    await macs.macmini.set_mode("tool_call")
    tool = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
    message = await macs.dispatcher.default.generate_with_tools(QUESTION.messages, [tool])
    assert message["content"] is None
    assert isinstance(message["tool_calls"][0]["function"]["arguments"], str)
    final = await macs.dispatcher.default.generate_with_tools(
        QUESTION.messages, [], tool_choice="none"
    )
    assert final["content"]
    body = (await macs.macmini.chats())[-1]["body"]
    assert body["tool_choice"] == "none"
    assert "tools" not in body


async def test_no_slot_is_lost_when_callers_come_leave_and_are_refused(macs: TwoMacs) -> None:
    await macs.macmini.set_mode("ok", delay_s=0.002)
    outcomes = await asyncio.gather(
        *(come_and_go(macs, number) for number in range(60)), return_exceptions=True
    )
    await idle(macs)
    assert any(isinstance(outcome, GateFull) for outcome in outcomes)
    assert await macs.dispatcher.default.generate("Hi")


async def come_and_go(macs: TwoMacs, number: int) -> list[Delta]:
    """Read a few deltas and leave, or read to the end; every third call is of another backend."""
    named = macs.dispatcher.get_backend("phi" if number % 3 == 0 else "gemma")
    received: list[Delta] = []
    async with aclosing(named.call(QUESTION, Priority(number % 2))) as deltas:
        async for delta in deltas:
            received.append(delta)
            if len(received) == number % 5:
                break
    return received
