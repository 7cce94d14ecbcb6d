"""Removing so that it can be undone: what is hidden, what comes back, what goes for good."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from library_parts import Parts, ScriptedExtractor, rows, scripted_library, settled
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from search_corpus import Draft, add_document, counted, statistics

from byline.config import schema
from byline.domain.documents import DocumentChanges, DocumentState
from byline.domain.searches import EVERYTHING, Filters, SearchRequest, one_collection
from byline.errors import BadRequest, Invalid, NotFound
from byline.ingest.library.document_library import Library
from byline.search.dense import DenseQuery, search_dense
from byline.search.document_reader import DocumentReader
from byline.search.filters import SearchScope, measure_scope
from byline.search.index.reindexing import ensure_current_index
from byline.search.search import Searcher
from byline.store.binary_copy import vector_text
from byline.store.blobs import open_blobs
from byline.store.database import Database
from byline.text.terms import ANALYSIS_VERSION
from byline.vectors.vector_spaces import VectorSpace, add_space

NEAR = [1.0, 0.0]


class NoQueue:
    async def defer(self, connection: AsyncConnection[DictRow], document_id: str) -> None:
        raise AssertionError("nothing is to be read")


def quiet_library(database: Database, home: Path) -> Library:
    """A library without background work."""
    return Library(database, open_blobs(schema.Storage(), home), schema.Ingest(), NoQueue())


async def found(database: Database, query: str, collection: str | None = None) -> list[str]:
    where = Filters(one_collection(collection))
    result = await Searcher(database).search(SearchRequest(query, filters=where))
    return [hit.document_id for hit in result.hits]


async def with_vector(connection: AsyncConnection[DictRow], space: VectorSpace, text: str) -> str:
    document_id, [passage] = await add_document(connection, Draft([text]))
    await connection.execute(
        f"INSERT INTO vectors_{space.id} VALUES (%s, %s, 'default', %s::halfvec)",
        [passage, document_id, vector_text(NEAR)],
    )
    return document_id


async def near(database: Database, space: VectorSpace, filters: Filters) -> int:
    async with database.connection() as connection:
        scope = SearchScope() if filters == EVERYTHING else await measure_scope(connection, filters)
        return len((await search_dense(connection, DenseQuery(space, NEAR, 5, scope))).hits)


async def test_a_removed_document_is_found_by_no_leg_and_no_tool_and_then_as_before(
    database: Database, tmp_path: Path
) -> None:
    async with database.connection() as connection:
        space = await add_space(connection, "a", 2, is_current=True)
        gone = await with_vector(connection, space, "the lease of the flat")
        await with_vector(connection, space, "the lease of the car")
    library, reader = quiet_library(database, tmp_path), DocumentReader(database)
    before = await found(database, "lease")
    narrow = Filters(types=("text/plain",))

    [removed] = await library.removals.remove([gone])
    assert removed.document.id == gone
    assert gone in before
    assert gone not in await found(database, "lease")
    assert gone not in await found(database, "lease", collection="default")
    assert gone not in await found(database, '"the lease of"')
    assert [await near(database, space, where) for where in (EVERYTHING, narrow)] == [1, 1]
    assert (await reader.documents(EVERYTHING))[1] == 1
    assert await reader.document(EVERYTHING, gone) is None
    assert await reader.passages(gone) == []
    for reading in (library.get(gone), library.text(gone), library.file(gone)):
        with pytest.raises(NotFound):
            await reading
    with pytest.raises(NotFound):
        await library.removals.remove([gone])

    [back] = await library.removals.restore([gone])
    assert back.id == gone
    assert await found(database, "lease") == before
    assert [await near(database, space, where) for where in (EVERYTHING, narrow)] == [2, 2]
    assert await statistics(database) == await counted(database)
    with pytest.raises(NotFound, match="brought back"):
        await library.removals.restore([gone])


async def test_what_was_removed_can_be_brought_back_after_a_restart_and_new_rules_of_indexing(
    database: Database, tmp_path: Path
) -> None:
    async with database.connection() as connection:
        document_id, _ = await add_document(connection, Draft(["the lease of the flat"]))
    await quiet_library(database, tmp_path).removals.remove([document_id])
    await rows(database.url, f"UPDATE lexical_analysis SET version = {ANALYSIS_VERSION - 1}")
    await ensure_current_index(database)
    restarted = quiet_library(database, tmp_path)
    [hidden] = await restarted.removals.hidden(10)
    assert hidden.document.id == document_id
    assert await found(database, "lease") == []
    await restarted.removals.restore([document_id])
    assert await found(database, "lease") == [document_id]


async def test_what_was_not_undone_in_time_goes_with_its_file_and_nothing_else_does(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        old = await parts.add("old words", "old.txt")
        new = await parts.add("new words", "new.txt")
        for document in (old, new):
            await settled(parts.library, document.id)
        await parts.library.removals.remove([old.id, new.id])
        await rows(
            database.url,
            "UPDATE stored_documents SET removed_at = now() - interval '601 s'"
            f" WHERE id = '{old.id}'",
        )
        await parts.library.sweep()
        with pytest.raises(NotFound, match="brought back"):
            await parts.library.removals.restore([old.id])
        [hidden] = await parts.library.removals.hidden(10)
        assert (hidden.document.id, parts.files()) == (new.id, 1)
        assert (hidden.until - hidden.removed_at).total_seconds() == 600
    assert await statistics(database) == await counted(database)


async def test_the_same_bytes_added_again_are_a_new_document(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        first = await parts.add("words")
        await settled(parts.library, first.id)
        await parts.library.removals.remove([first.id])
        second = await parts.add("words", "again.txt")
        await settled(parts.library, second.id)
        assert second.id != first.id
        assert parts.files() == 1
        assert await parts.library.removals.hidden(10) == []
        assert await found(database, "words") == [second.id]


async def test_a_document_removed_while_it_was_read_is_read_when_it_comes_back(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(hold=asyncio.Event())
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add("words")
        await asyncio.wait_for(extractor.begun.wait(), 30)
        await parts.library.removals.remove([document.id])
        assert extractor.hold is not None
        extractor.hold.set()
        await no_jobs(parts)
        [restored] = await parts.library.removals.restore([document.id])
        assert restored.passages == 0
        assert (await settled(parts.library, document.id)).state is DocumentState.INDEXED
        assert await found(database, "words") == [document.id]


async def no_jobs(parts: Parts) -> None:
    async with asyncio.timeout(30):
        while await rows(parts.database.url, "SELECT FROM procrastinate_jobs"):
            pass


async def test_deleting_is_for_good_also_what_was_removed_before(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await parts.add("words")
        await settled(parts.library, document.id)
        await parts.library.removals.remove([document.id])
        await parts.library.delete(document.id)
        assert parts.files() == 0
        for gone in (parts.library.delete(document.id), parts.library.delete("nobody")):
            with pytest.raises(NotFound):
                await gone
        with pytest.raises(BadRequest, match="1000"):
            await parts.library.removals.remove([document.id] * 1001)


async def test_a_moved_document_is_found_in_its_new_collection_and_both_are_counted_right(
    database: Database, tmp_path: Path
) -> None:
    async with database.connection() as connection:
        space = await add_space(connection, "a", 2, is_current=True)
        moved = await with_vector(connection, space, "the lease of the flat")
        await with_vector(connection, space, "the lease of the car")
    library = quiet_library(database, tmp_path)
    document = await library.change(moved, DocumentChanges(collection="home"))
    assert document.collection == "home"
    assert await found(database, "lease", collection="home") == [moved]
    assert moved not in await found(database, "lease", collection="default")
    assert [
        await near(database, space, Filters(one_collection(name))) for name in ("home", "default")
    ] == [1, 1]
    assert await statistics(database) == await counted(database)
    vectors = await rows(
        database.url,
        "SELECT collection, sum(passages) FROM vector_changes GROUP BY 1 ORDER BY 1",
    )
    assert vectors == [("default", 1), ("home", 1)]


async def test_a_collection_that_has_the_same_bytes_takes_no_second_one(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        here, there = await parts.add("words"), await parts.add("words", "b.txt", "home")
        change = DocumentChanges(collection="home", tags=("new",))
        with pytest.raises(Invalid, match=r"b\.txt"):
            await parts.library.change(here.id, change)
        assert (await parts.library.get(here.id)).tags == ()
        await parts.library.removals.remove([there.id])
        assert (await parts.library.change(here.id, change)).collection == "home"


async def test_a_title_given_by_hand_is_searched_by_and_outlasts_reading_again(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await parts.add("some words")
        await settled(parts.library, document.id)
        named = await parts.library.change(document.id, DocumentChanges(title=" Fish \n soup "))
        assert (named.title, named.state) == ("Fish soup", DocumentState.QUEUED)
        await settled(parts.library, document.id)
        assert await found(database, "soup") == [document.id]
        await parts.library.reindex(document.id)
        assert (await settled(parts.library, document.id)).title == "Fish soup"
        await parts.library.change(document.id, DocumentChanges(title=" "))
        assert (await settled(parts.library, document.id)).title == "a.txt"
        assert await found(database, "soup") == []


async def test_only_a_document_that_failed_is_read_again(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await parts.add("words")
        await settled(parts.library, document.id)
        assert (await parts.library.retry(document.id)).state is DocumentState.INDEXED
        await rows(database.url, "UPDATE documents SET state = 'failed'")
        assert (await parts.library.retry(document.id)).state is DocumentState.QUEUED
        assert (await settled(parts.library, document.id)).state is DocumentState.INDEXED
