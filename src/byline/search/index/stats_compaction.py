"""Compaction: adds the appended changes to the index's counts (`lexical_index.py` says why they are
apart).

A search reads the changes besides the counts, up to 3 ms for a few dozen. So writers compact once
there are many, and the rest is compacted in the background when nothing changes any more. The same
goes for new postings: the GIN index keeps them in a pending list of up to 4 MB that every search
scans (2 to 4 ms when it is full) until they are merged into it.
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
"""A writer that leaves more changes than this, in rows or passages, compacts them. A compaction
touches each distinct term once, however many passages have it: 8,000 passages at a time take a
third of the time of 1,000 eight times."""

_LOOK_S: Final = 5.0


async def compact_if_due(connection: AsyncConnection[DictRow]) -> None:
    """Compact if there are many changes, in the connection's transaction. It never waits for
    another compaction."""
    await _compact_above(connection, _CHANGES_MAX, _CHANGED_PASSAGES_MAX)


async def _compact_above(
    connection: AsyncConnection[DictRow], changes_max: int, passages_max: int
) -> bool:
    """Compact if there are more changes than this and no other connection compacts; return whether
    this one did."""
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
    """Compacts the remaining changes once nothing has changed between two looks. Any number of
    processes may have one: the first to come does it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: tuple[int, int | None] | None = None

    async def run(self) -> None:
        """Look every few seconds, until cancelled. After an error of the database it goes on."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.look()
            except (psycopg.Error, BylineError) as error:
                log.debug("changes of the index are folded later", reason=str(error))

    async def look(self) -> None:
        """Compact all changes and merge new postings if the changes are those of the last look."""
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
    """Run a `StatsCompactor` in the background for as long as the block lasts."""
    async with in_background({"folding at rest": StatsCompactor(database).run}):
        yield
