"""Ends of asks that the database did not take: kept, and stored once it does.

Whoever waited has the answer all the same. Without this its ask would stay `running` in the history
until Byline is started again, and be `interrupted` then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

from byline.domain.asks import AskStatus
from byline.errors import BylineError

log: Final = structlog.get_logger("byline.ask")

ENDS_MAX: Final = 1_000
"""Ends that are kept at most; each is some ten thousand bytes. Then the oldest is dropped."""
PAUSE_S: Final = 1.0
"""Between two tries to store the oldest."""

Store: TypeAlias = Callable[[], Awaitable[None]]
"""Stores the end of an ask; raises a `BylineError` while it cannot."""


class Unstored:
    """Ends of asks that wait for the database. Lives in one event loop."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[AskStatus | None, Store]] = {}
        self._some = asyncio.Event()

    def keep(self, ask_id: str, status: AskStatus | None, store: Store) -> None:
        """Call `store` later. `status` is how the ask ended; None where it turned out to be none.

        To store twice must do no harm: an end may have been stored without anybody hearing of it.
        """
        if len(self._ends) >= ENDS_MAX:
            dropped = next(iter(self._ends))
            del self._ends[dropped]
            log.warning("an ask is not stored: too many wait for the database", ask_id=dropped)
        self._ends[ask_id] = status, store
        self._some.set()

    def status(self, ask_id: str) -> AskStatus | None:
        """How an ask ended whose end is not stored yet; None for every other."""
        status, _ = self._ends.get(ask_id, (None, None))
        return status

    async def run(self) -> None:
        """Store what is kept, the oldest first, until cancelled."""
        while True:
            await self._some.wait()
            await self._store_all()
            self._some.clear()

    async def _store_all(self) -> None:
        while self._ends:
            ask_id, (_, store) = next(iter(self._ends.items()))
            try:
                await store()
            except BylineError:
                await asyncio.sleep(PAUSE_S)
                continue
            except Exception:  # one that cannot be stored must not keep the others
                log.exception("an ask could not be stored", ask_id=ask_id)
            self._ends.pop(ask_id, None)
