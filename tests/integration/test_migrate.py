"""Migrations on a real database: once, whole or not at all, by one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from psycopg.rows import DictRow, dict_row

from byline.config import schema
from byline.errors import StartFailed
from byline.store.database import Database, open_database
from byline.store.migrate import MigrationStep, SchemaComponent, migrate, procrastinate_component

Connection = psycopg.AsyncConnection[DictRow]


@pytest.fixture
async def connection(empty_database_url: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(
        empty_database_url, autocommit=True, row_factory=dict_row
    ) as opened:
        yield opened


async def rows(connection: Connection, sql: str) -> list[DictRow]:
    return await (await connection.execute(sql)).fetchall()


async def test_an_empty_database_gets_every_step_and_a_second_start_none(
    connection: Connection,
) -> None:
    assert "0001_documents" in await migrate(connection)
    assert await migrate(connection) == []


async def test_two_starting_at_once_take_each_step_once(empty_database_url: str) -> None:
    async def start() -> int:
        async with (
            open_database(schema.Database(), empty_database_url) as database,
            database.connection() as connection,
        ):
            (counted,) = await rows(connection, "SELECT count(*) AS n FROM schema_migrations")
            return int(counted["n"])

    counts = await asyncio.gather(start(), start(), start())
    assert len(set(counts)) == 1


async def test_a_step_that_fails_leaves_nothing_and_keeps_the_steps_before_it(
    connection: Connection,
) -> None:
    steps = (
        MigrationStep(
            ("0001_good",),
            "CREATE TABLE good (n integer DEFAULT 7 % 4); INSERT INTO good VALUES (1)",
        ),
        MigrationStep(
            ("0002_bad",), "CREATE TABLE bad (n integer); INSERT INTO nowhere VALUES (1)"
        ),
    )
    with pytest.raises(StartFailed, match=r'component 0002_bad.*"nowhere" does not exist'):
        await migrate(connection, [SchemaComponent("component", steps)])
    assert await rows(connection, "SELECT name FROM schema_migrations") == [{"name": "0001_good"}]
    assert await rows(connection, "SELECT to_regclass('bad') AS bad, n FROM good") == [
        {"bad": None, "n": 1}
    ]


async def test_the_lock_is_free_again_after_a_failure(connection: Connection) -> None:
    with pytest.raises(StartFailed):
        await migrate(
            connection, [SchemaComponent("c", (MigrationStep(("0001_bad",), "nonsense"),))]
        )
    assert await migrate(
        connection, [SchemaComponent("c", (MigrationStep(("0001_good",), "SELECT 1"),))]
    )


async def test_a_database_of_a_newer_byline_is_left_alone(
    database: Database, database_url: str
) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO schema_migrations VALUES ('byline', '9999_future')")
    with pytest.raises(StartFailed, match=r"newer Byline.*9999_future"):
        async with open_database(schema.Database(), database_url):
            pass


async def test_the_job_queue_finds_its_tables(database: Database, database_url: str) -> None:
    app = App(connector=PsycopgConnector(conninfo=database_url))

    @app.task(name="greet")
    async def greet() -> None: ...

    async with app.open_async():
        assert await app.check_connection_async()
        await greet.defer_async()
    async with database.connection() as connection:
        assert await rows(connection, "SELECT task_name FROM procrastinate_jobs") == [
            {"task_name": "greet"}
        ]


async def test_the_job_queues_own_steps_lead_to_the_same_tables_as_its_schema(
    connection: Connection, database: Database
) -> None:
    columns = """
        SELECT table_name::text, column_name::text, data_type::text, is_nullable::text
        FROM information_schema.columns WHERE table_name LIKE 'procrastinate%'
        ORDER BY table_name, column_name
    """
    await migrate(connection, [SchemaComponent("procrastinate", procrastinate_component().steps)])
    async with database.connection() as whole:
        assert await rows(connection, columns) == await rows(whole, columns)


async def test_a_database_that_cannot_hold_every_text_is_refused(database_server_url: str) -> None:
    url = database_server_url.replace("/byline?", "/latin_only?")
    with psycopg.connect(database_server_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin_only ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with pytest.raises(StartFailed, match="LATIN1") as refused:
                async with open_database(schema.Database(connect_s_max=5), url):
                    pass
        finally:
            admin.execute("DROP DATABASE latin_only WITH (FORCE)")
    assert "UTF8" in refused.value.remedy
