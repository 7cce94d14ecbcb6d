"""Looking at a home in which the bundled PostgreSQL runs, and running it in another process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

CHILD = Path(__file__).with_name("bundled_server_process.py")
linux_only = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


def serving(home: Path) -> set[int]:
    """The processes at work in the data folder of `home`; the dead who wait to be reaped apart."""
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").samefile(home / "postgres" / "data"):
                    found.add(int(process.name))
            except OSError:
                continue
    return found


async def until(done: Callable[[], bool], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not done():  # noqa: ASYNC110  a process that is not our child sends no event
            await asyncio.sleep(0.01)


def named(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


async def query(url: str, sql: str) -> str:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(sql)
        return str((await cursor.fetchone() or [None])[0]) if cursor.description else ""


@dataclass
class Child:
    """A process that runs the server, and what it printed: an address or an error."""

    process: asyncio.subprocess.Process
    said: str


@asynccontextmanager
async def running_child(home: Path, **options: object) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        str(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        **options,  # type: ignore[arg-type]
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = (await process.stdout.readline()).decode().strip()
        yield Child(process, said)
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def owners(pids: set[int]) -> set[int]:
    return {Path(f"/proc/{pid}").stat().st_uid for pid in pids}
