"""A machine known to be down: who asks is told at once, and it is tried once for them all."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psutil
import pytest

from byline.testing.machine import FakeMachine, black_hole
from tests.acceptance.conftest import QUESTION, Site, Start, two_macs

ASKS = 20
CONNECT_S = 3.0


def attempts(port: int) -> int:
    """Connections to `port` that wait for an answer to their first packet."""
    waiting = [c for c in psutil.Process().net_connections("tcp") if c.status == "SYN_SENT"]
    return sum(bool(c.raddr) and c.raddr.port == port for c in waiting)


async def test_a_backend_known_to_be_down_gets_no_question_and_the_asker_the_sources(
    site: Site, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    await macbook.set_mode("refuse")
    first = await site.ask(backend="qwen-macbook")
    listed = (await site.get("/api/backends"))["backends"][1]
    assert (listed["state"], listed["reason"]) == ("unreachable", "ConnectError")
    assert "connection refused" in listed["last_error"]
    for params in ({}, {"stream": True}):
        again = await site.ask(backend="qwen-macbook", **params)
        assert again.status == first.status == 503
        assert again["error_reason"] == "macbook_unavailable"
        assert again["reason"] == "ConnectError"
        assert again["sources"] == first["sources"]
        assert again["sources"]
    assert await macbook.chats() == []
    assert await macmini.requests() == []


async def test_a_machine_that_is_back_answers_the_first_who_asks(
    site: Site, macbook: FakeMachine
) -> None:
    await macbook.set_mode("refuse")
    await site.ask(backend="qwen-macbook")
    await macbook.set_mode("ok", reply={"answer": "The deposit is 1,800 euros [1]."})
    answer = await site.ask(backend="qwen-macbook")
    assert answer["status"] == "completed"
    assert (await site.get("/api/backends"))["backends"][1]["state"] == "online"


async def test_many_who_ask_for_a_machine_that_swallows_packets_share_one_try(
    start: Start, macmini: FakeMachine
) -> None:
    with black_hole() as address:
        port = int(address.rpartition(":")[2])
        settings = two_macs(macmini.base_url, f"http://{address}")
        settings["backends"]["qwen-macbook"]["timeout_connect_s"] = CONNECT_S
        site = await start(settings)
        await site.add()
        await site.ask(backend="qwen-macbook")
        before = attempts(port)
        answers = await asyncio.gather(*(site.ask(backend="qwen-macbook") for _ in range(ASKS)))
        assert attempts(port) - before == 1
    assert [(a.status, a["reason"]) for a in answers] == [(503, "ConnectTimeout")] * ASKS
    assert all(answer["sources"] for answer in answers)


async def test_the_unnamed_default_known_to_be_down_is_an_llm_error_with_the_reason_known(
    site: Site, macmini: FakeMachine
) -> None:
    await macmini.set_mode("refuse")
    first, again = await site.ask(), await site.ask()
    for answer in (first, again):
        assert (answer.status, answer["status"]) == (200, "llm_error")
        assert (answer["error_reason"], answer["reason"]) == ("macmini_unavailable", "ConnectError")
        assert answer["sources"]
    assert await macmini.chats() == []


async def test_without_evidence_nobody_asks_whether_the_machine_is_up(
    site: Site, macbook: FakeMachine
) -> None:
    await macbook.set_mode("refuse")
    await site.ask(backend="qwen-macbook")
    answer = await site.ask("Who won the regatta in Kiel?", backend="qwen-macbook")
    assert (answer.status, answer["status"]) == (200, "no_evidence")


async def _told(site: Site, state: str) -> list[dict[str, Any]]:
    told = []
    async with site.http.get("/api/events") as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                told.append(json.loads(line[6:]))
                if told[-1]["state"] == state:
                    break
    return told


@pytest.mark.parametrize("probe", ["unasked", "by hand"])
async def test_a_machine_that_goes_away_is_told_to_whoever_follows_events(
    start: Start, macmini: FakeMachine, macbook: FakeMachine, probe: str
) -> None:
    await macbook.set_mode("refuse")
    settings = two_macs(macmini.base_url, macbook.base_url)
    settings["backends"]["qwen-macbook"]["probe_s"] = 0.05 if probe == "unasked" else 0
    site = await start(settings)
    following = asyncio.create_task(_told(site, "unreachable"))
    if probe == "by hand":
        await site.post("/api/backends/qwen-macbook/probe")
    async with asyncio.timeout(10):
        told = await following
    assert [one["name"] for one in told[:2]] == ["gemma-macmini", "qwen-macbook"]
    assert (told[-1]["name"], told[-1]["reason"]) == ("qwen-macbook", "ConnectError")
    assert await macbook.chats() == []


async def test_known_down_asks_are_stored_like_any_other(site: Site, macbook: FakeMachine) -> None:
    await macbook.set_mode("refuse")
    for _ in range(2):
        await site.ask(backend="qwen-macbook")
    stored = (await site.get("/api/asks", limit=2))["asks"]
    assert [(ask["question"], ask["status"]) for ask in stored] == [(QUESTION, "unavailable")] * 2
