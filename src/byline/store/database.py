"""The pool of connections to PostgreSQL, and the one place where psycopg's errors become Byline's.

A caller borrows a connection for one transaction. When the database goes away, callers get
`DatabaseUnavailable`; when it is back, the next caller is served without a restart of Byline.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from byline.background import in_background
from byline.config import schema
from byline.errors import BylineError, DatabaseUnavailable, StartFailed, StorageFull
from byline.store.binary_copy import allow_packed
from byline.store.migrate import SchemaState, migrate, outstanding
from byline.store.statements import statements

_DOWN_SQLSTATES: Final = ("08", "28", "53", "57P", "58", "F0")
"""Prefixes of the SQLSTATEs that mean a fault of the server, not of the statement."""

_DOWN_WITHOUT_SQLSTATE: Final = (psycopg.errors.PipelineAborted,)
"""Operational errors the client library itself makes that do *not* mean the server is away."""

_CONNECT_RETRY_S: Final = 0.25
_POOL_TRY_S: Final = 1.0
_CHECK_S_MAX: Final = 2.0
_WATCH_S: Final = 1.0
_DOUBTED_AFTER_S: Final = 1.0
"""A connection borrowed for longer is a reason to ask whether the server still answers."""
_HANDSHAKE_S: Final = (2.0, 5.0)
"""A server that has not accepted a new connection by then does not answer the old ones either: so
that it is known by `connect_s_max`, but not sooner than the first and not later than the second."""
_UNANSWERED_WAIT_S: Final = 0.25
"""How long a caller waits for a server that is known not to answer."""


def as_byline_error(error: psycopg.Error) -> BylineError | None:
    """Return Byline's error for a psycopg error, or None when it is about the statement itself."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    if error.sqlstate == "53100":
        return StorageFull(
            "The disk of the database is full; nothing was stored.",
            remedy="Free some disk space where the database keeps its data, then try again.",
        )
    if error.sqlstate is None:
        if isinstance(error, _DOWN_WITHOUT_SQLSTATE):
            return None
    elif not error.sqlstate.startswith(_DOWN_SQLSTATES):
        return None
    said = str(error).strip().splitlines()
    return DatabaseUnavailable(
        "The database cannot be reached: " + (said[0] if said else type(error).__name__)
    )


@contextmanager
def database_errors() -> Iterator[None]:
    """Convert errors that mean the database is away into Byline's."""
    try:
        yield
    except psycopg.Error as error:
        ours = as_byline_error(error)
        if ours is None:
            raise
        raise ours from error


class Database:
    """Database owns the pool. `url` is for callers that need a connection of their own (LISTEN,
    advisory locks)."""

    def __init__(self, url: str, pool: AsyncConnectionPool[_PooledConnection]) -> None:
        self.url = url
        self._pool = pool
        # Callers wait here, in order of arrival, and not in the pool: a caller who waits there
        # while the server is down is not tried again before others come.
        self._permits = asyncio.Semaphore(pool.max_size)
        self._borrowed_at: dict[_PooledConnection, float] = {}
        self._answers = asyncio.Event()
        self._answers.set()

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[DictRow]]:
        """Borrow a connection for one transaction: committed at the end, rolled back on an error.

        Waits at most `database.connect_s_max` seconds. Raises `DatabaseUnavailable`.
        """
        return self._transaction(self._pool.timeout)

    def autocommit(self) -> AbstractAsyncContextManager[AsyncConnection[DictRow]]:
        """Borrow a connection on which each statement is a transaction of its own: saves the two
        round trips that begin and end one. Waits and raises as `connection` does."""
        return self._autocommit(self._pool.timeout)

    async def check(self) -> None:
        """Make one round trip to the server. Waits 2 s for a connection, and for a silent server
        until `watch` ends the connection.

        Raises `DatabaseUnavailable`.
        """
        async with self._autocommit(min(_CHECK_S_MAX, self._pool.timeout)) as connection:
            await connection.execute(statements("database")["check"])

    @asynccontextmanager
    async def _transaction(self, wait_s_max: float) -> AsyncIterator[AsyncConnection[DictRow]]:
        async with self._borrowed(wait_s_max) as connection, connection:
            yield connection

    @asynccontextmanager
    async def _autocommit(self, wait_s_max: float) -> AsyncIterator[AsyncConnection[DictRow]]:
        async with self._borrowed(wait_s_max) as connection:
            await connection.set_autocommit(True)
            try:
                yield connection
            finally:
                if connection.info.transaction_status is TransactionStatus.IDLE:
                    await connection.set_autocommit(False)
                else:  # cut off in the middle of a statement: it must not be used again
                    await connection.close()

    @asynccontextmanager
    async def _borrowed(self, wait_s_max: float) -> AsyncIterator[AsyncConnection[DictRow]]:
        deadline = time.monotonic() + wait_s_max
        try:
            async with asyncio.timeout(wait_s_max):
                await self._permits.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(
                f"All {self._pool.max_size} database connections stayed in use "
                f"for {wait_s_max:g} s.",
                remedy="Ask again in a moment, or raise database.pool_size_max.",
            ) from None
        try:
            with database_errors():
                connection = await self._borrow(deadline)
                self._borrowed_at[connection] = time.monotonic()
                try:
                    yield connection
                finally:
                    del self._borrowed_at[connection]
                    await self._pool.putconn(connection)
        finally:
            self._permits.release()

    async def _borrow(self, deadline: float) -> _PooledConnection:
        while True:
            await self._wait_until_it_answers()
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise PoolTimeout("no connection in time")
            try:
                connection = await self._pool.getconn(min(left_s, _POOL_TRY_S))
            except PoolTimeout:
                continue  # makes the pool connect again, which it may have given up
            if not _was_closed(connection):
                return connection
            await connection.close()
            await self._pool.putconn(connection)

    async def _wait_until_it_answers(self) -> None:
        """Wait while the server is known not to answer, but not for long: its idle connections are
        open all the same, and a caller who got one would wait on it in vain."""
        if not self._answers.is_set():
            try:
                async with asyncio.timeout(_UNANSWERED_WAIT_S):
                    await self._answers.wait()
            except TimeoutError:
                raise PoolTimeout("it accepts no new connection") from None

    async def watch(self) -> None:
        """End the connections to a server that is there and does not answer, while the pool is
        open, and refuse new callers until it does.

        A frozen server keeps its connections open, so neither the kernel nor the client library
        ever gives up. How long a statement may take is unknown; but a server that works on one
        still accepts new connections, and one that does not is as good as away.
        """
        least_s, most_s = _HANDSHAKE_S
        handshake_s_max = min(max(self._pool.timeout - _DOUBTED_AFTER_S, least_s), most_s)
        while True:
            await asyncio.sleep(_WATCH_S if self._answers.is_set() else _CONNECT_RETRY_S)
            if self._answers.is_set() and not self._doubted():
                continue
            if await _accepts_connections(self.url, handshake_s_max):
                self._answers.set()
                continue
            self._answers.clear()
            for connection in self._doubted():  # others have waited long meanwhile
                _shut_down_socket(connection)

    def _doubted(self) -> list[_PooledConnection]:
        """Return the connections borrowed so long that the server may be frozen."""
        since = time.monotonic() - _DOUBTED_AFTER_S
        return [one for one, borrowed_at in self._borrowed_at.items() if borrowed_at < since]


