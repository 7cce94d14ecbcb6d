"""A presence lock: other processes on the database see by it whether this process lives.

A process holds one advisory lock on a connection of its own for as long as it lives. PostgreSQL
frees the lock the moment the connection ends, however it ends, so a lock that can be taken belongs
to a dead process, or to one whose connection was lost a moment ago: that one connects again and
holds the same lock.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg
import structlog

from byline.background import in_background
from byline.store.database import database_errors
from byline.store.statements import statements

log: Final = structlog.get_logger(__name__)

_Connection: TypeAlias = psycopg.AsyncConnection[Any]

_CONNECT_S: Final = 5
_PAUSE_S: Final = 0.2
"""Before a connection that was lost is made again."""


@dataclass(slots=True)
class Presence:
    """The presence lock of this process: `key` names its advisory lock, a positive 62-bit number.

    `losses` counts how often the connection that holds it was lost. After each loss the database
    may have crashed, and what was not on its disk yet is gone.
    """

    key: int
    losses: int = 0


@asynccontextmanager
async def presence(url: str) -> AsyncIterator[Presence]:
    """Hold an advisory lock with a new random key until the block ends, also through restarts of
    the database. Raises `DatabaseUnavailable` if the database is away at the beginning."""
    lock = Presence(secrets.randbits(62))
    with database_errors():
        connection = await _connect_and_lock(url, lock.key)
    async with in_background({"the sign of life": lambda: _keep_locked(url, lock, connection)}):
        yield lock


async def _connect_and_lock(url: str, key: int) -> _Connection:
    """Return a new connection that holds the lock."""
    connection = await psycopg.AsyncConnection.connect(
        url, autocommit=True, connect_timeout=_CONNECT_S
    )
    try:
        # Waits where the server has not noticed yet that our last connection is gone.
        await connection.execute(statements("presence")["hold"], {"key": key})
    except BaseException:
        await connection.close()
        raise
    return connection


async def _keep_locked(url: str, lock: Presence, connection: _Connection) -> None:
    """Hold the lock until cancelled: on `connection`, and on a new one whenever that is lost."""
    while True:
        try:
            async with connection:
                async for _ in connection.notifies():  # none are listened for: it waits for the end
                    pass
        except psycopg.Error as error:
            log.warning("the sign of life was lost", reason=str(error).strip())
        lock.losses += 1
        await asyncio.sleep(_PAUSE_S)
        connection = await _reconnect(url, lock.key)


async def _reconnect(url: str, key: int) -> _Connection:
    """Return a new connection that holds the lock, as soon as the database accepts one."""
    while True:
        try:
            return await _connect_and_lock(url, key)
        except psycopg.Error:
            await asyncio.sleep(_PAUSE_S)
