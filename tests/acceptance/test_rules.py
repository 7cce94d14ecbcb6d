"""The rules that may not bend, held by the whole program over real sockets.

Each test is one rule of the design's section 2; machines are processes, the database is real.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from byline.testing.machine import FakeMachine, black_hole, closed_port
from tests.acceptance.conftest import GEMMA, QUESTION, QWEN, Answer, Site, Start, two_macs


def assert_named_unavailable(answer: Answer, reason: str) -> None:
    assert answer.status == 503, answer.body
    assert answer["error"]["code"] == "backend_unavailable"
    assert answer["error"]["src"] == "macbook"
    assert answer["error"]["message"] == f"qwen-macbook unavailable: {reason}"
    assert answer["error"]["remedy"]
    assert answer["error_reason"] == "macbook_unavailable"
    assert (answer["backend"], answer["machine"]) == ("qwen-macbook", "macbook")
    assert answer["reason"] == reason
    assert answer["sources"][0]["name"] == "lease.md"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["X-Byline-Backend"] == "qwen-macbook"
    assert answer.headers["X-Byline-Machine"] == "macbook"
    assert answer.headers["X-Byline-Model"] == QWEN


# Rule 1


@pytest.mark.parametrize("params", [{}, {"backend": None}, {"backend": ""}, {"backend": "  "}])
async def test_no_backend_given_means_the_default_one(
    site: Site, macmini: FakeMachine, macbook: FakeMachine, params: dict[str, Any]
) -> None:
    answer = await site.ask(**params)
    assert answer.status == 200
    assert answer["status"] == "completed"
    assert answer["byline"]["backend"] == "gemma-macmini"
    assert answer.headers["X-Byline-Backend"] == "gemma-macmini"
    assert len(await macmini.chats()) == 1
    assert await macbook.requests() == []


async def test_names_are_trimmed_and_case_folded(site: Site, macbook: FakeMachine) -> None:
    answer = await site.ask(backend=" Qwen-MacBook ")
    assert answer["byline"]["backend"] == "qwen-macbook"
    assert len(await macbook.chats()) == 1


# Rules 2, 3 and 6

FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("status", {"status": 500}, "http_500"),
    ("status", {"status": 502, "shape": "html"}, "http_502"),
    ("status", {"status": 503}, "http_503"),
    ("status", {"status": 529}, "http_529"),
    ("loading", {}, "loading"),
    ("error_in_200", {"shape": "object"}, "stream_error"),
    ("error_in_200", {"shape": "string"}, "stream_error"),
    ("truncated", {}, "stream_truncated"),
    ("drop", {}, "ReadError"),
    ("not_http", {}, "RemoteProtocolError"),
    ("stall", {}, "stalled"),
]


@pytest.mark.parametrize(("mode", "behaviour", "reason"), FAULTS)
async def test_a_named_machine_that_fails_answers_503_and_nobody_else_is_asked(
    site: Site,
    macmini: FakeMachine,
    macbook: FakeMachine,
    mode: str,
    behaviour: dict[str, Any],
    reason: str,
) -> None:
    await macbook.set_mode(mode, **behaviour)
    assert_named_unavailable(await site.ask(backend="qwen-macbook"), reason)
    assert await macmini.requests() == []


async def test_a_named_machine_that_refuses_answers_503(start: Start, macmini: FakeMachine) -> None:
    with closed_port() as address:
        site = await start(two_macs(macmini.base_url, f"http://{address}"))
        await site.add()
        assert_named_unavailable(await site.ask(backend="qwen-macbook"), "ConnectError")
    assert await macmini.requests() == []


async def test_a_named_machine_that_swallows_packets_answers_503_in_connect_time(
    start: Start, macmini: FakeMachine
) -> None:
    with black_hole() as address:
        site = await start(two_macs(macmini.base_url, f"http://{address}"))
        await site.add()
        assert_named_unavailable(await site.ask(backend="qwen-macbook"), "ConnectTimeout")
    assert await macmini.requests() == []


async def test_a_machine_too_slow_to_read_answers_503(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    await macbook.set_mode("hang")
    answer = await site.ask(backend="qwen-macbook", timeout_read_s=0.2)
    assert_named_unavailable(answer, "ReadTimeout")
    assert await macmini.requests() == []


async def test_a_named_default_that_is_down_answers_503_too(
    start: Start, macbook: FakeMachine
) -> None:
    with closed_port() as address:
        site = await start(two_macs(f"http://{address}", macbook.base_url))
        await site.add()
        answer = await site.ask(backend="gemma-macmini")
    assert answer.status == 503
    assert answer["error_reason"] == "macmini_unavailable"
    assert await macbook.requests() == []


# Rule 4


async def test_the_unnamed_default_down_answers_200_llm_error_with_the_sources(
    start: Start, macbook: FakeMachine
) -> None:
    with closed_port() as address:
        site = await start(two_macs(f"http://{address}", macbook.base_url))
        await site.add()
        answer = await site.ask()
        events = await site.events()
    assert answer.status == 200
    assert answer["status"] == "llm_error"
    assert answer["answer"] is None
    assert answer["error_reason"] == "macmini_unavailable"
    assert answer["reason"] == "ConnectError"
    assert answer["sources"][0]["name"] == "lease.md"
    assert answer["byline"] is None
    assert await macbook.requests() == []
    assert events[-1][0] == "done"
    assert events[-1][1]["error_reason"] == "macmini_unavailable"


async def test_half_an_answer_of_the_default_is_an_error_event_never_done(
    site: Site, macmini: FakeMachine
) -> None:
    await macmini.set_mode("drop", after=4)
    events = await site.events()
    names = [name for name, _ in events]
    assert "token" in names
    assert names[-1] == "error"
    assert "done" not in names
    [stored] = (await site.get("/api/asks")).body["asks"]
    assert stored["status"] == "llm_error"


# Rule 5


async def test_an_unknown_name_is_refused_before_any_search_or_call(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    answer = await site.ask(backend="gpt-5")
    assert answer.status == 400
    assert answer["error"]["code"] == "unknown_backend"
    assert "gemma-macmini" in answer["error"]["remedy"]
    assert "qwen-macbook" in answer["error"]["remedy"]
    assert "sources" not in answer.body
    assert await macmini.requests() == []
    assert await macbook.requests() == []
    assert (await site.get("/api/asks")).body["asks"] == []


# Rule 6


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
@pytest.mark.parametrize("named", [True, False])
async def test_4xx_is_llm_error_with_the_upstream_text_and_never_unavailable(
    site: Site, macmini: FakeMachine, macbook: FakeMachine, status: int, named: bool
) -> None:
    machine = macbook if named else macmini
    await machine.set_mode("status", status=status, text="no such model here")
    answer = await site.ask(**({"backend": "qwen-macbook"} if named else {}))
    assert answer.status == 200
    assert answer["status"] == "llm_error"
    assert answer["reason"] == f"http_{status}"
    assert "unavailable" not in str(answer["error_reason"])
    assert "no such model here" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("html", "bad_response"),
        ("empty", "bad_response"),
        ("no_choices", "bad_response"),
        ("nothing_said", "empty_answer"),
    ],
)
async def test_a_complete_200_without_an_answer_is_llm_error(
    site: Site, macbook: FakeMachine, mode: str, reason: str
) -> None:
    await macbook.set_mode(mode)
    answer = await site.ask(backend="qwen-macbook")
    assert (answer.status, answer["status"]) == (200, "llm_error")
    assert answer["reason"] == reason
    assert answer["answer"] is None


# Rule 7


async def test_one_machines_work_never_delays_anothers(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    await macmini.set_mode("hold")
    held = asyncio.create_task(site.ask())
    await macmini.wait_for(running=1)
    answer = await site.ask(backend="qwen-macbook")
    assert answer["status"] == "completed"
    assert answer["timings_ms"]["queue"] < 100
    assert not held.done()
    await macmini.release()
    assert (await held)["status"] == "completed"


async def test_two_backends_of_one_machine_share_its_gate(
    start: Start, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    settings = two_macs(macmini.base_url, macbook.base_url)
    settings["backends"]["qwen-macbook"] |= {
        "machine": "macmini",
        "base_url": macmini.base_url,
    }
    site = await start(settings)
    await site.add()
    await macmini.set_mode("hold")
    first = asyncio.create_task(site.ask())
    await macmini.wait_for(running=1)
    second = asyncio.create_task(site.ask(backend="qwen-macbook"))
    await site.services.dispatcher.gate("macmini").until(lambda gate: gate.waiting_foreground == 1)
    await macmini.set_mode("ok", reply={"answer": "The deposit is 1,800 euros [1]."})
    await macmini.release()
    assert (await first)["status"] == "completed"
    assert (await second)["byline"]["backend"] == "qwen-macbook"
    assert (await macmini.counts())["running_max"] == 1


# Rule 8


@pytest.mark.parametrize("stream", [True, False])
async def test_a_caller_who_leaves_stops_the_upstream_and_frees_the_slot(
    site: Site, macbook: FakeMachine, stream: bool
) -> None:
    await macbook.set_mode("endless", delay_s=0.01)
    body = {"question": QUESTION, "backend": "qwen-macbook", "stream": stream}
    async with aiohttp.ClientSession(site.url) as caller:
        asking = asyncio.create_task(caller.post("/api/search/ask", json=body))
        await macbook.wait_for(running=1)
        asking.cancel()
        await asyncio.wait([asking])
        if not asking.cancelled():
            asking.result().close()
    await macbook.wait_for(left=1, running=0)
    await site.services.dispatcher.gate("macbook").until(lambda gate: gate.running == 0)
    await macbook.set_mode("ok")
    assert (await site.ask(backend="qwen-macbook")).status == 200


async def test_a_caller_who_leaves_the_queue_is_never_sent_upstream(
    site: Site, macbook: FakeMachine
) -> None:
    gate = site.services.dispatcher.gate("macbook")
    await macbook.set_mode("hold")
    first = asyncio.create_task(site.ask(backend="qwen-macbook"))
    await macbook.wait_for(running=1)
    second = asyncio.create_task(site.ask(backend="qwen-macbook"))
    await gate.until(lambda status: status.waiting_foreground == 1)
    second.cancel()
    await gate.until(lambda status: status.waiting_foreground == 0)
    await macbook.release()
    assert (await first)["status"] == "completed"
    assert len(await macbook.chats()) == 1


# Rule 9


async def test_the_time_in_the_queue_does_not_eat_the_read_budget(
    site: Site, macbook: FakeMachine
) -> None:
    gate = site.services.dispatcher.gate("macbook")
    await macbook.set_mode("hold")
    first = asyncio.create_task(site.ask(backend="qwen-macbook"))
    await macbook.wait_for(running=1)
    events = asyncio.create_task(site.events(backend="qwen-macbook", timeout_read_s=30))
    await gate.until(lambda status: status.waiting_foreground == 1)
    await macbook.set_mode("ok", reply={"answer": "The deposit is 1,800 euros [1]."})
    await macbook.release()
    await first
    names = [name for name, _ in await events]
    assert names[:3] == ["sources", "queued", "started"]
    assert names[-1] == "done"


# Rule 11


async def test_another_model_than_the_configured_one_is_an_error(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    await macbook.set_mode("ok", kind="mlx-vlm", loaded_model="mlx-community/Llama-3-8B")
    assert_named_unavailable(await site.ask(backend="qwen-macbook"), "model_mismatch")
    assert await macmini.requests() == []


async def test_the_byline_says_what_the_server_really_has_loaded(
    site: Site, macmini: FakeMachine
) -> None:
    await macmini.set_mode(
        "ok", kind="mlx-vlm", loaded_model=GEMMA, reply={"answer": "It is 1,800 euros [1]."}
    )
    byline = (await site.ask())["byline"]
    assert byline == {
        "backend": "gemma-macmini",
        "machine": "macmini",
        "model_requested": GEMMA,
        "model_loaded": GEMMA,
        "verified": True,
        "note": "",
    }


async def test_a_server_that_cannot_tell_is_signed_as_unverified(
    site: Site, macmini: FakeMachine
) -> None:
    await macmini.set_mode("ok", kind="plain", reply={"answer": "It is 1,800 euros [1]."})
    byline = (await site.ask())["byline"]
    assert byline["verified"] is False
    assert byline["note"]


async def test_the_configured_model_is_always_the_one_sent(
    site: Site, macbook: FakeMachine
) -> None:
    await site.post(
        "/v1/chat/completions",
        {"model": "qwen-macbook", "messages": [{"role": "user", "content": "hi"}]},
    )
    [chat] = await macbook.chats()
    assert chat["body"]["model"] == QWEN
    assert chat["body"]["stream"] is True
