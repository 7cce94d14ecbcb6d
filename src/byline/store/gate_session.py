"""The connections by which processes share the gates of machines.

`gate_session` is the one that holds a process's locks: its sign of life, and a lock for each slot
it has. Whatever it changes in the shared queues goes through that same connection, so a process
that has lost its locks can change nothing any more. `gate_notices` listens, and `wait_until_gone` waits
for the end of another process; each has a connection of its own.
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
"""A database that takes longer for a statement on the gates, in seconds, does not answer."""

_CONNECTION_OPTIONS: Final[Mapping[str, Any]] = {
    "autocommit": True,
    "connect_timeout": 5,
    # We are to know of a dead line (11 s) before the server does (30 s) and frees what we hold.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class MachineLocked(Exception):
    """Another process has been changing the machine's queue for two seconds."""


@dataclass(frozen=True, slots=True)
class MachineRows:
    """The shared queue of a machine at one instant: its row of `gate_machines` and
    whether it is `paused`, its rows of `gate_tickets`, and the database's time in seconds since
    1970."""

    machine: Mapping[str, Any]
    tickets: Sequence[Mapping[str, Any]]
    now: float


@dataclass(frozen=True, slots=True)
class QueueChange:
    """What is to become of a machine's queue. `slots` are the numbers of those this process is to
    hold the locks of."""

    machine: Mapping[str, Any]
    put: Sequence[Mapping[str, Any]]
    removed: Sequence[int]
    slots: frozenset[int]


@dataclass(slots=True)
class GateSession:
    """A process's hold on the shared gates, for as long as one connection lives.

    `owner` is its sign of life, a lock key; a new session has a new one. Every method raises
    DatabaseUnavailable when the connection is lost, and then it is: nothing is held any more.
    """

    connection: AsyncConnection[DictRow]
    owner: int
    on_connection_event: Callable[[], None]
    _slots: dict[str, frozenset[int]] = field(default_factory=dict)
    _sql: Mapping[str, str] = field(default_factory=lambda: statements("gates"))

    @property
    def pid(self) -> int:
        """The number of the server process, by which notices tell who sent them."""
        return self.connection.info.backend_pid

    async def ping(self) -> None:
        """One round trip."""
        await self._run("check")

    async def register(self) -> None:
        """Let all processes know that this one is here."""
        await self._run("register", owner=self.owner)

    async def unregister(self, owner: int) -> None:
        """Let all processes know that one is gone."""
        await self._run("unregister", owner=owner)

    async def processes(self) -> tuple[list[int], list[int]]:
        """The other processes: those that live, and those that have died and left rows behind."""
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
        """Make sure that an earlier session of this process holds nothing: the server may not have
        noticed yet that its line is dead."""
        await self._run("end_session", application=_application(owner))
        await self._run("watch", owner=owner)
        await self._run("unwatch", owner=owner)

    async def try_take_alone(self) -> bool:
        """Become the one process that keeps its queues to itself, unless another is there."""
        return bool((await self._run("try_alone"))[0]["alone"])

    async def take_shared(self) -> bool:
        """Take part in what is shared; False while another process keeps its queues to itself."""
        try:
            await self._run("share")
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    async def release_alone(self) -> None:
        """Let others share; the call before must have been `take_shared`."""
        await self._run("not_alone")

    async def release_shared(self) -> None:
        """Be alone in earnest; the call before must have been a `try_take_alone` that succeeded."""
        await self._run("unshare")

    async def now(self) -> float:
        """The database's time, in seconds since 1970."""
        return float((await self._run("time"))[0]["now"])

    async def paused(self) -> frozenset[str]:
        """The machines on which background work is to rest."""
        return frozenset(row["machine"] for row in await self._run("paused"))

    async def put_machine(self, machine: str, limits: Mapping[str, Any]) -> None:
        """There is such a machine, and its limits are these from now on, for all."""
        await self._run("know_machine", machine=machine, limits=Jsonb(limits))

    async def machines_of(self, owner: int) -> list[str]:
        """In whose queues a process has calls."""
        return [row["machine"] for row in await self._run("machines_of", owner=owner)]

    async def read(self, machine: str) -> MachineRows:
        """The queue as it is. This process has the locks of all its slots in it afterwards."""
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
        """The queue, which nobody else changes until `commit`. Raises MachineLocked."""
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
        """Write the change, give up and take the locks of slots, and tell all processes."""
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
        """Run several statements in one round trip: values are written into their text, since
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
        """Around each use of the connection. In between, the line is watched: the server only has
        something to say then when it ends."""
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
        """Before the connection is closed: its number may be another's afterwards."""
        with contextlib.suppress(psycopg.Error):
            asyncio.get_running_loop().remove_reader(self.connection.fileno())


@asynccontextmanager
async def gate_session(
    url: str, on_connection_event: Callable[[], None]
) -> AsyncIterator[GateSession]:
    """Connect and hold a fresh sign of life. `on_connection_event` is called when the connection may be lost:
    `GateSession.ping` tells. Raises DatabaseUnavailable."""
    owner = secrets.randbits(62)
    async with _connection(url, _application(owner)) as connection:
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
    """What processes tell each other of the gates: `payload` is a machine whose queue has changed,
    or `+` and `-` where a process has come or gone. Raises DatabaseUnavailable, also in the block
    when the connection is lost."""
    async with _connection(url, "byline gates, listening") as connection:
        with database_errors():
            await connection.execute(statements("gates")["listen"])
            yield connection.notifies()


async def wait_until_gone(url: str, owner: int) -> None:
    """Wait for the end of the process with that sign of life. Raises DatabaseUnavailable."""
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


def _application(owner: int) -> str:
    return f"byline gates {owner}"
