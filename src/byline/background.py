"""Work that goes on behind everything else: nothing ends it in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import structlog

log: Final = structlog.get_logger(__name__)

Work: TypeAlias = Callable[[], Awaitable[None]]

STOP_S_MAX: Final = 4.0
_STOP_AGAIN_S_MAX: Final = 0.5
_PAUSE_S_MAX: Final = 60.0


@asynccontextmanager
async def in_background(works: Mapping[str, Work]) -> AsyncIterator[None]:
    """Run `works`, by their names, for as long as the block lasts; at its end they are cancelled.

    A work provides for the faults it knows. One that it does not know is logged under its name, and
    the work begins anew after a pause of 1 s, 2 s, 4 s … 60 s.
    """
    tasks = [asyncio.create_task(_unending(name, work), name=name) for name, work in works.items()]
    try:
        yield
    finally:
        await asyncio.gather(*map(end_task, tasks))


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end, 4.5 s at most; a third time it is not asked."""
    for patience_s in (STOP_S_MAX, _STOP_AGAIN_S_MAX):
        task.cancel()
        await asyncio.wait({task}, timeout=patience_s)
        if task.done():
            break
    if task.done() and not task.cancelled():
        task.exception()  # seen; whoever waits for the task first has told of it


def pause_s(failures: int) -> float:
    """Seconds to wait after so many failures one after the other."""
    return float(min(2 ** min(failures - 1, 10), _PAUSE_S_MAX))


async def _unending(name: str, work: Work) -> None:
    failures = 0
    while True:
        try:
            return await work()
        except Exception:
            failures += 1
            log.exception("background work failed and begins anew", work=name)
        await asyncio.sleep(pause_s(failures))
