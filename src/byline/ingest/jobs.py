"""Jobs: reading documents in the background, on procrastinate, inside the server's process.

A job is a row beside its document's and survives whatever happens to the process. What may pass by
itself (a database or store away, a worker killed) is tried again with growing pauses; what will not
(a file that cannot be read) is recorded at the document at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from byline.domain.checkup import Backlog, BacklogState
from byline.domain.documents import DocumentError
from byline.errors import (
    BylineError,
    DatabaseUnavailable,
    ExtractionFailed,
    StorageFull,
    StorageUnavailable,
)
from byline.ingest.backlog import PAUSE_S_MAX, QUEUE
from byline.ingest.cutting import decide_length, join_length
from byline.ingest.embed import Filler
from byline.ingest.extract import WorkerDied, open_extractor
from byline.ingest.library import Library
from byline.ingest.pipeline import Pipeline, ReadingVoid
from byline.search.embedders.protocol import Embedder
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.statements import statements

log: Final = structlog.get_logger(__name__)

READ_DOCUMENT: Final = "read_document"
PASSING: Final = (
    *(DatabaseUnavailable, StorageUnavailable, StorageFull),
    *(WorkerDied, ReadingVoid),
)
"""What may be gone at the next try."""

TRIES_MAX: Final = 10
DEATHS_MAX: Final = 3
"""Workers a file may cost. One that ends its reader every time will do so the next time too."""

_INDEXING: Final = 1
"""Jobs beside those that extract: one document is written while the next is read."""

_POLL_S: Final = 0.5
"""A notification that comes while a worker fetches is lost; it then looks again after this."""
_HEARTBEAT_S: Final = 5.0
_DEAD_AFTER_S: Final = 30.0
_SWEEP_S: Final = 5.0
_GIVE_JOBS_S: Final = 60.0
_TELL_AGAIN_S: Final = 600.0
_FINISH_S: Final = 1.0
_QUERY_S: Final = 2.0
_CONNECT_S: Final = 10


class _PassingOnly(retry.BaseRetryStrategy):
    """Try again what may pass, and what was interrupted by the server's stop."""

    def get_retry_decision(
        self, *, exception: BaseException, job: Job
    ) -> retry.RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError | queue_errors.JobAborted):
            return retry.RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, PASSING):
            return retry.RetryDecision(retry_in={"seconds": pause_s(job.attempts)})
        return None


def pause_s(attempts: int) -> int:
    """Seconds to wait after `attempts` tries that failed before this one."""
    return int(min(2**attempts, PAUSE_S_MAX))


