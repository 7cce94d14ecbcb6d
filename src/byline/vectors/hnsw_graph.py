"""The graph over a space's vectors (HNSW): made dense, and made again where an earlier Byline made
it thin.

What a graph finds hangs on how many neighbours each vector keeps (`m`) and how many were looked at
to choose them (`ef_construction`). pgvector's own 16 and 64 do for a few ten thousand vectors; of
the exact ten nearest of 250,000 such a graph found 0.82, one of 24 and 128 found 0.94 in the same
time, for 4 % more disk and two to three times the time to build (`docs/decisions`, 0060).
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
    """Thin graphs of the database at `url` are made dense beside whatever the block does; one that
    could not be is tried again by the next block."""
    task = asyncio.create_task(rebuild_graphs(url), name="make graphs dense")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def rebuild_graphs(url: str) -> None:
    """Make every thin graph of the database dense, one after the other. Never raises: search goes
    on with what there is."""
    try:
        async with await AsyncConnection[DictRow].connect(
            url, autocommit=True, row_factory=dict_row, connect_timeout=_CONNECT_S
        ) as connection:
            for space in await known_spaces(connection):
                await rebuild_graph(connection, space)
    except psycopg.Error as error:
        log.warning("a graph of vectors was not made dense", reason=str(error) or repr(error))


async def rebuild_graph(connection: AsyncConnection[DictRow], space: VectorSpace) -> bool:
    """Put a dense graph in the place of a thin one; whether there was one. Searches and writers go
    on meanwhile, but for the moment of the exchange. `connection` is one with autocommit."""
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
