"""Byline without a database or a machine: real asks and a real dispatcher over parts in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from dispatch_doubles import Lab, ScriptedClient, Step, two_macs
from fastapi import FastAPI
from history_doubles import NOON, MemoryConversations, MemoryRecords
from in_process import Caller
from machine_doubles import MemoryDatabase, MemoryMachineRecords

from byline.api.app import create_app
from byline.api.services import Services
from byline.ask.parts import AskParts
from byline.ask.service import Asks
from byline.config.schema import Config
from byline.dispatch.machines import Machines
from byline.domain.documents import (
    Document,
    DocumentError,
    DocumentState,
    ExtractedText,
    PageSpan,
)
from byline.domain.search import EVERYTHING, Filters, Place, SearchHit, SearchRequest, SearchResult
from byline.errors import BadRequest, BylineError, NotFound
from byline.ingest.pictures import PageView, Picture
from byline.ingest.rows import JobStatus
from byline.observe import Metrics
from byline.search.filters import checked, clean_tags
from byline.search.reading import ReadableDocument, ReadPassage

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000003a7e9b550000000a49444154"
    "789c63f8ff1f000501013f9c2e2b3c0000000049454e44ae426082"
)
"""A PNG of one pixel."""
LEASE = "The rent is due on the third working day of each month."


def hit(text: str = LEASE) -> SearchHit:
    return SearchHit(
        passage_id=7,
        document_id="d-lease",
        name="lease.pdf",
        title="Lease",
        page=4,
        heading="Rent",
        start=100,
        end=100 + len(text),
        text=text,
        score=3.25,
        legs={"lexical": 3.25},
    )


def document(**changes: Any) -> Document:
    lease = Document(
        id="d-lease",
        name="lease.pdf",
        title="Lease",
        state=DocumentState.INDEXED,
        error=None,
        collection="default",
        sha256="00",
        media_type="application/pdf",
        bytes_len=9,
        pages=4,
        passages=12,
        embedded=0,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(lease, **changes)


class MemorySearcher:
    """Finds `next_hits` one after the other, then the same `hits` whatever is asked; knows one
    collection."""

    def __init__(self) -> None:
        self.hits: tuple[SearchHit, ...] = (hit(),)
        self.next_hits: list[tuple[SearchHit, ...]] = []
        self.on_search: Callable[[], None] = lambda: None
        self.coverage = 1.0
        self.requests: list[SearchRequest] = []
        self.error: Exception | None = None

    async def search(self, request: SearchRequest) -> SearchResult:
        self.requests.append(request)
        self.on_search()
        if self.error is not None:
            raise self.error
        if checked(request.where).collection not in (None, "default"):
            raise BadRequest(f"There is no collection {request.where.collection!r}.")
        hits = self.next_hits.pop(0) if self.next_hits else self.hits
        return SearchResult(request.query, hits, self.coverage, {"lexical": 1.234})

    async def places(self, passage_ids: Iterable[int]) -> Mapping[int, Place]:
        return {}


class MemoryReader:
    """One document: the passages the searcher finds."""

    def __init__(self, searcher: MemorySearcher) -> None:
        self.searcher = searcher

    def _document(self) -> ReadableDocument:
        return ReadableDocument("d-lease", "lease.pdf", "Lease", 4, len(self.searcher.hits))

    async def documents(self, filters: Any, **which: Any) -> tuple[list[ReadableDocument], int]:
        found = [self._document()] if self.searcher.hits else []
        return found, len(found)

    async def document(self, filters: Any, name: str) -> ReadableDocument | None:
        known = {"d-lease", "lease.pdf", "lease"}
        return self._document() if name.casefold() in known else None

    async def passages(self, document_id: str, **which: Any) -> list[ReadPassage]:
        return [ReadPassage(n, hit) for n, hit in enumerate(self.searcher.hits, start=1)]

    async def find(self, document_id: str, text: str, **which: Any) -> list[ReadPassage]:
        read = await self.passages(document_id)
        return [one for one in read if text.casefold() in one.hit.text.casefold()]


class MemoryLibrary:
    """Documents in a dict; remembers what was added as (name, collection, bytes)."""

    def __init__(self) -> None:
        self.documents = {"d-lease": document()}
        self.added: list[tuple[str, str, bytes]] = []
        self.filed: list[tuple[str, tuple[str, ...]]] = []
        self.asked: list[Filters] = []
        self.refuse: Callable[[str], BylineError | None] = lambda name: None

    async def add(
        self, path: Path, *, name: str, collection: str, folder: str = "", tags: Sequence[str] = ()
    ) -> Any:
        if (error := self.refuse(name)) is not None:
            raise error
        content = await asyncio.to_thread(path.read_bytes)
        duplicate = any(content == before for _, _, before in self.added)
        self.added.append((name, collection, content))
        self.filed.append((folder, tuple(tags)))
        added = document(id=f"d-{len(self.added)}", name=name, state=DocumentState.QUEUED)
        return SimpleNamespace(document=added, duplicate=duplicate)

    async def get(self, document_id: str) -> Document:
        if document_id not in self.documents:
            raise NotFound(f"There is no document {document_id}.")
        return self.documents[document_id]

    async def list(
        self,
        *,
        limit: int,
        cursor: str | None,
        collection: str | None = None,
        filters: Filters = EVERYTHING,
    ) -> Any:
        self.asked.append(filters)
        return SimpleNamespace(documents=list(self.documents.values())[:limit], next=None)

    async def tag(self, document_id: str, tags: Sequence[str]) -> Document:
        tagged = replace(await self.get(document_id), tags=clean_tags(tags))
        self.documents[document_id] = tagged
        return tagged

    async def text(self, document_id: str) -> ExtractedText:
        found = await self.get(document_id)
        return ExtractedText(LEASE, found.title, found.media_type, (PageSpan(1, 0, len(LEASE)),))

    async def file(self, document_id: str) -> tuple[Document, AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"%PDF-"
            yield b"1.7\n"

        return await self.get(document_id), chunks()

    async def delete(self, document_id: str) -> None:
        await self.get(document_id)
        del self.documents[document_id]

    async def jobs(self, limit: int) -> list[JobStatus]:
        error = DocumentError("too_slow", "Reading it took too long.")
        job = JobStatus("1", "read", "d-lease", "lease.pdf", "failed", 3, None, error, NOON)
        return [job][:limit]


class MemoryPictures:
    """One white dot for whatever page; remembers what it was asked for."""

    def __init__(self, library: MemoryLibrary) -> None:
        self.library = library
        self.views: list[PageView] = []
        self.error: BylineError | None = None
        self.marked = True

    async def page(self, document_id: str, view: PageView) -> Picture:
        await self.library.get(document_id)
        if self.error is not None:
            raise self.error
        self.views.append(view)
        if view.span is None:
            return Picture(DOT, None, None)
        return Picture(DOT, self.marked, (0.1, 0.25, 0.9, 0.3) if self.marked else None)


@dataclass
class Office:
    """The whole door over parts in memory. `client(name)` is the scripted machine of a backend."""

    app: FastAPI
    call: Caller
    lab: Lab
    asks: Asks
    searcher: MemorySearcher
    records: MemoryRecords
    library: MemoryLibrary
    pictures: MemoryPictures
    database: MemoryDatabase
    services: Services
    machine_records: MemoryMachineRecords

    def client(self, backend: str) -> ScriptedClient:
        self.lab.dispatcher.get_backend(backend)
        return self.lab.clients[backend]

    def idle(self) -> bool:
        """Whether every machine's gate is empty."""
        gates = self.lab.dispatcher.gates()
        return not any(g.running + g.waiting_foreground + g.waiting_background for g in gates)


