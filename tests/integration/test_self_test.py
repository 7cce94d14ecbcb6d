"""A start proves that search finds something, and leaves nothing of the proof behind."""

from __future__ import annotations

import asyncio
import re

import pytest
from search_corpus import add

from byline.errors import StartFailed
from byline.search import self_test
from byline.search.index import lexical_index
from byline.search.self_test import prove_search
from byline.store.database import Database

TABLES = ("documents", "passages", "lexical_passages", "lexical_terms", "lexical_changes")


async def rows_in(database: Database) -> dict[str, int]:
    counts = {}
    async with database.connection() as connection:
        for table in (*TABLES, "collections"):
            found = await connection.execute(f"SELECT count(*) AS n FROM {table}")
            row = await found.fetchone()
            counts[table] = row["n"] if row else 0
    return counts


async def test_search_is_proved_and_nothing_is_left_of_it(database: Database) -> None:
    await add(database, "보증금은 돌려받는다.", "deposits", collection="garage")
    before = await rows_in(database)
    await prove_search(database)
    await asyncio.gather(prove_search(database), prove_search(database))
    assert await rows_in(database) == before


async def test_an_index_that_does_not_find_korean_ends_the_start(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = lexical_index.terms
    monkeypatch.setattr(lexical_index, "terms", lambda text: terms(re.sub("[가-힣]", " ", text)))
    with pytest.raises(StartFailed, match="Korean") as failed:
        await prove_search(database)
    assert "UTF8" in failed.value.remedy
    assert (await rows_in(database))["documents"] == 0


async def test_english_is_proved_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "query_terms", lambda question: [1])
    with pytest.raises(StartFailed, match="Korean"):
        await prove_search(database)
    monkeypatch.setattr(self_test, "_PROOFS", self_test._PROOFS[1:])
    with pytest.raises(StartFailed, match="English"):
        await prove_search(database)


async def test_a_broken_index_is_said_in_the_words_of_the_database(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE lexical_passages DROP COLUMN weights")
    with pytest.raises(StartFailed, match="weights"):
        await prove_search(database)
