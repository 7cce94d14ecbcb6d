"""The connections by which processes share the gates of machines.

`gate_session` opens the connection that holds a process's advisory locks: its presence lock, and
one for each slot it has. Every change to the shared queues goes through that connection, so a
process that has lost its locks can change nothing any more. `gate_notices` listens, and
`wait_until_gone` waits for the end of another process; each has a connection of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from byline.errors import DatabaseUnavailable
from byline.store.database import database_errors
from byline.store.statements import statements

ANSWER_S_MAX: Final = 5.0
"""Longest time for a statement on the gates, in seconds; after that the database counts as away."""

_CONNECTION_OPTIONS: Final[Mapping[str, Any]] = {
    "autocommit": True,
    "connect_timeout": 5,
    # We must notice a dead connection (11 s) before the server does (30 s) and frees our locks.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class MachineLocked(Exception):
    """Another process has been changing the machine's queue for two seconds."""


@dataclass(frozen=True, slots=True)
class MachineRows:
    """The shared queue of a machine at one instant: its row of `gate_machines` and whether it is
    `paused`, its rows of `gate_tickets`, and the database's time in seconds since 1970."""

    machine: Mapping[str, Any]
    tickets: Sequence[Mapping[str, Any]]
    now: float


@dataclass(frozen=True, slots=True)
class QueueChange:
    """What to write to a machine's queue: its row, the tickets to put and those to remove. `slots`
    are the numbers of the slots whose locks this process is to hold afterwards."""

    machine: Mapping[str, Any]
    put: Sequence[Mapping[str, Any]]
    removed: Sequence[int]
    slots: frozenset[int]


