"""A document stored block by block: the same rows as at once, all of them or none."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from library_parts import ScriptedExtractor, rows, scripted_library, settled
from search_corpus import add, counted, statistics

from byline.domain.documents import DocumentState
from byline.domain.searches import SearchRequest
from byline.errors import ExtractionFailed
from byline.ingest import jobs
from byline.ingest.extraction.file_extractor import ExtractWorkerDied
from byline.search.index import lexical_index, stats_compaction
from byline.search.search import Searcher
from byline.store.database import Database

STOP_S_MAX = 5
TEXT = "\n\n".join(
    f"Lease {n:03} ends in May. 보증금 {n % 7}만 원. " * (1 + n % 5) for n in range(150)
)
STORED = (
    "SELECT ordinal, page, start_offset, end_offset, heading, text, fingerprint, gap "
    "FROM passages ORDER BY ordinal",
    "SELECT text, pages FROM document_texts",
    "SELECT p.ordinal, l.collection, l.length, l.terms, l.weights::text "
    "FROM lexical_passages l JOIN passages p ON p.id = l.passage_id ORDER BY p.ordinal",
    "SELECT collection, sum(passages), sum(length) FROM "
    "(SELECT collection, passages, length FROM lexical_totals "
    "UNION ALL SELECT collection, passages, length FROM lexical_changes) AS c GROUP BY collection",
    "SELECT term, sum(df) FROM (SELECT term, df FROM lexical_terms UNION ALL "
    "SELECT each.term, each.df FROM lexical_changes c, unnest(c.terms, c.counts) AS each (term, df)"
    ") AS held GROUP BY term HAVING sum(df) <> 0 ORDER BY term",
    "SELECT word FROM lexical_words ORDER BY word",
)
LEFT = ("passages", "document_texts", "lexical_passages", "lexical_changes", "lexical_words")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "pause_s", lambda attempts: 0)


async def stored(database: Database) -> list[list[tuple[object, ...]]]:
    return [await rows(database.url, query) for query in STORED]


async def rows_of(database: Database, table: str) -> int:
    return len(await rows(database.url, f"SELECT 1 FROM {table}"))


async def left_behind(database: Database) -> dict[str, int]:
    return {table: n for table in LEFT if (n := await rows_of(database, table))}


@pytest.mark.parametrize("at_once", [16, 48, 96])
async def test_the_rows_of_a_document_are_the_same_however_many_blocks_it_came_in(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(lexical_index, "_COUNTED_AT_ONCE", 96)
    extractor = ScriptedExtractor()
    async with scripted_library(database, tmp_path, extractor) as parts:
        whole = await settled(parts.library, (await parts.add(TEXT)).id)
        assert whole.passages == 150
        expected = await stored(database)
        assert await rows_of(database, "lexical_changes") == 1
        await parts.library.delete(whole.id)
        await rows(database.url, "TRUNCATE lexical_words, lexical_changes, lexical_terms")
        extractor.at_once = at_once
        await settled(parts.library, (await parts.add(TEXT)).id)
    assert await rows_of(database, "lexical_changes") == 2
    assert await stored(database) == expected


async def test_a_worker_that_dies_between_blocks_leaves_nothing_behind(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(at_once=16, faults_between=[ExtractWorkerDied("killed")] * 9)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add(TEXT)).id, (DocumentState.FAILED,))
    assert document.error is not None
    assert document.error.code == "extraction_failed"
    assert len(extractor.names) == jobs.WORKER_DEATHS_MAX
    assert await left_behind(database) == {}


async def test_a_worker_that_died_between_blocks_is_forgotten_once_another_reads_the_file(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(at_once=16, faults_between=[ExtractWorkerDied("killed")])
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add(TEXT)).id)
    assert (document.state, document.passages) == (DocumentState.INDEXED, 150)
    assert await rows_of(database, "passages") == await rows_of(database, "lexical_passages") == 150


async def test_a_reading_too_slow_between_blocks_fails_with_its_code_and_leaves_nothing_behind(
    database: Database, tmp_path: Path
) -> None:
    slow = ExtractionFailed("too_slow", "It stood still.")
    extractor = ScriptedExtractor(at_once=16, faults_between=[slow])
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add(TEXT)).id)
    assert document.error is not None
    assert document.error.code == "too_slow"
    assert len(extractor.names) == 1
    assert await left_behind(database) == {}


async def test_a_stop_between_blocks_gives_the_job_back_and_leaves_nothing_behind(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(at_once=16, hold_between=asyncio.Event())
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add(TEXT)
        await extractor.between.wait()
        began = time.monotonic()
    assert time.monotonic() - began < STOP_S_MAX
    assert await rows(database.url, "SELECT status::text FROM procrastinate_jobs") == [("todo",)]
    assert await left_behind(database) == {}
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        assert (await settled(parts.library, document.id)).passages == 150


async def test_a_document_read_again_in_vain_is_found_as_before(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(at_once=16)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add(TEXT)).id)
        before = await stored(database)
        extractor.faults_between = [ExtractionFailed("too_slow", "It stood still.")]
        await parts.library.reindex(document.id)
        again = await settled(parts.library, document.id)
        found = await Searcher(database).search(SearchRequest("lease ends in may"))
    assert again.state is DocumentState.FAILED
    assert found.hits
    assert await stored(database) == before


async def test_while_a_block_is_waited_for_a_document_is_found_by_its_earlier_passages(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(at_once=16)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add(TEXT)).id)
        extractor.hold_between = asyncio.Event()
        extractor.between.clear()
        await parts.library.reindex(document.id)
        await extractor.between.wait()
        found = await Searcher(database).search(SearchRequest("lease ends in may"))
        extractor.hold_between.set()
        again = await settled(parts.library, document.id)
    assert found.hits
    assert again.passages == 150


@pytest.mark.parametrize("read_again", [False, True])
async def test_while_a_block_is_waited_for_others_write_and_fold(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_again: bool
) -> None:
    monkeypatch.setattr(stats_compaction, "_CHANGES_MAX", 0)
    monkeypatch.setattr(lexical_index, "_COUNTED_AT_ONCE", 16)
    hold = asyncio.Event()
    extractor = ScriptedExtractor(at_once=16, hold_between=hold)
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await parts.add(TEXT)
        if read_again:
            hold.set()
            await settled(parts.library, document.id)
            hold.clear()
            extractor.between.clear()
            await parts.library.reindex(document.id)
        await extractor.between.wait()
        async with asyncio.timeout(10):
            await add(database, "the lease of another")
        assert await rows_of(database, "lexical_changes") == 0  # that one's is folded already
        hold.set()
        await settled(parts.library, document.id)
    assert await statistics(database) == await counted(database)
