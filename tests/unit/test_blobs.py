"""Original files by their hash: once, whole or not at all, in bounded memory."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import obstore.exceptions
import pytest
from obstore.store import MemoryStore

from byline.config import schema
from byline.errors import (
    BylineError,
    HomeUnusable,
    NotFound,
    StartFailed,
    StorageFull,
    StorageUnavailable,
)
from byline.store.blobs import BlobStore, open_blobs

SMALL = b"a small file"
LARGE_BYTES = 12_000_000
"""Goes to the store in three parts."""


@pytest.fixture(params=["folder", "objects"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "objects":
        return BlobStore(MemoryStore(), "memory")
    return open_blobs(schema.Storage(), tmp_path / "home")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.write_bytes(SMALL)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1_000_000) * (LARGE_BYTES // 1_000_000))
    return path


def kept(home: Path) -> list[Path]:
    return [path for path in (home / "files").rglob("*") if path.is_file()]


async def read(blobs: BlobStore, sha256: str) -> bytes:
    return b"".join([piece async for piece in await blobs.get(sha256)])


async def test_a_file_comes_back_as_it_went_in(
    blobs: BlobStore, small: Path, large: Path, tmp_path: Path
) -> None:
    for path in (small, large):
        sha256 = await blobs.put(path)
        assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert await blobs.exists(sha256)
        assert await read(blobs, sha256) == path.read_bytes()
        await blobs.copy_to(sha256, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == path.read_bytes()


async def test_an_empty_file_is_a_file(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert await read(blobs, await blobs.put(tmp_path / "empty")) == b""


async def test_a_deleted_file_is_gone_and_may_be_deleted_again(
    blobs: BlobStore, small: Path, tmp_path: Path
) -> None:
    sha256 = await blobs.put(small)
    await blobs.delete(sha256)
    await blobs.delete(sha256)
    assert not await blobs.exists(sha256)
    with pytest.raises(NotFound):
        await blobs.get(sha256)
    with pytest.raises(NotFound):
        await blobs.copy_to(sha256, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_what_is_no_hash_is_no_path(blobs: BlobStore) -> None:
    for name in ("../../etc/passwd", "ab", "A" * 64, ""):
        with pytest.raises(ValueError, match="not a SHA-256"):
            await blobs.get(name)


async def test_the_same_bytes_are_kept_once_and_not_written_again(
    tmp_path: Path, small: Path, large: Path
) -> None:
    blobs = open_blobs(schema.Storage(), tmp_path)
    for path in (small, large):
        await blobs.put(path)
    before = {path: path.stat().st_mtime_ns for path in kept(tmp_path)}
    await asyncio.gather(*(blobs.put(path) for path in (small, large, small)))
    assert {path: path.stat().st_mtime_ns for path in kept(tmp_path)} == before
    assert len(before) == 2


async def test_two_adds_of_the_same_file_at_once_keep_it_once(tmp_path: Path, large: Path) -> None:
    blobs = open_blobs(schema.Storage(), tmp_path)
    first, second = await asyncio.gather(blobs.put(large), blobs.put(large))
    assert first == second
    assert len(kept(tmp_path)) == 1
    assert hashlib.sha256(await read(blobs, first)).hexdigest() == first


async def test_a_name_whose_bytes_were_lost_is_written_again(tmp_path: Path, small: Path) -> None:
    blobs = open_blobs(schema.Storage(), tmp_path)
    sha256 = await blobs.put(small)
    kept(tmp_path)[0].write_bytes(b"")
    await blobs.put(small)
    assert await read(blobs, sha256) == SMALL


async def test_a_file_that_changes_while_it_is_read_is_not_kept(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("byline.store.blobs._hash", lambda _: "0" * 64)
    blobs = open_blobs(schema.Storage(), tmp_path)
    with pytest.raises(OSError, match="changed while it was read"):
        await blobs.put(large)
    assert kept(tmp_path) == []


async def test_a_file_that_is_not_there_is_the_callers_error(
    blobs: BlobStore, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await blobs.put(tmp_path / "nothing")


async def test_leaving_in_the_middle_keeps_nothing(tmp_path: Path, large: Path) -> None:
    blobs = open_blobs(schema.Storage(), tmp_path)
    begun = asyncio.Event()
    store = blobs._store

    async def put_async(key: str, pieces: Any, **options: Any) -> Any:
        async def noticed() -> Any:
            async for piece in pieces:
                yield piece
                begun.set()

        return await store.put_async(key, noticed(), **options)

    blobs._store = SimpleNamespace(put_async=put_async, head_async=store.head_async)  # type: ignore[assignment]
    task = asyncio.create_task(blobs.put(large))
    await begun.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert all(path.name.endswith("#1") for path in kept(tmp_path))


async def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    blobs = open_blobs(schema.Storage(), tmp_path)
    tracemalloc.start()
    try:
        await blobs.copy_to(await blobs.put(path), tmp_path / "copy")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 25_000_000


class Broken:
    """A store that holds nothing and fails with `error` whatever it is asked to do."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def head_async(self, key: str) -> None:
        raise FileNotFoundError(key)

    async def put_async(self, *_: object, **__: object) -> None:
        raise self.error

    get_async = delete_async = put_async


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (f"copy: No space left on device (os error {errno.ENOSPC})\n\nDebug", StorageFull),
        (f"copy: Disk quota exceeded (os error {errno.EDQUOT})", StorageFull),
        ("Error performing PUT http://s3/x: connection refused\n\nDebug", StorageUnavailable),
    ],
)
async def test_what_the_store_says_becomes_ours_in_one_line(
    small: Path, large: Path, said: str, meaning: type[BylineError]
) -> None:
    blobs = BlobStore(Broken(obstore.exceptions.GenericError(said)), "memory")  # type: ignore[arg-type]
    for path in (small, large):
        with pytest.raises(meaning) as failure:
            await blobs.put(path)
        assert "Debug" not in str(failure.value)


@pytest.mark.parametrize(
    "name", [name for name in dir(obstore.exceptions) if name.endswith("Error")]
)
async def test_every_error_of_the_store_is_ours(small: Path, name: str) -> None:
    kind = getattr(obstore.exceptions, name)
    blobs = BlobStore(Broken(kind("said")), "memory")  # type: ignore[arg-type]
    with pytest.raises((StorageUnavailable, NotFound)):
        await blobs.put(small)


async def test_a_file_store_has_an_address_of_its_own(tmp_path: Path, small: Path) -> None:
    folder = tmp_path / "다른 곳"
    blobs = open_blobs(schema.Storage(url=folder.as_uri()), tmp_path / "home")
    sha256 = await blobs.put(small)
    assert (folder / sha256[:2] / sha256[2:4] / sha256).read_bytes() == SMALL
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_address_that_will_not_do_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"storage\.url cannot be used"):
        open_blobs(schema.Storage(url="nonsense://x"), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(HomeUnusable, match="cannot be written"):
        open_blobs(schema.Storage(), tmp_path / "file")
