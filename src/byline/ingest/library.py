"""The library: documents added, listed, read and removed. What is added is read by a job."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import unicodedata
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, Protocol

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.config import schema
from byline.domain.documents import Document, DocumentState, ExtractedText, PageSpan
from byline.domain.search import EVERYTHING, Filters
from byline.errors import (
    BadRequest,
    BylineError,
    DatabaseUnavailable,
    Invalid,
    NotFound,
    TooLarge,
    UnsupportedFormat,
)
from byline.ingest.chunk import CHUNK_VERSION
from byline.ingest.kinds import HEAD_BYTES, refusal_of
from byline.ingest.rows import (
    DocumentPage,
    JobStatus,
    cursor_of,
    document_of,
    job_of,
    read_cursor,
)
from byline.ingest.states import change_state
from byline.search import filters as filtering
from byline.search import lexical
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.statements import statements

log: Final = structlog.get_logger(__name__)

_COLLECTION: Final = re.compile(r"[\w][\w .-]{0,63}")
_NAME_CHARS_MAX: Final = 255
_FOLDER_CHARS_MAX: Final = 1_000
_LIST_MAX: Final = 500
_REFRESHED_AT_ONCE: Final = 20
"""Documents read again before somebody's new one gets its turn."""


@dataclass(frozen=True, slots=True)
class AddedDocument:
    """What became of an added file. `duplicate`: the collection held the same bytes already."""

    document: Document
    duplicate: bool


class JobQueue(Protocol):
    """Where jobs wait."""

    async def defer(self, connection: AsyncConnection[DictRow], document_id: str) -> None:
        """Queue the reading of a document, in the caller's transaction."""


class Work(Protocol):
    """Background work that is no job of the queue."""

    async def jobs(self, connection: AsyncConnection[DictRow]) -> Sequence[JobStatus]:
        """What is going on of it."""


