"""Fixtures every test may ask for: a real PostgreSQL for the run, a database of its own for each.

The server is started once, by the first test that needs it, from the programs Byline ships, in a
home that is removed at the end. It runs in a thread with an event loop of its own, so that no
test's loop owns it. A test gets a copy of an already migrated database, which takes milliseconds.
"""

from __future__ import annotations

import gc
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
import structlog
from anyio.from_thread import start_blocking_portal
from hypothesis import settings

from byline.config import schema
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.database import Database, open_database

TEMPLATE = "byline_template"

# The same cases in every run: a failure is a change's, and comes again. No deadline: a machine may
# be busy.
settings.register_profile("byline", derandomize=True, deadline=None)
settings.load_profile("byline")


def pytest_collection_finish() -> None:
    # What collecting has made stays until the end. Looked through for garbage every time, it costs
    # more than any test does.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_children() -> None:
    # A shell starts its background jobs deaf to SIGINT, and their children inherit that: tests that
    # stop a program with Ctrl-C would then wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    # As Byline's own log has them: structlog's default draws every local variable, which takes half
    # a second for each error a test provokes.
    structlog.configure(
        processors=[
            *structlog.get_config()["processors"][:-1],
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )


def _renamed(url: str, name: str) -> str:
    return url.replace("/byline?", f"/{name}?")


async def _migrate(url: str) -> None:
    async with open_database(schema.Database(), url):
        pass


@pytest.fixture(scope="session")
def database_server_url() -> Iterator[str]:
    """The address of the run's PostgreSQL; its database `byline` is nobody's to write in."""
    home = Path(tempfile.mkdtemp(prefix="byline-tests-"))
    try:
        with (
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(embedded_postgres(home)) as url,
        ):
            with psycopg.connect(url, autocommit=True) as admin:
                # Tests ask for answers, not for durability; tests of durability start their own.
                admin.execute("ALTER SYSTEM SET fsync = off")
                admin.execute("SELECT pg_reload_conf()")
                admin.execute(f"CREATE DATABASE {TEMPLATE}")
            portal.call(_migrate, _renamed(url, TEMPLATE))
            yield url
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def _database_numbers() -> Callable[[], int]:
    return iter(range(1, 1_000_000)).__next__


@pytest.fixture
def empty_database_url(
    database_server_url: str, _database_numbers: Callable[[], int]
) -> Iterator[str]:
    """A database of this test's own with nothing in it, not even Byline's tables."""
    name = f"empty_{_database_numbers()}"
    with _own_database(database_server_url, name, "template0") as url:
        yield url


@pytest.fixture
def database_url(database_server_url: str, _database_numbers: Callable[[], int]) -> Iterator[str]:
    """A migrated database of this test's own."""
    with _own_database(database_server_url, f"test_{_database_numbers()}", TEMPLATE) as url:
        yield url


@pytest.fixture(scope="session")
def another_database(
    database_server_url: str, _database_numbers: Callable[[], int]
) -> Callable[[], AbstractContextManager[str]]:
    """Makes migrated databases that last longer than a test: as long as the block each opens."""
    return lambda: _own_database(database_server_url, f"test_{_database_numbers()}", TEMPLATE)


@contextmanager
def _own_database(server_url: str, name: str, template: str) -> Iterator[str]:
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield _renamed(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The test's own database, opened."""
    async with open_database(schema.Database(connect_s_max=5), database_url) as opened:
        yield opened
