"""Folding: what came and went is added to the index's counts (`lexical.py` says why it is apart).

A search reads the changes beside the counts, up to 3 ms for a few dozen. So writers fold once there
are many, and what is left when a library has come to rest is folded behind it. The same goes for
new postings, which the index of terms keeps in a list of up to 4 MB that every search reads through
(2 to 4 ms when it is full) until they are put in their places.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.background import in_background
from byline.errors import BylineError
from byline.store.database import Database
from byline.store.statements import statements

log: Final = structlog.get_logger("byline.search")

_CHANGES_MAX: Final = 64
_CHANGED_PASSAGES_MAX: Final = 8_000
"""More changes than this, in rows or passages, are folded by who adds to them. A fold touches each
different term once, however many passages have it: 8,000 at a time take a third of what 1,000 eight
times do."""

_LOOK_S: Final = 5.0


async def compact_if_due(connection: AsyncConnection[DictRow]) -> None:
    """Fold once there are many changes, in the connection's transaction; nobody waits for it."""
    await _compact_above(connection, _CHANGES_MAX, _CHANGED_PASSAGES_MAX)


async def _compact_above(
    connection: AsyncConnection[DictRow], changes_max: int, passages_max: int
) -> bool:
    """Whether it was this connection that folded."""
    sql = statements("lexical")
    bounds = {"changes_max": changes_max, "passages_max": passages_max}
    row = await (await connection.execute(sql["take_fold"], bounds)).fetchone() or {}
    if not row["taken"]:
        return False
    folded = await (await connection.execute(sql["fold"])).fetchone() or {}
    if folded["removals"]:
        await connection.execute(sql["forget_terms"])
    return True


class StatsCompactor:
    """Folds what is left once nothing has changed between two looks. Any number of processes may
    have one: whoever comes first does it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: tuple[int, int | None] | None = None

    async def run(self) -> None:
        """Look every few seconds, until cancelled. A database that is away is looked at again."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.look()
            except (psycopg.Error, BylineError) as error:
                log.debug("changes of the index are folded later", reason=str(error))

    async def look(self) -> None:
        """Fold all changes, and put new postings in their places, if they are those of the look
        before."""
        async with self._database.autocommit() as connection:
            found = await connection.execute(statements("lexical")["changes"])
            row = await found.fetchone() or {}
        seen = (row["changes"], row["newest"])
        if row["changes"] and seen == self._seen:
            async with self._database.connection() as connection:
                has_compacted = await _compact_above(connection, 0, 0)
            if has_compacted:
                async with self._database.autocommit() as connection:
                    await connection.execute(statements("lexical")["place_postings"])
        self._seen = seen


@asynccontextmanager
async def compacting(database: Database) -> AsyncIterator[None]:
    """A `StatsCompactor` at work for as long as the block lasts."""
    async with in_background({"folding at rest": StatsCompactor(database).run}):
        yield
