"""The notices of the other processes on the database, and the end of one of them.

The processes form a ring, ordered by their keys. Each waits for the end of the next one, so each
needs one waiting connection, however many processes there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog

from byline.background import in_background
from byline.errors import DatabaseUnavailable
from byline.store.gate_session import gate_notices, wait_until_gone

RECONNECT_S: Final = 0.2
"""Seconds before a lost connection is opened again."""

PEER_NOTICES: Final = frozenset("+-")
"""The notices that say a process has come or gone; any other notice is a machine's name."""

log = structlog.get_logger("byline.dispatch")


class Peers:
    """Peers listens for notices and watches the next process in the ring.

    It calls `on_change` with the machine whose queue has changed (None: all of them) and `on_peers`
    when a process has come or gone.
    """

    def __init__(
        self,
        url: str,
        on_change: Callable[[str | None], None],
        on_peers: Callable[[], None],
    ) -> None:
        self._url = url
        self._on_change = on_change
        self._on_peers = on_peers
        self._watched: int | None = None
        self._watching: asyncio.Task[None] | None = None
        self.own_pid: int | None = None
        self.listening = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled. After a lost connection everything is read again, since notices
        may have been missed."""
        while True:
            try:
                async with gate_notices(self._url) as notices:
                    self.listening.set()
                    self._on_change(None)
                    self._on_peers()
                    async for notice in notices:
                        self._on_notice(notice.payload, notice.pid)
            except DatabaseUnavailable as error:
                log.warning("gate_notices_lost", reason=error.message)
            self.listening.clear()
            await asyncio.sleep(RECONNECT_S)

    def watch(self, owner: int, living: Sequence[int]) -> None:
        """Wait for the end of the process that follows `owner` in the ring of `living`."""
        watched = min((key for key in living if key > owner), default=min(living, default=None))
        if watched == self._watched and (self._watching is None or not self._watching.done()):
            return
        if self._watching is not None:
            self._watching.cancel()
        self._watched = watched
        self._watching = (
            None if watched is None else asyncio.create_task(self._wait_for_end(watched))
        )

    async def stop_watching(self) -> None:
        """Close the connection that waits."""
        watching, self._watching, self._watched = self._watching, None, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait([watching])

    async def _wait_for_end(self, owner: int) -> None:
        while True:
            try:
                await wait_until_gone(self._url, owner)
                break
            except DatabaseUnavailable as error:
                log.warning("gate_watch_lost", reason=error.message)
            await asyncio.sleep(RECONNECT_S)
        self._on_peers()

    def _on_notice(self, payload: str, pid: int) -> None:
        if pid == self.own_pid:
            return
        if payload in PEER_NOTICES:
            self._on_peers()
        else:
            self._on_change(payload)


@asynccontextmanager
async def listening(peers: Peers) -> AsyncIterator[None]:
    """Listen while the block runs."""
    try:
        async with in_background({"listening for gates": peers.listen}):
            yield
    finally:
        await peers.stop_watching()
