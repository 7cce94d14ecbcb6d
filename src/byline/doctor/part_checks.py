"""What a Byline is made of, examined while it runs: database, search, embedder, machines.

Each check answers within a bound, and one that fails keeps no other from being made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.config import schema
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.doctor.host_checks import disk_of
from byline.domain.findings import (
    BacklogState,
    BacklogStatus,
    DiskStatus,
    EmbedderState,
    EmbeddingStatus,
    Finding,
    FindingState,
    Readiness,
)
from byline.domain.gates import BackendState
from byline.errors import BylineError
from byline.ingest.backlog import backlog_of
from byline.ingest.passages.passage_length import REMEDY, length_in_force
from byline.search.self_test import prove_search
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.migrate import SchemaState, outstanding
from byline.store.pairing import pairing_fault
from byline.store.statements import statements
from byline.vectors.embedders.embedder import Embedder

CHECK_S_MAX: Final = 20.0
"""How long one check may take, in seconds: a model server that sleeps is given time to connect."""

_READY_S_MAX: Final = 2.0
_SLOW_QUERY_MS: Final = 1_000.0
_WORKING: Final = (BackendState.ONLINE, BackendState.BUSY, BackendState.LOADING)

OK, WARNING, FAILED = FindingState.OK, FindingState.WARNING, FindingState.FAILED


@dataclass(frozen=True, slots=True)
class Checkup:
    """The parts of a Byline that runs; `proved_at` is when its search passed the self-test."""

    config: schema.Config
    database: Database
    embedder: Embedder | None
    dispatcher: Dispatcher
    files: Files
    proved_at: datetime

    async def readiness(self) -> Readiness:
        """Quick, and no more than the database is asked. Raises `DatabaseUnavailable`."""
        await self.database.check()
        try:
            async with asyncio.timeout(_READY_S_MAX), self.database.connection() as connection:
                embedding = await embedding_of(connection, self.config.embedder)
        except TimeoutError:
            embedding = EmbeddingStatus(self.config.embedder.kind, EmbedderState.UNKNOWN)
        return Readiness(self.proved_at, embedding, await self.backlog(), await self.disk())

    async def backlog(self) -> BacklogStatus:
        """What waits to be read; `unknown` when the database does not say in 2 s."""
        try:
            async with asyncio.timeout(_READY_S_MAX), self.database.connection() as connection:
                return await backlog_of(connection, self.config.ingest.extract_s_max)
        except (TimeoutError, BylineError):
            return BacklogStatus(BacklogState.UNKNOWN)

    async def partly_read(self) -> int | None:
        """How many documents were not wholly read; None when the database does not say in 2 s."""
        try:
            async with asyncio.timeout(_READY_S_MAX), self.database.connection() as connection:
                found = await connection.execute(statements("checkup")["partly_read"])
                return int((await found.fetchone() or {})["documents"])
        except (TimeoutError, BylineError):
            return None

    async def disk(self) -> DiskStatus:
        """The disk with the least room of those Byline writes to."""
        return await asyncio.to_thread(disk_of, self.files.folders())

    async def findings(self) -> Sequence[Finding]:
        """Everything, at once. Never raises what a part can be found to have."""
        return await asyncio.gather(
            bounded("database", database_finding(self.database)),
            bounded("search", search_finding(self.database)),
            bounded("passages", passages_finding(self.config, self.database)),
            bounded("files", files_finding(self.database, self.files.blobs)),
            bounded("reading", self._reading_finding()),
            bounded("embedder", embedder_finding(self.config, self.embedder, self.database)),
            *backend_findings(self.dispatcher),
        )

    async def _reading_finding(self) -> Finding:
        backlog = await self.backlog()
        if backlog.state is BacklogState.UNKNOWN:
            return Finding("reading", FAILED, "The database did not say what waits to be read.")
        if backlog.state is BacklogState.STALLED:
            return Finding("reading", FAILED, backlog.reason or "", backlog.remedy or "")
        if backlog.state is BacklogState.IDLE:
            return Finding("reading", OK, "No document waits to be read.")
        said = f"{backlog.waiting} documents wait to be read, {backlog.reading} are being read."
        return Finding("reading", OK, said)


@dataclass(frozen=True, slots=True)
class Files:
    """Where Byline writes: its home, and the store of original files."""

    home: Path
    blobs: BlobStore

    def folders(self) -> Sequence[Path]:
        """The folders on this computer's disks."""
        return [self.home, *([self.blobs.folder] if self.blobs.folder is not None else [])]


