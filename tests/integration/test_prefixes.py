"""`word*` in a search: which words it stands for, and what those find."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from search_corpus import Draft, add, add_document

from byline.domain.reasons import SearchNote, SearchNoteCode
from byline.domain.searches import Filters, QueryForm, SearchRequest, one_collection
from byline.search.index import vocabulary
from byline.search.index.reindexing import ensure_current_index
from byline.search.search import Searcher
from byline.store.database import Database

INVOICE = "The invoice is due in May."
INVENTORY = "An inventory of the flat; invoices are kept apart."
CODE = "Order ABC-1234 was shipped."
DEPOSIT = "임대차 보증금은 계약이 끝나면 돌려받는다. Lessee pays."
OTHER = "Kittens sleep all day."


@pytest.fixture
async def searcher(database: Database) -> Searcher:
    for text in (INVOICE, INVENTORY, CODE, DEPOSIT, OTHER):
        await add(database, text)
    return Searcher(database)


async def found_by(searcher: Searcher, query: str, **where: Any) -> set[str]:
    found = await searcher.search(SearchRequest(query, limit=50, **where))
    return {hit.text for hit in found.hits}


async def listed(database: Database) -> Mapping[str, int]:
    async with database.connection() as connection:
        rows = await connection.execute(
            "SELECT word, count(*) AS times FROM lexical_words GROUP BY word"
        )
        return {row["word"]: row["times"] for row in await rows.fetchall()}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("inv*", {INVOICE, INVENTORY}),
        ("INVE*", {INVENTORY}),
        ("ABC-12*", {CODE}),  # two digits are too few: the words are looked for
        ("ABC-123*", {CODE}),
        ("123*", {CODE}),
        ("inv* -flat", {INVOICE}),
        ('inv* "due in May"', {INVOICE}),
        ("kit* ship*", {OTHER, CODE}),
        ("보증*", {DEPOSIT}),
        ("less* 보증금", {DEPOSIT}),
    ],
)
async def test_any_word_that_begins_so_is_found(
    searcher: Searcher, query: str, expected: set[str]
) -> None:
    assert await found_by(searcher, query) == expected


async def test_a_search_says_which_words_a_prefix_stands_for(searcher: Searcher) -> None:
    found = await searcher.search(SearchRequest("inv*"))
    assert found.read_as.prefixes == {"inv": ("invoice", "invoices", "inventory")}
    assert found.notes == ()
    assert found.coverage == 1


async def test_a_prefix_that_no_word_has_is_said(searcher: Searcher) -> None:
    found = await searcher.search(SearchRequest("zebr* kittens"))
    assert [hit.text for hit in found.hits] == [OTHER]
    assert found.notes == (SearchNote(SearchNoteCode.UNUSED_PREFIX, {"prefix": "zebr"}),)
    assert found.coverage < 1


async def test_words_of_other_collections_and_of_deleted_documents_are_left_out(
    searcher: Searcher, database: Database
) -> None:
    gone, _ = await add(database, "Invigilators watch.", collection="school")
    await add(database, "Invite them.", collection="school")
    async with database.connection() as connection:
        await connection.execute("DELETE FROM documents WHERE id = %s", [gone])
    found = await searcher.search(SearchRequest("inv*", filters=Filters(one_collection("school"))))
    assert found.read_as.prefixes == {"inv": ("invite",)}


async def test_more_words_than_a_query_takes_are_cut_and_it_is_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "WORDS_MAX", 4)
    await add(database, "prea preb prec pred pree", "pree")
    found = await Searcher(database).search(SearchRequest("pre*"))
    assert found.read_as.prefixes == {"pre": ("pree", "prea", "preb", "prec")}
    cut = {"prefix": "pre", "words": 4}
    assert found.notes == (SearchNote(SearchNoteCode.PREFIX_IS_CUT, cut),)


async def test_a_question_has_no_prefixes(searcher: Searcher) -> None:
    assert await found_by(searcher, "inv*", form=QueryForm.QUESTION) == set()


async def test_a_word_is_listed_once_however_often_it_comes(database: Database) -> None:
    await add(database, INVOICE, INVENTORY, title="Invoice")
    await add(database, INVOICE)
    assert (await listed(database))["invoice"] == 1


async def test_two_writers_of_the_same_words_do_not_wait_for_each_other(
    database: Database,
) -> None:
    async with asyncio.timeout(20):
        async with database.connection() as one, database.connection() as other:
            await add_document(one, Draft(["apple"], collection="one"))
            await add_document(other, Draft(["banana"], collection="two"))
            await add_document(one, Draft(["banana"], collection="one"))
            await add_document(other, Draft(["apple"], collection="two"))
    found = await Searcher(database).search(SearchRequest("app* bana*"))
    assert found.read_as.prefixes == {"app": ("apple",), "bana": ("banana",)}


async def test_documents_indexed_before_there_were_words_get_them_at_a_start(
    searcher: Searcher, database: Database
) -> None:
    await ensure_current_index(database)
    async with database.connection() as connection:
        await connection.execute("UPDATE lexical_analysis SET version = version - 1")
        await connection.execute("TRUNCATE lexical_words")
    assert await found_by(searcher, "inve*") == set()
    await ensure_current_index(database)
    assert await found_by(searcher, "inve*") == {INVENTORY}
    assert max((await listed(database)).values()) == 1
