"""Indexes every passage again after the analysis has changed.

Passages and queries must be analysed by the same rules, or documents silently stop being found, and
near duplicates are told by fingerprints of the same terms. So the index has the version of its
rules, and every start compares it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.search.near_duplicates import fingerprint
from byline.store.binary_copy import int8_array
from byline.store.database import Database
from byline.store.statements import statements
from byline.text.terms import ANALYSIS_VERSION, terms

log = structlog.get_logger("byline.search")

_BATCH: Final = 4_096
_FINGERPRINTED_AT_ONCE: Final = 16
"""Passages fingerprinted before the event loop may serve others: a few milliseconds."""


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
        await _fingerprint(connection, rows)
        after, indexed = rows[-1]["id"], indexed + len(rows)


async def _fingerprint(connection: AsyncConnection[Any], rows: Sequence[DictRow]) -> None:
    """Make the fingerprints of passages anew: they are made of terms, too."""
    fingerprints: list[int] = []
    for first in range(0, len(rows), _FINGERPRINTED_AT_ONCE):
        some = rows[first : first + _FINGERPRINTED_AT_ONCE]
        fingerprints += [fingerprint(terms(row["text"])) for row in some]
        await asyncio.sleep(0)
    await connection.execute(
        statements("lexical")["set_fingerprints"],
        {
            "passages": int8_array([row["id"] for row in rows]),
            "fingerprints": int8_array(fingerprints),
        },
    )
