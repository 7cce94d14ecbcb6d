"""Jobs that read documents in the background, on procrastinate, inside the server's process.

A job is a row, committed with its document's, and survives whatever happens to the process.
Transient errors (the database or store is away, a worker was killed) are retried with growing
pauses; others (a file that cannot be read) are recorded at the document at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import procrastinate
import psycopg
import structlog
from procrastinate import exceptions as queue_errors
from procrastinate import retry
from procrastinate.jobs import DeleteJobCondition, Job
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from byline.background import Work, end_task, in_background
from byline.config import schema
from byline.domain.documents import DocumentError
from byline.domain.findings import BacklogState, BacklogStatus
from byline.errors import (
    BylineError,
    DatabaseUnavailable,
    ExtractionFailed,
    StorageFull,
    StorageUnavailable,
)
from byline.ingest.backlog import PAUSE_S_MAX, QUEUE
from byline.ingest.extraction.file_extractor import ExtractWorkerDied, open_extractor
from byline.ingest.library.document_library import Library, LibraryHooks
from byline.ingest.passages.passage_length import decide_length, join_length
from byline.ingest.pictures.page_pictures import forget_pictures
from byline.ingest.pipeline import Pipeline, StaleReading
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.statements import statements
from byline.vectors.embedders.embedder import Embedder
from byline.vectors.vector_filling import VectorFiller

log: Final = structlog.get_logger(__name__)

READ_DOCUMENT: Final = "read_document"
TRANSIENT_ERRORS: Final = (
    DatabaseUnavailable,
    StorageUnavailable,
    StorageFull,
    ExtractWorkerDied,
    StaleReading,
)
"""Errors that may not occur at the next try."""

TRIES_MAX: Final = 10
WORKER_DEATHS_MAX: Final = 3
"""How many workers a file may kill. A file that kills its reader every time will do so again."""

_INDEXING: Final = 1
"""Jobs beside those that extract: one document is stored while the next is read."""

_POLL_S: Final = 0.5
"""A notification that arrives while a worker fetches is lost; the worker then polls after this
time."""
_HEARTBEAT_S: Final = 5.0
_DEAD_AFTER_S: Final = 30.0
_SWEEP_S: Final = 5.0
_GIVE_JOBS_S: Final = 60.0
_TELL_AGAIN_S: Final = 600.0
_FINISH_S: Final = 1.0
_QUERY_S: Final = 2.0
_CONNECT_S: Final = 10


class _RetryTransient(retry.BaseRetryStrategy):
    """Retry transient errors, and jobs interrupted when the server stopped."""

    def get_retry_decision(
        self, *, exception: BaseException, job: Job
    ) -> retry.RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError | queue_errors.JobAborted):
            return retry.RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, TRANSIENT_ERRORS):
            return retry.RetryDecision(retry_in={"seconds": pause_s(job.attempts)})
        return None


def pause_s(attempts: int) -> int:
    """Seconds to wait after a failed try that `attempts` failed ones preceded."""
    return int(min(2**attempts, PAUSE_S_MAX))


class DocumentJobs:
    """DocumentJobs is the job queue and its worker. It implements `document_removal.JobQueue`."""

    def __init__(self, url: str, config: schema.Ingest, pipeline: Pipeline) -> None:
        self._url = url
        self._config = config
        self._pipeline = pipeline
        self._at_work: set[int] = set()
        self._worker_ids: set[int] = set()
        self._suspects: frozenset[int] = frozenset()
        self._told_at = float("-inf")
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector())
        self._task = self._app.task(
            name=READ_DOCUMENT, queue=QUEUE, retry=_RetryTransient(), pass_context=True
        )(self._read_document)

    async def defer(self, connection: AsyncConnection[DictRow], document_id: str) -> None:
        """Queue the reading of a document, in the caller's transaction."""
        try:
            await self._task.configure(
                lock=f"document {document_id}", connection=connection
            ).defer_async(document_id=document_id)
        except queue_errors.ConnectorException as error:
            if isinstance(error.__cause__, psycopg.Error):
                raise error.__cause__ from error  # the caller's connection maps its own errors
            raise

    async def run(self, library: Library) -> None:
        """Run jobs until cancelled, through every restart of the database."""
        # A pool of our own: procrastinate leaves its pool open when it is cancelled.
        async with self._pool() as pool:
            await self._app.open_async(pool)
            failures = 0
            while True:
                try:
                    async with self._worker_slot() as slot:
                        failures = 0
                        await self._work(slot, library)
                except (psycopg.Error, queue_errors.ProcrastinateException, BylineError) as error:
                    failures += 1
                    log.warning("background work pauses", reason=str(error) or repr(error))
                except Exception:  # here, not outside: procrastinate accepts only one pool
                    failures += 1
                    log.exception("reading documents failed and begins anew")
                await asyncio.sleep(min(2**failures / 10, _SWEEP_S))

    def _pool(self) -> AsyncConnectionPool[AsyncConnection[DictRow]]:
        return AsyncConnectionPool[AsyncConnection[DictRow]](
            self._url,
            kwargs={"row_factory": dict_row, "connect_timeout": _CONNECT_S},
            min_size=1,
            max_size=self._config.concurrency + _INDEXING + 1,
            timeout=_QUERY_S,
            reconnect_timeout=_QUERY_S,  # short, so that its growing pauses never outlast an outage
            check=AsyncConnectionPool.check_connection,
            configure=_commit_lazily,
            open=False,
            name="jobs",
        )

    @asynccontextmanager
    async def _worker_slot(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Hold a slot among the processes that work on this database. The first one cleans up, and
        decides how passages are cut."""
        sql = statements("documents")
        async with await AsyncConnection[DictRow].connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=_CONNECT_S
        ) as connection:
            found = await (await connection.execute(sql["try_alone"])).fetchone()
            if found is not None and found["alone"]:
                await decide_length(connection, self._config.passage_chars_max)
                await self._requeue(await self._running_jobs())
                await connection.execute(sql["hold_place"])
                await connection.execute(sql["alone_no_more"])
            else:
                await connection.execute(sql["hold_place"])
                await join_length(connection, self._config.passage_chars_max)
            yield connection

    async def _work(self, slot: AsyncConnection[DictRow], library: Library) -> None:
        """Run a worker beside the sweep; when one of them ends, the other is ended, too."""
        worker = asyncio.create_task(
            self._app.run_worker_async(
                queues=[QUEUE],
                concurrency=self._config.concurrency + _INDEXING,
                install_signal_handlers=False,
                delete_jobs=DeleteJobCondition.SUCCESSFUL,
                fetch_job_polling_interval=_POLL_S,
                update_heartbeat_interval=_HEARTBEAT_S,
                stalled_worker_timeout=_DEAD_AFTER_S,
                shutdown_graceful_timeout=_FINISH_S,
            )
        )
        sweep = asyncio.create_task(self._sweep(slot, library))
        try:
            done, _ = await asyncio.wait({worker, sweep}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end_task(worker)
            await end_task(sweep)

    async def _sweep(self, slot: AsyncConnection[DictRow], library: Library) -> None:
        loop = asyncio.get_running_loop()
        given_at = float("-inf")
        while True:
            await slot.execute(statements("database")["check"])  # this connection holds our slot
            dead = await self._app.job_manager.get_stalled_jobs(
                queue=QUEUE, seconds_since_heartbeat=_DEAD_AFTER_S
            )
            await self._requeue([*dead, *await self._lost_jobs()])
            if loop.time() >= given_at + _GIVE_JOBS_S:
                await library.give_jobs()
                given_at = loop.time()
            await library.sweep()
            await self._log_stalled(await library.backlog())
            await asyncio.sleep(_SWEEP_S)

    async def _lost_jobs(self) -> list[Job]:
        """Jobs recorded as running in this process that it has not run since the last sweep:
        either their start was recorded but never arrived here, or their end never arrived at
        the database."""
        idle = [
            job
            for job in await self._running_jobs()
            if job.worker_id in self._worker_ids and job.id not in self._at_work
        ]
        left = [job for job in idle if job.id in self._suspects]
        self._suspects = frozenset(job.id for job in idle if job.id is not None)
        return left

    async def _log_stalled(self, backlog: BacklogStatus) -> None:
        """Log that reading has stalled, every ten minutes for as long as it has."""
        now = asyncio.get_running_loop().time()
        if backlog.state is BacklogState.STALLED and now >= self._told_at + _TELL_AGAIN_S:
            log.warning(
                "reading stands still",
                reason=backlog.reason,
                remedy=backlog.remedy,
                waiting=backlog.waiting,
                oldest_s=backlog.oldest_s,
            )
            self._told_at = now

    async def _running_jobs(self) -> list[Job]:
        manager = self._app.job_manager
        return list(await manager.list_jobs_async(queue=QUEUE, status="doing"))

    async def _requeue(self, jobs: list[Job]) -> None:
        """Queue again the jobs that no process runs any more."""
        for job in jobs:
            log.info("a job that nobody does any more is done again", **job.task_kwargs)
            await self._app.job_manager.retry_job(job)

    async def _read_document(self, context: procrastinate.JobContext, document_id: str) -> None:
        job = context.job
        assert job.id is not None
        if job.worker_id is not None:
            self._worker_ids.add(job.worker_id)
        self._at_work.add(job.id)
        try:
            await self._read(job, document_id)
        finally:
            self._at_work.discard(job.id)

    async def _read(self, job: Job, document_id: str) -> None:
        attempts = job.attempts
        try:
            if attempts >= TRIES_MAX:
                raise ExtractionFailed(
                    "extraction_failed",
                    f"Reading the document was begun {attempts} times and never came to an end.",
                )
            await self._pipeline.run(document_id)
        except ExtractionFailed as refusal:
            await self._pipeline.fail(document_id, refusal)
        except TRANSIENT_ERRORS as error:
            if isinstance(error, StaleReading) and await self._has_another(job, document_id):
                return
            if attempts + 1 >= (
                WORKER_DEATHS_MAX if isinstance(error, ExtractWorkerDied) else TRIES_MAX
            ):
                await self._pipeline.fail(document_id, _gave_up_error(error, attempts + 1))
                return
            log.warning("a document is tried again", document=document_id, reason=str(error))
            with contextlib.suppress(DatabaseUnavailable):
                await self._pipeline.give_back(document_id, _transient_error(error))
            raise
        except Exception:
            log.exception("a document could not be read", document=document_id)
            failure = ExtractionFailed(
                "extraction_failed",
                "Something unforeseen went wrong inside Byline while reading the document.",
                remedy="Look for its id in Byline's log; please report what you find there.",
            )
            await self._pipeline.fail(document_id, failure)
            raise

    async def _has_another(self, job: Job, document_id: str) -> bool:
        """Whether another job reads the document, because it was queued again while this one read
        it."""
        async with self._pipeline.database.connection() as connection:
            found = await connection.execute(
                statements("backlog")["has_another_job"], {"job": job.id, "document": document_id}
            )
            row = await found.fetchone()
        return bool(row and row["has_another"])


async def _commit_lazily(connection: AsyncConnection[DictRow]) -> None:
    await connection.execute(statements("documents")["always_commit_lazily"])
    await connection.commit()


def _transient_error(error: Exception) -> DocumentError:
    return DocumentError(
        "retrying",
        str(error) or "The reader broke down on this file.",
        "Byline tries again by itself, with growing pauses.",
    )


def _gave_up_error(error: Exception, tries: int) -> ExtractionFailed:
    if isinstance(error, ExtractWorkerDied):
        return ExtractionFailed(
            "extraction_failed", f"The reader broke down on this file, {tries} times."
        )
    return ExtractionFailed(
        "extraction_failed",
        f"Gave up after {tries} tries: {error}",
        remedy="Mend that, then add the file again.",
    )


@dataclass(frozen=True, slots=True)
class IngestFolders:
    """Folders that belong to Byline alone: `scratch` for files while they are read, `pictures` for
    pages that were drawn."""

    scratch: Path
    pictures: Path

    @classmethod
    def under(cls, home: Path) -> IngestFolders:
        """The folders of the data folder `home`."""
        return cls(home / "scratch", home / "pictures")


@asynccontextmanager
async def running_library(
    database: Database,
    blobs: BlobStore,
    config: schema.Ingest,
    folders: IngestFolders,
    embedder: Embedder | None = None,
) -> AsyncIterator[Library]:
    """The library with its background work running.

    What an earlier process left in `folders.scratch` is removed. Without an embedder documents wait
    for one, and are found by their words.
    """
    await asyncio.to_thread(_empty_folder, folders.scratch)
    filler = VectorFiller(database, embedder) if embedder is not None else None
    async with open_extractor(config, folders.scratch) as extractor:
        pipeline = Pipeline(database, blobs, extractor, folders.scratch, config.passage_chars_max)
        jobs = DocumentJobs(database.url, config, pipeline)
        hooks = LibraryHooks(
            unqueued_work=(filler,) if filler is not None else (),
            on_file_forgotten=(partial(forget_pictures, folders.pictures),),
        )
        library = Library(database, blobs, config, jobs, hooks)
        works: dict[str, Work] = {"reading documents": lambda: jobs.run(library)}
        if filler is not None:
            works["embedding"] = filler.run
        async with in_background(works):
            yield library


def _empty_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
