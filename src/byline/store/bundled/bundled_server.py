"""Runs the PostgreSQL that comes with Byline: starts, watches, restarts and stops it.

It listens on a socket in a private folder only, requires a password, and does not outlive Byline:
on Linux the kernel stops it when Byline ends, elsewhere the next start does. A server that dies
while Byline lives is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import structlog

from byline.errors import BylineError
from byline.store.bundled.cluster import (
    Cluster,
    database_url,
    ensure_data,
    open_cluster,
    start_failure,
)
from byline.store.bundled.leftovers import end_leftovers, pid_lines
from byline.store.bundled.memory_settings import machine_memory_bytes, memory_settings
from byline.store.bundled.programs import environment
from byline.store.home import home_errors, locked_home

_SETTINGS: Final = {
    "listen_addresses": "",
    "port": "5432",  # only a part of the socket's name
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "work_mem": "16MB",
    "random_page_cost": "1.1",
    "jit": "off",  # costs more than it saves on queries of milliseconds
    "wal_level": "minimal",  # no replicas
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "min_wal_size": "80MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "update_process_title": "off",
}
_POLL_S: Final = 0.01
_STOP_FAST_S_MAX: Final = 3.0
_STOP_AT_ONCE_S_MAX: Final = 1.0
_RESTART_PAUSE_S_MAX: Final = 30.0
_LOG_BYTES_MAX: Final = 4_000_000


@asynccontextmanager
async def embedded_postgres(home: Path, *, start_s_max: float = 300) -> AsyncIterator[str]:
    """Run PostgreSQL with its data under `home`; yield its `postgresql://` address.

    The first start makes the data (about a second). `start_s_max` seconds are for the recovery
    after a crash. Raises `HomeUnusable` (not writable, or another Byline uses it), `StartFailed`,
    `StorageFull`. Enter it from a thread that lives as long as the server is to.
    """
    with locked_home(home):
        with home_errors(home):
            cluster = open_cluster(home)
            await end_leftovers(cluster)
            password = await ensure_data(cluster)
            server = _BundledServer(await _start(cluster, start_s_max))
        watch = asyncio.create_task(_keep_running(cluster, server, start_s_max))
        try:
            with database_url(cluster, password) as url:
                yield url
        finally:
            watch.cancel()
            await asyncio.wait({watch})
            await _stop(server.process)


@dataclass
class _BundledServer:
    """The current server process."""

    process: Process


async def _keep_running(cluster: Cluster, server: _BundledServer, start_s_max: float) -> None:
    """Start the server again whenever it dies, until cancelled."""
    log = structlog.get_logger("byline.store")
    pause_s = 0.0
    while True:
        status = await server.process.wait()
        log.warning("the database server died; starting it again", status=status)
        await asyncio.sleep(pause_s)
        try:
            with home_errors(cluster.home):
                await end_leftovers(cluster)
                server.process = await _start(cluster, start_s_max)
            pause_s = 0.0
        except BylineError as error:
            log.error("the database server does not start", reason=error.message)
            pause_s = min(_RESTART_PAUSE_S_MAX, pause_s * 2 or 1.0)
        except Exception:  # keep trying: nothing works without the server
            log.exception("the database server does not start, for an unforeseen reason")
            pause_s = min(_RESTART_PAUSE_S_MAX, pause_s * 2 or 1.0)


async def _start(cluster: Cluster, start_s_max: float) -> Process:
    """Start the server and wait until it accepts connections."""
    settings = {
        **_SETTINGS,
        **memory_settings(machine_memory_bytes()),
        "unix_socket_directories": f"../{cluster.run.name}",
    }
    command = cluster.command(
        *("postgres", "-D", cluster.data_argument(cluster.data)),
        *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
    )
    with _open_log(cluster.log) as log:
        log_start = log.tell()
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cluster.data,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for Byline, which stops the server last
        )
    try:
        await _until_ready(cluster, process, start_s_max)
    except BaseException:
        await _stop(process)
        raise
    if process.returncode is not None:
        with cluster.log.open("rb") as log:
            log.seek(log_start)
            said = log.read().decode(errors="replace")
        raise start_failure("PostgreSQL did not start", said)
    return process


async def _until_ready(cluster: Cluster, process: Process, start_s_max: float) -> None:
    """Wait until the server reports in its pid file that it is ready, or ends."""
    deadline = time.monotonic() + start_s_max
    while process.returncode is None:
        if time.monotonic() >= deadline:
            raise start_failure(
                "PostgreSQL did not start", f"it was not ready after {start_s_max:g} s"
            )
        lines = pid_lines(cluster.data)
        if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
            return
        await asyncio.sleep(_POLL_S)


async def _stop(process: Process) -> None:
    """Fast shutdown, then an immediate one (recovered at the next start), then a kill."""
    for number, wait_s_max in (
        (signal.SIGINT, _STOP_FAST_S_MAX),
        (signal.SIGQUIT, _STOP_AT_ONCE_S_MAX),
        (signal.SIGKILL, _STOP_AT_ONCE_S_MAX),
    ):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), wait_s_max)


def _open_log(log: Path) -> IO[bytes]:
    """Open the log, which is private since it may quote statements; `postgres.log.1` is the
    previous one."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_BYTES_MAX:
            log.replace(log.with_name(log.name + ".1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
