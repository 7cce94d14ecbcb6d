"""Measures how well the files of a folder are read, in a child process as reading does."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final

from byline.config import schema
from byline.domain.reading_measures import FileMeasure
from byline.ingest.extraction.worker_protocol import (
    EXIT_TOO_MUCH_MEMORY,
    ReadingOrder,
    WorkerLimits,
    bare_environment,
)
from byline.processes import end_process

_WORKER: Final = "byline.ingest.extraction.measure_worker"
_LINE_BYTES_MAX: Final = 16_777_216
_STARTED_S_MAX: Final = 60.0
"""Added to what the first file of a child may take: it starts, and loads the readers."""


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file to be measured: where it is, its name below the folder that was given, its size."""

    path: Path
    name: str
    bytes_len: int


def files_of(place: Path) -> list[FileToRead]:
    """The files at a place: itself, or all below it in order, hidden ones left out."""
    if place.is_file():
        return [FileToRead(place.resolve(), place.name, place.stat().st_size)]
    return [
        FileToRead(path.resolve(), path.relative_to(place).as_posix(), path.stat().st_size)
        for path in sorted(_below(place))
    ]


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


async def measured_files(
    files: Iterable[FileToRead], config: schema.Ingest
) -> AsyncIterator[FileMeasure]:
    """How each file is read. A file that ends its process, or takes longer than `extract_s_max`,
    is one that was not read."""
    left = deque(files)
    with tempfile.TemporaryDirectory(prefix="byline-reading-") as scratch:
        while left:
            async with _worker(config, Path(scratch)) as process:
                starts_s = _STARTED_S_MAX
                while left and process.returncode is None:
                    yield await _told(process, left.popleft(), config.extract_s_max + starts_s)
                    starts_s = 0.0


async def _told(process: asyncio.subprocess.Process, file: FileToRead, s_max: float) -> FileMeasure:
    order = ReadingOrder(str(file.path), file.name, "", 1)
    kind = PurePath(file.name).suffix.lower().lstrip(".")
    nothing = FileMeasure(file.name, kind, file.bytes_len)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(s_max):
            process.stdin.write(order.to_json().encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
    except TimeoutError:
        await end_process(process)
        return replace(nothing, failure=f"Reading it took longer than {s_max:g} s.")
    except ConnectionError:
        line = b""
    if line:
        return FileMeasure.from_json(line)
    code = await end_process(process)
    too_much = "Reading it took too much memory." if code == EXIT_TOO_MUCH_MEMORY else ""
    return replace(nothing, failure=too_much or f"Reading it ended its process ({code}).")


@asynccontextmanager
async def _worker(config: schema.Ingest, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    limits = WorkerLimits(
        config.extract_memory_bytes_max, config.text_chars_max, config.ocr_languages
    )
    command: Sequence[str] = (
        *(sys.executable, "-P", "-m", _WORKER),
        limits.to_json(),
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env=bare_environment(folder),
        limit=_LINE_BYTES_MAX,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await end_process(process)
