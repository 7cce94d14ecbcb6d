"""The record of machines in a real database: what is kept, how it is read, what is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from byline.config.schema import Config, LlamaCppBackend, Machine
from byline.dispatch.clock import LoopClock
from byline.dispatch.dispatcher import Dispatcher
from byline.dispatch.record import machine_records as kept
from byline.dispatch.record.call_recorder import UNWRITTEN_MAX, CallRecorder, recording
from byline.dispatch.record.machine_records import MachineRecords
from byline.domain.gates import (
    AskedBy,
    Asker,
    BackendChanged,
    BackendHealth,
    BackendState,
    Priority,
)
from byline.domain.machine_reports import CallRecord
from byline.errors import DatabaseUnavailable
from byline.observe import Feed, Metrics
from byline.store.database import Database

NOW = datetime.now(UTC).replace(microsecond=0)
CALL = CallRecord(
    machine="macmini",
    backend="gemma",
    priority=Priority.FOREGROUND,
    asked_by=AskedBy(Asker.ASK, "an-ask"),
    came_at=NOW,
    queued_ms=0.5,
    first_token_ms=400.0,
    total_ms=2000.0,
    outcome="completed",
)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def changed(state: BackendState, since: datetime, reason: str | None = None) -> BackendChanged:
    return BackendChanged(
        "gemma", "macmini", BackendState.UNKNOWN, BackendHealth(state, since, reason)
    )


async def calls(records: MachineRecords) -> Sequence[CallRecord]:
    return (await records.day(["macmini"], ["gemma"])).calls.get("macmini", [])


async def test_a_call_comes_back_as_it_was_kept(database: Database) -> None:
    records = MachineRecords(database)
    refused = replace(
        CALL,
        came_at=ago(minutes=1),
        asked_by=AskedBy(Asker.V1),
        priority=Priority.BACKGROUND,
        first_token_ms=None,
        outcome="backend_unavailable",
        reason="ConnectError",
    )
    await records.add_calls([refused, CALL])
    assert list(await calls(records)) == [CALL, refused]
    assert (await records.day(["macbook"], [])).calls == {}


async def test_first_tokens_are_summed_up_by_backend(database: Database) -> None:
    records = MachineRecords(database)
    came = [ago(minutes=30 - n) for n in range(11)]
    made = [replace(CALL, came_at=at, first_token_ms=100.0 * n) for n, at in enumerate(came)]
    await records.add_calls([*made, replace(CALL, first_token_ms=None)])
    day = await records.day(["macmini"], ["gemma"])
    tokens = day.first_tokens["gemma"]
    assert (tokens.count, tokens.median_ms, tokens.p90_ms) == (11, 500.0, 900.0)
    assert tokens.newest[0] == (came[-1], 1000.0)
    assert len(tokens.newest) == 11


async def test_a_state_lasts_until_the_next_one_or_as_long_as_somebody_looked(
    database: Database,
) -> None:
    records = MachineRecords(database)
    changes = [
        changed(BackendState.UNREACHABLE, ago(hours=3), "ConnectTimeout"),
        changed(BackendState.ONLINE, ago(hours=2)),
    ]
    lasting = await records.add_states(changes, {}, ago(hours=2))
    await records.extend_states(lasting, ago(hours=1))
    first, second = (await records.day([], ["gemma"])).states["gemma"]
    assert (first.state, first.reason) == (BackendState.UNREACHABLE, "ConnectTimeout")
    assert (first.began_at, first.seen_until) == (ago(hours=3), ago(hours=2))
    assert (second.began_at, second.seen_until) == (ago(hours=2), ago(hours=1))


async def test_what_is_older_than_a_day_is_forgotten(database: Database) -> None:
    records = MachineRecords(database)
    await records.add_calls([replace(CALL, came_at=ago(hours=25)), CALL])
    await records.add_states([changed(BackendState.ONLINE, ago(hours=30))], {}, ago(hours=25))
    await records.add_states([changed(BackendState.ONLINE, ago(hours=30))], {}, ago(hours=1))
    await records.sweep()
    async with database.connection() as connection:
        for table in ("machine_calls", "backend_states"):
            counted = await connection.execute(f"SELECT count(*) AS n FROM {table}")
            assert await counted.fetchone() == {"n": 1}


async def test_of_one_machine_only_so_many_calls_are_kept(
    database: Database, monkeypatch: Any
) -> None:
    monkeypatch.setattr(kept, "CALLS_KEPT_MAX", 2)
    monkeypatch.setattr(kept, "STATES_KEPT_MAX", 1)
    records = MachineRecords(database)
    numbered = [replace(CALL, total_ms=float(n)) for n in range(5)]
    await records.add_calls([*numbered, replace(CALL, machine="macbook")])
    states = [changed(BackendState.ONLINE, ago(minutes=n)) for n in (3, 2, 1)]
    await records.add_states(states, {}, NOW)
    await records.sweep()
    assert sorted(call.total_ms for call in await calls(records)) == [3.0, 4.0]
    day = await records.day(["macbook"], ["gemma"])
    assert (len(day.calls["macbook"]), len(day.states["gemma"])) == (1, 1)


async def test_the_owners_wish_is_kept_with_its_time_and_told_to_the_gates(
    database: Database,
) -> None:
    records = MachineRecords(database)
    await records.pause("macmini")
    since = (await records.day([], [])).paused_since["macmini"]
    await records.pause("macmini")
    assert (await records.day([], [])).paused_since == {"macmini": since}
    await records.resume("macmini")
    assert (await records.day([], [])).paused_since == {}


def dispatcher(feed: Feed) -> Dispatcher:
    gemma = LlamaCppBackend(kind="llama-cpp", machine="macmini", model="gemma")
    config = Config(machines={"macmini": Machine()}, backends={"gemma": gemma})
    return Dispatcher(config, cast(Any, lambda name, backend: None), LoopClock(), feed)


async def test_what_the_feed_tells_is_on_record_when_the_recording_has_ended(
    database: Database,
) -> None:
    feed, records = Feed(), MachineRecords(database)
    recorder = CallRecorder(records, dispatcher(feed), Metrics(), LoopClock())
    async with recording(recorder, feed):
        while not feed.readers():  # noqa: ASYNC110
            await asyncio.sleep(0)
        feed.publish(CALL)
        feed.publish(changed(BackendState.ONLINE, datetime.now(UTC)))
        await asyncio.sleep(0)
    day = await records.day(["macmini"], ["gemma"])
    assert day.calls["macmini"] == [CALL]
    assert [span.state.value for span in day.states["gemma"]] == ["unknown", "online"]
    assert day.states["gemma"][1].seen_until > day.states["gemma"][1].began_at


class Away:
    """Records whose database is away until it is back."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []
        self.away = True

    async def add_states(self, changes: object, open_ids: object, at: object) -> dict[str, int]:
        if self.away:
            raise DatabaseUnavailable("It is away.")
        return {"gemma": 1}

    async def add_calls(self, calls: list[CallRecord]) -> None:
        self.calls += calls

    async def extend_states(self, open_ids: object, at: object) -> None: ...

    async def sweep(self) -> None: ...


async def test_while_the_database_is_away_calls_wait_and_too_many_are_dropped_and_counted() -> None:
    feed, records, metrics = Feed(), Away(), Metrics()
    recorder = CallRecorder(cast(Any, records), dispatcher(feed), metrics, LoopClock())
    for _ in range(UNWRITTEN_MAX + 3):
        recorder.add(CALL)
    await recorder.write()
    assert records.calls == []
    assert b"byline_record_dropped_total 3.0" in metrics.exposition([])
    records.away = False
    await recorder.write()
    assert len(records.calls) == UNWRITTEN_MAX
    await recorder.write()
    assert len(records.calls) == UNWRITTEN_MAX, "written once"