class Library:
    """Documents by collection. The same bytes are one document of a collection."""

    def __init__(
        self, database: Database, blobs: BlobStore, config: schema.Ingest, queue: JobQueue
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._config = config
        self._queue = queue
        self._unsettled: set[str] = set()
        self.works: list[Work] = []
        self.on_forgotten: list[Callable[[str], Awaitable[None]]] = []
        """Told the SHA-256 of every file that nobody has any more."""

    async def add(
        self,
        path: Path,
        *,
        name: str,
        collection: str,
        folder: str = "",
        tags: Sequence[str] = (),
    ) -> AddedDocument:
        """Keep the file at `path` and queue its reading; file, row and job are kept all or none.

        `folder` is where the file lay, such as `letters/2024`. A duplicate of a document that
        failed is read again; it keeps its name and path, and gets the tags beside those it has.
        Raises `BadRequest`, `Invalid`,
        `TooLarge`, `UnsupportedFormat`, `StorageFull`, `StorageUnavailable`, `DatabaseUnavailable`.
        """
        name = _clean_name(name)
        _check_collection(collection)
        folder, checked_tags = _clean_folder(folder), _checked_tags(tags)
        bytes_len = await asyncio.to_thread(self._check_file, path, name)
        sha256 = await self._blobs.put(path)
        new = {
            "id": uuid.uuid4(),
            "name": name,
            "title": PurePath(name).stem or name,
            "state": DocumentState.QUEUED.value,
            "collection": collection,
            "sha256": sha256,
            "media_type": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "bytes_len": bytes_len,
            "path": f"{folder}/{name}" if folder else name,
            "tags": checked_tags,
        }
        try:
            async with self._database.connection() as connection:
                return await self._add_row(connection, new, path)
        except DatabaseUnavailable:
            self._unsettled.add(sha256)
            raise
        except BaseException:
            await asyncio.shield(self._forget_file(sha256))
            raise

    async def get(self, document_id: str) -> Document:
        """One document. Raises `NotFound`."""
        async with self._database.connection() as connection:
            return document_of(await _row(connection, "get", document_id))

    async def list(
        self,
        *,
        limit: int,
        cursor: str | None,
        collection: str | None = None,
        filters: Filters = EVERYTHING,
    ) -> DocumentPage:
        """Documents, newest first; `collection` is short for that of `filters`.

        `BadRequest`: a broken cursor, an unknown collection, a filter nobody could have meant.
        """
        limit = max(1, min(limit, _LIST_MAX))
        filters = filtering.checked(filters.confined_to(collection))
        before_at, before_id = read_cursor(cursor)
        async with self._database.connection() as connection:
            if filters.collection is not None:
                await _check_known(connection, filters.collection)
            found = await connection.execute(
                filtering.with_conditions(statements("documents")["list"]),
                {
                    **filtering.document_parameters(filters),
                    "before_at": before_at,
                    "before_id": before_id,
                    "limit": limit + 1,
                },
            )
            documents = [document_of(row) for row in await found.fetchall()]
        is_last = len(documents) <= limit
        return DocumentPage(documents[:limit], None if is_last else cursor_of(documents[limit - 1]))

    async def text(self, document_id: str) -> ExtractedText:
        """What was read out of a document, headings left out.

        Raises `NotFound` when there is no such document or it has not been read.
        """
        async with self._database.connection() as connection:
            row = await _row(
                connection, "text", document_id, "There is no text of this document (yet)."
            )
        return ExtractedText(
            text=row["text"],
            title=row["title"],
            media_type=row["media_type"],
            pages=tuple(PageSpan(*page) for page in row["pages"]),
        )

    async def file(self, document_id: str) -> tuple[Document, AsyncIterator[bytes]]:
        """A document and its original bytes. Raises `NotFound`, `StorageUnavailable`."""
        document = await self.get(document_id)
        return document, await self._blobs.get(document.sha256)

    async def tag(self, document_id: str, tags: Sequence[str]) -> Document:
        """Give a document these tags and no others. Raises `NotFound`, `BadRequest`."""
        checked = _checked_tags(tags)
        async with self._database.connection() as connection:
            await _row(connection, "get_locked", document_id)
            found = await connection.execute(
                statements("documents")["set_tags"], {"id": uuid.UUID(document_id), "tags": checked}
            )
            row = await found.fetchone()
        assert row is not None
        return document_of(row)

    async def delete(self, document_id: str) -> None:
        """Remove a document with all that was made of it, and its file unless another has it.

        One that is being read just now is removed too; its job finds it gone. Raises `NotFound`.
        """
        async with self._database.connection() as connection:
            row = await _row(connection, "get_locked", document_id)
            await lexical.remove_document(connection, document_id)
            await connection.execute(statements("documents")["delete"], {"id": document_id})
        await self._forget_file(row["sha256"])

    async def reindex(self, document_id: str) -> Document:
        """Read a document again; until that is done it is found as before. Raises `NotFound`."""
        async with self._database.connection() as connection:
            row = await _row(connection, "get_locked", document_id)
            changed = await change_state(connection, document_id, DocumentState.QUEUED)
            if changed is not None:
                await self._queue.defer(connection, document_id)
            return document_of(changed or row)

    async def refresh(self) -> int:
        """Queue some documents that were cut by earlier rules, newest first, to be read again; how
        many. None while others wait: those come first. Until it is read again a document is found
        by its old passages."""
        sql = statements("documents")
        async with self._database.connection() as connection:
            found = await connection.execute(
                sql["cut_by_earlier_rules"], {"version": CHUNK_VERSION, "limit": _REFRESHED_AT_ONCE}
            )
            rows = await found.fetchall()
            waiting = await (await connection.execute(sql["any_waits"])).fetchone() if rows else {}
            if not rows or (waiting or {})["waits"]:
                return 0
            for row in rows:
                await change_state(connection, str(row["id"]), DocumentState.QUEUED)
                await self._queue.defer(connection, str(row["id"]))
        log.info("documents cut by earlier rules are read again", documents=len(rows))
        return len(rows)

    async def jobs(self, limit: int) -> Sequence[JobStatus]:
        """Background work that waits, runs or failed, newest first."""
        async with self._database.connection() as connection:
            found = await connection.execute(
                statements("documents")["jobs"], {"limit": max(1, min(limit, _LIST_MAX))}
            )
            queued = [job_of(row) for row in await found.fetchall()]
            return [job for work in self.works for job in await work.jobs(connection)] + queued

    async def settle(self) -> None:
        """Look again at files that could not be forgotten while the database was away."""
        for sha256 in list(self._unsettled):
            await self._forget_file(sha256)

    def _check_file(self, path: Path, name: str) -> int:
        bytes_len = path.stat().st_size
        if bytes_len == 0:
            raise Invalid(
                f"{name} is empty: it has zero bytes.", remedy="Add a file with something in it."
            )
        if bytes_len > self._config.file_bytes_max:
            raise TooLarge(
                f"{name} has {bytes_len:,} bytes; ingest.file_bytes_max allows "
                f"{self._config.file_bytes_max:,}."
            )
        with path.open("rb") as file:
            refusal = refusal_of(file.read(HEAD_BYTES))
        if refusal is not None:
            raise UnsupportedFormat(f"{name}: {refusal.sentence}", remedy=refusal.remedy)
        return bytes_len

    async def _add_row(
        self, connection: AsyncConnection[DictRow], new: dict[str, Any], path: Path
    ) -> AddedDocument:
        sql = statements("documents")
        await connection.execute(sql["lock_file"], new)
        if not await self._blobs.exists(str(new["sha256"])):
            await self._blobs.put(path)  # its last document was removed just now, and it with that
        await connection.execute(sql["ensure_collection"], new)
        while True:
            inserted = await (await connection.execute(sql["insert"], new)).fetchone()
            if inserted is not None:
                await self._queue.defer(connection, str(inserted["id"]))
                return AddedDocument(document_of(inserted), duplicate=False)
            known = await (await connection.execute(sql["same_bytes"], new)).fetchone()
            if known is not None:
                return await self._add_again(connection, known, new["tags"])

    async def _add_again(
        self, connection: AsyncConnection[DictRow], known: DictRow, tags: Sequence[str]
    ) -> AddedDocument:
        if not set(tags) <= set(known["tags"]):
            both = _checked_tags([*known["tags"], *tags])
            tagged = await connection.execute(
                statements("documents")["set_tags"], {"id": known["id"], "tags": both}
            )
            known = await tagged.fetchone() or known
        if known["state"] == DocumentState.FAILED:
            queued = await change_state(connection, str(known["id"]), DocumentState.QUEUED)
            await self._queue.defer(connection, str(known["id"]))
            known = queued or known
        return AddedDocument(document_of(known), duplicate=True)

    async def _forget_file(self, sha256: str) -> None:
        """Remove a file that no document has. What fails now is tried again by `settle`."""
        sql = statements("documents")
        self._unsettled.add(sha256)
        try:
            async with self._database.connection() as connection:
                await connection.execute(sql["lock_file"], {"sha256": sha256})
                found = await connection.execute(sql["file_is_used"], {"sha256": sha256})
                used = await found.fetchone()
                if used is not None and not used["used"]:
                    await self._blobs.delete(sha256)
                    for forget in self.on_forgotten:
                        await forget(sha256)
        except BylineError as error:
            log.warning("a file nobody has could not be removed yet", reason=str(error))
        else:
            self._unsettled.discard(sha256)


def _clean_name(name: str) -> str:
    shown = "".join(c for c in unicodedata.normalize("NFC", name) if c.isprintable()).strip()
    if not shown:
        raise BadRequest("The file has no name.", remedy="Send the file with its name.")
    return shown[-_NAME_CHARS_MAX:]


def _clean_folder(folder: str) -> str:
    """`letters/2024`: no empty parts, none that lead upwards, nothing that cannot be shown."""
    shown = "".join(c for c in unicodedata.normalize("NFC", folder) if c.isprintable())
    parts = (part.strip() for part in re.split(r"[/\\]", shown))
    return "/".join(part for part in parts if part not in ("", ".", ".."))[-_FOLDER_CHARS_MAX:]


def _checked_tags(tags: Sequence[str]) -> list[str]:
    clean = filtering.clean_tags(tags)
    if len(clean) > filtering.TAGS_MAX:
        raise BadRequest(
            f"A document has at most {filtering.TAGS_MAX} tags, not {len(clean)}.",
            remedy="Leave some out.",
        )
    return list(clean)


def _check_collection(collection: str) -> None:
    if not _COLLECTION.fullmatch(collection):
        raise BadRequest(
            f"{collection[:80]!r} cannot be the name of a collection.",
            remedy="Use 1 to 64 letters, digits, spaces, dots, hyphens or underscores, "
            "beginning with a letter, digit or underscore.",
        )


async def _check_known(connection: AsyncConnection[DictRow], collection: str) -> None:
    found = await connection.execute(statements("documents")["collections"])
    known = [row["name"] for row in await found.fetchall()]
    if collection not in known:
        raise BadRequest(
            f"There is no collection named {collection[:80]!r}.",
            remedy=f"Name one of: {', '.join(known[:50])}.",
        )


async def _row(
    connection: AsyncConnection[DictRow],
    statement: str,
    document_id: str,
    otherwise: str = "There is no such document.",
) -> DictRow:
    try:
        found = await connection.execute(
            statements("documents")[statement], {"id": uuid.UUID(document_id)}
        )
    except ValueError:
        raise NotFound(otherwise) from None
    row = await found.fetchone()
    if row is None:
        raise NotFound(otherwise)
    return row
