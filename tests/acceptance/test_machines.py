"""The record of machines in the whole program: who called, how it went, and what is to rest."""

from __future__ import annotations

import asyncio
from typing import Any

from byline.testing.machine import FakeMachine, closed_port
from tests.acceptance.conftest import QUESTION, Site, Start, two_macs

WITHIN_S = 10.0


async def machine(site: Site, name: str) -> Any:
    told = await site.get("/api/machines")
    return next(one for one in told["machines"] if one["name"] == name)


async def recorded(site: Site, name: str, calls: int) -> list[Any]:
    """The calls on record, once there are so many."""
    async with asyncio.timeout(WITHIN_S):
        while len(found := (await machine(site, name))["calls"]) < calls:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return list(found)


async def test_calls_of_all_askers_are_on_record_with_what_became_of_them(
    start: Start, macmini: FakeMachine
) -> None:
    with closed_port() as nobody:
        site = await start(two_macs(macmini.base_url, f"http://{nobody}"))
        await site.add()
        asked = await site.ask()
        chat = {"model": "gemma-macmini", "messages": [{"role": "user", "content": "Hello"}]}
        await site.post("/v1/chat/completions", chat)
        refused = await site.ask(backend="qwen-macbook")
        assert refused.status == 503
        v1, ask = await recorded(site, "macmini", 2)
        (failed,) = await recorded(site, "macbook", 1)
    assert (ask["asked_by"], ask["ask_id"], ask["outcome"]) == ("ask", asked["ask_id"], "completed")
    assert 0 < ask["first_token_ms"] <= ask["total_ms"]
    assert (v1["asked_by"], v1["ask_id"]) == ("v1", None)
    assert (failed["outcome"], failed["reason"]) == ("backend_unavailable", "ConnectError")
    (qwen,) = (await machine(site, "macbook"))["backends"]
    assert [span["state"] for span in qwen["states"]] == ["unknown", "unreachable"]


async def test_two_processes_show_each_other_who_is_at_a_machine_and_both_let_it_rest(
    start: Start, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    settings = two_macs(macmini.base_url, macbook.base_url)
    one = await start(settings)
    await one.add()  # before another process could take the job: their files are apart here
    other = await start(settings)
    await macmini.set_mode("hold", reply={"answer": "1,800 euros [1]."})
    asking = asyncio.create_task(one.ask(QUESTION))
    await macmini.wait_for(running=1)
    async with asyncio.timeout(WITHIN_S):
        while not (running := (await machine(other, "macmini"))["gate"]["running"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert running[0]["asked_by"] == "ask"
    await macmini.release()
    assert running[0]["ask_id"] == (await asking)["ask_id"]

    paused = await other.post("/api/machines/macmini/pause")
    assert paused["background"]["paused"]
    gate = one.services.dispatcher.gate("macmini")
    async with asyncio.timeout(WITHIN_S):
        await gate.until(lambda status: status.background_paused)
        assert (await machine(one, "macmini"))["background"] == paused["background"]
        await one.post("/api/machines/macmini/resume")
        await other.services.dispatcher.gate("macmini").until(
            lambda status: not status.background_paused
        )
