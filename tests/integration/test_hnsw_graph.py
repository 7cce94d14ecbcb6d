"""Graphs of vectors: dense from the start, or made dense while searches and writers go on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from search_corpus import Draft, add_document
from structlog.testing import capture_logs

from byline.search.dense import (
    EF_SEARCH_FEW,
    EF_SEARCH_GROWS_FROM,
    EF_SEARCH_MAX,
    EF_SEARCH_MIN,
    VECTORS_FEW,
    DenseQuery,
    ef_search,
    search_dense,
)
from byline.store.binary_copy import allow_packed, vector_text
from byline.store.database import Database
from byline.vectors.hnsw_graph import rebuild_graph, rebuild_graphs
from byline.vectors.vector_spaces import VectorSpace, add_space


@pytest.fixture
async def alone(database_url: str, database: Database) -> AsyncIterator[AsyncConnection[DictRow]]:
    """A connection on which every statement is a transaction of its own."""
    async with await AsyncConnection[DictRow].connect(
        database_url, autocommit=True, row_factory=dict_row
    ) as connection:
        allow_packed(connection)
        yield connection


async def filled(connection: AsyncConnection[DictRow]) -> tuple[VectorSpace, list[int]]:
    space = await add_space(connection, "a", 2, is_current=True)
    document_id, ids = await add_document(connection, Draft(["one", "two"]))
    for id_, vector in zip(ids, [(1.0, 0.0), (0.0, 1.0)], strict=True):
        await connection.execute(
            f"INSERT INTO vectors_{space.id} VALUES (%s, %s, 'default', %s::halfvec)",
            [id_, document_id, vector_text(vector)],
        )
    return space, ids


async def make_thin(connection: AsyncConnection[DictRow], space: VectorSpace) -> None:
    await connection.execute(
        f"DROP INDEX vectors_{space.id}_near;"
        f" CREATE INDEX vectors_{space.id}_near ON vectors_{space.id}"
        " USING hnsw (embedding halfvec_ip_ops)"
    )


async def graphs(connection: AsyncConnection[DictRow]) -> dict[str, list[str]]:
    found = await connection.execute(
        "SELECT relname, reloptions FROM pg_class JOIN pg_am ON pg_am.oid = relam"
        " WHERE amname = 'hnsw' ORDER BY relname"
    )
    return {row["relname"]: row["reloptions"] for row in await found.fetchall()}


async def test_a_new_graph_is_dense(alone: AsyncConnection[DictRow]) -> None:
    space, _ = await filled(alone)
    assert await graphs(alone) == {f"vectors_{space.id}_near": ["m=24", "ef_construction=128"]}
    assert not await rebuild_graph(alone, space)


async def test_a_thin_graph_is_made_dense_and_finds_what_it_found(
    alone: AsyncConnection[DictRow],
) -> None:
    space, ids = await filled(alone)
    await make_thin(alone, space)
    assert await rebuild_graph(alone, space)
    assert await graphs(alone) == {f"vectors_{space.id}_near": ["m=24", "ef_construction=128"]}
    found = await search_dense(alone, DenseQuery(space, (0.0, 1.0), 1))
    assert [id_ for id_, _ in found.hits] == [ids[1]]
    assert not await rebuild_graph(alone, space)


async def test_what_a_process_that_died_left_unfinished_is_made_anew(
    alone: AsyncConnection[DictRow],
) -> None:
    space, _ = await filled(alone)
    await make_thin(alone, space)
    await alone.execute(
        f"CREATE INDEX vectors_{space.id}_dense ON vectors_{space.id}"
        " USING hnsw (embedding halfvec_ip_ops)"
    )
    assert await rebuild_graph(alone, space)
    assert list(await graphs(alone)) == [f"vectors_{space.id}_near"]


async def test_all_graphs_of_a_database_are_seen_to(
    alone: AsyncConnection[DictRow], database_url: str
) -> None:
    space, _ = await filled(alone)
    other = await add_space(alone, "b", 2, is_current=False)
    for each in (space, other):
        await make_thin(alone, each)
    await rebuild_graphs(database_url)
    assert set(await graphs(alone)) == {f"vectors_{space.id}_near", f"vectors_{other.id}_near"}
    assert not await rebuild_graph(alone, space)
    assert not await rebuild_graph(alone, other)


async def test_a_database_that_is_away_is_no_error_of_whoever_starts() -> None:
    with capture_logs() as told:
        await rebuild_graphs("postgresql://nobody@127.0.0.1:1/none")
    [said] = told
    assert said["event"] == "a graph of vectors was not made dense"
    assert said["reason"]


@pytest.mark.parametrize(
    ("among", "kept"),
    [
        (0, EF_SEARCH_FEW),
        (VECTORS_FEW, EF_SEARCH_FEW),
        (VECTORS_FEW + 1, EF_SEARCH_MIN),
        (EF_SEARCH_GROWS_FROM, EF_SEARCH_MIN),
        (4 * EF_SEARCH_GROWS_FROM, 2 * EF_SEARCH_MIN),
        (10**12, EF_SEARCH_MAX),
    ],
)
def test_more_candidates_are_kept_among_more_vectors(among: int, kept: int) -> None:
    space = VectorSpace(1, "a", 2, is_current=True)
    assert ef_search(DenseQuery(space, (1.0, 0.0), 100, vectors_total=among)) == kept
