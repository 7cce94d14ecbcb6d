"""Work behind everything else, begun anew when it fails."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from byline import background
from byline.background import in_background, pause_s


async def test_work_that_fails_is_told_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "pause_s", lambda failures: 0)
    faults: list[Exception] = [ValueError("first"), OSError("second")]
    working = asyncio.Event()

    async def work() -> None:
        if faults:
            raise faults.pop(0)
        working.set()
        await asyncio.Event().wait()

    with capture_logs() as logs:
        async with in_background({"sorting": work}):
            await working.wait()
    assert [line["work"] for line in logs] == ["sorting", "sorting"]


async def test_work_ends_with_its_block_and_a_failure_of_one_does_not_touch_another() -> None:
    ended: list[str] = []

    async def steady(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def failing() -> None:
        raise ValueError

    with capture_logs():
        async with in_background(
            {"a": lambda: steady("a"), "b": failing, "c": lambda: steady("c")}
        ):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert ended == []
    assert sorted(ended) == ["a", "c"]


async def test_work_that_is_done_is_not_begun_again() -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1

    async with in_background({"once": work}):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert begun == 1


def test_pauses_grow_to_a_minute() -> None:
    assert [pause_s(n) for n in (1, 2, 3, 7, 1_000)] == [1, 2, 4, 60, 60]