@dataclass(slots=True)
class GateSession:
    """GateSession holds a process's locks on the shared gates while one connection lives.

    `owner` is the key of its presence lock; every session has a new one. Every method raises
    DatabaseUnavailable when the connection is lost; then no lock is held any more.
    """

    connection: AsyncConnection[DictRow]
    owner: int
    on_connection_event: Callable[[], None]
    _slots: dict[str, frozenset[int]] = field(default_factory=dict)
    _sql: Mapping[str, str] = field(default_factory=lambda: statements("gates"))

    @property
    def pid(self) -> int:
        """The number of the server process; a notice names its sender by it."""
        return self.connection.info.backend_pid

    async def ping(self) -> None:
        """Make one round trip."""
        await self._run("check")

    async def register(self) -> None:
        """Record this process and notify all others."""
        await self._run("register", owner=self.owner)

    async def unregister(self, owner: int) -> None:
        """Remove the record of a process and notify all others."""
        await self._run("unregister", owner=owner)

    async def processes(self) -> tuple[list[int], list[int]]:
        """Return the keys of the other processes: those that live, and those that have died and
        left rows behind."""
        rows = await self._run("processes", owner=self.owner)
        living: list[int] = []
        dead: list[int] = []
        for owner in [row["owner"] for row in rows]:
            gone = (await self._run("is_gone", owner=owner))[0]["gone"]
            (dead if gone else living).append(owner)
            if gone:
                await self._run("unwatch", owner=owner)
        return living, dead

    async def end_previous(self, owner: int) -> None:
        """End an earlier session of this process, and wait until its locks are free: the server may
        not have noticed yet that its connection is dead."""
        await self._run("end_session", application=_application_name(owner))
        await self._run("watch", owner=owner)
        await self._run("unwatch", owner=owner)

    async def try_take_alone(self) -> bool:
        """Take the lock of the one process that keeps its queues in memory; return False if another
        process is there."""
        return bool((await self._run("try_alone"))[0]["alone"])

    async def take_shared(self) -> bool:
        """Take the lock of the processes that share; return False while another process is
        alone."""
        try:
            await self._run("share")
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    async def release_alone(self) -> None:
        """Let others share. Call `take_shared` first."""
        await self._run("not_alone")

    async def release_shared(self) -> None:
        """Give up the shared lock. Call `try_take_alone` first, and only if it returned True."""
        await self._run("unshare")

    async def now(self) -> float:
        """Return the database's time, in seconds since 1970."""
        return float((await self._run("time"))[0]["now"])

    async def paused(self) -> frozenset[str]:
        """Return the machines on which background work is paused."""
        return frozenset(row["machine"] for row in await self._run("paused"))

    async def put_machine(self, machine: str, limits: Mapping[str, Any]) -> None:
        """Record a machine and its limits, which hold for all processes."""
        await self._run("know_machine", machine=machine, limits=Jsonb(limits))

    async def machines_of(self, owner: int) -> list[str]:
        """Return the machines in whose queues a process has calls."""
        return [row["machine"] for row in await self._run("machines_of", owner=owner)]

    async def read(self, machine: str) -> MachineRows:
        """Return the queue. Afterwards this process holds the locks of exactly its slots in it."""
        held = self._slots.get(machine, frozenset())
        wanted = {"machine": machine, "owner": self.owner, "held": list(held)}
        async with self._in_use():
            results = await self._run_batch(["machine", "tickets_and_slots", "time"], wanted)
        rows = _machine_rows(results)
        slots = frozenset(
            row["slot"]
            for row in rows.tickets
            if row["owner"] == self.owner and row["slot"] is not None
        )
        if left := held - slots:
            await self._run("leave_slots", machine=machine, left=list(left))
        self._slots[machine] = slots
        return rows

    async def begin(self, machine: str) -> MachineRows:
        """Return the queue, and keep others from changing it until `commit`. Raises
        MachineLocked."""
        async with self._in_use():
            try:
                results = await self._run_batch(
                    ["begin", "lock_machine", "tickets", "time"], {"machine": machine}
                )
            except psycopg.errors.LockNotAvailable:
                await self.connection.execute("ROLLBACK")
                raise MachineLocked(machine) from None
        return _machine_rows(results[1:])

    async def commit(self, machine: str, change: QueueChange) -> None:
        """Write the change, release and take the locks of slots, and notify all processes."""
        held = self._slots.get(machine, frozenset())
        left, taken = list(held - change.slots), list(change.slots - held)
        statements_of = {
            "remove_tickets": change.removed,
            "put_tickets": change.put,
            "put_machine": change.machine,
            "leave_slots": left,
            "take_slots": taken,
            "tell": change.put or change.removed,
            "commit": True,
        }
        values = {
            **change.machine,
            "machine": machine,
            "payload": machine,
            "left": left,
            "taken": taken,
            "removed": list(change.removed),
            "put": Jsonb(list(change.put)),
        }
        async with self._in_use():
            await self._run_batch(
                [name for name, needed in statements_of.items() if needed], values
            )
        self._slots[machine] = change.slots

    async def _run_batch(
        self, names: Sequence[str], values: Mapping[str, Any]
    ) -> list[list[DictRow]]:
        """Run several statements in one round trip. The values are written into the text, since
        PostgreSQL takes only one statement at a time any other way."""
        text = "".join(self._sql[name].rstrip().removesuffix(";") + ";\n" for name in names)
        cursor = AsyncClientCursor(self.connection)
        await cursor.execute(text, values)
        results = []
        while True:
            results.append(await cursor.fetchall() if cursor.description else [])
            if not cursor.nextset():
                return results

    async def _run(self, name: str, **values: Any) -> list[DictRow]:
        async with self._in_use():
            cursor = await self.connection.execute(self._sql[name], values)
            return [] if cursor.description is None else await cursor.fetchall()

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        """Wrap each use of the connection. Between uses the event loop watches the socket: the
        server only sends something then when the connection ends."""
        loop = asyncio.get_running_loop()
        with database_errors():
            if self.connection.closed:
                raise DatabaseUnavailable("The connection that held the gates was lost.")
            loop.remove_reader(self.connection.fileno())
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    yield
            except TimeoutError:
                await self.connection.close()
                raise DatabaseUnavailable(
                    f"The database did not answer for {ANSWER_S_MAX:g} s."
                ) from None
            finally:
                if not self.connection.closed:
                    loop.add_reader(self.connection.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        asyncio.get_running_loop().remove_reader(self.connection.fileno())
        self.on_connection_event()

    def stop_watching(self) -> None:
        """Stop watching the socket. Call it before the connection is closed: afterwards its number
        may be another socket's."""
        with contextlib.suppress(psycopg.Error):
            asyncio.get_running_loop().remove_reader(self.connection.fileno())


@asynccontextmanager
async def gate_session(
    url: str, on_connection_event: Callable[[], None]
) -> AsyncIterator[GateSession]:
    """Connect and take a fresh presence lock. Raises DatabaseUnavailable.

    `on_connection_event` is called when the connection may be lost; `GateSession.ping` tells.
    """
    owner = secrets.randbits(62)
    async with _connection(url, _application_name(owner)) as connection:
        sql = statements("gates")
        with database_errors():
            await connection.execute(sql["bound_waits"])
            with contextlib.suppress(psycopg.errors.InvalidParameterValue):  # not on every system
                await connection.execute(sql["notice_hang_up"])
            await connection.execute(sql["hold"], {"owner": owner})
        session = GateSession(connection, owner, on_connection_event)
        try:
            yield session
        finally:
            session.stop_watching()


@asynccontextmanager
async def gate_notices(url: str) -> AsyncIterator[AsyncIterator[psycopg.Notify]]:
    """Yield the notices that processes send about the gates. Raises DatabaseUnavailable, also in
    the block when the connection is lost.

    `payload` is a machine whose queue has changed, or `+` or `-` where a process has come or gone.
    """
    async with _connection(url, "byline gates, listening") as connection:
        with database_errors():
            await connection.execute(statements("gates")["listen"])
            yield connection.notifies()


async def wait_until_gone(url: str, owner: int) -> None:
    """Wait for the end of the process whose presence lock is `owner`. Raises
    DatabaseUnavailable."""
    async with _connection(url, "byline gates, watching") as connection:
        with database_errors():
            await connection.execute(statements("gates")["watch"], {"owner": owner})


@asynccontextmanager
async def _connection(url: str, application: str) -> AsyncIterator[AsyncConnection[DictRow]]:
    with database_errors():
        connection = await AsyncConnection.connect(
            url, row_factory=dict_row, application_name=application, **_CONNECTION_OPTIONS
        )
    try:
        with database_errors():
            await connection.execute(statements("gates")["be_patient"])
        yield connection
    finally:
        await connection.close()


def _machine_rows(results: Sequence[Sequence[DictRow]]) -> MachineRows:
    (machine,), tickets, (time,) = results
    return MachineRows(machine, tickets, time["now"])


def _application_name(owner: int) -> str:
    return f"byline gates {owner}"