async def _accepts_connections(url: str, s_max: float) -> bool:
    """Whether the server answers a new connection within `s_max`, even with a refusal."""
    try:
        async with asyncio.timeout(s_max):
            connection = await AsyncConnection.connect(url)
    except TimeoutError:
        return False
    except psycopg.Error:
        return True  # refused, or gone: the old connections then end by themselves
    await connection.close()
    return True


class _PooledConnection(AsyncConnection[DictRow]):
    """A connection that asks for nothing any more once its socket was shut down."""

    is_shut_down = False

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """As psycopg's own, which a statement that is left calls. It would wait for a server that
        does not answer."""
        if not self.is_shut_down:
            await super().cancel_safe(timeout=timeout)


def _shut_down_socket(connection: _PooledConnection) -> None:
    """Shut down the connection's socket: whoever waits on it gets an error."""
    connection.is_shut_down = True
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)


def _was_closed(connection: AsyncConnection[DictRow]) -> bool:
    """Whether the server has ended an idle connection: then there is something to read on it.

    Costs microseconds, where a query to find out would double the round trips.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@asynccontextmanager
async def open_database(config: schema.Database, url: str) -> AsyncIterator[Database]:
    """Bring the schema of the database at `url` up to date, then open the pool.

    A server that is not there yet is tried for `connect_s_max` seconds. Raises
    `DatabaseUnavailable`, and `StartFailed` for a server, database or login that cannot be used.
    """
    connection = await _first_connection(url, config)
    with database_errors():
        async with connection:
            await migrate(connection)
    pool = AsyncConnectionPool[_PooledConnection](
        url,
        connection_class=_PooledConnection,
        kwargs=_connection_keywords(config),
        min_size=1,
        max_size=config.pool_size_max,
        timeout=config.connect_s_max,
        configure=_configure,
        reconnect_timeout=_POOL_TRY_S,  # short, so that its growing pauses never outlast an outage
        open=False,
        name="byline",
    )
    try:
        with database_errors():
            await pool.open(wait=True, timeout=config.connect_s_max)
        database = Database(url, pool)
        async with in_background({"watching the database": database.watch}):
            yield database
    finally:
        await pool.close()


async def _configure(connection: AsyncConnection[DictRow]) -> None:
    allow_packed(connection)


async def schema_of(config: schema.Database, url: str) -> SchemaState:
    """Return what `open_database` would find and do, changing nothing. Raises the same."""
    connection = await _first_connection(url, config)
    with database_errors():
        async with connection:
            return await outstanding(connection)


def _connection_keywords(config: schema.Database) -> dict[str, Any]:
    return {
        "row_factory": dict_row,
        "application_name": "byline",
        "connect_timeout": max(2, int(config.connect_s_max)),
        # The kernel notices a server that vanishes; waiting would never end.
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }


async def _first_connection(url: str, config: schema.Database) -> AsyncConnection[DictRow]:
    deadline = time.monotonic() + config.connect_s_max
    while True:
        try:
            return await AsyncConnection[DictRow].connect(
                url, autocommit=True, **_connection_keywords(config)
            )
        except psycopg.OperationalError as error:
            if fault := _login_fault(error):
                raise fault from error
            if time.monotonic() >= deadline:
                raise (as_byline_error(error) or DatabaseUnavailable(str(error))) from error
        except psycopg.ProgrammingError:
            raise StartFailed(
                "database.url is not a PostgreSQL address.",
                remedy="Write it as postgresql://user:password@host:5432/database.",
            ) from None  # libpq's own words quote the password
        await asyncio.sleep(_CONNECT_RETRY_S)


def _login_fault(error: psycopg.OperationalError) -> StartFailed | None:
    """Return the error for a connection that was refused for good: waiting will not help.

    libpq gives no SQLSTATE for a connection that was never made, only the server's sentence.
    """
    said = str(error).strip()
    if "FATAL:" not in said or "the database system is" in said or "too many" in said:
        return None
    return StartFailed(
        "The database refused Byline: " + said.rsplit("FATAL:", 1)[1].strip() + ".",
        remedy="Check user, password and database name in database.url.",
    )