async def bounded(check: str, work: Awaitable[Finding], within_s: float = CHECK_S_MAX) -> Finding:
    """The finding, or why there is none within `within_s` seconds; how long it took."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(within_s):
            finding = await work
    except TimeoutError:
        return Finding(check, FAILED, f"It did not answer within {within_s:g} s.")
    except BylineError as error:
        return Finding(check, FAILED, error.message, error.remedy)
    return replace(finding, took_ms=round((time.perf_counter() - began) * 1000, 1))


async def database_finding(database: Database) -> Finding:
    """Which database, and whether it has the schema this program needs."""
    async with database.connection() as connection:
        return schema_finding(await outstanding(connection))


def schema_finding(schema_is: SchemaState) -> Finding:
    """A database as `outstanding` found it."""
    versions, missing = schema_is.versions, schema_is.missing
    said = f"PostgreSQL {versions.server}, pgvector {versions.vector}"
    if missing:
        return Finding(
            "database",
            WARNING,
            f"{said}; {len(missing)} migrations are to be applied, up to {missing[-1]}.",
            "The next `byline serve` applies them.",
        )
    return Finding("database", OK, f"{said}, schema up to date.")


async def search_finding(database: Database) -> Finding:
    """Whether Korean and English are found; nothing of the proof is kept."""
    await prove_search(database)
    return Finding("search", OK, "Korean and English text is found.")


async def passages_finding(config: schema.Config, database: Database) -> Finding:
    """By which length passages are cut, and whether that is the one configured here."""
    configured = config.ingest.passage_chars_max
    async with database.connection() as connection:
        in_force = await length_in_force(connection, configured)
    said = f"Passages have {in_force:,} characters at most"
    if in_force == configured:
        return Finding("passages", OK, f"{said}.")
    also = f"{said}, by the processes that were there first; here {configured:,} are configured."
    return Finding("passages", WARNING, also, REMEDY)


async def embedding_of(
    connection: AsyncConnection[DictRow], config: schema.EmbedderBranch
) -> EmbeddingStatus:
    """How far the passages are embedded, by what the last attempts left in the database."""
    if config.kind == "none":
        return EmbeddingStatus(config.kind, EmbedderState.OFF)
    row = await (await connection.execute(statements("checkup")["embedding"])).fetchone() or {}
    state = EmbedderState.FILLING if row["is_waiting"] else EmbedderState.READY
    if row["error_message"] is not None:
        state = EmbedderState.DEGRADED
    reason, remedy = row["error_message"], row["error_remedy"]
    return EmbeddingStatus(config.kind, state, row["embedded"], row["passages"], reason, remedy)


async def embedder_finding(
    config: schema.Config, embedder: Embedder | None, database: Database | None
) -> Finding:
    """Whether a question gets a vector, how soon, and how many passages have theirs."""
    kind = config.embedder.kind
    if embedder is None:
        return Finding("embedder", OK, "None is configured: search goes by words alone.")
    began = time.perf_counter()
    await embedder.embed_query("Is anybody there?")  # loads the model, where it is Byline's own
    loaded_ms = (time.perf_counter() - began) * 1000
    began = time.perf_counter()
    vector = await embedder.embed_query("How long is the warranty? 보증 기간은 얼마인가요?")
    took_ms = (time.perf_counter() - began) * 1000
    said = (
        f"{kind}: a question becomes {len(vector)} numbers in {took_ms:.0f} ms "
        f"(the first in {loaded_ms:.0f} ms)"
    )
    if database is not None:
        async with database.connection() as connection:
            embedding = await embedding_of(connection, config.embedder)
        said += f"; {embedding.embedded:,} of {embedding.passages:,} passages have vectors"
        if embedding.state is EmbedderState.DEGRADED:
            return Finding(
                "embedder", WARNING, f"{said}; at last: {embedding.reason}", embedding.remedy or ""
            )
    if took_ms > _SLOW_QUERY_MS:
        return Finding("embedder", WARNING, f"{said}.", "Every search waits so long: see its load.")
    return Finding("embedder", OK, f"{said}.")


async def files_finding(database: Database, blobs: BlobStore) -> Finding:
    """Whether the store is the one that has this database's files."""
    fault = await pairing_fault(database, blobs)
    if fault is not None:
        return Finding("files", FAILED, fault.message, fault.remedy)
    return Finding("files", OK, f"Original files are kept in {blobs.place}.")


def backend_findings(dispatcher: Dispatcher) -> Sequence[Awaitable[Finding]]:
    """A check for each backend that has a machine; no model runs for it."""
    default = dispatcher.default.name
    return [
        bounded(f"backend {backend.name}", _backend_finding(backend, backend.name == default))
        for backend in dispatcher.backends()
        if backend.model is not None
    ]


async def _backend_finding(backend: Backend, is_default: bool) -> Finding:
    check = f"backend {backend.name}"
    health = await backend.probe()
    said = f"{backend.machine}: {health.state}"
    if health.state in _WORKING:
        return Finding(check, OK, f"{said}.")
    if health.state is BackendState.UNKNOWN:
        return Finding(check, OK, f"{backend.machine}: it starts with the first call.")
    why = health.last_error or health.reason
    said += f", {why}" if why else "."
    if is_default or health.state is BackendState.MISCONFIGURED:
        remedy = "Start its model server, or mend its table in the configuration."
        return Finding(check, FAILED, said, remedy)
    return Finding(check, WARNING, said, "Asks that name it are refused until it is there.")
