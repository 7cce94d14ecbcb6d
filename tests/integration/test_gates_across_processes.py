"""Real processes on one database and one machine, some of which are killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from gate_members import FG, member

from byline.testing.machine import FakeMachine, fake_machine

CHILD = Path(__file__).with_name("gate_process.py")
SAYS_WITHIN_S = 250.0
"""Less than pytest's own limit (300 s), whose report does not say which process hangs. It is no
measure: on a busy computer three processes alone take half a minute to begin."""
FOREGROUND, BACKGROUND = 0, 1


class Process:
    """A process that calls the machine, and all it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    def tell(self, **words: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")

    def call(self, name: str, priority: int = FOREGROUND) -> None:
        self.tell(call=name, priority=priority)

    async def says(self, **words: Any) -> dict[str, Any]:
        """Wait for a line with these words, said before or not."""
        assert self.process.stdout is not None
        async with asyncio.timeout(SAYS_WITHIN_S):
            while True:
                for line in self.said:
                    if words.items() <= line.items():
                        return line
                self.said.append(json.loads(await self.process.stdout.readline()))

    async def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def gate_process(url: str, machine: FakeMachine, capacity: int) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CHILD), url, machine.base_url, str(capacity)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
            async with asyncio.timeout(SAYS_WITHIN_S):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def processes(
    url: str, machine: FakeMachine, count: int, capacity: int = 1
) -> AsyncIterator[list[Process]]:
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(gate_process(url, machine, capacity))
            for _ in range(count)
        ]
        for one in started:
            await one.says(ready=True)
        yield started


async def test_when_the_holder_is_killed_the_machine_goes_to_the_first_of_all_who_wait(
    database_url: str,
) -> None:
    async with fake_machine("hold") as machine, processes(database_url, machine, 3) as three:
        holder, background, person = three
        holder.call("first")
        await holder.says(event="started")
        background.call("later", BACKGROUND)
        await background.says(event="queued", position=1)
        person.call("sooner", FOREGROUND)
        await person.says(event="queued", position=1, ahead=1)
        await background.says(event="queued", position=2, ahead=2)
        await machine.wait_for(running=1)
        await holder.kill()
        await person.says(event="started")
        await background.says(event="queued", position=1, ahead=1)
        await machine.wait_for(requests=2)
        await machine.set_mode("ok")
        await machine.release()
        await person.says(event="done")
        await background.says(event="done")
        assert (await machine.counts())["running_max"] == 1


async def test_when_one_who_waits_is_killed_the_others_move_up(database_url: str) -> None:
    async with fake_machine("hold") as machine, processes(database_url, machine, 3) as three:
        holder, dies, stays = three
        holder.call("first")
        await holder.says(event="started")
        dies.call("second")
        await dies.says(event="queued", position=1)
        stays.call("third")
        await stays.says(event="queued", position=2, ahead=2)
        await dies.kill()
        await stays.says(event="queued", position=1, ahead=1)
        await machine.set_mode("ok")
        await machine.release()
        await stays.says(event="done")


async def test_a_person_in_one_process_interrupts_the_background_call_of_another(
    database_url: str,
) -> None:
    async with fake_machine("hold") as machine, processes(database_url, machine, 2) as two:
        busy, asks = two
        busy.call("enrichment", BACKGROUND)
        await machine.wait_for(requests=1)
        await machine.set_mode("ok")
        asks.call("question", FOREGROUND)
        await asks.says(event="done")
        await busy.says(event="preempted")  # it had yielded its first words
        counts = await machine.counts()
        assert (counts["requests"], counts["left"], counts["running_max"]) == (2, 1, 1)


async def test_a_process_that_was_alone_and_dies_leaves_the_machine_to_who_comes(
    database_url: str,
) -> None:
    async with fake_machine("hold") as machine, processes(database_url, machine, 1) as (alone,):
        alone.call("first")
        await machine.wait_for(running=1)
        await alone.kill()
        async with member(database_url) as newcomer:
            (await (await newcomer.hold(FG)).slot()).release()


@pytest.mark.parametrize("capacity", [1, 2])
async def test_a_crowd_in_three_processes_never_has_the_machine_do_more_than_it_takes(
    database_url: str, capacity: int
) -> None:
    async with (
        fake_machine("ok", delay_s=0.002 * (capacity - 1)) as machine,
        processes(database_url, machine, 3, capacity) as three,
    ):
        for number, one in enumerate(three):
            one.tell(crowd=number, callers=180)
        fates: Counter[str] = Counter()
        for number, one in enumerate(three):
            fates.update((await one.says(crowd=number))["fates"])
        counts = await machine.counts()
        assert counts["running_max"] == capacity
        assert fates["done"] > 100 and fates["cancelled"] > 50
        assert set(fates) <= {"done", "cancelled", "preempted"}
        for number, one in enumerate(three):  # no slot was lost
            one.call(f"after {number}")
            await one.says(call=f"after {number}", event="done")


async def test_processes_that_come_and_go_under_load_neither_lose_nor_double_a_slot(
    database_url: str,
) -> None:
    async with fake_machine("ok") as machine, processes(database_url, machine, 1) as (stays,):
        stays.tell(crowd=0, callers=360)
        for number in range(1, 4):
            async with gate_process(database_url, machine, 1) as comes:
                await comes.says(ready=True)
                comes.call("hello")
                await comes.says(event="done")
                comes.call("killed")
                await comes.says(call="killed")
                if number % 2:
                    await comes.kill()
        fates = (await stays.says(crowd=0))["fates"]
        assert set(fates) <= {"done", "cancelled", "preempted"}
        assert (await machine.counts())["running_max"] == 1
        stays.call("after")
        await stays.says(call="after", event="done")
