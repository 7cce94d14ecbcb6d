"""The library: adds, reads, changes and removes documents. Jobs read what is added."""

from __future__ import annotations

import asyncio
import mimetypes
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, Protocol, Self

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.config import schema
from byline.domain.callers import OWNER, Caller
from byline.domain.documents import (
    Document,
    DocumentChanges,
    DocumentState,
    ExtractedText,
    PageSpan,
)
from byline.domain.echo import quoted
from byline.domain.findings import BacklogStatus
from byline.errors import (
    DatabaseUnavailable,
    Invalid,
    NotFound,
    StorageUnavailable,
    TooLarge,
    UnsupportedFormat,
)
from byline.ingest.backlog import backlog_of, give_jobs
from byline.ingest.format_detection import HEAD_BYTES, refused_kind_of
from byline.ingest.library.document_catalogue import LIST_MAX, Catalogue
from byline.ingest.library.document_names import (
    check_collection,
    checked_tags,
    clean_folder,
    clean_name,
    clean_title,
)
from byline.ingest.library.document_removal import JobQueue, Removals
from byline.ingest.library.source_files import FileForgotten, SourceFiles
from byline.ingest.passages.chunking import CHUNK_VERSION, cut_by
from byline.ingest.passages.passage_length import length_in_force
from byline.search.index.collection_move import move_document
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.document_rows import JobStatus, document_of, job_of
from byline.store.document_states import change_state
from byline.store.statements import statements

log: Final = structlog.get_logger(__name__)

_COMPARE_S: Final = 86_400.0
"""How often the files in the store are compared with the documents, in seconds."""
_COMPARE_AGAIN_S: Final = 600.0
_REFRESHED_AT_ONCE: Final = 20
"""Documents queued again at once, so that a new document does not wait for long."""


@dataclass(frozen=True, slots=True)
class AddedDocument:
    """The document of an added file. `duplicate`: the collection had the same bytes already."""

    document: Document
    duplicate: bool


class UnqueuedWork(Protocol):
    """Background work that is not a job of the queue."""

    async def jobs(
        self, connection: AsyncConnection[DictRow], visible: Sequence[str] | None
    ) -> Sequence[JobStatus]:
        """Its work in progress in the collections `visible` (None: in all), as jobs."""


@dataclass(frozen=True, slots=True)
class LibraryHooks:
    """The other parts that deal with a library's documents: background work whose jobs the library
    lists beside those of its queue, and what is called for each file that is deleted."""

    unqueued_work: Sequence[UnqueuedWork] = ()
    on_file_forgotten: Sequence[FileForgotten] = ()


NO_HOOKS: Final = LibraryHooks()


