"""Jobs through whatever happens: retries, crashes, restarts of the database and of Byline."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from library_parts import ScriptedExtractor, rows, scripted_library, settled, stopped
from structlog.testing import capture_logs

from byline.config import schema
from byline.domain.documents import DocumentState
from byline.domain.searches import SearchRequest
from byline.errors import ExtractionFailed, StorageUnavailable
from byline.ingest import jobs
from byline.ingest.extraction.file_extractor import ExtractWorkerDied
from byline.ingest.passages.chunking import cut_by
from byline.search.search import Searcher
from byline.store.database import Database

QUEUED = (DocumentState.QUEUED,)
STOP_S_MAX = 5


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "pause_s", lambda attempts: 0)


async def test_what_may_pass_is_tried_again(database: Database, tmp_path: Path) -> None:
    extractor = ScriptedExtractor(faults=[ExtractWorkerDied("killed"), StorageUnavailable("away")])
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add("text")).id)
    assert document.state is DocumentState.INDEXED
    assert len(extractor.names) == 3


async def test_while_it_waits_for_its_next_try_a_document_says_for_what(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(faults=[StorageUnavailable("the store is away")] * 9)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add("text")
        while (waiting := await parts.library.get(document.id)).error is None:
            pass
        [job] = await parts.library.jobs(10)
    assert waiting.state is DocumentState.QUEUED
    assert waiting.error.message == "the store is away"
    assert job.error == waiting.error


async def test_a_file_that_cannot_be_read_is_not_tried_again(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(faults=[ExtractionFailed("corrupt", "It is damaged.")])
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add("text")).id)
        assert document.error is not None
        assert document.error.code == "corrupt"
    assert len(extractor.names) == 1


async def test_a_file_that_ends_its_worker_every_time_is_given_up(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(faults=[ExtractWorkerDied("killed")] * 9)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(
            parts.library, (await parts.add("text")).id, (DocumentState.FAILED,)
        )
        assert document.error is not None
        assert document.error.code == "extraction_failed"
    assert len(extractor.names) == jobs.WORKER_DEATHS_MAX


async def test_something_unforeseen_fails_the_document_and_stays_among_the_jobs(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(faults=[RuntimeError("a bug")])
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add("text")).id)
        assert document.error is not None
        assert "a bug" not in document.error.message
        (job,) = await parts.library.jobs(9)
        assert job.state in ("running", "failed")


async def test_a_failed_document_added_again_is_read_again(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(faults=[ExtractionFailed("too_slow", "It took too long.")])
    async with scripted_library(database, tmp_path, extractor) as parts:
        first = await settled(parts.library, (await parts.add("text")).id)
        assert first.state is DocumentState.FAILED
        again = await parts.library.add(parts.home / "upload", name="b.txt", collection="default")
        assert again.duplicate is True
        assert again.document.state is DocumentState.QUEUED
        assert again.document.error is None
        document = await settled(parts.library, first.id)
    assert document.state is DocumentState.INDEXED


async def test_a_document_removed_while_it_is_read_stays_removed(
    database: Database, tmp_path: Path
) -> None:
    hold = asyncio.Event()
    extractor = ScriptedExtractor(hold=hold)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add("text")
        await extractor.begun.wait()
        await parts.library.delete(document.id)
        hold.set()
        after = await parts.add("other text")
        await settled(parts.library, after.id)
        assert parts.files() == 1
    assert await rows(database.url, "SELECT count(*) FROM passages") == [(1,)]


async def test_stopping_gives_the_unfinished_job_back_within_seconds(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(hold=asyncio.Event())
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add("text")
        await extractor.begun.wait()
        began = time.monotonic()
    assert time.monotonic() - began < STOP_S_MAX
    assert await rows(database.url, "SELECT status::text FROM procrastinate_jobs") == [("todo",)]
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        assert (await settled(parts.library, document.id)).state is DocumentState.INDEXED


async def test_the_job_of_a_process_that_died_is_taken_over_at_the_next_start(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(
        database, tmp_path, ScriptedExtractor(hold=asyncio.Event())
    ) as parts:
        document = await parts.add("text")
        await parts.extractor.begun.wait()
    # As kill -9 leaves it: the worker's heart beat a moment ago.
    await rows(
        database.url,
        "WITH worker AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id) "
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM worker)",
    )
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        assert (await settled(parts.library, document.id)).state is DocumentState.INDEXED


async def test_a_document_that_ends_byline_itself_is_given_up(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(
        database, tmp_path, ScriptedExtractor(hold=asyncio.Event())
    ) as parts:
        document = await parts.add("text")
        await parts.extractor.begun.wait()
    await rows(database.url, f"UPDATE procrastinate_jobs SET attempts = {jobs.TRIES_MAX}")
    extractor = ScriptedExtractor()
    async with scripted_library(database, tmp_path, extractor) as parts:
        assert (await settled(parts.library, document.id)).state is DocumentState.FAILED
    assert extractor.names == []


async def test_work_goes_on_when_every_connection_was_lost(
    database: Database, tmp_path: Path
) -> None:
    hold = asyncio.Event()
    extractor = ScriptedExtractor(hold=hold)
    async with scripted_library(database, tmp_path, extractor) as parts:
        running = await parts.add("being read")
        waiting = await parts.add("waiting")
        await extractor.begun.wait()
        await rows(
            database.url,
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        hold.set()
        for document in (running, waiting, await parts.add("added after")):
            assert (await settled(parts.library, document.id)).state is DocumentState.INDEXED


async def test_waiting_and_running_work_is_told_apart(database: Database, tmp_path: Path) -> None:
    hold = asyncio.Event()
    extractor = ScriptedExtractor(hold=hold)
    async with scripted_library(database, tmp_path, extractor) as parts:
        documents = [await parts.add(f"text {n}", f"{n}.txt") for n in range(4)]
        await extractor.begun.wait()
        states = {job.name: job.state for job in await parts.library.jobs(9)}
        assert set(states) == {f"{n}.txt" for n in range(4)}
        assert {"running", "waiting"} >= set(states.values())
        assert states["0.txt"] == "running"
        assert states["3.txt"] == "waiting"
        hold.set()
        for document in documents:
            await settled(parts.library, document.id)


async def test_documents_cut_by_earlier_rules_are_read_again_and_found_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await settled(parts.library, (await parts.add("the old words")).id)
    await rows(database.url, "UPDATE documents SET chunked_by = 0")
    before = await rows(database.url, "SELECT id FROM passages")

    extractor = ScriptedExtractor(hold=asyncio.Event())
    async with scripted_library(database, tmp_path, extractor) as parts:
        async with asyncio.timeout(30):
            await extractor.begun.wait()
        assert await rows(database.url, "SELECT id FROM passages") == before
        assert (await Searcher(database).search(SearchRequest("words"))).hits
        assert extractor.hold is not None
        extractor.hold.set()
        await settled(parts.library, document.id)
        assert await parts.library.refresh() == 0
    after = await rows(database.url, "SELECT id FROM passages")
    assert len(after) == 1
    assert after != before
    assert await rows(database.url, "SELECT chunked_by FROM documents") == [(cut_by(800),)]


async def test_another_length_of_passages_cuts_anew_what_is_there(
    database: Database, tmp_path: Path
) -> None:
    chunked_by = "SELECT chunked_by FROM documents"
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as old:
        await settled(old.library, (await old.add("the words")).id)
        assert await old.library.refresh() == 0
        assert await rows(database.url, chunked_by) == [(cut_by(800),)]
    extractor = ScriptedExtractor()
    async with scripted_library(database, tmp_path, extractor, SHORTER) as new:
        await until_one(database, f"{chunked_by} WHERE chunked_by = {cut_by(300)}")
        assert await new.library.refresh() == 0
    assert extractor.lengths == [300]


async def test_one_that_joins_others_cuts_by_their_length_and_says_so(
    database: Database, tmp_path: Path
) -> None:
    extractors = [ScriptedExtractor(), ScriptedExtractor()]
    with capture_logs() as told:
        async with scripted_library(database, tmp_path, extractors[0]) as first:
            await settled(first.library, (await first.add("the words")).id)
            async with scripted_library(database, tmp_path, extractors[1], SHORTER) as second:
                async with asyncio.timeout(30):
                    while not any(each.get("configured") == 300 for each in told):
                        assert await second.library.refresh() == 0
                await stopped(first.stop)  # so that the other one takes the job
                added = await settled(second.library, (await second.add("more words")).id)
                assert await first.library.refresh() == 0
    assert extractors[1].names == [added.name]
    assert extractors[1].lengths == [800]
    assert await rows(database.url, "SELECT DISTINCT chunked_by FROM documents") == [(cut_by(800),)]


async def test_rules_of_a_later_version_are_left_to_a_later_program(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        await settled(parts.library, (await parts.add("the words")).id)
    await rows(database.url, f"UPDATE documents SET chunked_by = {cut_by(800, version=99)}")
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        assert await parts.library.refresh() == 0


SHORTER = schema.Ingest(passage_chars_max=300)


async def until_one(database: Database, query: str) -> None:
    async with asyncio.timeout(30):
        while not await rows(database.url, query):
            pass


async def test_what_people_add_is_read_before_what_is_only_cut_again(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        old = await settled(parts.library, (await parts.add("old")).id)
        await rows(database.url, f"UPDATE documents SET chunked_by = 0 WHERE id = '{old.id}'")
        parts.extractor.hold = asyncio.Event()
        new = await parts.add("new")
        assert await parts.library.refresh() == 0
        parts.extractor.hold.set()
        await settled(parts.library, new.id)
        await rows(database.url, "UPDATE documents SET state = 'failed' WHERE name = 'a.txt'")
        assert await parts.library.refresh() == 0  # what failed stays so until it is added again


async def test_what_is_added_waits_for_the_disk_and_what_a_job_makes_of_it_does_not(
    database: Database, tmp_path: Path
) -> None:
    for statement in (
        "CREATE TABLE seen (state text, waits text)",
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen "
        "VALUES (NEW.state, current_setting('synchronous_commit')); RETURN NULL; END $$",
        "CREATE TRIGGER see AFTER INSERT OR UPDATE OF state ON stored_documents "
        "FOR EACH ROW EXECUTE FUNCTION see()",
    ):
        await rows(database.url, statement)
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        for text in ("one", "two", "three"):  # on connections that jobs have used, too
            await settled(parts.library, (await parts.add(text)).id)

    seen = await rows(database.url, "SELECT DISTINCT state, waits FROM seen ORDER BY state")
    assert seen == [("extracting", "off"), ("indexed", "off"), ("queued", "on")]
