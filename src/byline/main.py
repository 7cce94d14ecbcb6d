"""The composition root: the one place that builds everything, in one AsyncExitStack.

`running` opens the parts in order and closes them in reverse; `serve` runs them until a signal.
Tests run the real program through `running` on port 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import structlog
from fastapi import FastAPI

from byline.api.app import create_app
from byline.api.asks.form_port import FormPort
from byline.api.http.descriptors import raise_descriptor_limit
from byline.api.http.http_server import LISTEN_BACKLOG, HttpServer, http_server
from byline.api.services import Services
from byline.ask.ask_parts import AskParts
from byline.ask.history.ask_records import AskRecords
from byline.ask.history.conversation_records import Conversations
from byline.ask.service import running_asks
from byline.backend.chat_client import ChatClient
from byline.backend.client_factory import make_client
from byline.config import schema
from byline.config.config_check import is_loopback
from byline.config.config_file import CONFIG_NAME
from byline.dispatch.clock import LoopClock
from byline.dispatch.connection_test import ConnectionTester
from byline.dispatch.dispatcher import Dispatcher
from byline.dispatch.gate.coordinator import shared_gates
from byline.dispatch.gate.local_gate import gate_limits
from byline.dispatch.gate.shared_gate import SharedGate
from byline.dispatch.health.health_probes import probing
from byline.dispatch.machine_views import MachineViews
from byline.dispatch.record.call_recorder import CallRecorder, recording
from byline.dispatch.record.machine_records import MachineRecords
from byline.doctor.part_checks import (
    Checkup,
    Files,
    backend_findings,
    bounded,
    embedder_finding,
    files_finding,
    schema_finding,
    search_finding,
)
from byline.domain.findings import DiskStatus, Finding, FindingState
from byline.errors import DatabaseUnavailable, StartFailed
from byline.ingest.jobs import IngestFolders, running_library
from byline.ingest.pictures.page_pictures import open_pictures
from byline.observe import Feed, Metrics, configure_log
from byline.search.document_reader import DocumentReader
from byline.search.index.reindexing import ensure_current_index
from byline.search.index.stats_compaction import compacting
from byline.search.search import Searcher
from byline.search.self_test import prove_search
from byline.store.blobs import open_blobs
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.bundled.cluster import data_folder
from byline.store.database import Database, open_database, schema_of
from byline.store.home import locked_home
from byline.store.pairing import pair
from byline.store.presence import presence
from byline.vectors.embedders.embedder_choice import Embedders
from byline.web.page_parts import PageParts
from byline.web.page_routes import page_routes

log = structlog.get_logger("byline.main")

EXAMINED_START_S_MAX = 30.0
"""How long an examination waits for the bundled PostgreSQL, in seconds; a start waits longer."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A Byline that answers at `url` (`http://host:port`); `disk` is the room it began with."""

    url: str
    port: int
    services: Services
    disk: DiskStatus


@asynccontextmanager
async def running(
    config: schema.Config, home: Path, file: Path | None = None
) -> AsyncIterator[RunningServer]:
    """Open everything, yield once the server answers, close everything in reverse order. `file` is
    where `config` was read from, if it was.

    Raises `StartFailed`, `HomeUnusable` or `DatabaseUnavailable`; nothing is left open then.
    """
    _refuse_strangers(config.server)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_listening(config.server))
        services = await _open_services(config, home, file, stack)
        server = await stack.enter_async_context(
            http_server(_application(services), listener, config)
        )
        warming = asyncio.create_task(services.searcher.prepare(), name="warm the embedder")
        stack.callback(warming.cancel)
        stack.push_async_callback(_end_streams, services, server)
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        yield RunningServer(url, port, services, await services.checkup.disk())


