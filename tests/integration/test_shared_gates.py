"""One machine, several processes: one queue, one order, never more than `capacity` at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from gate_members import BG, FG, LIMITS, WITHIN_S, Call, member, query

from byline.dispatch.gate.shared_gate import GateMode
from byline.domain.gates import AskedBy, Asker, CallOrigin, Queued
from byline.errors import GateFull, GateTimeout, Stopping


async def used(call: Call) -> None:
    (await call.slot()).release()


async def test_a_process_alone_on_its_database_keeps_its_queue_in_memory(
    database_url: str,
) -> None:
    async with member(database_url) as lone:
        assert lone.coordinator.alone
        holder, waiter = await lone.hold(), lone.call()
        await lone.shows(1, people=1)
        assert await query(database_url, "SELECT * FROM gate_tickets") == []
        (await holder.slot()).release()
        (await waiter.slot()).release()


async def test_who_comes_to_a_process_that_was_alone_stands_behind_all_who_were_there(
    database_url: str,
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(member(database_url))
        holder, waiting = await first.hold(), first.call()
        await first.shows(1, people=1)
        second = await stack.enter_async_context(member(database_url))
        assert not first.coordinator.alone
        newcomer = second.call()
        await first.shows(1, people=2)
        await second.shows(1, people=2)
        place = await newcomer.place()
        assert (place.position, place.ahead) == (2, 2)
        (await holder.slot()).release()
        await waiting.slot()
        assert not newcomer.task.done()
        (await waiting.slot()).release()
        assert (await newcomer.slot()).waited_s > 0
        (await newcomer.slot()).release()


async def test_all_processes_are_served_in_one_order_and_people_first(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(member(database_url)) for _ in range(3)]
        holder = await members[0].hold()
        calls = []
        for number, (which, priority) in enumerate(
            [(0, BG), (1, BG), (2, FG), (1, FG), (0, FG), (2, BG)]
        ):
            calls.append(members[which].call(priority))
            people = sum(
                1
                for w, p in [(0, BG), (1, BG), (2, FG), (1, FG), (0, FG), (2, BG)][: number + 1]
                if p is FG
            )
            for one in members:
                await one.shows(1, people=people, background=number + 1 - people)
        expected = [calls[2], calls[3], calls[4], calls[0], calls[1], calls[5]]
        held = holder
        for call in expected:
            (await held.slot()).release()
            await call.slot()
            later = expected[expected.index(call) + 1 :]
            assert not any(other.task.done() for other in later)
            held = call
        (await held.slot()).release()
        for one in members:
            await one.shows(0)
        # The last saw itself come nearer; under load two steps in one look are told as one.
        places = [place.position for place in calls[5].places]
        assert (places[0], places[-1]) == (6, 1)
        assert places == sorted(set(places), reverse=True)
        assert all(place.eta_s is not None for place in calls[5].places[1:])


async def test_a_person_takes_the_machine_of_another_process_background_call(
    database_url: str,
) -> None:
    async with member(database_url) as first, member(database_url) as second:
        background = await first.hold(BG)
        person = second.call(FG)
        async with asyncio.timeout(WITHIN_S):
            await background.told_to_stop.wait()
        assert not person.task.done(), "the slot is free only once the upstream is closed"
        again = asyncio.create_task((await background.slot()).requeue())
        await person.slot()
        await first.shows(1, background=1)
        assert background.places[-1].preemptions == 1
        (await person.slot()).release()
        async with asyncio.timeout(WITHIN_S):
            await again
        (await background.slot()).release()
        await second.shows(0)


async def test_a_background_call_is_disturbed_by_all_processes_three_times_together(
    database_url: str,
) -> None:
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(member(database_url)) for _ in range(3)]
        background = await members[0].hold(BG)
        slot = await background.slot()
        for number in range(3):
            person = members[number].call(FG)
            async with asyncio.timeout(WITHIN_S):
                await background.told_to_stop.wait()
            background.told_to_stop.clear()
            again = asyncio.create_task(slot.requeue())
            (await person.slot()).release()
            async with asyncio.timeout(WITHIN_S):
                await again
        person = members[1].call(FG)
        await members[0].shows(1, people=1)
        assert not background.told_to_stop.is_set()
        slot.release()
        (await person.slot()).release()


async def test_a_machine_that_takes_two_is_given_to_two_whoever_they_are(
    database_url: str,
) -> None:
    limits = replace(LIMITS, capacity=2)
    async with member(database_url, limits) as first, member(database_url, limits) as second:
        one, two = await first.hold(), await second.hold()
        three = second.call()
        await first.shows(2, people=1)
        slots = await query(database_url, "SELECT slot FROM gate_tickets ORDER BY slot")
        assert slots == [(0,), (1,), (None,)]
        (await one.slot()).release()
        await three.slot()
        await first.shows(2)
        (await two.slot()).release()
        (await three.slot()).release()
        await first.shows(0)


async def test_every_slot_is_an_advisory_lock_of_its_holder(database_url: str) -> None:
    held = (
        "SELECT count(*) FROM pg_locks, gate_tickets WHERE locktype = 'advisory' AND granted AND "
        "((classid::bigint << 32) | objid::bigint) = "
        "hashtextextended('byline gate ' || slot || ' ' || machine, 0) AND pid = (SELECT pid FROM "
        "pg_stat_activity WHERE application_name = 'byline gates ' || owner)"
    )
    async with member(database_url) as first, member(database_url) as second:
        holder, waiter = await first.hold(), second.call()
        await first.shows(1, people=1)
        assert await query(database_url, held) == [(1,)]
        (await holder.slot()).release()
        await waiter.slot()
        assert await query(database_url, held) == [(1,)]
        (await waiter.slot()).release()
        await first.shows(0)
        assert await query(database_url, held) == [(0,)]


async def test_one_machine_is_not_kept_waiting_by_another(database_url: str) -> None:
    async with (
        member(database_url) as macmini,
        member(database_url, machine="macbook") as macbook,
    ):
        on_macmini, on_macbook = await macmini.hold(), await macbook.hold()
        (await on_macmini.slot()).release()
        (await on_macbook.slot()).release()


async def test_a_caller_who_leaves_is_gone_from_every_queue(database_url: str) -> None:
    async with member(database_url) as first, member(database_url) as second:
        holder, leaves, stays = await first.hold(), second.call(), first.call()
        await second.shows(1, people=2)
        leaves.task.cancel()
        await first.shows(1, people=1)
        (await holder.slot()).release()
        (await stays.slot()).release()


async def test_a_full_queue_counts_the_calls_of_all_processes(database_url: str) -> None:
    limits = replace(LIMITS, queue_len_max=2)
    async with member(database_url, limits) as first, member(database_url, limits) as second:
        holder, waiting = await first.hold(), [first.call(), second.call()]
        await first.shows(1, people=2)
        with pytest.raises(GateFull, match="2 waiting"):
            await second.call().slot()
        (await holder.slot()).release()
        await asyncio.gather(*(used(call) for call in waiting))


async def test_a_wait_ends_in_its_time_whichever_process_looks_at_the_clock(
    database_url: str,
) -> None:
    limits = replace(LIMITS, queue_wait_s_max=0.3)
    async with member(database_url, limits) as first, member(database_url, limits) as second:
        holder = await first.hold()
        waiting = [second.call(), first.call()]
        for call in waiting:
            with pytest.raises(GateTimeout):
                await call.slot()
        await second.shows(1)
        (await holder.slot()).release()


async def test_the_limits_are_those_of_the_process_that_started_last(database_url: str) -> None:
    async with member(database_url) as first:
        one, two = await first.hold(), first.call()
        await first.shows(1, people=1)
        async with member(database_url, replace(LIMITS, capacity=2)) as second:
            three = second.call()
            await two.slot()
            await first.shows(2, people=1)
            (await one.slot()).release()
            (await three.slot()).release()
            (await two.slot()).release()
            await second.shows(0)


async def test_a_process_that_leaves_gives_up_what_it_has_and_the_last_one_is_alone_again(
    database_url: str,
) -> None:
    async with member(database_url) as stays:
        async with member(database_url) as leaves:
            await leaves.hold()
            refused = leaves.call()
            waits = stays.call()
            await leaves.shows(1, people=2)
        with pytest.raises(Stopping):
            await refused.slot()
        await waits.slot()
        await stays.is_alone()
        assert stays.gate.mode is GateMode.ALONE
        assert await query(database_url, "SELECT * FROM gate_tickets") == []
        behind = stays.call()
        await stays.shows(1, people=1)
        (await waits.slot()).release()
        (await behind.slot()).release()


async def test_a_queue_that_was_emptied_by_hand_is_written_again(database_url: str) -> None:
    async with member(database_url) as first, member(database_url) as second:
        holder, waits = await first.hold(), second.call()
        await first.shows(1, people=1)
        await query(
            database_url,
            "WITH gone AS (DELETE FROM gate_tickets) SELECT pg_notify('byline_gates', 'macmini')",
        )
        lost = await asyncio.wait_for(holder.lost, WITHIN_S)
        assert lost.code == "database_unavailable"
        (await waits.slot()).release()
        await first.shows(0)


async def rest(url: str) -> None:
    await query(url, "INSERT INTO machine_pauses (machine) VALUES ('macmini')")
    await query(url, "SELECT pg_notify('byline_gates', 'macmini')")


async def go_on(url: str) -> None:
    await query(url, "DELETE FROM machine_pauses")
    await query(url, "SELECT pg_notify('byline_gates', 'macmini')")


async def test_background_work_rests_in_a_process_that_is_alone(database_url: str) -> None:
    async with member(database_url) as lone:
        background = await lone.hold(BG)
        await rest(database_url)
        async with asyncio.timeout(WITHIN_S):
            await background.told_to_stop.wait()
            again = asyncio.create_task((await background.slot()).requeue())
            await lone.gate.until(lambda s: (s.running, s.waiting_background) == (0, 1))
            (await (await lone.hold(FG)).slot()).release()
            await go_on(database_url)
            await again
        (await background.slot()).release()


async def test_background_work_rests_in_every_process_and_people_are_served(
    database_url: str,
) -> None:
    async with member(database_url) as first, member(database_url) as second:
        background = await first.hold(BG)
        await rest(database_url)
        async with asyncio.timeout(WITHIN_S):
            await background.told_to_stop.wait()
            again = asyncio.create_task((await background.slot()).requeue())
            for one in (first, second):
                await one.gate.until(lambda s: (s.running, s.waiting_background) == (0, 1))
                assert one.gate.status().background_paused
            other = second.call(BG)
            await first.gate.until(lambda s: s.waiting_background == 2)
            (await (await second.hold(FG)).slot()).release()
            await go_on(database_url)
            await again
            (await background.slot()).release()
            (await other.slot()).release()


async def test_who_starts_while_background_work_rests_lets_it_rest(database_url: str) -> None:
    await rest(database_url)
    async with member(database_url) as first:
        waiting = first.call(BG)
        async with asyncio.timeout(WITHIN_S):
            await first.gate.until(lambda s: s.waiting_background == 1)
            async with member(database_url) as second:
                await second.gate.until(lambda s: s.background_paused)
                assert not waiting.task.done()
            await first.is_alone()
            assert first.gate.status().background_paused
            await go_on(database_url)
            (await waiting.slot()).release()


async def test_every_process_sees_who_runs_and_who_waits_for_what(database_url: str) -> None:
    async with member(database_url) as first, member(database_url) as second:
        ask = AskedBy(Asker.ASK, "an-ask")
        holder = await first.gate.enter("gemma", FG, None, ask)
        waiting = second.call(BG)
        await first.shows(1, background=1)
        queue_snapshot = first.gate.queue_snapshot(10)
        assert [(c.origin, c.place) for c in queue_snapshot.running] == [
            (CallOrigin("gemma", ask), None)
        ]
        (behind,) = queue_snapshot.waiting
        assert (behind.origin.backend, behind.priority, behind.place) == (
            "gemma",
            BG,
            Queued(1, 1, None),
        )
        holder.release()
        (await waiting.slot()).release()
