"""Removing documents: hidden first, so that it can be undone, then deleted for good.

    kept ──remove──► hidden ──its time is up, or the same bytes are added──► gone
      ▲                │                                                       ▲
      └────restore─────┘                        kept, hidden ──delete──────────┘

A hidden document keeps everything derived from it (passages, vectors) and its file, but no
statement that reads the view `documents` sees it, and no search finds it. It is a row, so a restart
changes nothing about it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from copy import copy
from typing import Any, Final, Protocol, Self

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.callers import OWNER, Caller
from byline.domain.documents import Document, DocumentState, RemovedDocument
from byline.errors import BadRequest, NotFound
from byline.ingest.library.source_files import SourceFiles
from byline.search.index import lexical_index
from byline.store.database import Database
from byline.store.document_rows import document_of
from byline.store.document_states import change_state
from byline.store.statements import statements
from byline.vectors.vector_filling import queue_embedding

log: Final = structlog.get_logger(__name__)

AT_ONCE_MAX: Final = 1_000
"""The most documents that one call removes or restores."""

_GONE_AT_ONCE: Final = 50
"""The most documents that one call of `purge` deletes, so that its caller is not held up."""

_READ_AGAIN: Final = frozenset({DocumentState.QUEUED, DocumentState.EXTRACTING})


class JobQueue(Protocol):
    """The queue of the jobs that read documents."""

    async def defer(self, connection: AsyncConnection[DictRow], document_id: str) -> None:
        """Queue the reading of a document, in the caller's transaction."""


class Removals:
    """Removals hides documents, restores them for `undo_s` seconds, and then deletes them: any, or
    those that the caller of `for_caller` may see."""

    def __init__(
        self, database: Database, originals: SourceFiles, queue: JobQueue, undo_s: float
    ) -> None:
        self._database = database
        self._source_files = originals
        self._queue = queue
        self._undo_s = undo_s
        self._sql = statements("removal")
        self._caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        """The same, confined to the documents that `caller` may see."""
        seen = copy(self)
        seen._caller = caller
        return seen

    async def remove(self, document_ids: Sequence[str]) -> list[RemovedDocument]:
        """Hide documents at once from searches and lists.

        Ids of documents that are gone or hidden already are ignored. Raises `NotFound` if that is
        all of them, `BadRequest` if there are too many.
        """
        sent = _checked(document_ids)
        async with self._database.connection() as connection:
            ids = await self._locked(connection, sent)
            hidden = await connection.execute(
                self._sql["hide"], {"ids": ids, "undo_s": self._undo_s}
            )
            rows = await hidden.fetchall()
            await connection.execute(self._sql["drop_embedding"], {"ids": ids})
        if not rows:
            raise NotFound("There is no such document.")
        return [_removed(row) for row in rows]

    async def restore(self, document_ids: Sequence[str]) -> list[Document]:
        """Restore hidden documents as they were; those that were not read yet are queued.

        Ids of documents that are not hidden are ignored. Raises `NotFound` if that is all of them.
        """
        sent = _checked(document_ids)
        async with self._database.connection() as connection:
            ids = await self._locked(connection, sent)
            rows = await (await connection.execute(self._sql["show"], {"ids": ids})).fetchall()
            for row in rows:
                await self._resume(connection, row)
        if not rows:
            raise NotFound(
                "The document cannot be brought back any more.",
                remedy="It is gone for good: add its file again.",
            )
        return [document_of(row) for row in rows]

    async def hidden(
        self, limit: int, document_ids: Sequence[str] | None = None
    ) -> list[RemovedDocument]:
        """The documents that can still be restored, last removed first; only `document_ids`, if
        given."""
        ids = None if document_ids is None else _checked(document_ids)
        async with self._database.connection() as connection:
            found = await connection.execute(
                self._sql["hidden"],
                {
                    "ids": ids,
                    "visible": self._caller.visible,
                    "undo_s": self._undo_s,
                    "limit": limit,
                },
            )
            return [_removed(row) for row in await found.fetchall()]

    async def delete(self, document_id: str) -> None:
        """Remove a document for good, hidden or not, with everything derived from it, and its file
        unless another document has it.

        A document that is being read is removed, too; its job finds it gone. Raises `NotFound`.
        """
        [id_] = _checked([document_id])
        async with self._database.connection() as connection:
            found = await connection.execute(
                self._sql["get_locked"], {"id": id_, "visible": self._caller.visible}
            )
            row = await found.fetchone()
            if row is None:
                raise NotFound("There is no such document.")
            await self._delete(connection, row)
        await self._source_files.forget(row["sha256"])

    async def purge(self) -> int:
        """Delete some of the documents whose time is up; returns how many."""
        for gone in range(_GONE_AT_ONCE):
            async with self._database.connection() as connection:
                found = await connection.execute(self._sql["due"], {"undo_s": self._undo_s})
                row = await found.fetchone()
                if row is None:
                    return gone
                await self._delete(connection, row)
            await self._source_files.forget(row["sha256"])
        return _GONE_AT_ONCE

    async def make_room(
        self, connection: AsyncConnection[DictRow], collection: str, sha256: str
    ) -> None:
        """Delete a hidden document whose bytes are added again, in the caller's transaction."""
        same = {"collection": collection, "sha256": sha256}
        found = await connection.execute(self._sql["hidden_same_bytes"], same)
        row = await found.fetchone()
        if row is not None:
            await self._delete(connection, row)

    async def _locked(
        self, connection: AsyncConnection[DictRow], ids: Sequence[uuid.UUID]
    ) -> list[uuid.UUID]:
        """Those of the documents that the caller may see, locked."""
        found = await connection.execute(
            self._sql["lock"], {"ids": list(ids), "visible": self._caller.visible}
        )
        return [row["id"] for row in await found.fetchall()]

    async def _delete(self, connection: AsyncConnection[DictRow], row: DictRow) -> None:
        await lexical_index.remove_document(connection, str(row["id"]))
        await connection.execute(self._sql["delete"], {"id": row["id"]})

    async def _resume(self, connection: AsyncConnection[DictRow], row: DictRow) -> None:
        """Queue what hiding interrupted: a reading, or the embedding of passages without
        vectors."""
        document_id = str(row["id"])
        if row["state"] in _READ_AGAIN:
            await change_state(connection, document_id, DocumentState.QUEUED)
            await self._queue.defer(connection, document_id)
        elif row["passages"]:
            await queue_embedding(connection, document_id)


def _checked(document_ids: Sequence[str]) -> list[uuid.UUID]:
    if len(document_ids) > AT_ONCE_MAX:
        raise BadRequest(
            f"{len(document_ids)} documents are more than {AT_ONCE_MAX} at once.",
            remedy="Send fewer at a time.",
        )
    try:
        return [uuid.UUID(id_) for id_ in document_ids]
    except ValueError:
        raise NotFound("There is no such document.") from None


def _removed(row: dict[str, Any]) -> RemovedDocument:
    return RemovedDocument(document_of(row), row["removed_at"], row["until"])
