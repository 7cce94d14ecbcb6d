"""Known-down backends: one quick try for all who ask; and the events that tell of changes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from api_doubles import office
from dispatch_doubles import ANSWER, Lab, turns, two_macs
from structlog.testing import capture_logs

from byline.domain.gates import BackendChanged, BackendState
from byline.errors import BackendUnavailable
from byline.observe import FEED_BEHIND_MAX, Feed

DOWN = BackendUnavailable(
    "gemma-macmini", "ConnectTimeout", machine="macmini", address="macmini:8080", detail="Asleep?"
)


async def down() -> Lab:
    """A lab whose default backend is known to be down."""
    lab = Lab(two_macs())
    backend = lab.dispatcher.default
    lab.clients[backend.name].probe_outcome = DOWN
    assert (await backend.probe()).state is BackendState.UNREACHABLE
    return lab


async def test_a_backend_known_to_be_down_is_refused_with_what_is_known() -> None:
    lab = await down()
    with capture_logs() as logs, pytest.raises(BackendUnavailable) as raised:
        lab.dispatcher.default.refuse_if_down()
    error = raised.value
    assert (error.reason, error.address, error.detail) == (DOWN.reason, DOWN.address, DOWN.detail)
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("backend_unavailable", "ConnectTimeout")
    ]


async def test_a_backend_not_known_to_be_down_is_neither_tried_nor_refused() -> None:
    lab = Lab(two_macs())
    for backend in lab.dispatcher.backends():
        backend.try_connect()
        backend.refuse_if_down()
    await turns(2)
    assert [client.reached for client in lab.clients.values()] == [0, 0, 0]


async def test_a_hundred_who_ask_at_once_share_one_try() -> None:
    lab = await down()
    backend, client = lab.dispatcher.default, lab.clients["gemma-macmini"]
    client.connecting.clear()
    for _ in range(100):
        backend.try_connect()
        await turns(1)
    assert client.reached == 1
    with pytest.raises(BackendUnavailable):
        backend.refuse_if_down()


async def test_a_try_that_succeeds_lets_the_call_go_on() -> None:
    lab = await down()
    backend = lab.dispatcher.default
    backend.try_connect()
    await turns(2)
    backend.refuse_if_down()
    assert backend.health().state is BackendState.UNKNOWN


async def test_a_try_that_is_under_way_when_the_sources_are_there_has_a_moment_more() -> None:
    lab = await down()
    backend, client = lab.dispatcher.default, lab.clients["gemma-macmini"]
    client.connecting.clear()
    backend.try_connect()
    asked = asyncio.create_task(backend.refuse_unless_back())
    await turns(2)
    client.connecting.set()
    await asked
    assert backend.health().state is BackendState.UNKNOWN


async def test_a_try_that_goes_on_longer_than_a_moment_is_waited_for_no_more() -> None:
    lab = await down()
    backend, client = lab.dispatcher.default, lab.clients["gemma-macmini"]
    client.connecting.clear()
    backend.try_connect()
    with pytest.raises(BackendUnavailable):
        await backend.refuse_unless_back()
    assert client.reached == 1


async def test_a_try_that_fails_is_followed_by_another_for_the_next_who_asks() -> None:
    lab = await down()
    backend, client = lab.dispatcher.default, lab.clients["gemma-macmini"]
    client.reach_outcome = BackendUnavailable("gemma-macmini", "ConnectError", machine="macmini")
    for tries in (1, 2):
        backend.try_connect()
        await turns(2)
        assert client.reached == tries
        with pytest.raises(BackendUnavailable) as raised:
            backend.refuse_if_down()
        assert raised.value.reason == "ConnectError"


async def test_a_call_that_is_answered_meanwhile_ends_the_refusals() -> None:
    lab = await down()
    backend, client = lab.dispatcher.default, lab.clients["gemma-macmini"]
    client.script = ANSWER
    await backend.generate("Hi")
    backend.refuse_if_down()
    assert backend.health().state is BackendState.ONLINE


async def test_who_fails_behind_an_open_port_changes_its_state_once_and_is_called_each_time() -> (
    None
):
    broken = BackendUnavailable("gemma-macmini", "http_500", machine="macmini")
    lab = Lab(two_macs(), [broken])
    backend, client = lab.dispatcher.default, lab.clients["gemma-macmini"]
    with capture_logs() as logs:
        for calls in (1, 2, 3):
            backend.try_connect()
            await turns(2)
            backend.refuse_if_down()
            with pytest.raises(BackendUnavailable, match="http_500"):
                await backend.generate("Hi")
            assert len(client.calls) == calls
    states = [line["state"] for line in logs if line["event"] == "backend_state"]
    assert states == ["unreachable"]
    client.script = ANSWER
    await backend.generate("Hi")
    assert backend.health().state is BackendState.ONLINE


async def test_closing_gives_up_a_try_that_is_under_way() -> None:
    lab = await down()
    lab.clients["gemma-macmini"].connecting.clear()
    lab.dispatcher.default.try_connect()
    await turns(1)
    await lab.dispatcher.close()
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    assert "connection try of gemma-macmini" not in tasks


async def test_an_ask_for_a_backend_known_to_be_down_never_reaches_the_gate(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, script=ANSWER) as byline:
        client = byline.client("qwen-macbook")
        client.probe_outcome = BackendUnavailable("qwen-macbook", "ConnectError", machine="macbook")
        client.connecting.clear()
        await byline.call.post("/api/backends/qwen-macbook/probe")
        ask = {"question": "When is rent due?", "backend": "qwen-macbook"}
        for body in (ask, {**ask, "stream": True}):
            answer = await byline.call.post("/api/search/ask", body)
            assert answer.status == 503
            assert answer.json()["reason"] == "ConnectError"
            assert answer.json()["sources"]
        assert (client.calls, client.reached) == ([], 1)
        client.connecting.set()
        await turns(2)
        assert (await byline.call.post("/api/search/ask", ask)).status == 200


async def test_a_change_of_state_is_told_once_with_its_reason() -> None:
    lab = Lab(two_macs(), [DOWN])
    lab.clients[lab.dispatcher.default.name].reach_outcome = DOWN
    reading = lab.feed.read(BackendChanged)
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            await lab.dispatcher.default.generate("Hi")
    lab.feed.close()
    told = [happening async for happening in reading]
    assert [(one.backend, one.was.value, one.health.state.value) for one in told] == [
        ("gemma-macmini", "unknown", "unreachable")
    ]
    assert told[0].health.reason == "ConnectTimeout"
    assert told[0].health.last_error == "gemma-macmini unavailable: ConnectTimeout: Asleep?"


async def test_who_is_too_far_behind_is_let_go_and_holds_nobody_up() -> None:
    lab, feed = Lab(two_macs()), Feed()
    change = BackendChanged("b", "m", BackendState.UNKNOWN, lab.dispatcher.default.health())
    slow = feed.read(BackendChanged)
    for _ in range(FEED_BEHIND_MAX + 5):
        feed.publish(change)
    assert len([one async for one in slow]) == FEED_BEHIND_MAX
    feed.close()
    assert [one async for one in feed.read(BackendChanged)] == []


async def test_events_begin_with_the_present_and_go_on_with_changes(tmp_path: Path) -> None:
    async with office(tmp_path, script=ANSWER) as byline:
        async with byline.call.calling("GET", "/api/events") as call:
            await call.answer.until('"quotes"')
            await byline.call.post("/api/backends/qwen-macbook/probe")
            await call.answer.until('online","was":"unknown')
            byline.services.feed.close()
            await call.task
        told = [(e["event"], e["data"]["name"], e["data"]["was"]) for e in call.answer.events()]
    names = ["gemma-macmini", "phi-macmini", "qwen-macbook", "quotes"]
    assert told == [
        *(("backend", name, None) for name in names),
        ("backend", "qwen-macbook", "unknown"),
    ]
    assert json.dumps(call.answer.events()[-1]["data"]["state"]) == '"online"'


async def test_a_reader_who_leaves_the_events_is_forgotten(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        async with byline.call.calling("GET", "/api/events") as call:
            await call.answer.until('"quotes"')
        assert call.task.done()
        assert byline.services.feed.readers() == 0
