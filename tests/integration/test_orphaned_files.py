"""Files that came into the store and whose document never came: swept up, and no other is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from library_parts import Parts, ScriptedExtractor, rows, scripted_library, settled

from byline.store.database import Database

DYING = Path(__file__).with_name("dying_upload.py")
LONG_AGO = "UPDATE expected_files SET since = now() - interval '25 hours'"
EXPECTED = "SELECT sha256 FROM expected_files ORDER BY sha256"


async def killed_upload(database: Database, home: Path, text: str) -> str:
    """Add a file in a process that is killed between the store and the row; the file's hash."""
    file = home / "killed.txt"
    await asyncio.to_thread(file.write_text, text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(DYING), database.url, str(home), str(file)), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    sha256 = (await process.stdout.readline()).decode().strip()
    process.kill()
    await process.wait()
    return sha256


async def swept(parts: Parts) -> None:
    await rows(parts.database.url, LONG_AGO)
    await parts.library.sweep()


async def test_a_file_of_an_upload_that_was_killed_goes_after_a_day_and_not_before(
    database: Database, tmp_path: Path
) -> None:
    sha256 = await killed_upload(database, tmp_path, "half an upload")
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        kept = await settled(parts.library, (await parts.add("a whole one")).id)
        assert await parts.blobs.exists(sha256)
        await parts.library.sweep()
        assert await parts.blobs.exists(sha256), "it may still be under way elsewhere"
        await swept(parts)
        assert not await parts.blobs.exists(sha256)
        assert await parts.blobs.exists(kept.sha256)
        assert await rows(database.url, EXPECTED) == []


async def test_a_file_whose_document_came_another_way_is_never_swept(
    database: Database, tmp_path: Path
) -> None:
    sha256 = await killed_upload(database, tmp_path, "the same bytes")
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await settled(parts.library, (await parts.add("the same bytes")).id)
        assert document.sha256 == sha256
        await rows(
            database.url, f"INSERT INTO expected_files VALUES ('{sha256}') ON CONFLICT DO NOTHING"
        )
        await swept(parts)
        assert await parts.blobs.exists(sha256)
        assert await rows(database.url, EXPECTED) == []


async def test_a_file_of_a_removed_document_that_may_come_back_is_kept(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        document = await settled(parts.library, (await parts.add("removed and wanted")).id)
        await rows(database.url, "UPDATE stored_documents SET removed_at = now()")
        await rows(database.url, f"INSERT INTO expected_files VALUES ('{document.sha256}')")
        await swept(parts)
        assert await parts.blobs.exists(document.sha256)


async def test_an_upload_that_fails_leaves_nothing_to_sweep(
    database: Database, tmp_path: Path
) -> None:
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        await settled(parts.library, (await parts.add("fine")).id)
        await rows(database.url, "ALTER TABLE stored_documents ADD CHECK (name <> 'bad.txt')")
        try:
            await parts.add("refused by the database", name="bad.txt")
        except Exception as error:  # noqa: BLE001 - whatever the database says
            assert "check" in str(error)
        assert parts.files() == 1
        assert await rows(database.url, EXPECTED) == []
