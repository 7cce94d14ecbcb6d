"""The original files, stored by the SHA-256 of their bytes in a local folder or an object store.

The same bytes are stored once. A file is stored completely or not at all: it gets its name when its
last byte has arrived. Memory is bounded whatever the size of the file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from byline.config import schema
from byline.errors import HomeUnusable, NotFound, StartFailed, StorageFull, StorageUnavailable

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_IDENTITY: Final = "byline-store"
"""The name under which a store keeps its id; no file has it."""
_CHUNK_BYTES: Final = 1_048_576
_PART_BYTES: Final = 5_242_880
"""The smallest part S3 takes; a file up to this size goes in one request."""
_PARTS_AT_ONCE: Final = 4
_NO_ROOM: Final = tuple(f"(os error {number})" for number in (errno.ENOSPC, errno.EDQUOT))


class BlobStore:
    """BlobStore stores files by their hash, at `place`. `folder` is set when that is a local
    folder.

    Every method raises `StorageUnavailable` when the store cannot be reached or used.
    """

    def __init__(self, store: ObjectStore, place: str, folder: Path | None = None) -> None:
        self._store = store
        self.place = place
        self.folder = folder

    async def put(
        self, path: Path, before_store: Callable[[str], Awaitable[None]] | None = None
    ) -> str:
        """Store the bytes of the file at `path`; return their SHA-256 in hex.

        `before_store` is called with it before anything is stored, unless the bytes are stored
        already. Raises `StorageFull` (nothing is stored then), and the `OSError` of a `path` that
        cannot be read or that changes while it is.
        """
        size = (await asyncio.to_thread(path.stat)).st_size
        if size <= _PART_BYTES:
            data = await asyncio.to_thread(path.read_bytes)
            sha256 = hashlib.sha256(data).hexdigest()
            if not await self._is_stored(sha256, len(data)):
                if before_store is not None:
                    await before_store(sha256)
                with _storage_errors():
                    await self._store.put_async(_key(sha256), data, use_multipart=False)
                await self._flush(sha256)
            return sha256
        sha256 = await asyncio.to_thread(_hash, path)
        if not await self._is_stored(sha256, size):
            if before_store is not None:
                await before_store(sha256)
            with _storage_errors():
                await self._store.put_async(
                    _key(sha256),
                    _same_bytes(path, sha256),
                    use_multipart=True,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
            await self._flush(sha256)
        return sha256

    async def get(self, sha256: str) -> AsyncIterator[bytes]:
        """Return the bytes of a file, a megabyte or so at a time. Raises `NotFound` before the
        first."""
        with _lookup_errors():
            found = await self._store.get_async(_key(sha256))
        return _chunks(found.stream(min_chunk_size=_CHUNK_BYTES))

    async def copy_to(self, sha256: str, path: Path) -> None:
        """Write a file's bytes to `path`, all or none. Raises `NotFound`, `StorageFull`."""
        pieces = await self.get(sha256)
        file = await asyncio.to_thread(path.open, "wb")
        with _removed_on_error(path), file, _local_errors():
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)

    def path_of(self, sha256: str) -> Path | None:
        """Return the path of a file, if files are in a local folder; it may not exist any more."""
        return self.folder / _key(sha256) if self.folder is not None else None

    async def exists(self, sha256: str) -> bool:
        """Return whether the file is stored."""
        return await self._size(sha256) is not None

    async def delete(self, sha256: str) -> None:
        """Delete a file; does nothing for one that is not there."""
        with contextlib.suppress(NotFound), _lookup_errors():
            await self._store.delete_async(_key(sha256))

    async def identity(self) -> str | None:
        """Return the id that `write_identity` wrote, or None."""
        try:
            with _lookup_errors():
                found = await self._store.get_async(_IDENTITY)
                return bytes(await found.bytes_async()).decode("ascii", "replace").strip()
        except NotFound:
            return None

    async def write_identity(self, identity: str) -> None:
        """Write the id of this store."""
        with _storage_errors():
            await self._store.put_async(
                _IDENTITY, f"{identity}\n".encode("ascii"), use_multipart=False
            )
        if self.folder is not None:
            with _local_errors():
                await asyncio.to_thread(_flush_path, self.folder / _IDENTITY)
                await asyncio.to_thread(_flush_path, self.folder)

    async def hashes(self) -> AsyncIterator[Sequence[str]]:
        """Yield the SHA-256 of every stored file, in batches."""
        with _storage_errors():
            async for metas in self._store.list():
                names = (meta["path"].rpartition("/")[2] for meta in metas)
                yield [name for name in names if _SHA256.fullmatch(name)]

    async def _is_stored(self, sha256: str, size: int) -> bool:
        # A power cut can leave a name without its bytes: then the file is written again.
        return await self._size(sha256) == size

    async def _size(self, sha256: str) -> int | None:
        try:
            with _lookup_errors():
                return (await self._store.head_async(_key(sha256)))["size"]
        except NotFound:
            return None

    async def _flush(self, sha256: str) -> None:
        """Make a local disk write the file before a database row says that it is stored."""
        if self.folder is not None:
            name = Path(_key(sha256))
            with _local_errors():
                # All at once: the file and its folders then share one wait for the disk.
                await asyncio.gather(
                    *(
                        asyncio.to_thread(_flush_path, self.folder / path)
                        for path in (name, *name.parents)
                    )
                )


