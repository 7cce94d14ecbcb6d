"""Borrowing connections, and what callers see when PostgreSQL goes away and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from byline.config import schema
from byline.errors import DatabaseUnavailable, StartFailed
from byline.store import database as database_module
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.database import Database, open_database

INSERT = "INSERT INTO collections (name) VALUES ('kept')"
QUICK = schema.Database(pool_size_max=2, connect_s_max=0.3)


async def names(database: Database) -> list[str]:
    async with database.connection() as connection:
        found = await connection.execute("SELECT name FROM collections ORDER BY name")
        return [row["name"] for row in await found.fetchall()]


async def test_what_was_written_is_there_when_the_block_ends(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(INSERT)
    assert await names(database) == ["default", "kept"]


async def test_an_error_in_the_block_undoes_all_of_it(database: Database) -> None:
    with pytest.raises(LookupError):
        async with database.connection() as connection:
            await connection.execute(INSERT)
            raise LookupError
    assert await names(database) == ["default"]


async def test_leaving_in_the_middle_of_a_statement_undoes_it_and_frees_the_connection(
    database_url: str,
) -> None:
    async with open_database(QUICK, database_url) as database:
        inside = asyncio.Event()

        async def long_work() -> None:
            async with database.connection() as connection:
                await connection.execute(INSERT)
                inside.set()
                await connection.execute("SELECT pg_sleep(60)")

        for _ in range(QUICK.pool_size_max + 1):
            task = asyncio.create_task(long_work())
            await inside.wait()
            task.cancel()
            await asyncio.wait({task})
            inside.clear()
        assert await names(database) == ["default"]


async def test_an_error_of_a_statement_comes_as_it_is(database: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.connection() as connection:
            await connection.execute("INSERT INTO collections (name) VALUES ('default')")
    assert await names(database) == ["default"]


async def test_waiting_for_a_connection_ends_with_a_sentence(database_url: str) -> None:
    async with open_database(QUICK, database_url) as database:
        async with database.connection(), database.connection():
            with pytest.raises(DatabaseUnavailable, match=r"All 2 .* in use for 0\.3 s"):
                await database.check()
        await database.check()


async def test_a_caller_who_stops_waiting_takes_no_connection(database_url: str) -> None:
    async with open_database(QUICK, database_url) as database:
        async with database.connection(), database.connection():
            waiter = asyncio.create_task(database.check())
            await asyncio.sleep(0)
            waiter.cancel()
            await asyncio.wait({waiter})
        async with database.connection(), database.connection():
            pass


async def test_callers_are_served_in_order_of_arrival(database_url: str) -> None:
    served: list[int] = []

    async def caller(number: int) -> None:
        async with database.connection():
            served.append(number)

    async with open_database(schema.Database(pool_size_max=2), database_url) as database:
        async with database.connection(), database.connection():
            callers = [asyncio.create_task(caller(number)) for number in range(10)]
            await asyncio.sleep(0)
        await asyncio.gather(*callers)
    assert served == sorted(served)


async def test_connections_the_server_ended_while_idle_are_not_handed_out(
    database: Database, database_server_url: str
) -> None:
    async with database.connection(), database.connection(), database.connection():
        pass
    _end_all_connections(database, database_server_url)
    await database.check()


async def test_a_connection_lost_in_use_is_the_database_away_and_the_next_caller_is_served(
    database: Database, database_server_url: str
) -> None:
    with pytest.raises(DatabaseUnavailable, match="terminating connection"):
        async with database.connection() as connection:
            await connection.execute(INSERT)
            _end_all_connections(database, database_server_url)
            await connection.execute("SELECT 1")
    assert await names(database) == ["default"]


def _end_all_connections(database: Database, server_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database.url)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )
        assert ended.rowcount > 0


async def test_a_server_that_goes_away_is_named_and_found_again_when_it_is_back(
    home: Path,
) -> None:
    async with AsyncExitStack() as stack:
        async with embedded_postgres(home) as url:
            database = await stack.enter_async_context(open_database(QUICK, url))
            await database.check()
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
                await database.check()
        async with embedded_postgres(home):
            async with asyncio.timeout(10):
                await _until_served(database)
            assert await names(database) == ["default"]


@pytest.fixture
def quick_to_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen server is noticed in a fraction of a second."""
    monkeypatch.setattr(database_module, "_WATCH_S", 0.01)
    monkeypatch.setattr(database_module, "_DOUBTED_AFTER_S", 0.05)
    monkeypatch.setattr(database_module, "_HANDSHAKE_S", (0.2, 0.2))


