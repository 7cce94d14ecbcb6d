"""Ending child processes: each with all that it began, and within a bound."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable
from typing import Final

import structlog

log: Final = structlog.get_logger(__name__)

END_S_MAX: Final = 5.0
"""How long a killed process is waited for, in seconds. The kernel takes milliseconds, unless the
process hangs in a disk or a driver that does not answer."""

_LAST_WORDS_S_MAX: Final = 1.0
_READ_BYTES: Final = 65_536


async def end_process(
    process: asyncio.subprocess.Process, *, within_s: float = END_S_MAX
) -> int | None:
    """Kill `process` and what it began, wait for its end, and return its exit code.

    Returns None when it has not ended within `within_s` seconds; that is in the log, and whoever
    called goes on without it. `process` must have been started in a session of its own.

    `process.wait` alone can wait for ever: asyncio returns from it once all pipes are closed, and
    reads nothing more from one that is paused, which a pipe is with 128 kB in hand that nobody
    takes. So what is left in the pipes is read here and dropped.
    """
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        _kill_session(process.pid)
    pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
    ending: list[Awaitable[object]] = [process.wait(), *map(_emptied, pipes)]
    try:
        async with asyncio.timeout(within_s):
            await asyncio.gather(*ending)
    except TimeoutError:
        if process.returncode is None:
            log.error("a process that was killed has not ended", pid=process.pid, within_s=within_s)
    return process.returncode


async def last_words(listening: asyncio.Task[None]) -> None:
    """Wait until `listening`, which reads what an ended process wrote, has come to the end.

    It is cancelled where that does not come within a second: then a stranger holds the pipe.
    """
    await asyncio.wait([listening], timeout=_LAST_WORDS_S_MAX)
    listening.cancel()
    await asyncio.wait([listening])


def _kill_session(leader: int) -> None:
    """Kill a process and those it began: one of these could hold its pipes open."""
    # Not `process.kill()`: it reaps a process that has just left by itself, and asyncio of
    # Python 3.11 then reports 255 where the process said why it left.
    with contextlib.suppress(ProcessLookupError):
        os.kill(leader, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


async def _emptied(pipe: asyncio.StreamReader) -> None:
    # A RuntimeError: somebody reads this pipe already, so it is never paused.
    with contextlib.suppress(RuntimeError, OSError):
        while await pipe.read(_READ_BYTES):
            pass
