"""Asks on their way to a gate: who finds no place hears it at once, who has one does not come in
vain, and no place is lost however asks end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from api_doubles import Office, office
from dispatch_doubles import ManualClock, turn, turns, two_macs

from byline.dispatch.gate.admission import Admission, GateLimits
from byline.dispatch.gate.local_gate import Gate
from byline.dispatch.gate.shared_gate import SharedGate
from byline.domain.asks import AskDone, AskFailed, AskRequest, AskStatus
from byline.domain.gates import AskedBy, Asker, GateStatus, Priority
from byline.domain.machine_reports import CallRecord
from byline.errors import BackendUnavailable, DatabaseUnavailable, GateFull

FG, BG = Priority.FOREGROUND, Priority.BACKGROUND
ASK = "/api/search/ask"


def limits(capacity: int = 1, queue_len_max: int = 1) -> GateLimits:
    return GateLimits(capacity, queue_len_max, 60.0, 45.0, 90.0)


def a_gate(capacity: int = 1, queue_len_max: int = 1) -> Gate:
    return Gate("macmini", limits(capacity, queue_len_max), ManualClock())


def places(gate: Gate) -> int:
    """How many asks could start now."""
    found: list[Any] = []
    while True:
        try:
            found.append(gate.reserve("gemma", f"probe-{len(found)}"))
        except GateFull:
            break
    for place in found:
        place.give_back()
    return len(found)


def by(ask_id: str, asker: Asker = Asker.ASK) -> AskedBy:
    return AskedBy(asker, ask_id)


async def test_there_are_as_many_places_as_slots_and_places_in_the_queue() -> None:
    gate = a_gate(capacity=2, queue_len_max=3)
    assert places(gate) == 5
    kept = [gate.reserve("gemma", f"ask-{n}") for n in range(4)]
    slot = await gate.enter("gemma", FG)
    with pytest.raises(GateFull) as refused:
        gate.reserve("gemma", "late")
    assert refused.value.queue_len == 0
    assert refused.value.message == "The queue of macmini is full (0 waiting, 4 on the way)."
    kept[0].give_back()
    kept[0].give_back()
    assert places(gate) == 1
    slot.release()
    assert places(gate) == 2


async def test_the_place_is_the_asks_until_its_call_is_at_the_gate() -> None:
    gate = a_gate()
    place = gate.reserve("gemma", "one")
    assert places(gate) == 1
    slot = await gate.enter("gemma", FG, None, by("one"))
    assert places(gate) == 1
    slot.release()
    assert places(gate) == 2
    again = await gate.enter("gemma", FG, None, by("one", Asker.AGENT))  # a later round of an agent
    again.release()
    assert places(gate) == 2
    place.give_back()
    assert places(gate) == 2


async def test_a_call_that_rewrites_the_question_is_the_place_while_it_is_at_the_gate() -> None:
    gate = a_gate(queue_len_max=0)
    place = gate.reserve("gemma", "one")
    rewriting = await gate.enter("gemma", FG, None, by("one", Asker.FOLLOW_UP))
    assert places(gate) == 0
    rewriting.release()
    assert places(gate) == 0, "it is on its way again"
    (await gate.enter("gemma", FG, None, by("one"))).release()
    assert places(gate) == 1
    place.give_back()
    assert places(gate) == 1


async def test_an_ask_that_ends_while_it_is_rewritten_is_not_on_its_way_again() -> None:
    gate = a_gate(queue_len_max=0)
    place = gate.reserve("gemma", "one")
    rewriting = await gate.enter("gemma", FG, None, by("one", Asker.FOLLOW_UP))
    place.give_back()
    rewriting.release()
    assert places(gate) == 1


async def test_a_call_that_was_promised_nothing_takes_what_is_free() -> None:
    gate = a_gate(queue_len_max=1)
    kept = [gate.reserve("gemma", f"ask-{n}") for n in range(2)]
    assert places(gate) == 0
    running = await gate.enter("gemma", FG)
    waiting = asyncio.create_task(gate.enter("gemma", FG))
    await gate.until(lambda status: status.waiting_foreground == 1)
    with pytest.raises(GateFull):  # the price: one who had a place comes in vain, and keeps none
        await gate.enter("gemma", FG, None, by("ask-0"))
    for place in kept:
        place.give_back()
    running.release()
    (await waiting).release()
    assert places(gate) == 2


async def test_a_cancelled_call_in_the_queue_leaves_no_place_behind() -> None:
    gate = a_gate()
    running = await gate.enter("gemma", FG)
    place = gate.reserve("gemma", "one")
    waiting = asyncio.create_task(gate.enter("gemma", FG, None, by("one", Asker.FOLLOW_UP)))
    await gate.until(lambda status: status.waiting_foreground == 1)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert places(gate) == 0, "the ask itself goes on without the rewriting"
    place.give_back()
    assert places(gate) == 1
    running.release()


async def test_a_shared_gate_keeps_the_place_until_all_processes_know_of_the_call() -> None:
    gate = SharedGate("macmini", limits(), ManualClock())
    shared = gate.decide_shared()
    place = gate.reserve("gemma", "one")
    entering = asyncio.create_task(gate.enter("gemma", FG, None, by("one")))
    await turns(2)
    assert places(gate) == 1, "nobody else has heard of it"
    deliver(gate, shared)
    assert places(gate) == 1
    (await entering).release()
    deliver(gate, shared)
    assert places(gate) == 2
    place.give_back()
    assert places(gate) == 2


def deliver(gate: SharedGate, shared: Admission) -> None:
    """What `Coordinator` does with events."""
    after = Admission(shared.limits, shared.state())
    effects = [effect for event in gate.take_events() for effect in event.apply(after, 1_000.0)]
    gate.adopt(after, effects, 1_000.0)


class Crowd:
    """Asks with a fate drawn for each."""

    def __init__(self, gate: Gate, seed: int) -> None:
        self.gate = gate
        self.chance = random.Random(seed)
        self.fates: Counter[str] = Counter()

    async def ask(self, ask_id: str) -> None:
        try:
            place = self.gate.reserve("gemma", ask_id)
        except GateFull:
            self.fates["refused at once"] += 1
            return
        try:
            await self.run(ask_id)
        except GateFull:
            self.fates["in vain"] += 1
        except asyncio.CancelledError:
            self.fates["cancelled"] += 1
            raise
        finally:
            place.give_back()

    async def run(self, ask_id: str) -> None:
        if self.chance.random() < 0.3:
            with await self.gate.enter("gemma", FG, None, by(ask_id, Asker.FOLLOW_UP)):
                await turns(self.chance.randint(0, 3))
            self.fates["rewritten"] += 1
        await turns(self.chance.randint(0, 5))  # the search
        if self.chance.random() < 0.2:
            self.fates["no evidence"] += 1
            return
        for _ in range(self.chance.choice((1, 1, 3))):
            with await self.gate.enter("gemma", FG, None, by(ask_id)):
                await turns(self.chance.randint(0, 3))
        self.fates["answered"] += 1

    async def other(self, priority: Priority) -> None:
        try:
            with await self.gate.enter("gemma", priority):
                await turns(2)
        except GateFull:
            self.fates["other refused"] += 1

    async def come_and_go(self, *, others: bool) -> None:
        came: list[asyncio.Task[None]] = []
        for number in range(1_500):
            if self.chance.random() < 0.5:
                came.append(asyncio.create_task(self.ask(f"ask-{number}")))
            if others and self.chance.random() < 0.2:
                came.append(asyncio.create_task(self.other(self.chance.choice((FG, BG)))))
            if came and self.chance.random() < 0.3:
                self.chance.choice(came[-10:]).cancel()
            if self.chance.random() < 0.8:
                await turn()
        await asyncio.gather(*came, return_exceptions=True)


@pytest.mark.parametrize("others", [False, True], ids=["asks alone", "with others"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("capacity", "queue_len_max"), [(1, 0), (1, 4), (3, 2)])
async def test_no_place_is_lost_however_asks_end(
    capacity: int, queue_len_max: int, seed: int, others: bool
) -> None:
    gate = a_gate(capacity, queue_len_max)
    crowd = Crowd(gate, seed)
    await crowd.come_and_go(others=others)
    assert gate.status() == GateStatus("macmini", capacity, 0, 0, 0)
    assert places(gate) == capacity + queue_len_max
    assert others or not crowd.fates["in vain"]
    fates = ("refused at once", "rewritten", "no evidence", "cancelled", "answered")
    assert min(crowd.fates[fate] for fate in fates) > 10, crowd.fates


# The whole of it, from the door


@asynccontextmanager
async def searching(
    tmp_path: Path, **macmini: float
) -> AsyncIterator[tuple[Office, asyncio.Event]]:
    """An office whose searches wait for an event."""
    found = asyncio.Event()
    async with office(tmp_path, two_macs(**macmini)) as byline:
        search = byline.searcher.search

        async def slowly(request: Any) -> Any:
            byline.searcher.requests.append(request)
            await found.wait()
            return await search(request)

        byline.searcher.search = slowly  # type: ignore[method-assign]
        yield byline, found


async def test_of_many_asks_at_once_only_those_with_a_place_search(tmp_path: Path) -> None:
    async with searching(tmp_path, capacity=2, queue_len_max=3) as (byline, found):
        heard = byline.lab.feed.read(CallRecord)
        running, refused = [], []
        for _ in range(500):
            try:
                running.append(byline.asks.start(AskRequest("When is rent due?")))
            except GateFull as error:
                refused.append(error)
        await turns(10)
        assert (len(running), len(byline.searcher.requests)) == (5, 5)
        assert len(byline.records.asks) == 5, "nothing is stored of the others"
        assert {(one.queue_len, one.on_the_way) for one in refused} == {(0, 5)}
        assert {(await anext(heard)).outcome for _ in refused} == {"gate_full"}
        found.set()
        for number in range(1, 6):
            (await byline.client("gemma-macmini").call(number)).finish()
        for ask in running:
            assert isinstance([event async for event in ask][-1], AskDone)
        assert places(byline.lab.dispatcher.gate("macmini")) == 5


@pytest.mark.parametrize("query", ["", "&stream=true", "&backend=phi-macmini"])
async def test_a_full_gate_is_told_before_anything_is_searched(tmp_path: Path, query: str) -> None:
    async with (
        searching(tmp_path, queue_len_max=0) as (byline, _),
        byline.call.calling("GET", f"{ASK}?q=rent"),
    ):
        while not byline.searcher.requests:
            await turn()
        refused = await byline.call.get(f"{ASK}?q=rent{query}")
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) > 0
        body = refused.json()
        assert (body["error"]["code"], body["queue_len"]) == ("gate_full", 0)
        assert "(0 waiting, 1 on the way)" in body["error"]["message"]
        assert refused.headers["x-byline-backend"].endswith("-macmini")
        assert len(byline.searcher.requests) == len(byline.records.asks) == 1


async def test_what_searches_nothing_or_needs_no_gate_is_not_kept_out(tmp_path: Path) -> None:
    hello = b'{"model": "gemma-macmini", "messages": [{"role": "user", "content": "x"}]}'
    sent = {"content-type": "application/json"}
    async with (
        searching(tmp_path, queue_len_max=0) as (byline, found),
        byline.call.calling("GET", f"{ASK}?q=rent"),
        byline.call.calling("POST", "/v1/chat/completions", hello, sent) as chat,
    ):
        (await byline.client("gemma-macmini").call()).finish()
        await chat.task
        found.set()
        quoted = await byline.call.get(f"{ASK}?q=rent&backend=quotes")
    assert (chat.answer.status, quoted.status) == (200, 200)


@pytest.mark.parametrize("status", [AskStatus.CANCELLED, AskStatus.INTERRUPTED])
@pytest.mark.parametrize("after", [0, 1, 5, 20])
async def test_an_ask_that_is_stopped_gives_its_place_back(
    tmp_path: Path, status: AskStatus, after: int
) -> None:
    async with searching(tmp_path, queue_len_max=0) as (byline, found):
        if after == 20:
            found.set()
        running = byline.asks.start(AskRequest("When is rent due?"))
        await turns(after)
        await running.stop(status)
        assert places(byline.lab.dispatcher.gate("macmini")) == 1


async def test_an_ask_that_ends_without_a_call_gives_its_place_back(tmp_path: Path) -> None:
    async with office(tmp_path, two_macs(queue_len_max=0)) as byline:
        byline.searcher.hits = ()
        assert (await byline.call.get(f"{ASK}?q=rent")).json()["status"] == "no_evidence"
        assert places(byline.lab.dispatcher.gate("macmini")) == 1
        byline.searcher.error = DatabaseUnavailable("PostgreSQL does not answer.")
        assert (await byline.call.get(f"{ASK}?q=rent")).status == 503
        assert places(byline.lab.dispatcher.gate("macmini")) == 1


async def test_a_machine_that_is_known_to_be_down_is_told_as_down_and_not_as_full(
    tmp_path: Path,
) -> None:
    down = BackendUnavailable("phi-macmini", "ConnectError", machine="macmini")
    async with searching(tmp_path, queue_len_max=0) as (byline, found):
        client = byline.client("phi-macmini")
        client.probe_outcome = client.reach_outcome = down
        await byline.lab.dispatcher.get_backend("phi-macmini").probe()
        running = [
            byline.asks.start(AskRequest("When is rent due?", "phi-macmini")) for _ in range(3)
        ]
        found.set()
        for ask in running:
            last = [event async for event in ask][-1]
            assert isinstance(last, AskFailed)
            assert last.error.code == "backend_unavailable"
