"""Indexes every passage again after the analysis has changed.

Passages and queries must be analysed by the same rules, or documents silently stop being found. So
the index has the version of its rules, and every start compares it.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from psycopg import AsyncConnection

from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.store.database import Database
from byline.store.statements import statements
from byline.text.terms import ANALYSIS_VERSION

log = structlog.get_logger("byline.search")

_BATCH: Final = 4_096


async def ensure_current_index(database: Database) -> None:
    """Index all passages by the current rules unless they are; it succeeds as a whole or changes
    nothing.

    Searches of other processes wait meanwhile, about a second for 2 MB of text. Several processes
    that start at once do it once. Raises `DatabaseUnavailable`.
    """
    sql = statements("lexical")
    async with database.connection() as connection:
        await connection.execute(sql["lock_rebuild"])
        row = await (await connection.execute(sql["analysis_version"])).fetchone()
        if row is not None and row["version"] == ANALYSIS_VERSION:
            return
        everything = {"visible": None}
        names = await (await connection.execute(sql["known_collections"], everything)).fetchall()
        await connection.execute(sql["empty_index"])
        passages = sum([await _index_collection(connection, row["name"]) for row in names])
        await connection.execute(sql["set_analysis_version"], {"version": ANALYSIS_VERSION})
    if passages:
        log.info("the passages were indexed by new rules", passages=passages)


async def _index_collection(connection: AsyncConnection[Any], collection: str) -> int:
    """Index one collection's passages and return their number."""
    after = indexed = 0
    while True:
        found = await connection.execute(
            statements("lexical")["passages_to_index"],
            {"collection": collection, "after": after, "limit": _BATCH},
        )
        rows = await found.fetchall()
        if not rows:
            return indexed
        await index_passages(
            connection,
            collection,
            [IndexedPassage(r["id"], r["heading"], r["title"], r["text"]) for r in rows],
        )
        after, indexed = rows[-1]["id"], indexed + len(rows)
