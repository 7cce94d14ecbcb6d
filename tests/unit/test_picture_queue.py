"""Pages that wait for their turn to be drawn: how long, what they are told, whose clock runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from library_doubles import MemoryLibrary

from byline.config.schema import Ingest
from byline.errors import Busy, ExtractionFailed
from byline.ingest.pictures.page_pictures import PageView, Pictures

DRAWN = b'{"marked": null, "box": null}\npng'


class Files:
    """Keeps one file, at hand."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def path_of(self, sha256: str) -> Path:
        return self.path

    async def exists(self, sha256: str) -> bool:
        return False


class Easel:
    """Draws until it is told that all is done."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.pictures = Pictures(
            cast(Any, MemoryLibrary()), cast(Any, Files(folder / "f")), Ingest(**limits), folder
        )
        self.begun = 0
        self.drawing = asyncio.Condition()
        self.done = asyncio.Event()
        cast(Any, self.pictures)._draw = self._draw

    async def _draw(self, order: Any) -> bytes:
        async with self.drawing:
            self.begun += 1
            self.drawing.notify_all()
        await self.done.wait()
        return DRAWN

    async def page(self, number: int) -> bytes:
        return (await self.pictures.page("d-lease", PageView(number, 400))).png

    @asynccontextmanager
    async def with_two_at_work(self) -> AsyncIterator[None]:
        first = [asyncio.create_task(self.page(number)) for number in (1, 2)]
        async with self.drawing:
            await self.drawing.wait_for(lambda: self.begun == 2)
        yield
        self.done.set()
        assert await asyncio.gather(*first) == [b"png", b"png"]


async def test_a_page_whose_turn_does_not_come_is_told_to_come_back(tmp_path: Path) -> None:
    easel = Easel(tmp_path)
    async with easel.with_two_at_work():
        easel.pictures.line_s_max = 0.01
        with pytest.raises(Busy, match="Many pages are being drawn just now"):
            await easel.page(3)
        with pytest.raises(Busy):  # so too who waits for a page that is being drawn
            await easel.page(1)
        assert easel.begun == 2
    easel.pictures.line_s_max = 60
    assert await easel.page(3) == b"png"


async def test_the_clock_of_a_drawing_does_not_run_while_it_waits(tmp_path: Path) -> None:
    easel = Easel(tmp_path, picture_s_max=0.05)
    pages = [asyncio.create_task(easel.page(number)) for number in (1, 2, 3)]
    ends = await asyncio.gather(*pages, return_exceptions=True)
    assert easel.begun == 3
    assert all(isinstance(end, ExtractionFailed) for end in ends)
    assert {cast(Any, end).extraction_code for end in ends} == {"too_slow"}
