"""Borrowing connections, migrations, and what callers see when PostgreSQL goes away."""

from __future__ import annotations

from byline.store.database import Database


async def test_a_migrated_database_has_the_default_collection(database: Database) -> None:
    async with database.connection() as connection:
        rows = await (await connection.execute("SELECT name FROM collections")).fetchall()
    assert rows == [{"name": "default"}]


async def test_a_migrated_database_has_the_default_collection2(database: Database) -> None:
    await database.check()
