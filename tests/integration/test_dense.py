"""The dense leg on a real database: nearest first, filtered, counted, gone with the document."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from search_corpus import Draft, add_document

from byline.domain.searches import Filters, one_collection
from byline.search.dense import DenseQuery, search_dense
from byline.search.filters import SearchScope, document_parameters, measure_scope, with_conditions
from byline.search.lexical import WeightedQuery
from byline.search.ranking import both_scores
from byline.store.binary_copy import halfvec, int4_array, int8_array, sparsevec, vector_text
from byline.store.database import Database
from byline.store.statements import statements
from byline.vectors.query_vector import QueryVector
from byline.vectors.vector_spaces import (
    VectorSpace,
    add_space,
    drop_retired,
    known_spaces,
    make_current,
    searchable_space,
)

DIMENSIONS = 8
NO_WORDS = WeightedQuery({}, {}, 0, frozenset())


def unit(numbers: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(n * n for n in numbers))
    return [n / length for n in numbers]


def axis(number: int, tilt: float = 0.0) -> list[float]:
    """A vector along one axis, tilted towards the first."""
    return unit([tilt if n == 0 else float(n == number) for n in range(DIMENSIONS)])


async def share(
    connection: AsyncConnection[DictRow], space: VectorSpace, collection: str | None = None
) -> float:
    """How much of the passages is in a space."""
    found = await searchable_space(connection, {space.fingerprint}, one_collection(collection))
    assert found is not None
    return found.share


async def store(
    connection: AsyncConnection[DictRow],
    space: VectorSpace,
    draft: Draft,
    vectors: list[list[float]],
) -> tuple[str, list[int]]:
    document_id, ids = await add_document(connection, draft)
    for id_, vector in zip(ids, vectors, strict=True):
        await connection.execute(
            f"INSERT INTO vectors_{space.id} VALUES (%s, %s, %s, %s::halfvec)",
            [id_, document_id, draft.collection, vector_text(vector)],
        )
    return document_id, ids


async def test_the_nearest_passages_come_first_with_their_cosine(database: Database) -> None:
    async with database.connection() as connection:
        space = await add_space(connection, "a", DIMENSIONS, is_current=True)
        _, ids = await store(
            connection, space, Draft(["one", "two", "three"]), [axis(1), axis(1, 1.0), axis(2)]
        )
        found = await search_dense(connection, DenseQuery(space, axis(1), 2))
    assert [id_ for id_, _ in found.hits] == ids[:2]
    assert [s for _, s in found.hits] == pytest.approx([1, math.sqrt(0.5)], abs=0.001)


async def test_a_collection_however_small_is_found_in_a_large_one(database: Database) -> None:
    """The graph leads to the near ones, all of another collection: the scan goes on."""
    chance = random.Random(7)
    async with database.connection() as connection:
        space = await add_space(connection, "a", DIMENSIONS, is_current=True)
        texts = [f"passage {n}" for n in range(1500)]
        near = [unit([10, *(chance.random() for _ in range(DIMENSIONS - 1))]) for _ in texts]
        await store(connection, space, Draft(texts), near)
        few = [axis(n) for n in (1, 2, 3)]
        _, ids = await store(connection, space, Draft(["a", "b", "c"], collection="few"), few)
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute("SET LOCAL enable_sort = off")
        found = await search_dense(
            connection, DenseQuery(space, axis(0, 1.0), 3, SearchScope(frozenset({"few"})))
        )
    assert {id_ for id_, _ in found.hits} == set(ids)


async def test_a_filter_is_asked_of_what_the_graph_finds(database: Database) -> None:
    chance = random.Random(7)
    async with database.connection() as connection:
        space = await add_space(connection, "a", DIMENSIONS, is_current=True)
        texts = [f"passage {n}" for n in range(600)]
        near = [unit([10, *(chance.random() for _ in range(DIMENSIONS - 1))]) for _ in texts]
        await store(connection, space, Draft(texts), near)
        document_id, ids = await store(connection, space, Draft(["a", "b"]), [axis(1), axis(2)])
        filters = Filters(documents=(document_id,))
        narrow = await measure_scope(connection, filters)
        assert narrow.is_narrow
        broad = SearchScope(
            *(frozenset(), 1, 10**6, document_parameters(filters)),
            with_conditions(statements("filters")["within_many"]),
        )
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute("SET LOCAL enable_sort = off")
        for scope in (narrow, broad):
            found = await search_dense(connection, DenseQuery(space, axis(0, 1.0), 5, scope))
            assert {id_ for id_, _ in found.hits} == set(ids)
        nothing = await measure_scope(connection, Filters(tags=("nobody's",)))
        found = await search_dense(connection, DenseQuery(space, axis(1), 5, nothing))
        assert found.hits == ()


async def test_the_graph_is_walked_by_the_settings_of_the_search_alone(database: Database) -> None:
    """One that stands alone has them too: by pgvector's own it would find 40 at most."""
    rng = random.Random(1)
    vectors = [unit([rng.gauss(0, 1) for _ in range(DIMENSIONS)]) for _ in range(120)]
    async with database.connection() as connection:
        space = await add_space(connection, "a", DIMENSIONS, is_current=True)
        await store(connection, space, Draft([f"text {n}" for n in range(120)]), vectors)
    async with database.autocommit() as connection:
        await connection.execute("SET enable_sort = off")
        try:
            found = await search_dense(connection, DenseQuery(space, axis(1), 90))
            row = await (await connection.execute("SHOW hnsw.ef_search")).fetchone()
        finally:
            await connection.execute("RESET enable_sort")
    assert len(found.hits) == 90
    assert row == {"hnsw.ef_search": "40"}


