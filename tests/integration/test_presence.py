"""The sign of life of a process: held through a lost connection, gone with the process."""

from __future__ import annotations

import asyncio

import psycopg

from byline.store.presence import presence

HOLDERS = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
AND (classid::bigint << 32) | objid::bigint = %s
"""


async def holders(url: str, key: int) -> list[int]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute(HOLDERS, (key,))
        return [pid for (pid,) in await found.fetchall()]


async def terminate(url: str, pid: int) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


async def test_a_sign_of_life_whose_connection_is_lost_is_given_again(database_url: str) -> None:
    async with presence(database_url) as held:
        key = held.key
        for losses in range(2):
            assert held.losses == losses
            [first] = await holders(database_url, key)
            await terminate(database_url, first)
            async with asyncio.timeout(10):
                while await holders(database_url, key) in ([], [first]):
                    pass
    async with asyncio.timeout(10):
        while await holders(database_url, key):
            pass
