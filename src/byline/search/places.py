"""Where found passages lie among the others of their documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.search import Place
from byline.store.statements import statements


async def places_of(
    connection: AsyncConnection[DictRow], passage_ids: Iterable[int]
) -> Mapping[int, Place]:
    """Passage id → its place; a passage that is gone by now has none."""
    found = await connection.execute(
        statements("passages")["places"], {"ids": sorted(set(passage_ids))}
    )
    return {row["id"]: Place(row["ordinal"], row["gap"]) for row in await found.fetchall()}
