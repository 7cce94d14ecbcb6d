"""Byline without a database or a machine: real asks and a real dispatcher over parts in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dispatch_doubles import Lab, ScriptedClient, Step, two_macs
from doctor_doubles import MemoryCheckup
from fastapi import FastAPI
from history_doubles import MemoryConversations, MemoryRecords
from in_process import Caller
from library_doubles import LEASE, MemoryLibrary, MemoryPictures
from machine_doubles import MemoryDatabase, MemoryMachineRecords

from byline.api.app import create_app
from byline.api.services import Services
from byline.ask.ask_parts import AskParts
from byline.ask.service import Asks
from byline.config.schema import Config
from byline.dispatch.connection_test import ConnectionTester
from byline.dispatch.machine_views import MachineViews
from byline.domain import callers
from byline.domain.echo import quoted
from byline.domain.searches import (
    Filters,
    SearchHit,
    SearchRequest,
    SearchResult,
)
from byline.errors import BadRequest
from byline.observe import Metrics
from byline.search.document_reader import ReadableDocument, ReadPassage
from byline.search.filters import checked_filters


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
        self.caller = callers.OWNER

    def for_caller(self, caller: callers.Caller) -> Self:
        if caller == self.caller:
            return self  # a test may still change it while an ask runs
        seen = copy(self)
        seen.caller = caller
        return seen

    async def prepare(self) -> None:
        """There is nothing to get ready."""

    async def similarities(self, found: SearchResult, texts: Sequence[str]) -> Mapping[str, float]:
        return {}

    async def search(self, request: SearchRequest) -> SearchResult:
        self.requests.append(request)
        self.on_search()
        if self.error is not None:
            raise self.error
        if unknown := checked_filters(request.filters).collections - {"default"}:
            raise BadRequest(f"There is no collection {quoted(min(unknown))}.")
        hits = self.next_hits.pop(0) if self.next_hits else self.hits
        if not self.caller.may_see("default"):
            hits = ()
        return SearchResult(request.query, hits, self.coverage, {"lexical": 1.234})


class MemoryReader:
    """One document: the passages the searcher finds."""

    def __init__(self, searcher: MemorySearcher) -> None:
        self.searcher = searcher

    def for_caller(self, caller: callers.Caller) -> Self:
        if caller == self.searcher.caller:
            return self
        seen = copy(self)
        seen.searcher = self.searcher.for_caller(caller)
        return seen

    def _document(self) -> ReadableDocument:
        return ReadableDocument("d-lease", "lease.pdf", "Lease", 4, len(self.searcher.hits))

    async def documents(
        self, filters: Filters, *, name_contains: str = "", first: int = 1, limit: int = 20
    ) -> tuple[list[ReadableDocument], int]:
        found = [self._document()] if self.searcher.hits else []
        return found, len(found)

    async def document(self, filters: Filters, name: str) -> ReadableDocument | None:
        known = {"d-lease", "lease.pdf", "lease"}
        return self._document() if name.casefold() in known else None

    async def passages(
        self, document_id: str, *, first: int = 1, page: int | None = None, limit: int = 8
    ) -> list[ReadPassage]:
        return [ReadPassage(n, hit) for n, hit in enumerate(self.searcher.hits, start=1)]

    async def find(self, document_id: str, text: str, *, limit: int = 8) -> list[ReadPassage]:
        read = await self.passages(document_id)
        return [one for one in read if text.casefold() in one.hit.text.casefold()]


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
        AskParts(searcher, MemoryReader(searcher), config.ask),
        lab.dispatcher,
        records,
        metrics,
        lab.clock,
    )
    services = Services(
        config=config,
        library=library,
        pictures=pictures,
        searcher=searcher,
        dispatcher=lab.dispatcher,
        machines=MachineViews(config, lab.dispatcher, machine_records),
        trials=ConnectionTester(config, lab.dispatcher, spool / "byline.toml"),
        asks=asks,
        conversations=MemoryConversations(records),
        metrics=metrics,
        feed=lab.feed,
        clock=lab.clock,
        checkup=MemoryCheckup(database),
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
