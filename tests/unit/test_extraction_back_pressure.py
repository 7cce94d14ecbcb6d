"""How far a worker is heard ahead of those who store what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from byline.config.schema import Ingest
from byline.domain.documents import ExtractedText
from byline.errors import ExtractionFailed
from byline.ingest.extraction import file_extractor
from byline.ingest.extraction.file_extractor import Extractor
from byline.ingest.extraction.worker_protocol import ReadingOrder
from byline.search.index.analysed_passages import AnalysedPassages
from byline.search.index.term_columns import TermColumns

BLOCKS = 100
NO_TERMS = np.empty(0, np.uint32)
BLOCK = AnalysedPassages(
    TermColumns(np.zeros(1, np.uint32), np.zeros(1, np.uint32), NO_TERMS, np.empty(0, np.uint16)),
    np.zeros(1, np.int64),
    (),
)


async def at_once() -> None: ...


class ReadyWorker:
    """Has every block ready when it is asked, and counts how often it is."""

    def __init__(self) -> None:
        self.told = 0
        self.ended = False
        self.works: Callable[[], Awaitable[None]] = at_once

    @property
    def is_reading(self) -> bool:
        return self.told < BLOCKS

    @property
    def is_usable(self) -> bool:
        return not self.is_reading and not self.ended

    async def open(self, order: ReadingOrder) -> object:
        self.told = 0
        text = ExtractedText("." * BLOCKS, "a", "text/plain")
        return file_extractor._DocumentHead(text, [(n, n + 1, None, "") for n in range(BLOCKS)])

    async def block(self) -> AnalysedPassages:
        await self.works()
        self.told += 1
        return BLOCK

    def cancel_ending(self) -> None: ...

    def kill_after(self, seconds: float) -> None: ...

    async def kill(self) -> tuple[int, str]:
        self.ended = True
        return 0, ""


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> ReadyWorker:
    one = ReadyWorker()

    async def start(*_: object) -> ReadyWorker:
        return one

    monkeypatch.setattr(file_extractor, "_start_worker", start)
    return one


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_worker_is_heard_a_few_blocks_ahead_and_no_further(
    worker: ReadyWorker, tmp_path: Path
) -> None:
    async with Extractor(Ingest(), tmp_path).extract(tmp_path, "a") as extraction:
        await turns(1_000)
        assert worker.told == file_extractor._BLOCKS_AHEAD_MAX + 1
        await anext(extraction.blocks)
        await turns(1_000)
        assert worker.told == file_extractor._BLOCKS_AHEAD_MAX + 2


async def test_all_of_a_document_comes_whoever_waits_for_whom(
    worker: ReadyWorker, tmp_path: Path
) -> None:
    async with Extractor(Ingest(), tmp_path).extract(tmp_path, "a") as extraction:
        blocks = 0
        async for _ in extraction.blocks:
            blocks += 1
            await turns(blocks % 5)
    assert blocks == BLOCKS
    assert not worker.ended


@pytest.fixture
async def passed(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass on the event loop's clock."""
    loop = asyncio.get_running_loop()
    clock, more_s = loop.time, 0.0

    def passing(seconds: float) -> None:
        nonlocal more_s
        more_s += seconds

    monkeypatch.setattr(loop, "time", lambda: clock() + more_s)
    return passing


async def test_storing_slowly_takes_none_of_the_time_a_worker_has(
    worker: ReadyWorker, tmp_path: Path, passed: Callable[[float], None]
) -> None:
    worker.works = lambda: turns(3)
    async with Extractor(Ingest(extract_s_max=60), tmp_path).extract(tmp_path, "a") as extraction:
        await turns(1_000)
        blocks = 0
        async for _ in extraction.blocks:
            await turns(100)  # by now the worker waits for us again
            passed(30.0)
            blocks += 1
    assert blocks == BLOCKS


async def test_the_time_a_worker_has_is_for_all_of_its_blocks(
    worker: ReadyWorker, tmp_path: Path, passed: Callable[[float], None]
) -> None:
    async def slowly() -> None:
        passed(10.0)
        await turns(3)

    worker.works = slowly
    async with Extractor(Ingest(extract_s_max=305), tmp_path).extract(tmp_path, "a") as extraction:
        with pytest.raises(ExtractionFailed) as caught:
            async for _ in extraction.blocks:
                pass
    assert worker.told == 30
    assert worker.ended
    assert "305 s (ingest.extract_s_max)" in caught.value.message
