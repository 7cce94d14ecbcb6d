"""An index made by other rules is made again, and only then."""

from __future__ import annotations

from search_corpus import add

from byline.domain.searches import SearchRequest
from byline.search.index.reindexing import ensure_current_index
from byline.search.search import Searcher
from byline.store.database import Database
from byline.text.terms import ANALYSIS_VERSION

TEXTS = ("The lease ends in May.", "보증 기간은 2년입니다.", "The router is grey.")


async def made_by_other_rules(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE lexical_analysis SET version = version - 1")
        await connection.execute("TRUNCATE lexical_passages, lexical_terms, lexical_changes")


async def test_passages_indexed_by_other_rules_are_found_again(database: Database) -> None:
    await ensure_current_index(database)
    await add(database, *TEXTS)
    searcher = Searcher(database)
    before = await searcher.search(SearchRequest("lease"))
    await made_by_other_rules(database)
    assert (await searcher.search(SearchRequest("lease"))).hits == ()
    await ensure_current_index(database)
    after = await searcher.search(SearchRequest("lease"))
    assert after.hits == before.hits
    assert after.coverage == before.coverage
    assert (await searcher.search(SearchRequest("보증 기간"))).hits[0].text == TEXTS[1]


async def test_an_index_by_todays_rules_is_left_alone(database: Database) -> None:
    await ensure_current_index(database)
    await add(database, *TEXTS)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM lexical_passages")
    await ensure_current_index(database)
    async with database.connection() as connection:
        left = await (
            await connection.execute("SELECT count(*) AS n FROM lexical_passages")
        ).fetchone()
        version = await (
            await connection.execute("SELECT version FROM lexical_analysis")
        ).fetchone()
    assert left == {"n": 0}
    assert version == {"version": ANALYSIS_VERSION}
