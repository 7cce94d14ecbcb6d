"""Ends of asks that the database did not take are stored once it does."""

from __future__ import annotations

import asyncio

import pytest

from byline.ask import unstored
from byline.ask.unstored import Unstored
from byline.domain.asks import AskStatus
from byline.errors import DatabaseUnavailable


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unstored, "PAUSE_S", 0)


class Storing:
    """A database that is away for so many tries, and what it took."""

    def __init__(self, tries: int = 0) -> None:
        self.tries = tries
        self.took: list[str] = []

    def of(self, ask_id: str) -> unstored.Store:
        async def store() -> None:
            if self.tries:
                self.tries -= 1
                raise DatabaseUnavailable("away")
            self.took.append(ask_id)

        return store


async def run_until_stored(kept: Unstored, storing: Storing, count: int) -> None:
    running = asyncio.create_task(kept.run())
    async with asyncio.timeout(5):
        while len(storing.took) < count:  # noqa: ASYNC110  nothing is waited for but turns
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])


async def test_an_end_is_stored_once_the_database_takes_it() -> None:
    storing, kept = Storing(tries=3), Unstored()
    kept.keep("a", AskStatus.COMPLETED, storing.of("a"))
    kept.keep("b", AskStatus.CANCELLED, storing.of("b"))
    assert (kept.status("a"), kept.status("b")) == (AskStatus.COMPLETED, AskStatus.CANCELLED)
    await run_until_stored(kept, storing, 2)
    assert storing.took == ["a", "b"]
    assert kept.status("a") is None
    kept.keep("c", None, storing.of("c"))
    await run_until_stored(kept, storing, 3)


async def test_an_end_that_cannot_be_stored_does_not_keep_the_others() -> None:
    storing, kept = Storing(), Unstored()

    async def broken() -> None:
        raise LookupError

    kept.keep("broken", AskStatus.COMPLETED, broken)
    kept.keep("whole", AskStatus.COMPLETED, storing.of("whole"))
    await run_until_stored(kept, storing, 1)
    assert kept.status("broken") is None


async def test_no_more_ends_are_kept_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unstored, "ENDS_MAX", 2)
    storing, kept = Storing(), Unstored()
    for ask_id in ("oldest", "older", "newest"):
        kept.keep(ask_id, AskStatus.COMPLETED, storing.of(ask_id))
    await run_until_stored(kept, storing, 2)
    assert storing.took == ["older", "newest"]
