"""The life of the bundled PostgreSQL: private, one Byline a home, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest
from bundled_server_home import linux_only, query, running_child, serving, until

from byline.errors import HomeUnusable, StartFailed
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.bundled.cluster import open_cluster
from byline.store.bundled.leftovers import server_pid_by_ps

AS_ROOT = os.geteuid() == 0


async def test_a_new_home_is_private_and_the_server_listens_on_no_network(place: Path) -> None:
    home = place / "new" / "home"
    async with embedded_postgres(home) as url:
        modes = {
            name: (home / name).stat().st_mode & 0o777
            for name in ("", "postgres/run", "postgres/data", "database-password", "postgres.log")
        }
        assert modes == {
            "": 0o700,
            "postgres/run": 0o700,
            "postgres/data": 0o700,
            "database-password": 0o600,
            "postgres.log": 0o600,
        }
        assert await query(url, "SHOW listen_addresses") == ""
        assert await query(url, "SHOW fsync") == "on"
        assert await query(url, "SHOW server_encoding") == "UTF8"
        assert await query(url, "SELECT lower('ÄÖ')") == "äö"
    assert list((home / "postgres/run").iterdir()) == []


async def test_nobody_gets_in_without_the_password(home: Path) -> None:
    async with embedded_postgres(home) as url:
        password = (home / "database-password").read_text().strip()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await query(url.replace(password, "guessed"), "SELECT 1")


async def test_a_second_start_finds_the_data_and_keeps_the_password(home: Path) -> None:
    async with embedded_postgres(home) as first:
        await query(first, "INSERT INTO kept VALUES (8)")
    async with embedded_postgres(home) as second:
        assert second == first
        assert await query(second, "SELECT sum(n) FROM kept") == "15"


@linux_only
async def test_stopping_leaves_no_process(home: Path) -> None:
    async with embedded_postgres(home):
        assert serving(home)
    assert serving(home) == set()


@linux_only
async def test_a_killed_byline_leaves_no_server_and_the_next_one_finds_the_data(home: Path) -> None:
    async with running_child(home) as child:
        await query(child.said, "INSERT INTO kept VALUES (8)")
        child.process.kill()
        await child.process.wait()
        await until(lambda: serving(home) == set())
    async with embedded_postgres(home) as url:
        assert await query(url, "SELECT sum(n) FROM kept") == "15"


@linux_only
async def test_byline_and_server_killed_together_lose_nothing_committed(home: Path) -> None:
    async with running_child(home) as child:
        await query(child.said, "INSERT INTO kept VALUES (8)")
        for pid in (child.process.pid, *serving(home)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await child.process.wait()
    async with embedded_postgres(home) as url:
        assert await query(url, "SELECT sum(n) FROM kept") == "15"
    assert "automatic recovery in progress" in (home / "postgres.log").read_text()


@linux_only
async def test_a_byline_killed_and_started_again_at_once_waits_for_the_old_server(
    home: Path,
) -> None:
    async with running_child(home) as child:
        child.process.kill()
        await child.process.wait()
        async with embedded_postgres(home) as url:
            assert await query(url, "SELECT n FROM kept") == "7"


@linux_only
async def test_a_server_left_running_is_stopped_by_the_next_start(home: Path) -> None:
    cluster = open_cluster(home)
    account = cluster.account
    left = await asyncio.create_subprocess_exec(
        *(cluster.programs / "postgres", "-D", cluster.data_argument(cluster.data)),
        *("-c", "listen_addresses=", "-c", "unix_socket_directories=../run"),
        cwd=cluster.data,
        **({"user": account.uid, "group": account.gid, "extra_groups": []} if AS_ROOT else {}),
        stderr=subprocess.PIPE,
    )
    assert left.stderr is not None
    try:
        await left.stderr.readuntil(b"ready to accept connections")
        async with embedded_postgres(home) as url:
            assert await left.wait() == 0
            assert await query(url, "SELECT n FROM kept") == "7"
    finally:
        if left.returncode is None:
            left.kill()


async def test_a_stale_pid_file_that_names_a_stranger_harms_nobody(home: Path) -> None:
    stranger = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE)
    try:
        (home / "postgres/data/postmaster.pid").write_text(f"{stranger.pid}\n{home}\n")
        async with embedded_postgres(home) as url:
            assert await query(url, "SELECT n FROM kept") == "7"
        assert stranger.returncode is None
    finally:
        stranger.kill()
        await stranger.wait()


async def test_where_there_is_no_proc_a_server_is_known_by_its_command_line(place: Path) -> None:
    for command, known in ((f"postgres -D {place}", True), ("postgres -D /else", False)):
        process = await asyncio.create_subprocess_exec(
            command, executable="/bin/cat", stdin=subprocess.PIPE
        )
        (place / "postmaster.pid").write_text(f"{process.pid}\n{place}\n")
        assert server_pid_by_ps(place) == ([process.pid] if known else [])
        process.kill()
        await process.wait()
        assert server_pid_by_ps(place) == []


async def test_a_second_byline_on_the_same_home_is_refused_by_name(home: Path) -> None:
    async with embedded_postgres(home) as url:
        with pytest.raises(HomeUnusable, match=f"process {os.getpid()}.*{home}"):
            async with embedded_postgres(home):
                pass
        async with running_child(home) as child:
            assert child.said.startswith("home_unusable: Another Byline")
        assert await query(url, "SELECT n FROM kept") == "7"


@linux_only
async def test_a_server_that_dies_is_started_again(home: Path) -> None:
    async with embedded_postgres(home) as url:
        before = int((home / "postgres/data/postmaster.pid").read_text().split()[0])
        os.kill(before, signal.SIGKILL)

        async def answers() -> str:
            async with asyncio.timeout(20):
                while True:
                    try:
                        return await query(url, "SELECT n FROM kept")
                    except psycopg.OperationalError:
                        await asyncio.sleep(0.01)

        await until(lambda: before not in serving(home))
        assert await answers() == "7"
    assert serving(home) == set()


@linux_only
async def test_ctrl_c_reaches_byline_and_not_the_server(home: Path) -> None:
    async with running_child(home) as child:
        os.killpg(child.process.pid, signal.SIGINT)
        assert await query(child.said, "SELECT n FROM kept") == "7"


@linux_only
async def test_a_server_that_is_not_ready_in_time_is_stopped_and_named(home: Path) -> None:
    with pytest.raises(StartFailed, match="not ready after"):
        async with embedded_postgres(home, start_s_max=0):
            pass
    assert serving(home) == set()


@linux_only
async def test_leaving_while_the_server_starts_leaves_no_process(home: Path) -> None:
    async def start() -> None:
        async with embedded_postgres(home):
            await asyncio.Event().wait()

    task = asyncio.create_task(start())
    await until(lambda: bool(serving(home)))
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert serving(home) == set()


async def test_damaged_data_are_a_failure_with_the_servers_own_words(home: Path) -> None:
    (home / "postgres/data/global/pg_control").unlink()
    with pytest.raises(StartFailed, match="pg_control"):
        async with embedded_postgres(home):
            pass


async def test_data_of_another_major_version_are_left_alone(home: Path) -> None:
    (home / "postgres/data/PG_VERSION").write_text("17\n")
    with pytest.raises(StartFailed, match="written by PostgreSQL 17"):
        async with embedded_postgres(home):
            pass


async def test_a_half_made_data_folder_is_made_again(place: Path) -> None:
    half = place / "home/postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with embedded_postgres(place / "home") as url:
        assert await query(url, "SELECT 1") == "1"


async def test_a_lost_password_is_replaced(home: Path) -> None:
    old = (home / "database-password").read_text()
    (home / "database-password").unlink()
    async with embedded_postgres(home) as url:
        assert await query(url, "SELECT n FROM kept") == "7"
    assert (home / "database-password").read_text() != old
