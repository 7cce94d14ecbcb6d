"""A presence lock: other processes on the database see by it whether this process lives.

A process holds one advisory lock on a connection of its own for as long as it lives. PostgreSQL
frees the lock the moment the connection ends, however it ends, so a lock that can be taken belongs
to a dead process.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from byline.store.database import database_errors
from byline.store.statements import statements


@asynccontextmanager
async def presence(url: str) -> AsyncIterator[int]:
    """Hold an advisory lock with a new random key (a positive 62-bit number) until the block
    ends."""
    key = secrets.randbits(62)
    with database_errors():
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        await connection.execute(statements("presence")["hold"], {"key": key})
    try:
        yield key
    finally:
        await connection.close()
