"""A library whose reader a test controls, on a real database, with real jobs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from byline.config import schema
from byline.domain.documents import Document, DocumentState, ExtractedText, ReadingWarning
from byline.ingest.extraction.file_extractor import Extraction
from byline.ingest.jobs import DocumentJobs
from byline.ingest.library.document_library import Library
from byline.ingest.pipeline import Pipeline
from byline.search.index.analysed_passages import AnalysedPassages, analysed
from byline.store.blobs import BlobStore, open_blobs
from byline.store.database import Database

WAIT_S = 30
PARAGRAPH = re.compile(r"\S(?:(?!\n\n).)*", re.DOTALL)
DONE = (DocumentState.INDEXED, DocumentState.FAILED)


@dataclass
class ScriptedExtractor:
    """Reads what the test says: `faults` are raised first, one a file, then the file is its text,
    a passage a paragraph.

    While `hold` is set to an unset event, readings wait for it; `begun` tells that one has begun.
    Passages come `at_once`; `faults_between` are raised behind the first of them, and
    `hold_between` holds readings there, `between` tells that one has come so far.
    """

    faults: list[Exception] = field(default_factory=list)
    hold: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    names: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    at_once: int = 512
    faults_between: list[Exception] = field(default_factory=list)
    hold_between: asyncio.Event | None = None
    between: asyncio.Event = field(default_factory=asyncio.Event)
    warnings: tuple[ReadingWarning, ...] = ()

    @asynccontextmanager
    async def extract(
        self, path: Path, name: str, title: str = "", *, passage_chars_max: int = 0
    ) -> AsyncIterator[Extraction]:
        self.names.append(name)
        self.lengths.append(passage_chars_max)
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.faults:
            raise self.faults.pop(0)
        text = await asyncio.to_thread(path.read_text, encoding="utf-8")
        called = title or name
        spans = [(*found.span(), None, "") for found in PARAGRAPH.finditer(text)]
        passages = [(text[start:end], "") for start, end, _, _ in spans]
        blocks = analysed(passages, title=called, at_once=self.at_once)
        extracted = ExtractedText(text, called, "text/plain", warnings=self.warnings)
        yield Extraction(extracted, spans, self._told(blocks))

    async def _told(self, blocks: Iterator[AnalysedPassages]) -> AsyncIterator[AnalysedPassages]:
        for block in blocks:
            yield block
            self.between.set()
            if self.hold_between is not None:
                await self.hold_between.wait()
            if self.faults_between:
                raise self.faults_between.pop(0)


@dataclass
class Parts:
    """A library and what stands behind it."""

    library: Library
    extractor: ScriptedExtractor
    blobs: BlobStore
    database: Database
    home: Path
    stop: asyncio.Task[None]

    async def add(self, text: str, name: str = "a.txt", collection: str = "default") -> Document:
        path = self.home / "upload"
        await asyncio.to_thread(path.write_text, text, encoding="utf-8")
        added = await self.library.add(path, name=name, collection=collection)
        return added.document

    def files(self) -> int:
        """How many originals are kept."""
        return sum(path.is_file() for path in (self.home / "files").rglob("*"))


@asynccontextmanager
async def scripted_library(
    database: Database,
    home: Path,
    extractor: ScriptedExtractor,
    config: schema.Ingest | None = None,
) -> AsyncIterator[Parts]:
    """The library over `database`, its jobs running."""
    scratch = home / "scratch"
    await asyncio.to_thread(scratch.mkdir, exist_ok=True)
    blobs = open_blobs(schema.Storage(), home)
    config = config or schema.Ingest()
    # The pipeline only needs something that extracts.
    pipeline = Pipeline(
        *(database, blobs, extractor, scratch),  # type: ignore[arg-type]
        config.passage_chars_max,
    )
    jobs = DocumentJobs(database.url, config, pipeline)
    library = Library(database, blobs, config, jobs)
    running = asyncio.create_task(jobs.run(library))
    try:
        yield Parts(library, extractor, blobs, database, home, running)
    finally:
        await stopped(running)


async def stopped(work: asyncio.Task[None]) -> None:
    """End what runs, and wait until it has."""
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def settled(
    library: Library, document_id: str, states: tuple[DocumentState, ...] = DONE
) -> Document:
    """The document once it is in one of `states`."""
    async with asyncio.timeout(WAIT_S):
        while True:
            document = await library.get(document_id)
            if document.state in states:
                return document


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    """What a query finds, on a connection of its own."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await connection.execute(query.encode())
        return await found.fetchall() if found.description else []
