"""Counts of a library that has come to rest: folded behind it, once and by one."""

from __future__ import annotations

import asyncio

from search_corpus import add, counted, statistics

from byline.search.index.stats_compaction import StatsCompactor
from byline.store.database import Database


async def changes(database: Database) -> int:
    async with database.connection() as connection:
        found = await connection.execute("SELECT count(*) AS n FROM lexical_changes")
        row = await found.fetchone()
    assert row is not None
    return int(row["n"])


async def test_what_has_not_changed_between_two_looks_is_folded(database: Database) -> None:
    await add(database, "one text", "and another")
    folder = StatsCompactor(database)
    await folder.look()
    assert await changes(database) == 1
    await folder.look()
    assert await changes(database) == 0
    assert await statistics(database) == await counted(database)
    await folder.look()
    await folder.look()
    assert await statistics(database) == await counted(database)


async def test_a_library_that_is_being_added_to_is_left_alone(database: Database) -> None:
    folder = StatsCompactor(database)
    for text in ("one text", "a second one", "a third"):
        await add(database, text)
        await folder.look()
    assert await changes(database) == 3


async def test_other_changes_of_the_same_number_are_no_rest(database: Database) -> None:
    await add(database, "one text")
    folder = StatsCompactor(database)
    await folder.look()
    async with database.connection() as connection:
        await connection.execute("DELETE FROM lexical_changes")
    await add(database, "another text")
    await folder.look()
    assert await changes(database) == 1


async def test_several_processes_at_rest_fold_once(database: Database) -> None:
    await add(database, "one text", "and another")
    folders = [StatsCompactor(database) for _ in range(4)]
    for _ in range(2):
        await asyncio.gather(*(folder.look() for folder in folders))
    assert await changes(database) == 0
    assert await statistics(database) == await counted(database)


async def test_new_postings_are_in_their_places_once_it_is_at_rest(database: Database) -> None:
    await add(database, "one text", "and another")
    folder = StatsCompactor(database)
    await folder.look()
    await folder.look()
    async with database.connection() as connection:
        found = await connection.execute(
            "SELECT gin_clean_pending_list('lexical_passages_terms') AS pages"
        )
        assert (await found.fetchone() or {})["pages"] == 0