async def test_scores_are_given_for_any_passage_that_has_a_vector(database: Database) -> None:
    async with database.connection() as connection:
        space = await add_space(connection, "a", DIMENSIONS, is_current=True)
        _, ids = await store(connection, space, Draft(["one", "two"]), [axis(1), axis(2)])
        _, bare = await add_document(connection, Draft(["no vector"]))
        meaning = QueryVector(space, axis(2), "ok")
        scores = await both_scores(connection, NO_WORDS, meaning, [*ids, *bare, 10**12])
        assert await both_scores(connection, NO_WORDS, meaning, []) == {}
    assert {id_: score.lexical for id_, score in scores.items()} == dict.fromkeys([*ids, *bare], 0)
    near = {id_: score.dense for id_, score in scores.items()}
    assert near.pop(bare[0]) is None
    assert near == pytest.approx({ids[0]: 0, ids[1]: 1}, abs=0.001)


async def test_coverage_is_the_share_of_passages_with_vectors(database: Database) -> None:
    async with database.connection() as connection:
        space = await add_space(connection, "a", DIMENSIONS, is_current=True)
        assert await share(connection, space) == 1
        document_id, _ = await store(connection, space, Draft(["one"]), [axis(1)])
        await store(connection, space, Draft(["two"], collection="other"), [axis(2)])
        await add_document(connection, Draft(["three", "four"]))
        assert await share(connection, space) == 0.5
        assert await share(connection, space, "other") == 1
        assert await share(connection, space, "default") == pytest.approx(1 / 3)
        await connection.execute("DELETE FROM lexical_passages")
        await connection.execute("DELETE FROM documents WHERE id = %s", [document_id])
        counts = await connection.execute("SELECT sum(passages) AS n FROM vector_changes")
        row = await counts.fetchone()
    assert row == {"n": 1}


async def test_the_vectors_of_a_document_go_with_it(database: Database) -> None:
    async with database.connection() as connection:
        space = await add_space(connection, "a", DIMENSIONS, is_current=True)
        document_id, _ = await store(connection, space, Draft(["one"]), [axis(1)])
        await connection.execute("DELETE FROM documents WHERE id = %s", [document_id])
        assert (await search_dense(connection, DenseQuery(space, axis(1), 5))).hits == ()


async def test_a_space_of_other_dimensions_is_filled_beside_the_current_one_and_takes_its_place(
    database: Database,
) -> None:
    async with database.connection() as connection:
        old = await add_space(connection, "old", DIMENSIONS, is_current=True)
        await store(connection, old, Draft(["one"]), [axis(1)])
        new = await add_space(connection, "new", 3, is_current=False)
    async with database.connection() as connection:
        for at_hand, searched in (({"old", "new"}, old), ({"new"}, new)):
            found = await searchable_space(connection, at_hand)
            assert found is not None
            assert found.space == searched
        assert await searchable_space(connection, {"another"}) is None
        assert (await search_dense(connection, DenseQuery(old, axis(1), 5))).hits
        await make_current(connection, new)
    async with database.connection() as connection:
        (only,) = await known_spaces(connection)
        assert (only.fingerprint, only.is_current) == ("new", True)


async def test_a_search_under_way_when_its_space_is_replaced_still_finds_it(
    database: Database,
) -> None:
    async with database.connection() as connection:
        old = await add_space(connection, "old", DIMENSIONS, is_current=True)
        _, ids = await store(connection, old, Draft(["one"]), [axis(1)])
        new = await add_space(connection, "new", 3, is_current=False)
        await make_current(connection, new)
    async with database.connection() as connection:
        assert await drop_retired(connection) == []
        found = await search_dense(connection, DenseQuery(old, axis(1), 5))
        assert [id_ for id_, _ in found.hits] == ids
        again = await add_space(connection, "old", DIMENSIONS, is_current=False)
        assert again.id != old.id
    async with database.connection() as connection:
        assert len(await drop_retired(connection, since_s=0)) == 1
        assert [space.id for space in await known_spaces(connection)] == [new.id, again.id]


async def test_what_is_sent_packed_is_what_would_be_read_as_text(database: Database) -> None:
    given = [
        ("halfvec", halfvec([0.5, -0.25, 0.1]), vector_text([0.5, -0.25, 0.1])),
        ("sparsevec", sparsevec({7: 2.0, 3: 0.5}), "{4:0.5,8:2}/1000000000"),
        ("bigint[]", int8_array([2**40, -1]), "{1099511627776,-1}"),
        ("bigint[]", int8_array([]), "{}"),
        ("integer[]", int4_array([5, -6]), "{5,-6}"),
    ]
    async with database.connection() as connection:
        for kind, packed, text in given:
            found = await connection.execute(
                f"SELECT %(packed)s::{kind} = %(text)s::{kind} AS same",
                {"packed": packed, "text": text},
            )
            assert (await found.fetchone() or {})["same"], kind
