"""An index made by other rules is made again, and only then."""

from __future__ import annotations

from search_corpus import add

from byline.domain.searches import SearchRequest
from byline.search.index.reindexing import ensure_current_index
from byline.search.near_duplicates import fingerprint
from byline.search.search import Searcher
from byline.store.database import Database
from byline.text.terms import ANALYSIS_VERSION, terms

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
    assert [(hit.passage_id, hit.score) for hit in after.hits] == [
        (hit.passage_id, hit.score) for hit in before.hits
    ]
    assert after.coverage == before.coverage
    assert (await searcher.search(SearchRequest("보증 기간"))).hits[0].text == TEXTS[1]


async def test_the_fingerprints_of_passages_are_made_by_the_new_rules_too(
    database: Database,
) -> None:
    await ensure_current_index(database)
    await add(database, *TEXTS)
    await made_by_other_rules(database)
    async with database.connection() as connection:
        await connection.execute("UPDATE passages SET fingerprint = id WHERE id % 2 = 0")
    await ensure_current_index(database)
    async with database.connection() as connection:
        found = await connection.execute("SELECT text, fingerprint FROM passages")
        rows = await found.fetchall()
    assert {row["text"]: row["fingerprint"] for row in rows} == {
        text: fingerprint(terms(text)) for text in TEXTS
    }


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