class Library:
    """Library adds, changes and removes documents, and queues their reading: all, or those that the
    caller of `for_caller` may see. Inside a collection the same bytes are one document."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        config: schema.Ingest,
        queue: JobQueue,
        hooks: LibraryHooks = NO_HOOKS,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._config = config
        self._queue = queue
        self._source_files = SourceFiles(database, blobs, hooks.on_file_forgotten)
        self.catalogue = Catalogue(database)
        self.removals = Removals(database, self._source_files, queue, config.undo_s)
        self._unqueued_work = hooks.unqueued_work
        self._compare_at = float("-inf")
        self._caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        """The same library, confined to the collections that `caller` may see."""
        seen = copy(self)
        seen._caller = caller
        seen.catalogue = self.catalogue.for_caller(caller)
        seen.removals = self.removals.for_caller(caller)
        return seen

    async def add(
        self,
        path: Path,
        *,
        name: str,
        collection: str,
        folder: str = "",
        tags: Sequence[str] = (),
    ) -> AddedDocument:
        """Store the file at `path` and queue its reading. File, row and job are stored all or none.

        `folder` is where the file lay, such as `letters/2024`. A duplicate of a failed document is
        read again; it keeps its name and path, and gets `tags` in addition to its own.

        Raises `BadRequest`, `Invalid`, `TooLarge`, `UnsupportedFormat`, `StorageFull`,
        `StorageUnavailable`, `DatabaseUnavailable`, and `NotFound` for a collection that the caller
        may not see.
        """
        name = clean_name(name)
        self._check_collection(collection)
        folder, clean_tags = clean_folder(folder), checked_tags(tags)
        bytes_len = await asyncio.to_thread(self._check_file, path, name)
        sha256 = await self._blobs.put(path, self._source_files.expect)
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
            "tags": clean_tags,
        }
        try:
            async with self._database.connection() as connection:
                return await self._add_row(connection, new, path)
        except DatabaseUnavailable:
            self._source_files.recheck_later(sha256)
            raise
        except BaseException:
            await asyncio.shield(self._source_files.forget(sha256))
            raise

    async def get(self, document_id: str) -> Document:
        """One document. Raises `NotFound`."""
        async with self._database.connection() as connection:
            return document_of(await self._row(connection, "get", document_id))

    async def text(self, document_id: str) -> ExtractedText:
        """The extracted text of a document, without its headings.

        Raises `NotFound` if there is no such document or it has not been read.
        """
        async with self._database.connection() as connection:
            row = await self._row(
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

    async def change(self, document_id: str, changes: DocumentChanges) -> Document:
        """Change title, tags or collection. A new title is searchable once the document is read
        again.

        Raises `NotFound` (also for a collection that the caller may not see), `BadRequest`, and
        `Invalid` if the collection has the same bytes.
        """
        changed = _checked_changes(changes)
        sql = statements("documents")
        async with self._database.connection() as connection:
            row = await self._row(connection, "get_locked", document_id)
            if changed.collection is not None:
                self._check_collection(changed.collection)
            if changed.tags is not None:
                tagged = await connection.execute(
                    sql["set_tags"], {"id": row["id"], "tags": list(changed.tags)}
                )
                row = await tagged.fetchone() or row
            if changed.collection is not None and changed.collection != row["collection"]:
                await self._move(connection, row, changed.collection)
            if changed.title is not None and (changed.title or None) != row["given_title"]:
                await connection.execute(
                    sql["give_title"], {"id": row["id"], "title": changed.title or None}
                )
                if await change_state(connection, document_id, DocumentState.QUEUED) is not None:
                    await self._queue.defer(connection, document_id)
            return document_of(await self._row(connection, "get", document_id))

    async def retry(self, document_id: str) -> Document:
        """Queue a document that failed, or was not wholly read, to be read again; any other is left
        as it is. Raises `NotFound`."""
        document = await self.get(document_id)
        if document.state is DocumentState.FAILED or document.warnings:
            return await self.reindex(document_id)
        return document

    async def delete(self, document_id: str) -> None:
        """Remove a document for good and at once, with everything derived from it, and its file
        unless another document has it. Raises `NotFound`."""
        await self.removals.delete(document_id)

    async def reindex(self, document_id: str) -> Document:
        """Queue a document to be read again; until then it is found as before. Raises
        `NotFound`."""
        async with self._database.connection() as connection:
            row = await self._row(connection, "get_locked", document_id)
            changed = await change_state(connection, document_id, DocumentState.QUEUED)
            if changed is not None:
                await self._queue.defer(connection, document_id)
            return document_of(changed or row)

    async def refresh(self) -> int:
        """Queue some documents that were cut by earlier rules or to another length to be read
        again, newest first; returns how many. None while others wait, which come first. Until it is
        read again a document is found by its old passages."""
        sql = statements("documents")
        async with self._database.connection() as connection:
            chars_max = await length_in_force(connection, self._config.passage_chars_max)
            found = await connection.execute(
                sql["cut_by_earlier_rules"],
                {
                    "cut_by": cut_by(chars_max),
                    "version_to": cut_by(0, CHUNK_VERSION + 1),
                    "limit": _REFRESHED_AT_ONCE,
                },
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
                statements("documents")["jobs"],
                {"visible": self._caller.visible, "limit": max(1, min(limit, LIST_MAX))},
            )
            queued = [job_of(row) for row in await found.fetchall()]
            return [
                job
                for work in self._unqueued_work
                for job in await work.jobs(connection, self._caller.visible)
            ] + queued

    async def backlog(self) -> BacklogStatus:
        """What waits to be read, and whether reading makes progress."""
        async with self._database.connection() as connection:
            return await backlog_of(connection, self._config.extract_s_max)

    async def give_jobs(self) -> int:
        """Give waiting documents without a job one; returns how many there were."""
        async with self._database.connection() as connection:
            return await give_jobs(connection, self._queue)

    async def sweep(self) -> None:
        """Do what is due: forget files without a document, purge removed documents, queue documents
        that were read by earlier rules."""
        await self._source_files.recheck()
        await self._source_files.sweep()
        await self._compare_store()
        await self.removals.purge()
        await self.refresh()

    async def _compare_store(self) -> None:
        """Compare the store with the documents at the first sweep, then once a day."""
        now = time.monotonic()
        if now < self._compare_at:
            return
        self._compare_at = now + _COMPARE_S
        try:
            await self._source_files.compare()
        except StorageUnavailable as error:
            log.warning("the file store could not be looked through", reason=error.message)
            self._compare_at = now + _COMPARE_AGAIN_S

    async def _row(
        self,
        connection: AsyncConnection[DictRow],
        statement: str,
        document_id: str,
        otherwise: str = "There is no such document.",
    ) -> DictRow:
        """The row of a document that the caller may see. Raises `NotFound`."""
        try:
            found = await connection.execute(
                statements("documents")[statement],
                {"id": uuid.UUID(document_id), "visible": self._caller.visible},
            )
        except ValueError:
            raise NotFound(otherwise) from None
        row = await found.fetchone()
        if row is None:
            raise NotFound(otherwise)
        return row

    def _check_collection(self, collection: str) -> None:
        """Raise `BadRequest` unless this can be the name of a collection, and `NotFound` unless the
        caller may see it: whether there is one must not be told."""
        check_collection(collection)
        if not self._caller.may_see(collection):
            raise NotFound(
                f"There is no collection named {quoted(collection)}.",
                remedy=f"Name one of: {', '.join(self._caller.visible or ())}.",
            )

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
            refusal = refused_kind_of(file.read(HEAD_BYTES))
        if refusal is not None:
            raise UnsupportedFormat(f"{name}: {refusal.sentence}", remedy=refusal.remedy)
        return bytes_len

    async def _move(
        self, connection: AsyncConnection[DictRow], row: DictRow, collection: str
    ) -> None:
        sql = statements("documents")
        there = {"id": row["id"], "collection": collection, "sha256": row["sha256"]}
        await connection.execute(sql["lock_file"], there)
        await connection.execute(sql["ensure_collection"], there)
        await self.removals.make_room(connection, collection, row["sha256"])
        same = await (await connection.execute(sql["same_bytes"], there)).fetchone()
        if same is not None:
            raise Invalid(
                f"The collection {quoted(collection)} has the same bytes already, as "
                f"{same['name']}.",
                remedy="Remove one of the two documents.",
            )
        await connection.execute(sql["move"], there)
        await move_document(connection, str(row["id"]), row["collection"], collection)

    async def _add_row(
        self, connection: AsyncConnection[DictRow], new: dict[str, Any], path: Path
    ) -> AddedDocument:
        sql = statements("documents")
        await connection.execute(sql["lock_file"], new)
        if not await self._blobs.exists(str(new["sha256"])):
            await self._blobs.put(
                path
            )  # its last document was removed just now, and the file with it
        await connection.execute(sql["ensure_collection"], new)
        await self.removals.make_room(connection, new["collection"], new["sha256"])
        while True:
            inserted = await (await connection.execute(sql["insert"], new)).fetchone()
            if inserted is not None:
                await connection.execute(statements("removal")["expect_no_more"], new)
                await self._queue.defer(connection, str(inserted["id"]))
                return AddedDocument(document_of(inserted), duplicate=False)
            known = await (await connection.execute(sql["same_bytes"], new)).fetchone()
            if known is not None:
                return await self._add_again(connection, known, new["tags"])

    async def _add_again(
        self, connection: AsyncConnection[DictRow], known: DictRow, tags: Sequence[str]
    ) -> AddedDocument:
        if not set(tags) <= set(known["tags"]):
            both = checked_tags([*known["tags"], *tags])
            tagged = await connection.execute(
                statements("documents")["set_tags"], {"id": known["id"], "tags": both}
            )
            known = await tagged.fetchone() or known
        if known["state"] == DocumentState.FAILED:
            queued = await change_state(connection, str(known["id"]), DocumentState.QUEUED)
            await self._queue.defer(connection, str(known["id"]))
            known = queued or known
        return AddedDocument(document_of(known), duplicate=True)


def _checked_changes(changes: DocumentChanges) -> DocumentChanges:
    """The changes, cleaned; `title` is "" to use the file's own. Raises `BadRequest`."""
    if changes.collection is not None:
        check_collection(changes.collection)
    return DocumentChanges(
        title=None if changes.title is None else clean_title(changes.title) or "",
        tags=None if changes.tags is None else tuple(checked_tags(changes.tags)),
        collection=changes.collection,
    )
