"""A file whose passages come block by block, and what may happen between them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from extract_parts import left_in, read, workers

from byline.config.schema import Ingest
from byline.errors import ExtractionFailed
from byline.ingest.extraction import file_extractor
from byline.ingest.extraction.file_extractor import Extraction, ExtractWorkerDied, open_extractor
from byline.ingest.extraction.worker_protocol import WorkerLimits

WAIT_S = 60


@pytest.fixture
def many_blocks(tmp_path: Path) -> Path:
    """A file of 40 blocks of passages: far more than anything holds between a worker and us."""
    path = tmp_path / "many.txt"
    lines = (f"Passage {n} speaks of {n % 97} apples and {n % 89} pears." for n in range(20_480))
    path.write_text("\n\n".join(line.ljust(80, "!") for line in lines), encoding="utf-8")
    return path


async def rest_of(extraction: Extraction) -> int:
    """How many more blocks come."""
    return len([block async for block in extraction.blocks])


def small_passages() -> Ingest:
    return Ingest(passage_chars_max=100)


async def test_a_text_comes_before_its_passages_are_analysed_block_by_block(
    scratch: Path, many_blocks: Path
) -> None:
    async with open_extractor(small_passages(), scratch) as extractor:
        async with extractor.extract(many_blocks, "many.txt") as extraction:
            assert len(extraction.spans) == 20_480
            assert await rest_of(extraction) == 40
        assert len(workers()) == 1


async def test_a_worker_killed_half_way_is_told_as_one_that_died(
    scratch: Path, many_blocks: Path
) -> None:
    async with open_extractor(small_passages(), scratch) as extractor:
        async with extractor.extract(many_blocks, "many.txt") as extraction:
            await anext(extraction.blocks)
            workers()[0].kill()
            with pytest.raises(ExtractWorkerDied):
                await rest_of(extraction)
        assert workers() == []
        assert left_in(scratch) == []


async def test_a_worker_that_stands_still_half_way_ends(
    scratch: Path, many_blocks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_extractor, "_BLOCK_S_MAX", 0.5)
    async with open_extractor(small_passages(), scratch) as extractor:
        async with extractor.extract(many_blocks, "many.txt") as extraction:
            await anext(extraction.blocks)
            workers()[0].suspend()
            with pytest.raises(ExtractionFailed) as caught:
                await rest_of(extraction)
        assert workers() == []
    assert caught.value.extraction_code == "too_slow"
    assert "stood still" in caught.value.message


BROKEN_BEHIND_THE_FIRST_BLOCK = """
from byline.search.index import analysed_passages as module
whole = module.analysed
def analysed(*given, **named):
    yield next(whole(*given, **named))
    raise {error}
module.analysed = analysed
"""


@pytest.mark.parametrize(
    ("error", "code"), [("MemoryError", "too_much_memory"), ("ValueError", "extraction_failed")]
)
async def test_what_goes_wrong_half_way_fails_the_reading_with_its_code(
    scratch: Path, many_blocks: Path, monkeypatch: pytest.MonkeyPatch, error: str, code: str
) -> None:
    program = BROKEN_BEHIND_THE_FIRST_BLOCK.format(error=error)
    (many_blocks.parent / "sitecustomize.py").write_text(program, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(many_blocks.parent), prepend=os.pathsep)
    async with open_extractor(small_passages(), scratch) as extractor:
        async with extractor.extract(many_blocks, "many.txt") as extraction:
            await anext(extraction.blocks)
            with pytest.raises(ExtractionFailed) as caught:
                await rest_of(extraction)
        assert caught.value.extraction_code == code
        assert len(workers()) == (code == "extraction_failed")


async def test_a_reading_left_or_cancelled_half_way_ends_its_worker(
    scratch: Path, many_blocks: Path
) -> None:
    begun_blocks = asyncio.Event()

    async def hold() -> None:
        async with extractor.extract(many_blocks, "many.txt") as extraction:
            await anext(extraction.blocks)
            begun_blocks.set()
            await asyncio.Event().wait()

    async with open_extractor(small_passages(), scratch) as extractor:
        async with extractor.extract(many_blocks, "many.txt") as extraction:
            await anext(extraction.blocks)
        assert workers() == []
        held = asyncio.create_task(hold())
        await begun_blocks.wait()
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        assert workers() == []
        assert left_in(scratch) == []
        assert (await read(extractor, many_blocks.parent, "a.txt", b"next")).text.text == "next"


async def test_a_worker_is_free_for_the_next_file_before_one_of_few_blocks_is_stored(
    scratch: Path, tmp_path: Path
) -> None:
    path = tmp_path / "few.txt"
    path.write_text("\n\n".join(f"{n} apples." * 60 for n in range(1_500)), encoding="utf-8")
    async with (
        open_extractor(Ingest(), scratch) as extractor,
        extractor.extract(path, "few.txt") as extraction,
    ):
        assert (await read(extractor, tmp_path, "a.txt", b"next")).text.text == "next"
        assert await rest_of(extraction) == 3
        assert len(workers()) == 1


async def test_who_leaves_while_the_workers_words_pile_up_frees_its_place(
    scratch: Path, many_blocks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    start_worker = file_extractor._start_worker

    async def start(limits: WorkerLimits, folder: Path) -> object:
        worker = await start_worker(limits, folder)
        started.append(worker._process)
        return worker

    monkeypatch.setattr(file_extractor, "_start_worker", start)
    alone = small_passages().model_copy(update={"concurrency": 1})
    async with asyncio.timeout(WAIT_S), open_extractor(alone, scratch) as extractor:
        async with extractor.extract(many_blocks, "many.txt"):
            pipe = started[0].stdout
            assert pipe is not None
            while not pipe._paused:  # type: ignore[attr-defined]  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)
        assert (await read(extractor, tmp_path, "next.txt", b"Two years.")).text.text
