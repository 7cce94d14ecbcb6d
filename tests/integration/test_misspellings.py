"""Misspelt words in searches of a real database."""

from __future__ import annotations

from search_corpus import add

from byline.domain.searches import Filters, QueryForm, SearchRequest, SearchResult, one_collection
from byline.search.search import Searcher
from byline.store.database import Database

TEXTS = (
    "The warranty of the router covers repairs for two years.",
    "The lease ends in May; the landlord keeps the deposit until the repairs are paid.",
    "Wood and water.",
)


async def searched(database: Database, query: str, **more: object) -> SearchResult:
    return await Searcher(database).search(SearchRequest(query, **more))  # type: ignore[arg-type]


async def test_a_misspelt_word_finds_what_was_meant_and_says_so(database: Database) -> None:
    _, ids = await add(database, *TEXTS)
    found = await searched(database, "warrenty")
    assert [hit.passage_id for hit in found.hits] == [ids[0]]
    assert found.read_as.respelt == {"warrenty": ("warranty",)}
    right = await searched(database, "warranty")
    assert right.read_as.respelt == {}
    assert found.hits[0].score == right.hits[0].score
    assert found.coverage == right.coverage == 1


async def test_a_question_may_be_misspelt_too(database: Database) -> None:
    _, ids = await add(database, *TEXTS)
    found = await searched(database, "What does the landlrod keep?", form=QueryForm.QUESTION)
    assert found.hits[0].passage_id == ids[1]
    assert found.read_as.respelt == {"landlrod": ("landlord",)}


async def test_a_word_that_somebody_wrote_is_that_word(database: Database) -> None:
    _, ids = await add(database, *TEXTS, "A warrenty, as the seller spelt it.")
    found = await searched(database, "warrenty")
    assert [hit.passage_id for hit in found.hits] == [ids[3]]
    assert found.read_as.respelt == {}


async def test_what_another_collection_holds_is_not_meant_in_this_one(database: Database) -> None:
    await add(database, *TEXTS)
    await add(database, "Warrants were served.", collection="court")
    found = await searched(database, "warrenty", filters=Filters(one_collection("court")))
    assert found.hits == ()
    assert found.read_as.respelt == {}


async def test_words_in_quotes_count_as_they_are_written(database: Database) -> None:
    await add(database, *TEXTS)
    found = await searched(database, '"warrenty of the router"')
    assert found.hits == ()
    assert found.read_as.respelt == {}


async def test_a_word_no_other_is_near_to_stays_what_it_was(database: Database) -> None:
    _, ids = await add(database, *TEXTS)
    found = await searched(database, "zebras router")
    assert [hit.passage_id for hit in found.hits] == [ids[0]]
    assert found.read_as.respelt == {}
    assert found.coverage < 1
