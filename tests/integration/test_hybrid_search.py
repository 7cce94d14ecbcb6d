"""Search by words and by meaning together: one ranking, and never a leg missing in silence.

The embedder here knows three matters (money, animals, weather) in two languages, an axis each.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from search_corpus import Draft, add_document

from byline.domain.searches import Filters, SearchRequest, one_collection
from byline.errors import BadRequest, EmbedderUnavailable
from byline.search.search import Searcher
from byline.store.binary_copy import vector_text
from byline.store.database import Database
from byline.vectors.query_vector import NO_VECTORS
from byline.vectors.vector_spaces import VectorSpace, add_space

MATTERS = (
    ("money", "invoice", "rent", "돈", "임대료", "salary"),
    ("cat", "dog", "고양이", "animal", "pet", "kitten"),
    ("rain", "snow", "weather", "비", "storm", "umbrella"),
)

RENT = "Rent is due on the first day of the month."
KITTEN = "A kitten sleeps eighteen hours a day."
STORM = "The storm took the roof of the shed."
UNRELATED = "Chapter seven lists the members of the board."


def meaning(text: str) -> list[float]:
    counts = [0.05 + sum(word in text.casefold() for word in matter) for matter in MATTERS]
    length = math.sqrt(sum(count * count for count in counts))
    return [count / length for count in counts]


class Knowing:
    """An embedder of three matters, which can be told to fail or to wait."""

    def __init__(self) -> None:
        self.failure: EmbedderUnavailable | None = None
        self.asked: list[str] = []
        self.wait: asyncio.Event | None = None
        self.gave_up = False
        self.is_ready = False
        self.expected = 1
        self.all_asked = asyncio.Event()

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset({"knowing"})

    def of(self, fingerprint: str) -> Knowing:
        assert fingerprint == "knowing"
        return self

    async def prepare(self) -> None:
        self.is_ready = True

    async def embed_query(self, text: str) -> Sequence[float]:
        self.asked.append(text)
        if len(self.asked) == self.expected:
            self.all_asked.set()
        if self.wait is not None:
            try:
                await self.wait.wait()
            except asyncio.CancelledError:
                self.gave_up = True
                raise
        if self.failure is not None:
            raise self.failure
        return meaning(text)


async def put(
    connection: AsyncConnection[DictRow], space: VectorSpace, draft: Draft
) -> tuple[str, list[int]]:
    document_id, ids = await add_document(connection, draft)
    for id_, text in zip(ids, draft.passages, strict=True):
        await connection.execute(
            f"INSERT INTO vectors_{space.id} VALUES (%s, %s, %s, %s::halfvec)",
            [id_, document_id, draft.collection, vector_text(meaning(text))],
        )
    return document_id, ids


@pytest.fixture
async def space(database: Database) -> VectorSpace:
    async with database.connection() as connection:
        made = await add_space(connection, "knowing", len(MATTERS), is_current=True)
        for text in (RENT, KITTEN, STORM, UNRELATED):
            await put(connection, made, Draft([text]))
    return made


async def test_a_passage_without_a_word_of_the_query_is_found_by_meaning(
    database: Database, space: VectorSpace
) -> None:
    found = await Searcher(database, Knowing()).search(SearchRequest("고양이"))
    assert found.hits[0].text == KITTEN
    assert found.hits[0].legs["lexical"] == 0
    assert found.hits[0].legs["dense"] == pytest.approx(1, abs=0.01)
    assert found.legs == {"lexical": "ok", "dense": "ok"}
    assert found.nearest == found.hits[0].legs["dense"]
    assert found.embedder == "knowing"


async def test_a_passage_both_legs_find_comes_first(database: Database, space: VectorSpace) -> None:
    found = await Searcher(database, Knowing()).search(SearchRequest("umbrella shed"))
    assert found.hits[0].text == STORM
    assert found.hits[0].legs["lexical"] > 0


async def test_every_hit_has_the_score_of_each_leg(database: Database, space: VectorSpace) -> None:
    found = await Searcher(database, Knowing()).search(SearchRequest("members and rain"))
    assert {hit.text for hit in found.hits} == {RENT, KITTEN, STORM, UNRELATED}
    assert all(hit.legs.keys() == {"lexical", "dense"} for hit in found.hits)
    by_score = sorted(found.hits, key=lambda hit: -hit.score)
    assert list(found.hits) == by_score


async def test_an_embedder_that_is_down_is_named_and_words_still_find(
    database: Database, space: VectorSpace
) -> None:
    embedder = Knowing()
    embedder.failure = EmbedderUnavailable("ConnectError", "nobody answers at http://box:1234")
    found = await Searcher(database, embedder).search(SearchRequest("rent"))
    assert [hit.text for hit in found.hits] == [RENT]
    assert found.legs["lexical"] == "ok"
    assert found.legs["dense"].startswith("unavailable: ")
    assert "ConnectError" in found.legs["dense"]
    assert (found.nearest, found.embedder) == (None, None)


async def test_without_an_embedder_the_dense_leg_is_off(
    database: Database, space: VectorSpace
) -> None:
    found = await Searcher(database).search(SearchRequest("rent"))
    assert found.legs == {"lexical": "ok", "dense": "off"}
    assert [hit.text for hit in found.hits] == [RENT]


async def test_before_the_first_vector_nothing_is_embedded_and_the_search_says_so(
    database: Database,
) -> None:
    embedder = Knowing()
    async with database.connection() as connection:
        await add_document(connection, Draft([RENT]))
    found = await Searcher(database, embedder).search(SearchRequest("rent"))
    assert found.legs["dense"] == NO_VECTORS
    assert found.hits
    assert not embedder.asked


async def test_a_search_says_which_share_of_passages_has_vectors(
    database: Database, space: VectorSpace
) -> None:
    async with database.connection() as connection:
        await add_document(connection, Draft(["The dog waits for its vector."]))
    found = await Searcher(database, Knowing()).search(SearchRequest("dog vector"))
    assert found.legs["dense"] == "partial: 80 % of the passages have been embedded"
    waiting = next(hit for hit in found.hits if "waits" in hit.text)
    assert "dense" not in waiting.legs


async def test_the_embedder_is_made_ready_only_where_there_are_vectors(
    database: Database,
) -> None:
    embedder = Knowing()
    searcher = Searcher(database, embedder)
    await searcher.prepare()
    assert not embedder.is_ready
    async with database.connection() as connection:
        made = await add_space(connection, "knowing", len(MATTERS), is_current=True)
        await put(connection, made, Draft([RENT]))
    await searcher.prepare()
    assert embedder.is_ready


async def test_filters_hold_for_both_legs(database: Database, space: VectorSpace) -> None:
    async with database.connection() as connection:
        id_, _ = await put(
            connection, space, Draft(["A dog in the other collection."], collection="other")
        )
    searcher = Searcher(database, Knowing())
    in_collection = await searcher.search(
        SearchRequest("pet", filters=Filters(one_collection("other")))
    )
    assert [hit.document_id for hit in in_collection.hits] == [id_]
    in_document = await searcher.search(SearchRequest("pet", filters=Filters(documents=(id_,))))
    assert [hit.document_id for hit in in_document.hits] == [id_]


async def test_a_refused_search_lets_go_of_its_embedding(
    database: Database, space: VectorSpace
) -> None:
    embedder = Knowing()
    embedder.wait = asyncio.Event()
    with pytest.raises(BadRequest, match="no collection named 'nowhere'"):
        await Searcher(database, embedder).search(
            SearchRequest("pet", filters=Filters(one_collection("nowhere")))
        )
    assert embedder.gave_up or not embedder.asked


async def test_no_connection_is_held_while_the_query_is_embedded(
    database: Database, space: VectorSpace
) -> None:
    embedder = Knowing()
    embedder.wait = asyncio.Event()
    embedder.expected = 30  # more than there are connections
    searcher = Searcher(database, embedder)
    searches = [
        asyncio.create_task(searcher.search(SearchRequest("pet"))) for _ in range(embedder.expected)
    ]
    await embedder.all_asked.wait()
    embedder.wait.set()
    assert all(found.hits for found in await asyncio.gather(*searches))


async def test_a_document_deleted_between_the_legs_is_simply_not_found(
    database: Database, space: VectorSpace
) -> None:
    embedder = Knowing()
    embedder.wait = asyncio.Event()
    search = asyncio.create_task(Searcher(database, embedder).search(SearchRequest("kitten")))
    await embedder.all_asked.wait()
    async with database.connection() as connection:
        await connection.execute(
            "DELETE FROM documents WHERE id IN (SELECT document_id FROM passages WHERE text = %s)",
            [KITTEN],
        )
    embedder.wait.set()
    assert KITTEN not in [hit.text for hit in (await search).hits]
