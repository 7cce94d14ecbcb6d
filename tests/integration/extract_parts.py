"""Files read in worker processes, and what is left of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from byline.domain.documents import Chunk, ExtractedText
from byline.ingest.extraction.file_extractor import Extractor


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if _is_worker(child)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "byline.ingest.extraction.extract_worker" in process.cmdline()
    except psutil.Error:  # it has just ended
        return False


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@dataclass(frozen=True)
class Read:
    """What came of a whole file."""

    text: ExtractedText
    chunks: list[Chunk]


async def read(extractor: Extractor, folder: Path, name: str, raw: bytes) -> Read:
    path = folder / "given"
    path.write_bytes(raw)
    return await read_whole(extractor, path, name)


async def read_whole(extractor: Extractor, path: Path, name: str) -> Read:
    chunks: list[Chunk] = []
    async with extractor.extract(path, name) as extraction:
        async for block in extraction.blocks:
            chunks += extraction.chunks(len(chunks), block)
    assert len(chunks) == len(extraction.spans)
    return Read(extraction.text, chunks)
