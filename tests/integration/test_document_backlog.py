"""Documents whose job or state was lost: each is read all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from library_parts import Parts, ScriptedExtractor, rows, scripted_library, settled
from structlog.testing import capture_logs

from byline.config import schema
from byline.domain.documents import DocumentState
from byline.domain.findings import BacklogState
from byline.ingest import jobs
from byline.ingest.library.document_library import Library
from byline.store.blobs import open_blobs
from byline.store.database import Database

JOBS = "SELECT status::text FROM procrastinate_jobs"
WAIT_S = 30


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "pause_s", lambda attempts: 0)
    monkeypatch.setattr(jobs, "_SWEEP_S", 0.05)
    monkeypatch.setattr(jobs, "_GIVE_JOBS_S", 0.05)


async def lose(parts: Parts, state: str) -> None:
    """As a database that lost its last moments has it: the job is not begun, nor the reading."""
    await rows(parts.database.url, f"UPDATE documents SET state = '{state}'")
    await rows(parts.database.url, "UPDATE procrastinate_jobs SET status = 'todo'")


async def test_a_reading_whose_beginning_was_lost_is_done_again(
    database: Database, tmp_path: Path
) -> None:
    hold = asyncio.Event()
    extractor = ScriptedExtractor(hold=hold)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add("text")
        await extractor.begun.wait()
        await lose(parts, "queued")
        hold.set()
        assert (await settled(parts.library, document.id)).state is DocumentState.INDEXED
    assert await rows(database.url, "SELECT count(*) FROM passages") == [(1,)]


async def test_a_document_queued_anew_while_it_is_read_is_read_once_more(
    database: Database, tmp_path: Path
) -> None:
    hold = asyncio.Event()
    extractor = ScriptedExtractor(hold=hold)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add("text")
        await extractor.begun.wait()
        await parts.library.reindex(document.id)
        hold.set()
        await settled(parts.library, document.id)
        async with asyncio.timeout(WAIT_S):
            while await rows(database.url, JOBS):
                pass
    assert len(extractor.names) == 2


@pytest.mark.parametrize("state", ["queued", "extracting"])
async def test_a_document_without_a_job_is_given_one_at_the_start(
    database: Database, tmp_path: Path, state: str
) -> None:
    document_id = await left_without_job(database, tmp_path, state)
    with capture_logs() as logs:
        async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
            assert (await settled(parts.library, document_id)).state is DocumentState.INDEXED
    assert any(line["event"] == "a document waited without a job and gets one" for line in logs)


async def left_without_job(database: Database, home: Path, state: str) -> str:
    """A document that waits, and whose job is gone; its id."""
    extractor = ScriptedExtractor(hold=asyncio.Event())
    async with scripted_library(database, home, extractor) as parts:
        document = await parts.add("text")
        await extractor.begun.wait()
    await rows(database.url, "DELETE FROM procrastinate_jobs")
    await rows(database.url, f"UPDATE documents SET state = '{state}'")
    return document.id


async def test_one_that_loses_its_job_meanwhile_is_given_one(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await settled(parts.library, (await parts.add("text")).id)
        await rows(database.url, "UPDATE documents SET state = 'queued'")
        await rows(database.url, "UPDATE documents SET chunked_by = -1")
        async with asyncio.timeout(WAIT_S):
            while (await parts.library.get(document.id)).state is not DocumentState.INDEXED:
                pass


async def test_who_waits_for_a_job_that_is_there_is_left_alone(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(hold=asyncio.Event())
    async with scripted_library(database, tmp_path, extractor) as parts:
        for text in ("one", "two", "three", "four"):
            await parts.add(text)
        await extractor.begun.wait()
        assert await parts.library.give_jobs() == 0
        assert await rows(database.url, "SELECT count(*) FROM procrastinate_jobs") == [(4,)]
        assert (await parts.library.backlog()).state is BacklogState.MOVING


async def test_a_job_whose_end_was_lost_ends_after_all(database: Database, tmp_path: Path) -> None:
    """Its worker lives on, so no heartbeat tells; meanwhile no other job of the document begins."""
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await settled(parts.library, (await parts.add("text")).id)
        [(worker,)] = await rows(database.url, "SELECT id FROM procrastinate_workers")
        await rows(
            database.url,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id) "
            f"VALUES ('documents', 'read_document', 'document {document.id}', "
            f"""'{{"document_id": "{document.id}"}}', 'doing', {worker})""",
        )
        await parts.library.reindex(document.id)
        async with asyncio.timeout(WAIT_S):
            while await rows(database.url, JOBS):
                pass
        assert (await parts.library.get(document.id)).state is DocumentState.INDEXED


async def test_a_document_unknown_to_the_embedder_is_queued_for_it(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        await settled(parts.library, (await parts.add("text")).id)
        await rows(database.url, "DELETE FROM embedding_work")
        async with asyncio.timeout(WAIT_S):
            while not await rows(database.url, "SELECT document_id FROM embedding_work"):
                pass


async def test_reading_that_stands_still_is_in_the_log(database: Database, tmp_path: Path) -> None:
    extractor = ScriptedExtractor(hold=asyncio.Event())
    async with scripted_library(database, tmp_path, extractor) as parts:
        await parts.add("text")
        await extractor.begun.wait()
        with capture_logs() as logs:
            await rows(database.url, "UPDATE documents SET updated_at = now() - interval '1 day'")
            async with asyncio.timeout(WAIT_S):
                while not logs:  # noqa: ASYNC110 - the sweep has no event of ours
                    await asyncio.sleep(0)
            await rows(database.url, "SELECT pg_sleep(0.2)")  # some sweeps more
    told = [line for line in logs if line["event"] == "reading stands still"]
    assert len(told) == 1
    assert told[0]["waiting"] == 0
    assert "minutes" in told[0]["reason"]
    assert told[0]["remedy"]


async def test_a_fault_nobody_knows_does_not_end_reading(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = asyncio.Event()
    faults = [ValueError("nobody provided for this")]

    async def sweep(_: Library) -> None:
        if faults:
            raise faults.pop()
        swept.set()

    monkeypatch.setattr(Library, "sweep", sweep)
    blobs = open_blobs(schema.Storage(), tmp_path)
    with capture_logs() as logs:
        async with (
            asyncio.timeout(WAIT_S),
            jobs.running_library(
                database, blobs, schema.Ingest(), jobs.IngestFolders.under(tmp_path)
            ),
        ):
            await swept.wait()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "reading documents failed and begins anew"
    ]


async def test_a_document_put_off_by_a_clock_that_was_set_back_is_read_at_once(
    database: Database, tmp_path: Path
) -> None:
    document_id = await left_without_job(database, tmp_path, "queued")
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)"
            " VALUES ('documents', 'read_document', jsonb_build_object('document_id', %s::text),"
            " now() + interval '1 hour')",
            (document_id,),
        )
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        assert (await settled(parts.library, document_id)).state is DocumentState.INDEXED