class DocumentJobs:
    """The queue and its worker. A `library.JobQueue`."""

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
            name=READ_DOCUMENT, queue=QUEUE, retry=_PassingOnly(), pass_context=True
        )(self._read_document)

    async def defer(self, connection: AsyncConnection[DictRow], document_id: str) -> None:
        """Queue the reading of a document, in the caller's transaction."""
        try:
            await self._task.configure(
                lock=f"document {document_id}", connection=connection
            ).defer_async(document_id=document_id)
        except queue_errors.ConnectorException as error:
            if isinstance(error.__cause__, psycopg.Error):
                raise error.__cause__ from error  # the caller's connection has its own seam
            raise

    async def run(self, library: Library) -> None:
        """Work until cancelled, through every restart of the database."""
        # A pool of our own: one that procrastinate opens is left behind when that is cancelled.
        async with self._pool() as pool:
            await self._app.open_async(pool)
            failures = 0
            while True:
                try:
                    async with self._place() as place:
                        failures = 0
                        await self._work(place, library)
                except (psycopg.Error, queue_errors.ProcrastinateException, BylineError) as error:
                    failures += 1
                    log.warning("background work pauses", reason=str(error) or repr(error))
                except Exception:  # here, not outside: procrastinate takes one pool in its life
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
    async def _place(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """A place among the processes that work on this database; the first one cleans up, and
        decides how passages are cut."""
        sql = statements("documents")
        async with await AsyncConnection[DictRow].connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=_CONNECT_S
        ) as connection:
            found = await (await connection.execute(sql["try_alone"])).fetchone()
            if found is not None and found["alone"]:
                await decide_length(connection, self._config.passage_chars_max)
                await self._take_over(await self._jobs_of_anybody())
                await connection.execute(sql["hold_place"])
                await connection.execute(sql["alone_no_more"])
            else:
                await connection.execute(sql["hold_place"])
                await join_length(connection, self._config.passage_chars_max)
            yield connection

    async def _work(self, place: AsyncConnection[DictRow], library: Library) -> None:
        """Run a worker beside the sweep; when either ends, so does the other."""
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
        sweep = asyncio.create_task(self._sweep(place, library))
        try:
            done, _ = await asyncio.wait({worker, sweep}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end_task(worker)
            await end_task(sweep)

    async def _sweep(self, place: AsyncConnection[DictRow], library: Library) -> None:
        loop = asyncio.get_running_loop()
        given_at = float("-inf")
        while True:
            await place.execute(statements("database")["check"])  # our place is held by this line
            dead = await self._app.job_manager.get_stalled_jobs(
                queue=QUEUE, seconds_since_heartbeat=_DEAD_AFTER_S
            )
            await self._take_over([*dead, *await self._left_by_us()])
            if loop.time() >= given_at + _GIVE_JOBS_S:
                await library.give_jobs()
                given_at = loop.time()
            await library.sweep()
            await self._tell(await library.backlog())
            await asyncio.sleep(_SWEEP_S)

    async def _left_by_us(self) -> list[Job]:
        """Jobs this process is said to do, and has not done since the last sweep: their beginning
        was told and never came here, or their end never came to the database."""
        idle = [
            job
            for job in await self._jobs_of_anybody()
            if job.worker_id in self._worker_ids and job.id not in self._at_work
        ]
        left = [job for job in idle if job.id in self._suspects]
        self._suspects = frozenset(job.id for job in idle if job.id is not None)
        return left

    async def _tell(self, backlog: Backlog) -> None:
        """Log that reading stands still, every ten minutes for as long as it does."""
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

    async def _jobs_of_anybody(self) -> list[Job]:
        manager = self._app.job_manager
        return list(await manager.list_jobs_async(queue=QUEUE, status="doing"))

    async def _take_over(self, jobs: list[Job]) -> None:
        """Queue again what nobody does any more."""
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
        except PASSING as error:
            if isinstance(error, ReadingVoid) and await self._has_another(job, document_id):
                return
            if attempts + 1 >= (DEATHS_MAX if isinstance(error, WorkerDied) else TRIES_MAX):
                await self._pipeline.fail(document_id, _given_up(error, attempts + 1))
                return
            log.warning("a document is tried again", document=document_id, reason=str(error))
            with contextlib.suppress(DatabaseUnavailable):
                await self._pipeline.give_back(document_id, _passing(error))
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
        """Whether another job reads the document: it was queued anew while this one read it."""
        async with self._pipeline.database.connection() as connection:
            found = await connection.execute(
                statements("backlog")["has_another_job"], {"job": job.id, "document": document_id}
            )
            row = await found.fetchone()
        return bool(row and row["has_another"])


async def _commit_lazily(connection: AsyncConnection[DictRow]) -> None:
    await connection.execute(statements("documents")["always_commit_lazily"])
    await connection.commit()


def _passing(error: Exception) -> DocumentError:
    return DocumentError(
        "retrying",
        str(error) or "The reader broke down on this file.",
        "Byline tries again by itself, with growing pauses.",
    )


def _given_up(error: Exception, tries: int) -> ExtractionFailed:
    if isinstance(error, WorkerDied):
        return ExtractionFailed(
            "extraction_failed", f"The reader broke down on this file, {tries} times."
        )
    return ExtractionFailed(
        "extraction_failed",
        f"Gave up after {tries} tries: {error}",
        remedy="Mend that, then add the file again.",
    )


@asynccontextmanager
async def running_library(
    database: Database,
    blobs: BlobStore,
    config: schema.Ingest,
    scratch: Path,
    embedder: Embedder | None = None,
) -> AsyncIterator[Library]:
    """The library with its background work running; `scratch` is a folder of ours alone.

    What lies in `scratch` from an earlier life is removed. Without an embedder documents wait for
    one, and are found by their words.
    """
    await asyncio.to_thread(_emptied, scratch)
    async with open_extractor(config, scratch) as extractor:
        pipeline = Pipeline(database, blobs, extractor, scratch, config.passage_chars_max)
        jobs = DocumentJobs(database.url, config, pipeline)
        library = Library(database, blobs, config, jobs)
        works: dict[str, Work] = {"reading documents": lambda: jobs.run(library)}
        if embedder is not None:
            filler = Filler(database, embedder)
            library.works.append(filler)
            works["embedding"] = filler.run
        async with in_background(works):
            yield library


def _emptied(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
