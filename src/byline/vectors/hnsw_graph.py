"""Rebuilds the HNSW graph over a space's vectors where an earlier Byline made it too thin.

The recall of a graph depends on how many neighbours each vector keeps (`m`) and how many were
compared to choose them (`ef_construction`). pgvector's defaults, 16 and 64, are enough for a few
ten thousand vectors; of the exact ten nearest of 250,000 such a graph found 0.82, one of 24 and 128
found 0.94 in the same time, for 4 % more disk and two to three times the time to build
(`docs/decisions`, 0060).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from byline.store.statements import statements
from byline.vectors.vector_spaces import VectorSpace, known_spaces

log: Final = structlog.get_logger("byline.search")

_CONNECT_S: Final = 10


@asynccontextmanager
async def rebuilding_graphs(url: str) -> AsyncIterator[None]:
    """Rebuild thin graphs of the database at `url` in the background while the block runs. One that
    could not be rebuilt is tried again by the next block."""
    task = asyncio.create_task(rebuild_graphs(url), name="make graphs dense")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def rebuild_graphs(url: str) -> None:
    """Rebuild every thin graph of the database, one after the other. Errors of the database are
    logged, not raised: search goes on with the graphs there are."""
    try:
        async with await AsyncConnection[DictRow].connect(
            url, autocommit=True, row_factory=dict_row, connect_timeout=_CONNECT_S
        ) as connection:
            for space in await known_spaces(connection):
                await rebuild_graph(connection, space)
    except psycopg.Error as error:
        log.warning("a graph of vectors was not made dense", reason=str(error) or repr(error))


async def rebuild_graph(connection: AsyncConnection[DictRow], space: VectorSpace) -> bool:
    """Replace a thin graph by a dense one; return whether it was thin. Searches and writers go on
    meanwhile, except at the moment of the exchange. `connection` must have autocommit."""
    found = await (await connection.execute(space.sql("graph_is_thin"))).fetchone()
    if found is None or not found["is_thin"]:
        return False
    log.info("the graph of vectors is made again, denser", embedder=space.fingerprint)
    await connection.execute(space.sql("drop_unfinished_graph"))
    await connection.execute(statements("vectors")["no_helpers"])
    await connection.execute(space.sql("make_dense_graph"))
    async with connection.transaction():
        await connection.execute(statements("vectors")["bound_lock_waits"])
        await connection.execute(space.sql("use_dense_graph"))
    log.info("searches use the denser graph", embedder=space.fingerprint)
    return True
