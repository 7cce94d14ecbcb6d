"""A database and its file store: made one at the first start, refused with another ever after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from library_parts import ScriptedExtractor, rows, scripted_library, settled

from byline.config import schema
from byline.errors import StartFailed
from byline.store.blobs import BlobStore, open_blobs
from byline.store.database import Database, open_database
from byline.store.pairing import pair, pairing_fault


def store(folder: Path) -> BlobStore:
    return open_blobs(schema.Storage(), folder)


async def test_a_database_stays_with_the_store_it_began_with(
    database: Database, tmp_path: Path
) -> None:
    await pair(database, store(tmp_path / "a"))
    await pair(database, store(tmp_path / "a"))
    with pytest.raises(StartFailed) as refused:
        await pair(database, store(tmp_path / "b"))
    assert str(tmp_path / "a" / "files") in refused.value.message
    assert "storage.url" in refused.value.remedy
    assert await pairing_fault(database, store(tmp_path / "a")) is None
    assert await pairing_fault(database, store(tmp_path / "b")) is not None
    assert await store(tmp_path / "b").identity() is None, "a refusal leaves nothing behind"


async def test_a_store_stays_with_its_database(
    database: Database, tmp_path: Path, another_database: Any
) -> None:
    await pair(database, store(tmp_path))
    with another_database() as url:
        async with open_database(schema.Database(), url) as other:
            with pytest.raises(StartFailed, match="belong to another database"):
                await pair(other, store(tmp_path))
            assert await pairing_fault(other, store(tmp_path)) is not None


async def test_a_store_may_move_with_all_that_is_in_it(database: Database, tmp_path: Path) -> None:
    await pair(database, store(tmp_path / "old"))
    (tmp_path / "old").rename(tmp_path / "new")
    await pair(database, store(tmp_path / "new"))


async def test_a_crash_between_the_two_halves_of_pairing_is_mended(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BlobStore, "write_identity", crash)
        with pytest.raises(KeyboardInterrupt):
            await pair(database, store(tmp_path))
    assert await store(tmp_path).identity() is None
    await pair(database, store(tmp_path))
    [(known,)] = await rows(database.url, "SELECT id FROM file_store WHERE is_borne")
    assert await store(tmp_path).identity() == known


async def test_the_id_of_a_lost_store_can_be_put_into_a_new_one(
    database: Database, tmp_path: Path
) -> None:
    await pair(database, store(tmp_path / "lost"))
    with pytest.raises(StartFailed) as refused:
        await pair(database, store(tmp_path / "new"))
    [(known,)] = await rows(database.url, "SELECT id FROM file_store")
    assert f"the line {known} into {tmp_path / 'new' / 'files'}/byline-store" in (
        refused.value.remedy
    )
    (tmp_path / "new" / "files" / "byline-store").write_text(f"{known}\n", encoding="ascii")
    await pair(database, store(tmp_path / "new"))


async def test_files_nobody_has_or_expects_are_found_and_go_after_a_day(
    database: Database, tmp_path: Path
) -> None:
    """As a crash of the database leaves them, which lost that they were expected."""
    async with scripted_library(database, tmp_path, ScriptedExtractor()) as parts:
        kept = await settled(parts.library, (await parts.add("kept")).id)
        (tmp_path / "lost").write_text("nobody's", encoding="utf-8")
        lost = await parts.blobs.put(tmp_path / "lost")
        await parts.library._source_files.compare()
        assert await rows(database.url, "SELECT sha256 FROM expected_files") == [(lost,)]
        await parts.library.sweep()
        assert await parts.blobs.exists(lost), "its document may be on its way"
        await rows(database.url, "UPDATE expected_files SET since = now() - interval '25 hours'")
        await parts.library.sweep()
        assert not await parts.blobs.exists(lost)
        assert await parts.blobs.exists(kept.sha256)
        assert await parts.library._source_files.compare() == 0