@asynccontextmanager
async def office(
    spool: Path,
    config: Config | None = None,
    *,
    script: Iterable[Step] | None = None,
) -> AsyncIterator[Office]:
    """An `Office`; with `script`, every machine answers every call so."""
    config = config or two_macs()
    lab = Lab(config, script)
    searcher, records = MemorySearcher(), MemoryRecords()
    library, database = MemoryLibrary(), MemoryDatabase()
    pictures = MemoryPictures(library)
    machine_records = MemoryMachineRecords()
    metrics = Metrics()
    asks = Asks(
        AskParts(cast(Any, searcher), cast(Any, MemoryReader(searcher)), config.ask),
        lab.dispatcher,
        cast(Any, records),
        metrics,
        lab.clock,
    )
    services = Services(
        config=config,
        database=cast(Any, database),
        library=cast(Any, library),
        pictures=cast(Any, pictures),
        searcher=cast(Any, searcher),
        dispatcher=lab.dispatcher,
        machines=Machines(config, lab.dispatcher, cast(Any, machine_records)),
        asks=asks,
        conversations=cast(Any, MemoryConversations(records)),
        metrics=metrics,
        feed=lab.feed,
        clock=lab.clock,
        spool=spool,
    )
    app = create_app(services)
    try:
        yield Office(
            app=app,
            call=Caller(app),
            lab=lab,
            asks=asks,
            searcher=searcher,
            records=records,
            library=library,
            pictures=pictures,
            database=database,
            services=services,
            machine_records=machine_records,
        )
    finally:
        await asks.close()
        await lab.dispatcher.close()
