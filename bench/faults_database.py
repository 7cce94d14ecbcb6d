"""Faults of the database: killed, frozen, cut off, locked, full of what it should not hold."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import psutil

from bench.fault import Fault, Outcome, linux
from bench.fault_site import READ, Added, Site, counted, large, while_
from bench.faults_processes import answering

FROZEN_S: Final = 12.0
LOCKED_S: Final = 4.0
BOUND_S: Final = 6.0
"""`database.connect_s_max` of the site (3 s), a second until that is looked at, and some air."""
CONNECTION: Final = "byline byline"
AT_ONCE: Final = 4


async def connection_killed_while_reading(place: Site) -> Outcome:
    document = await place.add(large())
    await place.reached(document, ["extracting"])
    began = time.monotonic()
    told = await while_(_kill(place.processes(CONNECTION)[-1]), lambda: _asked(place), AT_ONCE)
    states = [await place.reached(document, [*READ, "queued", "failed"])]
    if states[0] not in READ:
        states.append(await place.reached(document, READ))
    seen = f"the file is `extracting`, then `{'`, then `'.join(states)}`; asks: {counted(told)}"
    return Outcome(seen, await place.well(began), await place.losses())


async def connection_killed_while_searching(place: Site) -> Outcome:
    began = time.monotonic()

    async def kill() -> None:
        await asyncio.sleep(0.2)
        for process in place.processes(CONNECTION):
            async with place.database() as connection:
                found = await connection.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND query ILIKE %s",
                    (process.pid, "%passages%"),
                )
                if await found.fetchone():
                    process.kill()
                    return
        raise RuntimeError("no connection has searched")

    told = await while_(kill(), lambda: _asked(place), AT_ONCE)
    return Outcome(f"asks: {counted(told)}", await place.well(began), await place.losses())


async def postmaster_killed(place: Site) -> Outcome:
    began = time.monotonic()
    told = await while_(_kill(place.postgres()[0]), lambda: _asked(place), AT_ONCE)
    return Outcome(f"asks: {counted(told)}", await place.well(began), await place.losses())


async def _kill(process: psutil.Process) -> None:
    process.kill()
    await asyncio.sleep(1)


async def _asked(place: Site) -> str:
    return (await place.ask()).words


async def frozen(place: Site) -> Outcome:
    longest = 0.0

    async def ask() -> str:
        nonlocal longest
        reply = await place.ask()
        longest = max(longest, reply.seconds)
        return reply.words

    async def freeze() -> None:
        async with _frozen(place):
            await asyncio.sleep(FROZEN_S)

    told = await while_(freeze(), ask, AT_ONCE)
    seconds = await place.well(time.monotonic())
    lost = await place.losses()
    if longest > BOUND_S:
        lost.append(f"an ask waited {longest:.1f} s")
    return Outcome(f"asks: {counted(told)}; none waited over {longest:.1f} s", seconds, lost)


async def frozen_while_answering(place: Site) -> Outcome:
    heard, reading = await answering(place, mode="hold")
    async with _frozen(place):
        await place.machine.release()
        await asyncio.sleep(FROZEN_S)
        await reading
    began = time.monotonic()
    seconds = await place.well(began)
    stored = await place.call("GET", f"/api/asks/{heard.ask_id}")
    deadline = time.monotonic() + 10
    while stored.body["status"] != "completed" and time.monotonic() < deadline:
        stored = await place.call("GET", f"/api/asks/{heard.ask_id}")
        await asyncio.sleep(0.05)
    lost = await place.losses()
    if stored.body["status"] != "completed":
        lost.append("the answer")
    seen = f"{heard.words}; afterwards the history has it as `{stored.body['status']}`"
    return Outcome(seen, seconds, lost)


async def crashed_while_answering(place: Site) -> Outcome:
    """A connection is killed as soon as the first tokens are there; the machine goes on."""
    heard, reading = await answering(place, mode="hold")
    began = time.monotonic()
    place.processes(CONNECTION)[-1].kill()
    await place.machine.release()
    await reading
    seconds = await place.well(began)
    stored = await place.call("GET", f"/api/asks/{heard.ask_id}")
    lost = await place.losses()
    return Outcome(f"{heard.words}; afterwards the history has: {stored.words}", seconds, lost)


class _frozen(contextlib.AbstractAsyncContextManager[None]):
    """PostgreSQL stands still meanwhile."""

    def __init__(self, place: Site) -> None:
        self._stopped = place.postgres()

    async def __aenter__(self) -> None:
        for process in self._stopped:
            process.suspend()

    async def __aexit__(self, *_: object) -> None:
        for process in self._stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


async def terminated(place: Site) -> Outcome:
    began = time.monotonic()

    async def terminate() -> None:
        async with place.database() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'byline' AND pid <> pg_backend_pid()"
            )
        await asyncio.sleep(1)

    told = await while_(terminate(), lambda: _asked(place), AT_ONCE)
    return Outcome(f"asks: {counted(told)}", await place.well(began), await place.losses())


def locked(table: str) -> Callable[[Site], Awaitable[Outcome]]:
    """Somebody else locks a table for some seconds."""

    async def attempt(place: Site) -> Outcome:
        longest = 0.0

        async def ask() -> str:
            nonlocal longest
            reply = await place.ask()
            longest = max(longest, reply.seconds)
            return reply.words

        async def lock() -> None:
            async with place.database() as connection, connection.transaction():
                await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                await asyncio.sleep(LOCKED_S)

        told = await while_(lock(), ask)
        seconds = await place.well(time.monotonic())
        seen = f"asks: {counted(told)}, the longest after {longest:.1f} s"
        return Outcome(seen, seconds, await place.losses())

    return attempt


async def _behind_others(place: Site) -> Added:
    """A document whose job waits until those of two large ones are done."""
    for _ in range(2):
        await place.add(large())
    return await place.add()


async def job_lost(place: Site) -> Outcome:
    """The row of a job is deleted while its document waits for the reader."""
    waiting = await _behind_others(place)
    began = time.monotonic()
    async with place.database() as connection:
        deleted = await connection.execute(
            "DELETE FROM procrastinate_jobs WHERE args ->> 'document_id' = %s AND status = 'todo'",
            (waiting.id,),
        )
    if not deleted.rowcount:
        raise RuntimeError("the job was begun already")
    await place.reached(waiting, READ, s_max=80)
    seen = "the document stays `queued`, then is read"
    return Outcome(seen, await place.well(began), await place.losses())


async def clock_set_back(place: Site) -> Outcome:
    """A document waits for its next try, and the clock is set back an hour: its time is far off."""
    waiting = await _behind_others(place)
    began = time.monotonic()
    async with place.database() as connection:
        put_off = await connection.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
            " WHERE args ->> 'document_id' = %s AND status = 'todo'",
            (waiting.id,),
        )
    if not put_off.rowcount:
        raise RuntimeError("the job was begun already")
    await place.reached(waiting, READ, s_max=80)
    seen = "the document stays `queued`, then is read"
    return Outcome(seen, await place.well(began), await place.losses())


async def clock_set_forward(place: Site) -> Outcome:
    """All that was written in the last minutes is from the future of a clock that was set right."""
    async with place.database() as connection:
        for table, column in (
            ("stored_documents", "created_at"),
            ("stored_documents", "updated_at"),
            ("asks", "created_at"),
            ("procrastinate_workers", "last_heartbeat"),
        ):
            await connection.execute(f"UPDATE {table} SET {column} = now() + interval '1 hour'")
    began = time.monotonic()
    await place.kill()
    await place.start()
    document = await place.add()
    await place.reached(document, READ)
    listed = await place.call("GET", "/api/documents?limit=1")
    seen = f"documents are listed and read ({listed.status})"
    return Outcome(seen, await place.well(began), await place.losses())


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "A connection of the database is killed while a large file is read",
        "SIGKILL to the youngest PostgreSQL backend; PostgreSQL then ends all others and recovers",
        connection_killed_while_reading,
    ),
    Fault(
        "A connection of the database is killed while asks are searched",
        "SIGKILL to a PostgreSQL backend that has searched, among asks four at a time",
        connection_killed_while_searching,
    ),
    Fault(
        "The whole database is killed",
        "SIGKILL to the postmaster, among asks four at a time",
        postmaster_killed,
    ),
    Fault(
        "The database stands still",
        "SIGSTOP to all of PostgreSQL for 12 s, among asks four at a time; "
        "`database.connect_s_max` is 3 s",
        frozen,
    ),
    Fault(
        "The database stands still while an answer comes to its end",
        "SIGSTOP to all of PostgreSQL for 12 s after the first tokens; the machine goes on",
        frozen_while_answering,
    ),
    Fault(
        "A connection of the database is killed while an answer streams",
        "SIGKILL to a PostgreSQL backend after the first tokens; the machine goes on",
        crashed_while_answering,
    ),
    Fault(
        "All connections of the database are cut",
        "`pg_terminate_backend`, among asks four at a time",
        terminated,
    ),
    Fault(
        "Somebody locks the passages",
        "`LOCK TABLE passages` in a transaction of 4 s; one ask after the other",
        locked("passages"),
    ),
    Fault(
        "Somebody locks the asks",
        "`LOCK TABLE asks` in a transaction of 4 s; one ask after the other",
        locked("asks"),
    ),
    Fault(
        "The job of a waiting document is lost",
        "its row is deleted; jobs are looked for every minute",
        job_lost,
        slow=True,
    ),
    Fault(
        "The clock is set back an hour while a document waits to be tried again",
        "as its job has it afterwards: due in an hour; jobs are looked for every minute",
        clock_set_back,
        slow=True,
    ),
    Fault(
        "The clock was an hour fast and is set right",
        "documents, asks and signs of life an hour in the future; the server is killed and started",
        clock_set_forward,
        linux,
    ),
)
