"""Text to searchable: files added to a library, read, cut, analysed and indexed in PostgreSQL.

The library runs in this process with its own PostgreSQL and worker processes. A document counts
when it is `indexed`, that is when its transaction has ended and a search finds it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from bench.generated import passages
from bench.report import Row
from bench.settings import Settings
from byline.config import schema
from byline.domain.documents import DocumentState
from byline.ingest.jobs import IngestFolders, running_library
from byline.ingest.library.document_library import Library
from byline.store.blobs import open_blobs
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.database import open_database

NAME = "text to searchable"

FILES = 40
PASSAGES_A_FILE = 600
PASSAGES_IN_ONE = 12_000
SMALL = 20
LOOK_S = 0.005
LOOK_AT_MANY_S = 0.05
"""Looking 200 times a second takes a tenth of a core of those that are measured."""
READ_S_MAX = 600.0
TEXT_MB_S_MIN = 2.0
SMALL_S_MAX = 1.0


async def run(settings: Settings) -> list[Row]:
    home = settings.scratch / "home"
    home.mkdir()
    files = await asyncio.to_thread(written, settings.scratch)
    async with (
        embedded_postgres(home) as url,
        open_database(schema.Database(), url) as database,
        running_library(
            database,
            open_blobs(schema.Storage(), home),
            schema.Ingest(),
            IngestFolders.under(home),
        ) as library,
    ):
        small = [await seconds(library, files.small[n : n + 1], LOOK_S) for n in range(SMALL)]
        many_s = await seconds(library, files.many, LOOK_AT_MANY_S)
        one_s = await seconds(library, files.one, LOOK_AT_MANY_S)
    many_mb, one_mb = megabytes(files.many), megabytes(files.one)
    return [
        Row("text to searchable, many files", many_mb / many_s, "MB/s", TEXT_MB_S_MIN, "higher",
            f"{FILES} files, {many_mb:.1f} MB, English and Korean"),
        Row("text to searchable, one file", one_mb / one_s, "MB/s", TEXT_MB_S_MIN, "higher",
            f"{one_mb:.1f} MB"),
        Row("small document searchable, median", median(small), "s", SMALL_S_MAX, "lower",
            f"{SMALL} documents, one at a time"),
        Row("small document searchable, slowest", max(small), "s", SMALL_S_MAX, "lower",
            "the first one starts the worker process"),
    ]  # fmt: skip


class Files:
    """What is added: small files, files of an ordinary size, and a large one."""

    def __init__(self, small: Sequence[Path], many: Sequence[Path], one: Sequence[Path]) -> None:
        self.small = small
        self.many = many
        self.one = one


def written(folder: Path) -> Files:
    """Write all files; no two hold the same passage."""
    texts = passages(SMALL + FILES * PASSAGES_A_FILE + PASSAGES_IN_ONE)

    def write(name: str, count: int) -> Path:
        path = folder / name
        path.write_text("\n\n".join(islice(texts, count)), encoding="utf-8")
        return path

    return Files(
        [write(f"small-{n}.md", 1) for n in range(SMALL)],
        [write(f"file-{n}.txt", PASSAGES_A_FILE) for n in range(FILES)],
        [write("one.txt", PASSAGES_IN_ONE)],
    )


def megabytes(paths: Sequence[Path]) -> float:
    """The size of files, in millions of bytes."""
    return sum(path.stat().st_size for path in paths) / 1e6


async def seconds(library: Library, paths: Sequence[Path], look_s: float) -> float:
    """Add files and wait until all are indexed, looking every `look_s` seconds."""
    began = time.perf_counter()
    added = [await library.add(path, name=path.name, collection="default") for path in paths]
    async with asyncio.timeout(READ_S_MAX):
        for one in added:
            while (found := await library.get(one.document.id)).state is not DocumentState.INDEXED:
                if found.error:
                    raise RuntimeError(f"{found.name}: {found.error.message}")
                await asyncio.sleep(look_s)
    return time.perf_counter() - began
