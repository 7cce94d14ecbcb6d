"""An exact word that one document alone has is among the first three hits, whatever vectors think.

The embedder here is against them: it takes every passage with `[far]` in it to be as far from any
question as can be, and all others to be near.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest
from psycopg import AsyncConnection
from search_corpus import Draft, add_document

from byline.config import schema
from byline.domain.searches import Filters, SearchRequest, SearchResult
from byline.errors import EmbedderUnavailable
from byline.search.search import Searcher
from byline.store.database import Database, open_database
from byline.vectors.vector_spaces import add_space

XK = "The [far] spare part XK-4471 is grey."
XK_LIKE = "The [far] spare part XK-4472 is blue, and XK-4471-B is red."
BRACKWATER = "Brackwater [far] is a lane by the mill."
RIVER = "가온누리는 [far] 강가에 있다."
RIVER_LIKE = "가온 마을의 온누 강과 누리 집은 [far] 산에 있다."
ARTICLE = "제3조는 [far] 이것을 정한다."
ARTICLE_LIKE = "제13조와 3조의 [far] 것이다."
METER = "Meter 2305601 [far] hangs in the hall."
MAIL = "Ask [far] anna@mill.example about it."
FILE = "The [far] file lease_2024.pdf is lost."
FILES_LIKE = "The [far] lease of 2024.pdf kind is lost."
DAY = "On May 1, 2024 [far] the sun shone."
LAMP = "The [far] lamp ZP-0815 is like the vase QR-7712."
LONG = [f"Halvorsen {word} [far] at noon." for word in ("sails", "sleeps", "sings", "sews")]
ALONE = (XK, XK_LIKE, BRACKWATER, RIVER, RIVER_LIKE, ARTICLE, ARTICLE_LIKE, METER, MAIL, FILE,
         FILES_LIKE, DAY, LAMP)  # fmt: skip


class Against:
    """An embedder for which `[far]` passages are far from every question."""

    is_down = False

    @property
    def fingerprints(self) -> frozenset[str]:
        return frozenset({"against"})

    def of(self, fingerprint: str) -> Against:
        return self

    async def prepare(self) -> None: ...

    async def embed_query(self, text: str) -> Sequence[float]:
        if self.is_down:
            raise EmbedderUnavailable("ConnectError", "nobody answers")
        return [1.0, 0.0, 0.0]


class Library:
    """Documents with vectors that lead astray."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._space: int | None = None

    async def put(self, *passages: str, **where: Any) -> str:
        if self._space is None:
            made = await add_space(self._connection, "against", 3, is_current=True)
            self._space = made.id
        document_id, ids = await add_document(self._connection, Draft(passages, **where))
        for id_, text in zip(ids, passages, strict=True):
            vector = "[-1,0,0]" if "[far]" in text else f"[0.9,{id_ % 7 / 100},0.1]"
            await self._connection.execute(
                f"INSERT INTO vectors_{self._space} VALUES (%s, %s, %s, %s::halfvec)",
                [id_, document_id, where.get("collection", "default"), vector],
            )
        return document_id

    async def put_many(self, count: int = 15) -> None:
        """Documents that speak of what every question here speaks of, each a little otherwise."""
        for n in range(count):
            item = f"item {chr(97 + n % 26)}{chr(97 + n // 26)}"
            await self.put(
                f"What does {item} cost? The cost of rent and the price are in the contract.",
                f"계약 기간은 {chr(0xAC00 + 588 * (n % 19) + n)}동 계약 조건과 가격에 따른다.",
                tags=("many",),
            )


