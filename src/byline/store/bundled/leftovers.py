"""Ends what a killed Byline can leave behind: a running server, and lock files.

Call it only while holding the home's lock: then no living Byline uses that server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from byline.errors import StartFailed
from byline.store.bundled.cluster import Cluster

_POLL_S: Final = 0.01
_PS_S_MAX: Final = 10.0
_SIGNALS: Final = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))
"""A fast shutdown, an immediate one, a kill; and how many seconds each is given."""


async def end_leftovers(cluster: Cluster) -> None:
    """End the server processes of the data folder, and delete their lock files.

    PostgreSQL would do so itself, but the pid in its file may belong to a dying process or to an
    unrelated one by now.
    """
    for number, wait_s_max in _SIGNALS:
        for pid in server_pids(cluster.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if await _wait_until_gone(cluster.data, wait_s_max):
            break
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for path in cluster.run.iterdir():
        path.unlink()


async def _wait_until_gone(data: Path, wait_s_max: float) -> bool:
    deadline = time.monotonic() + wait_s_max
    while server_pids(data):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def server_pids(data: Path) -> list[int]:
    """Return the PostgreSQL processes that run in `data`, without zombies."""
    return server_pids_by_proc(data) if Path("/proc/self").exists() else server_pid_by_ps(data)


def server_pids_by_proc(data: Path) -> list[int]:
    """Look in /proc: finds the server and its children, which can outlive it."""
    pids = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [int(entry.name) for entry in pids if _is_server_in(entry, data)]


def _is_server_in(process: Path, data: Path) -> bool:
    try:
        return (process / "cwd").samefile(data) and "postgres" in (process / "comm").read_text()
    except OSError:
        return False  # ended, or somebody else's


def server_pid_by_ps(data: Path) -> list[int]:
    """Ask `ps` whether the pid in the data folder's pid file is still that server's."""
    lines = pid_lines(data)
    if not lines or not lines[0].isdigit():
        return []
    command = ["ps", "-ww", "-o", "command=", "-p", lines[0]]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PS_S_MAX
        )
    except subprocess.TimeoutExpired:
        raise StartFailed(
            f"`ps` did not tell within {_PS_S_MAX:g} s whether PostgreSQL still runs in {data}.",
            remedy=f"See whether process {lines[0]} is a postgres; end it, then start Byline "
            "again.",
        ) from None
    runs = "postgres" in ran.stdout and str(data) in ran.stdout
    return [int(lines[0])] if runs else []


def pid_lines(data: Path) -> list[str]:
    """Return the lines of the pid file a running server keeps in its data folder; [] without a
    server."""
    try:
        return (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