async def serve(
    config: schema.Config,
    home: Path,
    on_ready: Callable[[RunningServer], None],
    file: Path | None = None,
) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; `on_ready` is called once the server answers."""
    configure_log(config.log)
    raise_descriptor_limit()
    end_on_signals()
    with contextlib.suppress(asyncio.CancelledError):
        async with running(config, home, file) as server:
            on_ready(server)
            # What a start has made lives as long as the process. Left among the rest it is looked
            # through whole every thousand calls or so, and whoever is answered then waits 50 ms.
            gc.collect()
            gc.freeze()
            await asyncio.Event().wait()
    log.info("stopped")


def end_on_signals() -> None:
    """Cancel the current task at the first SIGINT, SIGTERM or SIGHUP, and be deaf to further ones:
    a second Ctrl-C must not cut the clean-up.

    SIGHUP stays ignored where it is: so says `nohup`.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)

    def end() -> None:
        for name in signals:
            loop.add_signal_handler(name, lambda: None)
        task.cancel()

    for name in signals:
        loop.add_signal_handler(name, end)


async def examined(config: schema.Config, home: Path) -> list[Finding]:
    """The parts of a Byline that does not run: opened for an examination and closed again.

    Makes no data folder and applies no migration; documents that wait go on waiting.
    """
    configure_log(config.log.model_copy(update={"level": "error"}))
    clock = LoopClock()
    async with AsyncExitStack() as stack:
        database: Database | None = None

        async def look() -> Finding:
            nonlocal database
            database, finding = await _examined_database(config, home, stack)
            return finding

        findings = [await bounded("database", look(), EXAMINED_START_S_MAX)]
        gates = None
        if database is not None:
            findings.append(await bounded("search", search_finding(database)))
            blobs = open_blobs(config.storage, home)
            findings.append(await bounded("files", files_finding(database, blobs)))
            gates = _gates(config, clock)
            waits_s = config.database.connect_s_max
            await stack.enter_async_context(
                shared_gates(list(gates.values()), database.url, clock, waits_s)
            )
        dispatcher = Dispatcher(config, _clients(config, home), clock, Feed(), gates)
        stack.push_async_callback(dispatcher.close)
        embedders = Embedders(config.embedder, dispatcher)
        stack.push_async_callback(embedders.close)
        embedding = embedder_finding(config, embedders.configured, database)
        return findings + await asyncio.gather(
            bounded("embedder", embedding), *backend_findings(dispatcher)
        )


async def _examined_database(
    config: schema.Config, home: Path, stack: AsyncExitStack
) -> tuple[Database | None, Finding]:
    """The database, opened only where that changes nothing in it."""
    url = config.database.url
    if url is None:
        if not data_folder(home).exists():
            said = (
                "The PostgreSQL that comes with Byline has no data yet; the first start makes it."
            )
            return None, Finding("database", FindingState.OK, said)
        url = await stack.enter_async_context(
            embedded_postgres(home, start_s_max=EXAMINED_START_S_MAX)
        )
    finding = schema_finding(await schema_of(config.database, url))
    if finding.state is not FindingState.OK:
        return None, finding
    return await stack.enter_async_context(open_database(config.database, url)), finding


async def _open_services(
    config: schema.Config, home: Path, file: Path | None, stack: AsyncExitStack
) -> Services:
    url = await _database_url(config.database, home, stack)
    database = await _open_database(config.database, url, stack)
    blobs = open_blobs(config.storage, home)
    files = Files(home, blobs)
    await pair(database, blobs)
    await ensure_current_index(database)
    await prove_search(database)
    proved_at = datetime.now(UTC)
    owner = await stack.enter_async_context(presence(url))

    metrics, feed, clock = Metrics(), Feed(), LoopClock()
    gates = _gates(config, clock)
    dispatcher = Dispatcher(config, _clients(config, home), clock, feed, gates)
    await stack.enter_async_context(
        shared_gates(list(gates.values()), url, clock, config.database.connect_s_max)
    )
    records = MachineRecords(database)
    recorder = CallRecorder(records, dispatcher, metrics, clock)
    await stack.enter_async_context(recording(recorder, feed))
    stack.push_async_callback(dispatcher.close)
    await stack.enter_async_context(probing(dispatcher, clock, Random()))
    embedders = Embedders(config.embedder, dispatcher)
    stack.push_async_callback(embedders.close)
    searcher = Searcher(database, embedders)
    await stack.enter_async_context(compacting(database))
    folders = IngestFolders.under(home)
    library = await stack.enter_async_context(
        running_library(database, blobs, config.ingest, folders, embedders.configured)
    )
    pictures = await open_pictures(library, blobs, config.ingest, folders.pictures)
    asks = await stack.enter_async_context(
        running_asks(
            AskParts(searcher, DocumentReader(database), config.ask),
            dispatcher,
            AskRecords(database, owner),
            metrics,
            clock,
        )
    )
    return Services(
        config=config,
        library=library,
        pictures=pictures,
        searcher=searcher,
        dispatcher=dispatcher,
        machines=MachineViews(config, dispatcher, records),
        trials=ConnectionTester(config, dispatcher, file or home / CONFIG_NAME),
        asks=asks,
        conversations=Conversations(database),
        metrics=metrics,
        feed=feed,
        clock=clock,
        checkup=Checkup(config, database, embedders.configured, dispatcher, files, proved_at),
        spool=_empty_folder(home / "spool"),
    )