@pytest.fixture(scope="module")
def full_library(another_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """The address of a library that tests only search."""

    async def fill(url: str) -> None:
        async with (
            open_database(schema.Database(connect_s_max=5), url) as database,
            database.connection() as connection,
        ):
            library = Library(connection)
            await library.put_many(60)
            for text in ALONE:
                await library.put(text, tags=("few", "alone"))
            await library.put(*LONG, tags=("alone",))
            for name in ("one", "two"):
                await library.put(f"The Wexcombe [far] ferry {name}.", tags=(name, "few"))

    with another_database() as url:
        asyncio.run(fill(url))
        yield url


@pytest.fixture
async def searcher(full_library: str) -> AsyncIterator[Searcher]:
    async with open_database(schema.Database(connect_s_max=5), full_library) as database:
        yield Searcher(database, Against())


@pytest.fixture
async def searcher_by_words(full_library: str) -> AsyncIterator[Searcher]:
    embedder = Against()
    embedder.is_down = True
    async with open_database(schema.Database(connect_s_max=5), full_library) as database:
        yield Searcher(database, embedder)


def place_of(found: SearchResult, text: str) -> int:
    """From 1; 0 where the passage is not among the hits."""
    texts = [hit.text for hit in found.hits]
    return texts.index(text) + 1 if text in texts else 0


QUESTIONS = {
    "XK-4471": XK,
    "What does XK-4471 cost?": XK,
    "XK-4471의 가격은 얼마인가요?": XK,
    "what does xk4471 cost": XK,
    "What is the cost of rent and the price in the contract at Brackwater?": BRACKWATER,
    "brackwater rent cost": BRACKWATER,
    "What does Brackwater's contract cost?": BRACKWATER,
    "가온누리 계약 기간은?": RIVER,
    "가온누리": RIVER,
    "가온누리의 계약 기간은?": RIVER,
    "제3조의 계약 조건은?": ARTICLE,
    "What does number 2305601 cost?": METER,
    "price of 2,305,601": METER,
    "2305601번 계약 가격": METER,
    "contract price anna@mill.example": MAIL,
    "What is in lease_2024.pdf on the cost?": FILE,
    "cost of rent on 2024-05-01": DAY,
    "contract price -garage XK-4471": XK,
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_what_alone_has_an_exact_word_is_among_the_first_three(
    searcher: Searcher, question: str
) -> None:
    for limit in (1, 2, 3, 10):
        found = await searcher.search(SearchRequest(question, limit=limit))
        assert len(found.hits) == limit
        assert 1 <= place_of(found, QUESTIONS[question]) <= min(3, limit)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_exact_word_has_its_place_in_a_search_by_words_alone(
    searcher_by_words: Searcher, question: str
) -> None:
    found = await searcher_by_words.search(SearchRequest(question))
    assert 1 <= place_of(found, QUESTIONS[question]) <= 3


@pytest.mark.parametrize("filters", [Filters(tags=("alone", "many")), Filters(types=("text",))])
async def test_an_exact_word_has_its_place_under_a_filter(
    searcher: Searcher, filters: Filters
) -> None:
    for question, text in QUESTIONS.items():
        found = await searcher.search(SearchRequest(question, filters=filters))
        assert 1 <= place_of(found, text) <= 3


async def test_a_word_that_one_document_of_those_searched_has_counts_as_its_own(
    searcher: Searcher,
) -> None:
    question = "What is the cost of rent and the price in the contract of the Wexcombe?"
    everywhere = await searcher.search(SearchRequest(question))
    assert not any("Wexcombe" in hit.text for hit in everywhere.hits[:3])
    filters = Filters(tags=("many", "one"))
    filtered = await searcher.search(SearchRequest(question, filters=filters))
    assert 1 <= place_of(filtered, "The Wexcombe [far] ferry one.") <= 3


async def test_of_a_document_with_the_word_in_many_passages_the_best_is_among_the_first(
    searcher: Searcher,
) -> None:
    found = await searcher.search(SearchRequest("cost price contract when Halvorsen sings"))
    assert 1 <= place_of(found, "Halvorsen sings [far] at noon.") <= 3
    others = [hit for hit in found.hits[:3] if "Halvorsen" in hit.text]
    assert len(others) == 1


async def test_what_is_lifted_has_no_lower_score_than_what_it_stands_before(
    searcher: Searcher,
) -> None:
    found = await searcher.search(SearchRequest("What does XK-4471 cost?"))
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    lifted = next(hit for hit in found.hits if hit.text == XK)
    assert lifted.legs["dense"] == pytest.approx(-1, abs=0.01)


async def test_words_of_several_documents_have_a_place_each(searcher: Searcher) -> None:
    question = "What is the cost of XK-4471 and ZP-0815 at Brackwater?"
    found = await searcher.search(SearchRequest(question))
    assert {hit.text for hit in found.hits[:3]} == {XK, LAMP, BRACKWATER}
    found = await searcher.search(SearchRequest(question, limit=2))
    assert {hit.text for hit in found.hits} == {XK, LAMP}  # codes say more than a name


async def test_two_words_of_one_document_take_one_place(searcher: Searcher) -> None:
    found = await searcher.search(SearchRequest("cost of rent: ZP-0815 or QR-7712"))
    assert [hit.text == LAMP for hit in found.hits[:3]] == [False, False, True]


async def test_a_word_that_only_fills_the_question_makes_no_room_for_itself(
    database: Database,
) -> None:
    question = "Whereabouts would the rent and price in a contract for some item be?"
    async with database.connection() as connection:
        library = Library(connection)
        await library.put_many()
        await library.put("Whereabouts [far] unknown.")
    found = await Searcher(database, Against()).search(SearchRequest(question))
    assert place_of(found, "Whereabouts [far] unknown.") == 0


async def test_a_word_that_several_documents_have_moves_nothing(database: Database) -> None:
    async with database.connection() as connection:
        library = Library(connection)
        await library.put_many()
        for number in range(2):
            await library.put(f"Part XK-4471 [far] {number}.")
    found = await Searcher(database, Against()).search(SearchRequest("What does XK-4471 cost?"))
    assert not any("XK-4471" in hit.text for hit in found.hits[:3])


async def test_what_stands_among_the_first_anyway_stays_where_it_is(database: Database) -> None:
    async with database.connection() as connection:
        library = Library(connection)
        await library.put_many()
        await library.put("What does XK-4471 cost? The cost of it is in the contract.")
    found = await Searcher(database, Against()).search(SearchRequest("What does XK-4471 cost?"))
    assert "XK-4471" in found.hits[0].text


async def test_in_a_library_of_three_the_word_decides(database: Database) -> None:
    async with database.connection() as connection:
        library = Library(connection)
        await library.put("What does the rent cost?")
        await library.put("What does the contract cost?")
        await library.put("The [far] part XK-4471.")
    for limit in (1, 2, 3):
        found = await Searcher(database, Against()).search(
            SearchRequest("What does XK-4471 cost?", limit=limit)
        )
        assert place_of(found, "The [far] part XK-4471.") == limit


async def test_the_passage_with_the_word_is_shown_before_what_says_the_same_without_it(
    database: Database,
) -> None:
    words = "what the rent and the price in the contract cost is said to each of us at noon"
    async with database.connection() as connection:
        library = Library(connection)
        await library.put_many()
        await library.put(f"So {words} by the mill, item by item: cost, cost, rent, price.")
        await library.put(
            f"So {words} by the mill, item by item: cost, cost, rent, price. Brackwater [far]."
        )
    found = await Searcher(database, Against()).search(
        SearchRequest("What rent and price are said to each of us at Brackwater?")
    )
    with_word = next(hit for hit in found.hits[:3] if "Brackwater" in hit.text)
    assert [other.passage_id for other in with_word.also_in]
    assert sum("item by item" in hit.text for hit in found.hits) == 1


async def test_a_removed_document_shares_no_word(database: Database) -> None:
    async with database.connection() as connection:
        library = Library(connection)
        await library.put_many()
        await library.put("Part XK-4471 [far] stays.")
        gone = await library.put("Part XK-4471 [far] goes.")
        await connection.execute(
            "UPDATE stored_documents SET removed_at = now() WHERE id = %s", [gone]
        )
    found = await Searcher(database, Against()).search(SearchRequest("What does XK-4471 cost?"))
    assert place_of(found, "Part XK-4471 [far] stays.") == 3


@pytest.mark.parametrize("word", ["가온누리", "Brackwater"])
async def test_a_word_of_a_title_is_a_word_of_each_passage(database: Database, word: str) -> None:
    async with database.connection() as connection:
        library = Library(connection)
        await library.put_many()
        parts = [f"The [far] part of {name} cost." for name in ("wood", "stone", "glass")]
        titled = await library.put(*parts, title=f"On {word}")
    found = await Searcher(database, Against()).search(SearchRequest(f"{word} stone price"))
    assert titled in [hit.document_id for hit in found.hits[:3]]


async def test_many_other_words_do_not_outweigh_the_exact_one(database: Database) -> None:
    others = "zimmed zammed zommed zummed wimmed wammed wommed wummed"
    async with database.connection() as connection:
        library = Library(connection)
        await library.put_many()
        for number in range(5):
            await library.put(f"They {others} at noon {number}.")
        await library.put("They met at Brackwater.")
    searcher = Searcher(database)
    found = await searcher.search(SearchRequest(f"Was it {others} at Brackwater?"))
    assert place_of(found, "They met at Brackwater.") == 3