@pytest.mark.usefixtures("quick_to_doubt")
async def test_a_server_that_freezes_is_given_up_for_all_and_found_again_when_it_thaws(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with embedded_postgres(home) as url, open_database(QUICK, url) as database:
        await _until_served(database)
        with _frozen(home, url):
            with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
                async with asyncio.timeout(20):
                    await database.check()
            with monkeypatch.context() as noting:  # nobody waits on a connection that is left
                noting.setattr(database._pool, "getconn", _never_asked)
                for _ in range(3):
                    with pytest.raises(DatabaseUnavailable, match="accepts no new connection"):
                        async with database.connection():
                            pass
        async with asyncio.timeout(10):
            await _until_served(database)


async def _never_asked(timeout_s: float) -> None:
    raise AssertionError("a connection was asked for")


@pytest.mark.usefixtures("quick_to_doubt")
async def test_a_long_statement_is_not_taken_for_a_frozen_server(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_HANDSHAKE_S", (5.0, 5.0))
    answered = 0
    accepts = database_module._accepts_connections

    async def counting(url: str, s_max: float) -> bool:
        nonlocal answered
        answered += await accepts(url, s_max)
        return True

    monkeypatch.setattr(database_module, "_accepts_connections", counting)
    async with open_database(QUICK, database_url) as database:
        async with database.connection() as one:
            while answered < 3:  # longer than a frozen server is believed in
                await one.execute("SELECT pg_sleep(0.1)")
            await one.execute(INSERT)
        assert await names(database) == ["default", "kept"]


@contextmanager
def _frozen(home: Path, url: str) -> Iterator[None]:
    """Every process of the server stopped, its sockets left open."""
    (pid_file,) = home.rglob("postmaster.pid")
    with psycopg.connect(url) as asking:
        others = asking.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        pids = [int(pid_file.read_text().splitlines()[0]), *(pid for (pid,) in others)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def _until_served(database: Database) -> None:
    while True:
        try:
            return await database.check()
        except DatabaseUnavailable:
            continue


async def test_a_server_that_is_not_there_at_start_is_waited_for_and_then_named(
    home: Path,
) -> None:
    async with embedded_postgres(home) as url:
        pass
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        async with open_database(QUICK, url):
            pass
    patient = asyncio.create_task(_opened_once(url))
    async with embedded_postgres(home):
        await patient


async def _opened_once(url: str) -> None:
    async with open_database(schema.Database(connect_s_max=20), url) as database:
        await database.check()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("://byline:", "://byline:x"), "refused Byline: password authentication failed"),
        (("://byline:", "://nobody:"), "refused Byline: password authentication failed"),
        (("/byline?", "/nowhere?"), 'refused Byline: database "nowhere" does not exist'),
        (("postgresql://", "mysql://"), "not a PostgreSQL address"),
    ],
    ids=["password", "user", "database", "scheme"],
)
async def test_an_address_that_will_not_do_is_refused_at_once_without_its_password(
    database_server_url: str, change: tuple[str, str], sentence: str
) -> None:
    password = psycopg.conninfo.conninfo_to_dict(database_server_url)["password"]
    with pytest.raises(StartFailed, match=sentence) as refused:
        async with open_database(schema.Database(), database_server_url.replace(*change)):
            pass
    assert str(password) not in str(refused.value)


async def test_a_statement_that_stands_alone_is_a_transaction_of_its_own(
    database: Database,
) -> None:
    async with database.autocommit() as connection:
        await connection.execute("CREATE TABLE alone (n integer)")
        await connection.execute("INSERT INTO alone VALUES (1)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            await connection.execute("SELECT * FROM nowhere")
        await connection.execute("INSERT INTO alone VALUES (2)")
    with pytest.raises(RuntimeError):
        async with database.connection() as connection:  # the same connection, as it was before
            await connection.execute("INSERT INTO alone VALUES (3)")
            raise RuntimeError
    async with database.autocommit() as connection:
        found = await (await connection.execute("SELECT n FROM alone ORDER BY n")).fetchall()
    assert [row["n"] for row in found] == [1, 2]


async def test_a_lone_statement_that_is_cut_off_leaves_a_transaction_for_the_next(
    database: Database,
) -> None:
    async def long() -> None:
        async with database.autocommit() as connection:
            begun.set()
            await connection.execute("SELECT pg_sleep(60)")

    begun = asyncio.Event()
    task = asyncio.create_task(long())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    async with database.connection() as connection:
        assert not connection.autocommit
        assert await (await connection.execute("SELECT 1 AS n")).fetchone() == {"n": 1}


@pytest.mark.usefixtures("quick_to_doubt")
async def test_a_server_that_greets_nobody_is_hung_up_on_by_all_who_waited_too_long_meanwhile(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    greetings = 0
    async with open_database(QUICK, database_url) as database:
        both_are_late = asyncio.Event()

        async def greets(url: str, s_max: float) -> bool:
            nonlocal greetings
            greetings += 1
            await both_are_late.wait()
            return greetings > 1

        monkeypatch.setattr(database_module, "_accepts_connections", greets)

        async def wait_long() -> None:
            async with database.connection() as connection:
                await connection.execute("SELECT pg_sleep(60)")

        tasks = [asyncio.create_task(wait_long())]
        async with asyncio.timeout(10):
            while not greetings:  # noqa: ASYNC110  no event tells of it
                await asyncio.sleep(0.01)
            tasks.append(asyncio.create_task(wait_long()))
            while len(database._doubted()) < 2:  # noqa: ASYNC110  time passes
                await asyncio.sleep(0.01)
            both_are_late.set()
            told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in told] == [DatabaseUnavailable, DatabaseUnavailable]


@pytest.mark.usefixtures("quick_to_doubt")
async def test_who_leaves_a_server_that_does_not_answer_asks_it_for_nothing_more(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled_at_the_server = 0

    async def cancel_safe(connection: object, *, timeout: float = 30.0) -> None:
        nonlocal cancelled_at_the_server
        cancelled_at_the_server += 1

    async def greets(url: str, s_max: float) -> bool:
        return False

    hang_up = database_module._shut_down_socket

    def hang_up_and_leave(connection: Any) -> None:
        hang_up(connection)
        task.cancel()

    monkeypatch.setattr(psycopg.AsyncConnection, "cancel_safe", cancel_safe)
    monkeypatch.setattr(database_module, "_accepts_connections", greets)
    monkeypatch.setattr(database_module, "_shut_down_socket", hang_up_and_leave)

    async def wait_long() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT pg_sleep(60)")

    async with open_database(QUICK, database_url) as database:
        task = asyncio.create_task(wait_long())
        async with asyncio.timeout(10):
            await asyncio.wait([task])
    assert cancelled_at_the_server == 0
