"""One call through a gate: rules 2, 6, 8 and 9, and what a slow or leaving reader does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from dispatch_doubles import ANSWER, Lab, turns, two_macs
from structlog.testing import capture_logs

from byline.dispatch.calls import DELTAS_SLACK
from byline.dispatch.dispatcher import Backend
from byline.domain.chat import ChatRequest, Delta, ServedModel
from byline.domain.gates import GateStatus, Priority, Queued, Started
from byline.errors import (
    UNAVAILABLE_REASONS,
    BackendUnavailable,
    GateTimeout,
    LlmError,
)

IDLE = GateStatus("macmini", 1, 0, 0, 0)
GEMMA = "gemma-macmini"
FG = Priority.FOREGROUND
HI = ChatRequest(({"role": "user", "content": "Hi"},))


def unavailable(reason: str) -> BackendUnavailable:
    return BackendUnavailable(GEMMA, reason, machine="macmini", address="macmini:8080")


def llm_error(reason: str) -> LlmError:
    return LlmError(GEMMA, reason, machine="macmini", text="as the server put it")


def call(backend: Backend, **changes: Any) -> AsyncGenerator[Delta, None]:
    return backend.call(ChatRequest(({"role": "user", "content": "Hi"},), **changes), FG)


async def read_all(stream: AsyncGenerator[Delta, None]) -> list[Delta]:
    async with aclosing(stream) as deltas:
        return [delta async for delta in deltas]


FAULTS: list[Exception] = [
    *(unavailable(reason) for reason in sorted(UNAVAILABLE_REASONS)),
    *(unavailable(f"http_{status}") for status in (500, 502, 503, 504, 529)),
    *(llm_error(f"http_{status}") for status in (400, 401, 404, 413, 422, 429)),
    *(llm_error(reason) for reason in ("bad_response", "empty_answer")),
    ValueError("a fault of our own"),
]


@pytest.mark.parametrize("after_tokens", [0, 2], ids=["at-once", "mid-stream"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: getattr(fault, "reason", "bug"))
async def test_rule_2_under_every_fault_nobody_else_is_asked_and_nothing_is_asked_twice(
    fault: Exception, after_tokens: int
) -> None:
    lab = Lab(two_macs(), [*[Delta(content="half ")] * after_tokens, fault])
    backends = {backend.name: backend for backend in lab.dispatcher.backends()}
    received = []
    with pytest.raises(type(fault)) as failure:
        async with aclosing(call(backends[GEMMA])) as deltas:
            async for delta in deltas:
                received.append(delta)
    assert failure.value is fault
    assert [delta.content for delta in received] == ["half "] * after_tokens
    assert {name: len(client.calls) for name, client in lab.clients.items()} == {
        GEMMA: 1,
        "phi-macmini": 0,
        "qwen-macbook": 0,
    }
    assert lab.dispatcher.gates()[0] == IDLE


async def test_rule_2_a_full_or_slow_gate_sends_nobody_elsewhere() -> None:
    lab = Lab(two_macs(queue_len_max=1))
    backends = lab.dispatcher.backends()
    asks = [asyncio.create_task(backends[0].generate("Hi")) for _ in range(3)]
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
    await turns(3)
    lab.clock.advance(120.0)
    (await lab.clients[GEMMA].call()).finish()
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == [
        "Yes.",
        "gate_timeout",
        "gate_full",
    ]
    assert {name: len(client.calls) for name, client in lab.clients.items()} == {
        GEMMA: 1,
        "phi-macmini": 0,
        "qwen-macbook": 0,
    }


@pytest.mark.parametrize("reason", [*sorted(UNAVAILABLE_REASONS), "http_500", "http_503"])
async def test_rule_6_each_unavailability_is_one_warning_with_machine_address_and_reason(
    reason: str,
) -> None:
    lab = Lab(two_macs(), [Delta(content="half"), unavailable(reason)])
    with capture_logs() as logs, pytest.raises(BackendUnavailable):
        await lab.dispatcher.default.generate("Hi")
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert len(warnings) == 1
    expected = {
        "event": "backend_unavailable",
        "backend": GEMMA,
        "machine": "macmini",
        "address": "macmini:8080",
        "reason": reason,
    }
    assert expected.items() <= warnings[0].items()


async def test_an_llm_error_is_no_unavailability_and_no_warning() -> None:
    lab = Lab(two_macs(), [llm_error("http_400")])
    with capture_logs() as logs, pytest.raises(LlmError):
        await lab.dispatcher.default.generate("Hi")
    assert [line for line in logs if line["log_level"] == "warning"] == []


async def test_a_stream_that_ends_without_a_finish_is_never_a_whole_answer() -> None:
    lab = Lab(two_macs(), [Delta(content="half an ans")])
    with pytest.raises(BackendUnavailable) as failure:
        await lab.dispatcher.default.generate("Hi")
    assert failure.value.reason == "stream_truncated"
    assert failure.value.error_reason == "macmini_unavailable"


async def test_rule_8_a_slow_reader_does_not_hold_the_machine() -> None:
    lab = Lab(two_macs(), [Delta(content="a"), Delta(content="b"), *ANSWER])
    slow = call(lab.dispatcher.default)
    first = await anext(slow)
    await lab.dispatcher.gate("macmini").until(lambda s: s.running == 0)
    assert lab.clients[GEMMA].calls[0].closed.is_set()
    assert await lab.dispatcher.default.generate("and me?") == "abYes."
    rest = [delta async for delta in slow]
    assert [delta.content for delta in [first, *rest]] == ["a", "b", "Yes.", ""]


async def test_a_slow_reader_gets_the_failure_behind_what_came_before_it() -> None:
    lab = Lab(two_macs(), [Delta(content="a"), Delta(content="b"), unavailable("ReadError")])
    slow = call(lab.dispatcher.default)
    await anext(slow)
    await lab.dispatcher.gate("macmini").until(lambda s: s.running == 0)
    assert (await anext(slow)).content == "b"
    with pytest.raises(BackendUnavailable):
        await anext(slow)


async def test_rule_8_a_reader_who_closes_stops_the_upstream_and_frees_the_slot() -> None:
    lab = Lab(two_macs())
    stream = call(lab.dispatcher.default)
    reading = asyncio.create_task(anext(stream))
    upstream = await lab.clients[GEMMA].call()
    upstream.say(Delta(content="a"))
    await reading
    await stream.aclose()
    assert upstream.closed.is_set()
    await lab.dispatcher.gate("macmini").until(lambda s: s == IDLE)


async def test_rule_8_a_reader_cancelled_while_it_waits_for_a_token_stops_the_upstream() -> None:
    lab = Lab(two_macs())
    asking = asyncio.create_task(lab.dispatcher.default.generate("Hi"))
    upstream = await lab.clients[GEMMA].call()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert upstream.closed.is_set()
    assert lab.dispatcher.gates()[0] == IDLE


async def test_rule_8_a_reader_who_leaves_the_queue_is_never_called() -> None:
    lab = Lab(two_macs())
    backend, gate = lab.dispatcher.default, lab.dispatcher.gate("macmini")
    first = asyncio.create_task(backend.generate("one"))
    upstream = await lab.clients[GEMMA].call()
    leaver = asyncio.create_task(backend.generate("two"))
    stayer = asyncio.create_task(backend.generate("three"))
    await gate.until(lambda s: s.waiting_foreground == 2)
    leaver.cancel()
    await gate.until(lambda s: s.waiting_foreground == 1)
    upstream.finish()
    (await lab.clients[GEMMA].call(2)).finish()
    assert [await first, await stayer] == ["Yes.", "Yes."]
    said = [c.request.messages[0]["content"] for c in lab.clients[GEMMA].calls]
    assert said == ["one", "three"]
    assert gate.status() == IDLE


async def test_rule_8_a_forgotten_stream_frees_the_slot_when_it_is_collected() -> None:
    lab = Lab(two_macs())
    stream = call(lab.dispatcher.default)
    reading = asyncio.create_task(anext(stream))
    upstream = await lab.clients[GEMMA].call()
    upstream.say(Delta(content="a"))
    await reading
    del stream, reading
    await lab.dispatcher.gate("macmini").until(lambda s: s == IDLE)
    assert upstream.closed.is_set()


async def test_a_reader_that_fails_at_the_start_frees_the_slot() -> None:
    lab = Lab(two_macs())
    with pytest.raises(LookupError):
        async with aclosing(lab.dispatcher.default.events(HI, FG)) as events:
            async for event in events:
                assert event == Started(queue_ms=0.0)
                raise LookupError("no such page")
    assert lab.dispatcher.gates()[0] == IDLE
    assert all(one.closed.is_set() for one in lab.clients[GEMMA].calls)


async def test_a_reader_who_is_busy_with_its_place_does_not_hold_up_the_machine() -> None:
    lab = Lab(two_macs())
    backend, client = lab.dispatcher.default, lab.clients
    first = asyncio.create_task(backend.generate("one"))
    upstream = await client[GEMMA].call()
    async with aclosing(backend.events(HI, FG)) as events:
        assert isinstance(await anext(events), Queued)
        upstream.finish()
        (await client[GEMMA].call(2)).finish()  # nobody has read on so far
        await lab.dispatcher.gate("macmini").until(lambda s: s == IDLE)
        assert [event async for event in events] == [Started(queue_ms=0.0), *ANSWER]
    assert await first == "Yes."


async def test_a_background_reader_who_is_busy_does_not_hold_up_a_person() -> None:
    lab = Lab(two_macs())
    backend, client = lab.dispatcher.default, lab.clients
    async with aclosing(backend.events(HI, Priority.BACKGROUND)) as events:
        assert isinstance(await anext(events), Started)
        await client[GEMMA].call()
        person = asyncio.create_task(backend.generate("person"))
        (await client[GEMMA].call(2)).finish()
        assert await person == "Yes."
        (await client[GEMMA].call(3)).finish()
        told = [event async for event in events]
    assert isinstance(told[0], Queued)
    assert told[0].preemptions == 1
    assert isinstance(told[1], Started)
    assert tuple(told[2:]) == ANSWER


async def test_rule_9_the_queue_never_eats_the_read_budget() -> None:
    lab = Lab(two_macs())
    backend = lab.dispatcher.default
    first = asyncio.create_task(backend.generate("one"))
    upstream = await lab.clients[GEMMA].call()
    second = asyncio.create_task(backend.generate("two", timeout_read_s=5.0))
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
    lab.clock.advance(100.0)  # twenty times the budget, spent in the queue
    upstream.finish()
    called = await lab.clients[GEMMA].call(2)
    assert called.request.timeout_read_s == 5.0
    called.finish()
    assert [await first, await second] == ["Yes.", "Yes."]


async def test_rule_9_the_wait_has_its_own_limit() -> None:
    lab = Lab(two_macs(queue_wait_s_max=10.0))
    backend = lab.dispatcher.default
    first = asyncio.create_task(backend.generate("one"))
    upstream = await lab.clients[GEMMA].call()
    second = asyncio.create_task(backend.generate("two", timeout_read_s=300.0))
    await lab.dispatcher.gate("macmini").until(lambda s: s.waiting_foreground == 1)
    lab.clock.advance(10.0)
    with pytest.raises(GateTimeout) as refusal:
        await second
    assert (refusal.value.machine, refusal.value.error_reason) == ("macmini", "macmini_busy")
    upstream.finish()
    await first


async def test_a_cut_off_answer_ends_with_what_is_known_of_who_wrote_it() -> None:
    served = ServedModel("macmini:8080", "gemma", verified=True)
    lab = Lab(two_macs(), [Delta(content="a", served=served), *[Delta(content="a")] * 5_000])
    deltas = await read_all(call(lab.dispatcher.default))
    assert (deltas[-1].finish_reason, deltas[-1].served) == ("length", served)


async def test_a_server_that_ignores_max_tokens_is_cut_off_and_finished_as_length() -> None:
    lab = Lab(two_macs())
    reading = asyncio.create_task(read_all(call(lab.dispatcher.default)))
    upstream = await lab.clients[GEMMA].call()
    upstream.say(*[Delta(content="more ")] * 1000)
    with capture_logs() as logs:
        deltas = await reading
    assert len(deltas) == 16 + DELTAS_SLACK
    assert deltas[-1] == Delta(finish_reason="length")
    assert upstream.closed.is_set()
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["answer_cut_off"]
    assert lab.dispatcher.gates()[0] == IDLE


async def test_the_buffer_is_bounded_in_characters_too() -> None:
    lab = Lab(two_macs(), [*[Delta(content="x" * 5_000)] * 10, *ANSWER])
    deltas = await read_all(call(lab.dispatcher.default))
    assert deltas[-1].finish_reason == "length"
    assert sum(len(delta.content) for delta in deltas) <= 128 * (16 + DELTAS_SLACK)


async def test_an_answer_of_exactly_max_tokens_is_not_cut() -> None:
    lab = Lab(two_macs(), [*[Delta(content="x")] * 16, Delta(finish_reason="length")])
    assert await lab.dispatcher.default.generate("Hi") == "x" * 16


@pytest.mark.parametrize(("asked", "sent"), [(None, None), (5, 5), (16, 16), (1_000_000, 16)])
async def test_a_caller_cannot_ask_for_a_longer_answer_than_the_backend_gives(
    asked: int | None, sent: int | None
) -> None:
    lab = Lab(two_macs(), ANSWER)
    await read_all(call(lab.dispatcher.default, max_tokens=asked))
    assert lab.clients[GEMMA].calls[0].request.max_tokens == sent


async def test_a_stream_nobody_reads_asks_for_nothing() -> None:
    lab = Lab(two_macs(), ANSWER)
    stream = call(lab.dispatcher.default)
    await turns(3)
    assert lab.clients[GEMMA].calls == []
    await stream.aclose()