def open_blobs(config: schema.Storage, home: Path) -> BlobStore:
    """Return the store at `storage.url`, or in the folder `files` under `home`.

    Raises `StartFailed` for an address that cannot be used, `HomeUnusable` for a folder.
    """
    if config.url is None:
        return _local(home / "files")
    address = urlsplit(config.url)
    if address.scheme == "file":
        return _local(Path(unquote(address.path)))
    try:
        return BlobStore(from_url(config.url), _without_secrets(config.url))
    except (BaseError, ValueError) as error:
        raise StartFailed(
            f"storage.url cannot be used: {_first_line(error)}",
            remedy="Write it as s3://bucket/path, gs://…, az://… or file:///folder.",
        ) from error


def _local(folder: Path) -> BlobStore:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(f"The folder {folder} cannot be written: {error.strerror}.") from error
    return BlobStore(LocalStore(folder), str(folder.resolve()), folder)


def _without_secrets(url: str) -> str:
    """Return an address without the parts that may hold a key."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"


def _key(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256 in hex")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _same_bytes(path: Path, sha256: str) -> AsyncIterator[bytes]:
    """Yield the file's bytes again; raise an `OSError` at the end if they are not the same."""
    digest = hashlib.sha256()
    file: IO[bytes] = await asyncio.to_thread(path.open, "rb")
    with file:
        while piece := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            digest.update(piece)
            yield piece
    if digest.hexdigest() != sha256:
        raise OSError(errno.ESTALE, "The file changed while it was read", str(path))


async def _chunks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with _storage_errors():
        async for piece in stream:
            yield bytes(piece)


def _flush_path(path: Path) -> None:
    """fsync a file or folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Convert the errors of the store's client into Byline's."""
    try:
        yield
    except NotFoundError as error:
        raise NotFound("The original file is not in the store (any more).") from error
    except BaseError as error:
        if any(mark in str(error) for mark in _NO_ROOM):
            raise StorageFull("The disk has no room for the file.") from error
        raise StorageUnavailable(f"The file store failed: {_first_line(error)}") from error


@contextmanager
def _lookup_errors() -> Iterator[None]:
    """As `_storage_errors`, where a file is looked up and may not be there."""
    try:
        with _storage_errors():
            yield
    except FileNotFoundError as error:  # from the local store
        raise NotFound("The original file is not in the store (any more).") from error


@contextmanager
def _local_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("The disk has no room for the file.") from error
        raise StorageUnavailable(f"The file store failed: {error.strerror}.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
