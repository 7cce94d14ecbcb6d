"""What becomes of calls when connections, processes and the database itself go away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from gate_members import BG, FG, LIMITS, WITHIN_S, cut, member, query

from byline.config import schema
from byline.dispatch.gate.queue_rows import limits_row
from byline.dispatch.gate.shared_gate import GateMode
from byline.errors import DatabaseUnavailable, GateTimeout
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.database import open_database

LOCKS, EARS, WATCHES = (
    "byline gates ",
    "byline gates, listening",
    "byline gates, watching",
)


async def cut_locks_of(url: str, owner: object) -> None:
    assert await cut(url, f"{LOCKS}{owner}") == 1


async def holder_of(url: str) -> object:
    ((owner,),) = await query(url, "SELECT owner FROM gate_tickets WHERE slot IS NOT NULL")
    return owner


async def test_a_call_whose_lock_is_lost_is_told_why_and_the_next_process_has_the_machine(
    database_url: str,
) -> None:
    async with member(database_url) as first, member(database_url) as second:
        holder, next_one = await first.hold(), second.call()
        behind = first.call()
        await first.shows(1, people=2)
        await cut_locks_of(database_url, await holder_of(database_url))
        lost = await asyncio.wait_for(holder.lost, WITHIN_S)
        assert isinstance(lost, DatabaseUnavailable)
        await next_one.slot()
        await first.is_back()
        await second.shows(1, people=1)
        (await next_one.slot()).release()
        (await behind.slot()).release()
        await second.shows(0)


async def test_a_process_alone_that_loses_its_lock_stops_its_call_and_keeps_its_queue(
    database_url: str,
) -> None:
    async with member(database_url) as lone:
        holder, background, person = await lone.hold(), lone.call(BG), lone.call(FG)
        await lone.shows(1, people=1, background=1)
        assert await cut(database_url, LOCKS) >= 1
        assert isinstance(await asyncio.wait_for(holder.lost, WITHIN_S), DatabaseUnavailable)
        await person.slot()
        assert not background.task.done()
        (await person.slot()).release()
        (await background.slot()).release()
        assert lone.gate.mode is GateMode.ALONE


async def test_a_preempted_call_that_loses_its_slot_does_not_wait_for_it_again(
    database_url: str,
) -> None:
    async with member(database_url) as first, member(database_url) as second:
        background = await first.hold(BG)
        person = second.call(FG)
        await asyncio.wait_for(background.told_to_stop.wait(), WITHIN_S)
        await cut_locks_of(database_url, await holder_of(database_url))
        await asyncio.wait_for(background.lost, WITHIN_S)
        with pytest.raises(DatabaseUnavailable):
            await (await background.slot()).requeue()
        (await person.slot()).release()


@pytest.mark.parametrize("which", [EARS, WATCHES])
async def test_a_connection_that_holds_nothing_is_made_again_and_nothing_was_missed(
    database_url: str, which: str
) -> None:
    async with member(database_url) as first, member(database_url) as second:
        holder, waits = await first.hold(), second.call()
        await first.shows(1, people=1)
        await until_both_have(database_url, which)
        assert await cut(database_url, which) == 2
        (await holder.slot()).release()
        await waits.slot()
        assert not holder.lost.done()
        await until_both_have(database_url, which)
        await cut_locks_of(database_url, await holder_of(database_url))
        await first.hold()


async def until_both_have(url: str, which: str) -> None:
    found = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        f"AND application_name LIKE '{which}%'"
    )
    async with asyncio.timeout(WITHIN_S):
        while len(await query(url, found)) < 2:
            pass


async def test_a_restart_of_the_database_stops_the_running_call_and_keeps_the_queue_in_order(
    home: Path,
) -> None:
    async with embedded_postgres(home) as url, open_database(schema.Database(), url):
        pass
    running = embedded_postgres(home)
    url = await running.__aenter__()
    async with member(url) as first, member(url) as second:
        holder = await first.hold()
        waiting = [second.call(BG), second.call(FG), second.call(FG)]
        await first.shows(1, people=2, background=1)
        await running.__aexit__(None, None, None)
        assert isinstance(await asyncio.wait_for(holder.lost, WITHIN_S), DatabaseUnavailable)
        comes_meanwhile = second.call(FG)
        async with embedded_postgres(home):
            order = [waiting[1], waiting[2], comes_meanwhile, waiting[0]]
            for call in order:
                slot = await call.slot()
                later = order[order.index(call) + 1 :]
                assert not any(other.task.done() for other in later)
                slot.release()
            await first.hold()


async def test_a_crash_of_the_database_loses_no_place_in_the_queue(
    home: Path,
) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(embedded_postgres(home))
        await stack.enter_async_context(open_database(schema.Database(), url))
        async with member(url) as first, member(url) as second:
            holder, waits = await first.hold(), second.call()
            await first.shows(1, people=1)
            # One server process killed: PostgreSQL ends all others, and empties these tables.
            ((pid,),) = await query(
                url,
                "SELECT min(pid) FROM pg_stat_activity WHERE application_name LIKE '% listening'",
            )
            os.kill(int(str(pid)), signal.SIGKILL)
            await asyncio.wait_for(holder.lost, WITHIN_S)
            (await waits.slot()).release()
            await first.hold()


async def test_a_database_that_stays_away_is_named_to_who_waits_and_to_who_comes(
    home: Path,
) -> None:
    async with embedded_postgres(home) as url, open_database(schema.Database(), url):
        pass
    running = embedded_postgres(home)
    url = await running.__aenter__()
    async with member(url, patience_s=0.5) as lone:
        await lone.hold()
        waits = lone.call()
        await lone.shows(1, people=1)
        await running.__aexit__(None, None, None)
        comes = lone.call()
        for call in (waits, comes):
            with pytest.raises(DatabaseUnavailable, match="machines cannot be shared out"):
                await call.slot()
        with pytest.raises(DatabaseUnavailable):
            await lone.gate.enter("gemma", FG)
        await lone.shows(0)
        async with embedded_postgres(home):
            await lone.is_back()
            await lone.hold()


async def test_a_database_that_was_never_there_holds_nobody_up_for_ever(home: Path) -> None:
    async with embedded_postgres(home) as url, open_database(schema.Database(), url):
        pass
    async with member(url, patience_s=0.3) as lone:
        with pytest.raises(DatabaseUnavailable):
            await lone.gate.enter("gemma", FG)


async def test_a_wait_keeps_its_bound_also_while_the_database_is_away(home: Path) -> None:

    async with embedded_postgres(home) as url, open_database(schema.Database(), url):
        pass
    running = embedded_postgres(home)
    url = await running.__aenter__()
    async with member(url, replace(LIMITS, queue_wait_s_max=1.0), patience_s=60) as lone:
        await lone.hold()
        waits = lone.call()
        await lone.shows(1, people=1)
        await running.__aexit__(None, None, None)
        with pytest.raises(GateTimeout):
            await waits.slot()


async def test_what_a_dead_process_left_in_the_tables_is_removed(database_url: str) -> None:
    limits = json.dumps(limits_row(LIMITS))
    await query(
        database_url,
        f"INSERT INTO gate_machines (machine, limits) VALUES ('macmini', '{limits}');"
        "INSERT INTO gate_tickets VALUES "
        "(7, 'macmini', 0, 1, 4711, 0, 0, 0, 0, false, false, 2, 0)",
    )
    async with member(database_url) as lone, member(database_url) as second:
        (await (await lone.hold()).slot()).release()
        (await (await second.hold()).slot()).release()
