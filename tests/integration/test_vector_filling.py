"""Vectors filled in behind the index, through everything that may happen meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from library_parts import WAIT_S, rows
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from search_corpus import Draft, add_document

from byline.domain.searches import SearchRequest
from byline.errors import EmbedderUnavailable
from byline.search.dense import DenseQuery, search_dense
from byline.search.search import Searcher
from byline.store.database import Database
from byline.testing.fake_embeddings import vector
from byline.vectors import vector_filling
from byline.vectors.embedders.embedder import Vector
from byline.vectors.vector_filling import VectorFiller, queue_embedding
from byline.vectors.vector_spaces import VectorSpace, known_spaces, searchable_space


@dataclass
class ScriptedEmbedder:
    """Vectors by the words of a text. `faults` are raised first, one a call; while `hold` is set
    calls wait for it; `refused` is a word no text may hold."""

    fingerprint: str = "scripted"
    dimensions: int | None = 16
    batch_len: int = 2
    faults: list[Exception] = field(default_factory=list)
    hold: asyncio.Event | None = None
    refused: str = "\x00"
    refusal: str = "http_400"
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[str] = field(default_factory=list)

    async def embed_query(self, text: str) -> Vector:
        return vector(text, self.dimensions or 16)

    async def embed_passages(self, texts: Sequence[str]) -> Sequence[Vector]:
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.faults:
            raise self.faults.pop(0)
        if any(self.refused in text for text in texts):
            raise EmbedderUnavailable(self.refusal, "too large")
        self.seen += texts
        return [vector(text, self.dimensions or 16) for text in texts]

    async def prepare(self) -> None:
        return None

    async def close(self) -> None:
        return None


class TwoEmbedders:
    """Both embedders at hand, as while one takes over from the other."""

    fingerprints = frozenset({"old", "new"})

    def of(self, fingerprint: str) -> ScriptedEmbedder:
        return ScriptedEmbedder(fingerprint, dimensions=16 if fingerprint == "old" else 5)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_filling, "pause_s", lambda failures: 0)


@asynccontextmanager
async def filling(database: Database, embedder: ScriptedEmbedder) -> AsyncIterator[VectorFiller]:
    filler = VectorFiller(database, embedder)
    running = asyncio.create_task(filler.run())
    try:
        yield filler
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def add(database: Database, *passages: str, **where: str) -> str:
    """A document that waits to be embedded."""
    async with database.connection() as connection:
        document_id, _ = await add_document(connection, Draft(passages, **where))
        await connection.execute(
            "UPDATE documents SET passages = %s, created_at = now() WHERE id = %s",
            [len(passages), document_id],
        )
        await queue_embedding(connection, document_id)
    return document_id


async def until(database: Database, query: str, reached: Callable[[object], bool]) -> object:
    """The value a query finds, once it is as wanted."""
    async with asyncio.timeout(WAIT_S):
        while True:
            ((value,),) = await rows(database.url, query)
            if reached(value):
                return value


async def done(database: Database) -> None:
    await until(database, "SELECT count(*) FROM embedding_work", lambda n: n == 0)


async def the_space(connection: AsyncConnection[DictRow]) -> VectorSpace:
    (space,) = await known_spaces(connection)
    return space


async def test_documents_become_embedded_and_are_found_by_meaning(database: Database) -> None:
    embedder = ScriptedEmbedder()
    async with filling(database, embedder):
        document = await add(
            database, "the deposit", "the garden", "the keys", title="Lease", heading="End"
        )
        await done(database)
    assert await rows(database.url, "SELECT state, embedded FROM documents") == [("embedded", 3)]
    assert embedder.seen[0] == "Lease > End\nthe deposit"
    async with database.connection() as connection:
        space = await the_space(connection)
        near = await search_dense(connection, DenseQuery(space, vector("garden", 16), 1))
        found = await connection.execute(
            "SELECT text, document_id FROM passages WHERE id = %s", [near.hits[0][0]]
        )
        row = await found.fetchone()
        filled = await searchable_space(connection, {space.fingerprint})
    assert filled is not None
    assert filled.share == 1
    assert row == {"text": "the garden", "document_id": row and row["document_id"]}
    assert row is not None
    assert str(row["document_id"]) == document


async def test_the_newest_document_comes_first(database: Database) -> None:
    for text in ("oldest", "middle", "newest"):
        await add(database, text)
    embedder = ScriptedEmbedder(batch_len=1)
    async with filling(database, embedder):
        await done(database)
    assert embedder.seen == ["newest", "middle", "oldest"]


async def test_a_failing_embedder_pauses_the_work_and_says_why(database: Database) -> None:
    away = EmbedderUnavailable("ConnectError", "nobody is there")
    embedder = ScriptedEmbedder(faults=[away] * 3, hold=None)
    await add(database, "text")
    async with filling(database, embedder) as filler:
        await until(
            database,
            "SELECT coalesce(max(failures), 0) FROM vector_spaces",
            lambda n: isinstance(n, int) and n >= 1,
        )
        async with database.connection() as connection:
            jobs = await filler.jobs(connection)
        await done(database)
        async with database.connection() as connection:
            assert list(await filler.jobs(connection)) == []
    for job in jobs:  # none if all was done by then
        assert (job.kind, job.state, job.progress) == ("embed_passages", "retrying", 0)
        assert job.error is not None
        assert "nobody is there" in job.error.message
    assert await rows(database.url, "SELECT failures, error_code FROM vector_spaces") == [(0, None)]


async def test_an_embedder_that_is_away_at_first_gets_its_space_when_it_is_there(
    database: Database,
) -> None:
    away = EmbedderUnavailable("ConnectError", "nobody is there")
    embedder = ScriptedEmbedder(dimensions=None, faults=[away] * 2)
    await add(database, "text")
    async with filling(database, embedder):
        await done(database)
    assert await rows(database.url, "SELECT dimensions FROM vector_spaces") == [(16,)]


@pytest.mark.parametrize("refusal", ["http_400", "http_500"])
async def test_a_text_the_embedder_refuses_holds_up_no_other(
    database: Database, refusal: str
) -> None:
    await add(database, "good", "POISON", "better", "best")
    async with filling(database, ScriptedEmbedder(refused="POISON", refusal=refusal, batch_len=4)):
        await done(database)
    assert await rows(database.url, "SELECT state, embedded FROM documents") == [("embedded", 3)]


async def test_an_embedder_that_refuses_every_text_skips_none(database: Database) -> None:
    await add(database, "one")
    refusal = EmbedderUnavailable("http_400", "no such model")
    async with filling(database, ScriptedEmbedder(faults=[refusal] * 6)):
        await done(database)
    assert await rows(database.url, "SELECT embedded FROM documents") == [(1,)]


async def test_a_document_removed_while_it_is_embedded_leaves_nothing(database: Database) -> None:
    hold = asyncio.Event()
    embedder = ScriptedEmbedder(hold=hold)
    document = await add(database, "one", "two", "three")
    async with filling(database, embedder):
        await embedder.begun.wait()
        async with database.connection() as connection:
            await connection.execute("DELETE FROM documents WHERE id = %s", [document])
        hold.set()
        await add(database, "another")
        await done(database)
    async with database.connection() as connection:
        space = await the_space(connection)
        found = await search_dense(connection, DenseQuery(space, vector("one", 16), 9))
    assert len(found.hits) == 1


async def test_a_document_read_anew_while_it_is_embedded_has_the_new_vectors_only(
    database: Database,
) -> None:
    hold = asyncio.Event()
    embedder = ScriptedEmbedder(hold=hold)
    document = await add(database, "old one", "old two", "old three")
    async with filling(database, embedder):
        await embedder.begun.wait()
        async with database.connection() as connection:
            await connection.execute("DELETE FROM passages WHERE document_id = %s", [document])
            await connection.execute(
                "INSERT INTO passages (document_id, ordinal, start_offset, end_offset, text)"
                " VALUES (%s, 0, 0, 3, 'new')",
                [document],
            )
            await connection.execute("UPDATE documents SET embedded = 0, passages = 1")
            await queue_embedding(connection, document)
        hold.set()
        await done(database)
    assert embedder.seen[-1] == "new"
    assert await rows(database.url, "SELECT state, embedded FROM documents") == [("embedded", 1)]


async def test_work_goes_on_where_a_process_that_died_left_it(database: Database) -> None:
    await add(database, *(f"passage {n}" for n in range(6)))
    first = ScriptedEmbedder()
    async with filling(database, first):
        await until(
            database,
            "SELECT coalesce(max(embedded), 0) FROM documents",
            lambda n: isinstance(n, int) and n >= 2,
        )
        first.hold = asyncio.Event()
    second = ScriptedEmbedder()
    async with filling(database, second):
        await done(database)
    assert await rows(database.url, "SELECT embedded FROM documents") == [(6,)]
    assert len(second.seen) <= 4


async def test_only_one_process_fills_and_another_takes_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_filling, "_TURN_S", 0.01)
    first, second = ScriptedEmbedder(hold=asyncio.Event()), ScriptedEmbedder()
    await add(database, "text")
    async with filling(database, second):
        async with filling(database, first):
            pass
        await done(database)
    assert second.seen + first.seen == ["text"]


async def test_a_new_embedder_fills_a_space_beside_the_old_one_which_is_searched_until_then(
    database: Database,
) -> None:
    await add(database, "the deposit", "the garden")
    async with filling(database, ScriptedEmbedder("old")):
        await done(database)
    hold = asyncio.Event()
    new = ScriptedEmbedder("new", dimensions=5, hold=hold)
    async with filling(database, new):
        await new.begun.wait()
        async with database.connection() as connection:
            old_space = await searchable_space(connection, {"old", "new"})
            new_space = await searchable_space(connection, {"new"})
            assert old_space is not None
            assert new_space is not None
            assert (old_space.space.fingerprint, old_space.share) == ("old", 1)
            assert (new_space.space.fingerprint, new_space.share) == ("new", 0)
            found = await search_dense(connection, DenseQuery(old_space.space, vector("x", 16), 9))
            assert len(found.hits) == 2
        assert await rows(database.url, "SELECT embedded FROM documents") == [(0,)]
        hold.set()
        await until(
            database,
            "SELECT count(*) FROM vector_spaces WHERE is_current AND fingerprint = 'new'",
            lambda n: n == 1,
        )
    async with database.connection() as connection:
        assert await searchable_space(connection, {"old"}) is None
        space = await the_space(connection)
        found = await search_dense(connection, DenseQuery(space, vector("x", 5), 9))
    assert len(found.hits) == 2
    assert await rows(database.url, "SELECT state, embedded FROM documents") == [("embedded", 2)]


async def test_a_document_added_while_a_new_space_fills_is_found_by_words_and_the_search_says_so(
    database: Database,
) -> None:
    """It gets no vector of the embedder that is on its way out."""
    await add(database, "the deposit", "the garden")
    async with filling(database, ScriptedEmbedder("old")):
        await done(database)
    hold = asyncio.Event()
    new = ScriptedEmbedder("new", dimensions=5, hold=hold)
    searcher = Searcher(database, TwoEmbedders())
    async with filling(database, new):
        await new.begun.wait()
        await add(database, "the laundry", "the cellar")
        found = await searcher.search(SearchRequest("laundry"))
        assert found.hits[0].text == "the laundry"
        assert found.legs["dense"] == "partial: 50 % of the passages have been embedded"
        hold.set()
        await done(database)
        await until(
            database,
            "SELECT count(*) FROM vector_spaces WHERE is_current AND fingerprint = 'new'",
            lambda n: n == 1,
        )
    found = await searcher.search(SearchRequest("laundry"))
    assert found.hits[0].text == "the laundry"
    assert found.legs["dense"] == "ok"


async def test_going_back_to_the_old_embedder_embeds_only_what_is_missing(
    database: Database,
) -> None:
    await add(database, "the deposit", "the garden")
    async with filling(database, ScriptedEmbedder("old")):
        await done(database)
    new = ScriptedEmbedder("new", dimensions=5, hold=asyncio.Event())
    async with filling(database, new):
        await new.begun.wait()
    await add(database, "the keys")
    again = ScriptedEmbedder("old")
    async with filling(database, again):
        await done(database)
    assert again.seen == ["the keys"]
    counts = await rows(database.url, "SELECT embedded FROM documents ORDER BY created_at")
    assert counts == [(2,), (1,)]
    async with database.connection() as connection:
        assert (await the_space(connection)).fingerprint == "old"


async def test_an_embedder_that_never_made_a_vector_gives_its_place_to_the_next(
    database: Database,
) -> None:
    first = ScriptedEmbedder("first")
    async with filling(database, first):
        await until(database, "SELECT count(*) FROM vector_spaces", lambda n: n == 1)
    await add(database, "text")
    second = ScriptedEmbedder("second", hold=asyncio.Event())
    async with filling(database, second):
        await second.begun.wait()
        async with database.connection() as connection:
            assert (await the_space(connection)).is_current