def _clients(
    config: schema.Config, home: Path
) -> Callable[[str, schema.BackendBranch], ChatClient]:
    def client(name: str, backend: schema.BackendBranch) -> ChatClient:
        slots = config.machines[backend.machine].capacity
        return make_client(name, backend, home=home, slots=slots)

    return client


def _gates(config: schema.Config, clock: LoopClock) -> dict[str, SharedGate]:
    return {
        name: SharedGate(name, gate_limits(machine), clock)
        for name, machine in config.machines.items()
    }


async def _database_url(database: schema.Database, home: Path, stack: AsyncExitStack) -> str:
    """Where PostgreSQL answers; the home is ours alone from here on, whoever runs the database."""
    if database.url is None:
        return await stack.enter_async_context(embedded_postgres(home))
    stack.enter_context(locked_home(home))
    return database.url


async def _open_database(config: schema.Database, url: str, stack: AsyncExitStack) -> Database:
    """The database, migrated; at the start its absence is final, since nobody tries again."""
    try:
        return await stack.enter_async_context(open_database(config, url))
    except DatabaseUnavailable as error:
        raise StartFailed(
            error.message,
            remedy="Start PostgreSQL or mend database.url, then start Byline again.",
        ) from error


def _empty_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _refuse_strangers(server: schema.Server) -> None:
    """Until keys exist, whoever reaches the port can read everything: loopback only."""
    if server.allow_unauthenticated or is_loopback(server.host):
        return
    raise StartFailed(
        f"Byline will not listen on {server.host}: everyone who reaches it could read your "
        "documents.",
        remedy='Set server.host = "127.0.0.1", or, on a network you trust, '
        "server.allow_unauthenticated = true.",
    )


@contextlib.contextmanager
def _listening(server: schema.Server) -> Iterator[socket.socket]:
    """Bind first: a taken port is found before a database is started for nothing."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    # Without the protocol's number asyncio leaves Nagle on, and answers wait 40 ms for an ACK.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((server.host, server.port))
            listener.listen(LISTEN_BACKLOG)
        except OSError as error:
            raise StartFailed(
                f"Cannot listen on {server.host} port {server.port}: {error.strerror or error}.",
                remedy="End the program that uses the port, or set another server.port "
                "(0 takes a free one).",
            ) from error
        yield listener


def _application(services: Services) -> FastAPI:
    """The API and, after it, the pages: an address both might mean is the API's."""
    app = create_app(services)
    pages = PageParts(
        config=services.config,
        dispatcher=services.dispatcher,
        machines=services.machines,
        trials=services.trials,
        library=services.library,
        asks=services.asks,
        conversations=services.conversations,
        http=FormPort(services),
    )
    app.router.routes.extend(page_routes(pages))
    return app


async def _end_streams(services: Services, server: HttpServer) -> None:
    """Stop taking requests, then end the asks and the calls, so that open streams of both kinds end
    with a last word; what ends them later, uvicorn, only cuts them off."""
    server.should_exit = True
    services.feed.close()
    await services.asks.close()
    await services.dispatcher.close()
