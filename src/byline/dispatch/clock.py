"""The clock of `dispatch`. It is passed in, so that tests control the time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Timer(Protocol):
    """A scheduled callback; cancelling one that already ran does nothing."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Wall time for people, monotonic seconds for decisions, and callbacks at such a second."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer: ...


class LoopClock:
    """The clock of the running event loop."""

    def now(self) -> datetime:
        """Return the wall time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return asyncio.get_running_loop().time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` once `monotonic()` has reached `when`."""
        return asyncio.get_running_loop().call_at(when, callback)
