"""`/api/machines`: who is at a machine, what it did, and its background work."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from api_doubles import office
from history_doubles import NOON

from byline.dispatch.record.machine_records import DayRecord
from byline.domain.gates import AskedBy, Asker, BackendState, Priority
from byline.domain.machine_reports import CallRecord, FirstTokenTimes, StateSpan

HELLO = [{"role": "user", "content": "Hello"}]


def of(answer: Any, name: str) -> Any:
    return next(one for one in answer.json()["machines"] if one["name"] == name)


async def test_every_machine_is_told_and_byline_itself_has_no_gate(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        answer = await byline.call.get("/api/machines")
    assert [one["name"] for one in answer.json()["machines"]] == ["macmini", "macbook", "byline"]
    macmini = of(answer, "macmini")
    assert [one["name"] for one in macmini["backends"]] == ["gemma-macmini", "phi-macmini"]
    assert macmini["backends"][0]["address"] == "macmini:8080"
    assert macmini["gate"] == {"capacity": 1, "running": [], "waiting": [], "waiting_count": 0}
    assert (of(answer, "byline")["gate"], of(answer, "byline")["background"]) == (None, None)


async def test_who_runs_and_who_waits_at_a_gate_is_told(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        chat = {"model": "gemma-macmini", "messages": HELLO}
        async with byline.call.calling(
            "POST", "/v1/chat/completions", json.dumps(chat).encode()
        ) as running:
            first = await byline.client("gemma-macmini").call()
            asking = asyncio.create_task(
                byline.call.post("/api/search/ask", {"question": "When is rent due?"})
            )
            gate = byline.lab.dispatcher.gate("macmini")
            await gate.until(lambda status: status.waiting_foreground == 1)
            byline.lab.clock.advance(2.0)
            told = of(await byline.call.get("/api/machines"), "macmini")["gate"]
            (runs,), (waits,) = told["running"], told["waiting"]
            assert (runs["asked_by"], runs["ask_id"], runs["for_s"]) == ("v1", None, 2.0)
            assert (waits["asked_by"], waits["position"], waits["ahead"]) == ("ask", 1, 1)
            assert waits["ask_id"] in byline.records.asks
            assert (waits["priority"], waits["for_s"]) == ("foreground", 2.0)
            first.finish()
            await running.task
            (await byline.client("gemma-macmini").call(2)).finish()
            await asking


async def test_the_last_day_is_told(tmp_path: Path) -> None:
    call = CallRecord(
        machine="macmini",
        backend="gemma-macmini",
        priority=Priority.FOREGROUND,
        asked_by=AskedBy(Asker.ASK, "an-ask"),
        came_at=NOON,
        queued_ms=1.04,
        first_token_ms=None,
        total_ms=20.0,
        outcome="backend_unavailable",
        reason="ConnectError",
    )
    span = StateSpan(BackendState.LOADING, "loading", NOON, NOON + timedelta(hours=1))
    async with office(tmp_path) as byline:
        byline.machine_records.day_before = DayRecord(
            {"macmini": [call]},
            {"gemma-macmini": FirstTokenTimes(3, 410.0, 900.04, ((NOON, 410.0),))},
            {"gemma-macmini": [span]},
            {},
        )
        macmini = of(await byline.call.get("/api/machines"), "macmini")
    (told,) = macmini["calls"]
    assert (told["outcome"], told["reason"], told["queued_ms"]) == (
        "backend_unavailable",
        "ConnectError",
        1.0,
    )
    gemma = macmini["backends"][0]
    assert gemma["states"][0]["state"] == "loading"
    assert gemma["first_tokens"]["p90_ms"] == 900.0
    assert gemma["first_tokens"]["newest"] == [{"at": NOON.isoformat(), "ms": 410.0}]


async def test_background_work_is_paused_and_resumed_once_for_all(tmp_path: Path) -> None:
    async with office(tmp_path) as byline:
        paused = (await byline.call.post("/api/machines/macmini/pause")).json()
        assert paused["background"] == {"paused": True, "since": NOON.isoformat()}
        assert (
            of(await byline.call.get("/api/machines"), "macbook")["background"]["paused"] is False
        )
        resumed = (await byline.call.post("/api/machines/macmini/resume")).json()
        assert resumed["background"] == {"paused": False, "since": None}


async def test_a_machine_nobody_knows_is_not_found_and_byline_itself_cannot_pause(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as byline:
        for name in ("nobody", "byline"):
            answer = await byline.call.post(f"/api/machines/{name}/pause")
            assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
            assert "macmini, macbook" in answer.json()["error"]["remedy"]
