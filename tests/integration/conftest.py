"""Homes for the bundled PostgreSQL, and a folder for what workers write."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundled_server_home import query

from byline.store.bundled.bundled_server import embedded_postgres


@pytest.fixture(scope="session")
def first_home() -> Iterator[Path]:
    """A home that has been started once, to copy from: making the data takes most of a second."""
    with tempfile.TemporaryDirectory(prefix="byline-home-") as folder:
        home = Path(folder) / "home"

        async def start_once() -> None:
            async with embedded_postgres(home) as url:
                await query(url, "CREATE TABLE kept AS SELECT 7 AS n")

        asyncio.run(start_once())
        yield home


@pytest.fixture
def place() -> Iterator[Path]:
    """A private folder with a short name (a socket's path is limited)."""
    with tempfile.TemporaryDirectory(prefix="byline-place-") as folder:
        yield Path(folder)


@pytest.fixture
def home(first_home: Path, place: Path) -> Path:
    """A home of the test's own, with data and the table `kept` in it."""
    subprocess.run(["cp", "-a", first_home, place / "home"], check=True)
    return place / "home"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where workers may write: an empty folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder
