"""What a reading could not do: stored with the passages it made, and replaced with them."""

from __future__ import annotations

from pathlib import Path

from library_parts import ScriptedExtractor, scripted_library, settled

from byline.domain.documents import (
    DocumentChanges,
    DocumentSelection,
    DocumentState,
    ReadingWarning,
    ReadingWarningCode,
)
from byline.domain.searches import Filters, one_collection
from byline.errors import ExtractionFailed
from byline.store.database import Database

SCANNED = ReadingWarning(ReadingWarningCode.NO_OCR, pages=(2, 5))
LOST = ReadingWarning(ReadingWarningCode.MISSING, parts=('3월 "가"',), characters=41)


async def test_warnings_are_stored_with_the_passages_and_go_with_the_next_reading(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(warnings=(SCANNED, LOST))
    async with scripted_library(database, tmp_path, extractor) as parts:
        added = await parts.add("The rent is due.")
        assert added.warnings == ()
        read = await settled(parts.library, added.id)
        assert (read.state, read.warnings) == (DocumentState.INDEXED, (SCANNED, LOST))
        extractor.warnings = ()
        assert (await parts.library.retry(added.id)).state is DocumentState.QUEUED
        assert (await settled(parts.library, added.id)).warnings == ()
        await parts.library.retry(added.id)  # wholly read now: there is nothing to try again
        assert len(extractor.names) == 2


async def test_a_reading_that_fails_leaves_the_warnings_of_the_passages_that_stay(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor(warnings=(LOST,))
    async with scripted_library(database, tmp_path, extractor) as parts:
        document = await settled(parts.library, (await parts.add("The rent is due.")).id)
        extractor.warnings = (SCANNED,)
        extractor.faults = [ExtractionFailed("corrupt", "It is damaged.")]
        await parts.library.reindex(document.id)
        failed = await settled(parts.library, document.id)
    assert (failed.state, failed.warnings) == (DocumentState.FAILED, (LOST,))


async def test_documents_are_listed_and_counted_by_whether_they_were_wholly_read(
    database: Database, tmp_path: Path
) -> None:
    extractor = ScriptedExtractor()
    async with scripted_library(database, tmp_path, extractor) as parts:
        whole = await settled(parts.library, (await parts.add("The rent is due.", "a.txt")).id)
        extractor.warnings = (SCANNED,)
        partly = await settled(parts.library, (await parts.add("Pets are kept.", "b.txt")).id)
        other = await parts.add("Keys are here.", "c.txt", collection="other")
        await settled(parts.library, other.id)
        catalogue = parts.library.catalogue
        home = Filters(collections=one_collection("default"))
        for warned, expected in ((None, {whole.id, partly.id}), (True, {partly.id})):
            choice = DocumentSelection(warned=warned)
            page = await catalogue.list(limit=9, cursor=None, filters=home, choice=choice)
            assert {one.id for one in page.documents} == expected
            assert sum((await catalogue.counts(home, choice)).values()) == len(expected)
            assert await catalogue.warned(home, choice) == 1
        page = await catalogue.list(limit=9, cursor=None, choice=DocumentSelection(warned=False))
        assert [one.id for one in page.documents] == [whole.id]
        assert await catalogue.warned() == 2
        await parts.library.removals.remove([partly.id])
        assert await catalogue.warned() == 1
        changed = await parts.library.change(other.id, DocumentChanges(tags=("x",)))
        assert changed.warnings == (SCANNED,)
