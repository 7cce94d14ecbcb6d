"""Embeds the indexed passages in the background: newest documents first, one filler a database.

    wait for work ──► take the next passages ──► embed them ──► store them ──► (again)
          ▲                    │ none left: let searches use the space
          └────────────────────┘
    the embedder fails: note why, pause (1 s, 2 s, 4 s … 60 s), again

Every batch is stored with its document's progress in one transaction, so a process that dies loses
at most one batch. The document may be removed or read again meanwhile: the filler locks it before
it stores, and stores nothing for a reading that is no longer the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final
from uuid import UUID

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from byline.domain.documents import DocumentState
from byline.errors import BylineError, EmbedderUnavailable
from byline.store.binary_copy import vector_text
from byline.store.database import Database
from byline.store.document_rows import JobStatus, job_of
from byline.store.document_states import change_state
from byline.store.statements import statements
from byline.vectors.embedders.embedder import Embedder, Vector, passage_input
from byline.vectors.hnsw_graph import rebuilding_graphs
from byline.vectors.vector_spaces import (
    VectorSpace,
    add_space,
    drop_retired,
    known_spaces,
    make_current,
    retire_space,
)

log: Final = structlog.get_logger(__name__)

_CONNECT_S: Final = 10
_IDLE_S: Final = 30.0
"""Without a notification for so long, the filler checks the connection and looks for work."""
_TURN_S: Final = 5.0
"""How often another process tries to take over from one that died."""
_PAUSE_S_MAX: Final = 60.0
_CHANGES_MAX: Final = 64
_REFUSED: Final = frozenset({"http_400", "http_413", "http_422", "http_500"})
"""Reasons that may be about one text only; llama.cpp answers 500 to one that is too long."""


@dataclass(frozen=True, slots=True)
class _Passage:
    id: int
    document: UUID
    queued_at: datetime
    ordinal: int
    text: str


class _FillStep(Enum):
    """What the filler did in one step."""

    WORKED = auto()
    COMPLETE = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class _Batch:
    """The next passages to embed; `complete` are documents without any left."""

    passages: Sequence[_Passage]
    complete: Sequence[UUID]


async def queue_embedding(connection: AsyncConnection[DictRow], document_id: str) -> None:
    """Queue a document that was just read for embedding, in the caller's transaction."""
    await connection.execute(statements("embedding")["queue_document"], {"id": document_id})


def pause_s(failures: int) -> float:
    """Seconds to wait after `failures` consecutive failures."""
    return float(min(2 ** min(failures - 1, 10), _PAUSE_S_MAX))


class VectorFiller:
    """Embeds queued passages until cancelled. Only one process on a database does so at a time."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder

    async def jobs(
        self, connection: AsyncConnection[DictRow], visible: Sequence[str] | None = None
    ) -> Sequence[JobStatus]:
        """All embedding work in the collections `visible` (None: in all) as one job; an empty list
        while nothing waits."""
        found = await connection.execute(
            statements("embedding")["job"],
            {"visible": None if visible is None else list(visible)},
        )
        return [job_of(row) for row in await found.fetchall()]

    async def run(self) -> None:
        """Fill until cancelled, through failures of the embedder and restarts of the database."""
        failures = 0
        while True:
            try:
                async with self._turn() as bell, rebuilding_graphs(self._database.url):
                    failures = 0
                    await self._fill(bell)
            except (psycopg.Error, BylineError) as error:
                failures += 1
                log.warning("embedding pauses", reason=str(error) or repr(error))
                await asyncio.sleep(min(2**failures / 10, _TURN_S))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        """Wait to be the only filler, and yield a connection that is notified of new work."""
        sql = statements("embedding")
        async with await AsyncConnection[DictRow].connect(
            self._database.url, autocommit=True, row_factory=dict_row, connect_timeout=_CONNECT_S
        ) as connection:
            while True:
                found = await (await connection.execute(sql["try_alone"])).fetchone()
                if found is not None and found["alone"]:
                    break
                await asyncio.sleep(_TURN_S)
            await connection.execute(sql["listen"])
            yield connection

    async def _fill(self, bell: AsyncConnection[DictRow]) -> None:
        space: VectorSpace | None = None
        failures = 0
        while True:
            try:
                await bell.execute(statements("database")["check"])  # our turn hangs on this line
                space = space or await self._target()
                step = await self._step(space)
                failures = 0
            except EmbedderUnavailable as error:
                failures += 1
                await self._note(space, error, failures)
                await asyncio.sleep(pause_s(failures))
                continue
            if step is _FillStep.NOTHING:
                async for _ in bell.notifies(timeout=_IDLE_S, stop_after=1):
                    pass
            elif step is _FillStep.COMPLETE:
                space = None

    async def _target(self) -> VectorSpace:
        """The space to fill, created if need be, with every document queued for it.

        Raises EmbedderUnavailable if a first vector is needed to know the dimensions and fails.
        """
        dimensions = self._embedder.dimensions
        if dimensions is None:
            (vector,) = await self._embedder.embed_passages(["dimensions"])
            dimensions = len(vector)
        async with self._database.connection() as connection:
            return await _choose_space(connection, self._embedder.fingerprint, dimensions)

    async def _step(self, space: VectorSpace) -> _FillStep:
        """Embed and store the next passages, or settle documents and spaces if there are none."""
        async with self._database.connection() as connection:
            batch = await _next(connection, space, self._embedder.batch_len)
            if not batch.passages:
                return await _settle(connection, space, batch.complete)
        vectors = await self._vectors(batch.passages)
        async with self._database.connection() as connection:
            await _store(connection, space, batch, vectors)
        return _FillStep.WORKED

    async def _vectors(self, passages: Sequence[_Passage]) -> list[Vector | None]:
        """A vector for each passage; None for one whose text the embedder refuses."""
        texts = [passage.text for passage in passages]
        try:
            return list(await self._embedder.embed_passages(texts))
        except EmbedderUnavailable as error:
            if error.reason not in _REFUSED:
                raise
        await self._embedder.embed_passages(["Does it take any text at all?"])
        return [await self._vector_or_none(passage) for passage in passages]

    async def _vector_or_none(self, passage: _Passage) -> Vector | None:
        try:
            return (await self._embedder.embed_passages([passage.text]))[0]
        except EmbedderUnavailable as error:
            if error.reason not in _REFUSED:
                raise
            log.warning(
                "a passage has no vector: the embedder refuses it",
                document=str(passage.document),
                passage=passage.id,
                reason=error.detail,
            )
            return None

    async def _note(
        self, space: VectorSpace | None, error: EmbedderUnavailable, failures: int
    ) -> None:
        """Log the failure, and store it for the page to show why embedding pauses."""
        log.warning("embedding pauses", reason=error.message, pause_s=pause_s(failures))
        async with self._database.connection() as connection:
            for target in [space] if space else (await known_spaces(connection))[-1:]:
                await connection.execute(
                    statements("embedding")["note_failure"],
                    {
                        "space": target.id,
                        "code": error.code,
                        "message": error.message,
                        "remedy": error.remedy,
                        "pause_s": pause_s(failures),
                    },
                )


async def _settle(
    connection: AsyncConnection[DictRow], space: VectorSpace, complete: Sequence[UUID]
) -> _FillStep:
    """Settle documents and spaces when no passage is left to embed."""
    if complete:
        await _finish(connection, space, complete)
        return _FillStep.WORKED
    if not space.is_current:
        await make_current(connection, space)
        log.info("searches use the new vectors", embedder=space.fingerprint)
        return _FillStep.COMPLETE
    for dropped in await drop_retired(connection):
        log.info("vectors of an earlier embedder were removed", embedder=dropped)
    return _FillStep.NOTHING


async def _choose_space(
    connection: AsyncConnection[DictRow], fingerprint: str, dimensions: int
) -> VectorSpace:
    """The space of this embedder.

    1. it is the newest already              → go on
    2. it is current, another is being filled → retire that one, look for what is missing here
    3. none, or an empty one, is current     → a new one is current at once
    4. another is current                    → a new one beside it
    """
    sql = statements("embedding")
    spaces = await known_spaces(connection)
    own = next((space for space in spaces if space.fingerprint == fingerprint), None)
    others = [space for space in spaces if space is not own]
    if own is not None and not (own.is_current and others):
        return own
    for other in others:
        if own is not None or not other.is_current or await _is_empty(connection, other):
            await retire_space(connection, other)
            others = [kept for kept in others if kept is not other]
    if own is None:
        own = await add_space(connection, fingerprint, dimensions, is_current=not others)
    await connection.execute(sql["queue_all"])
    await connection.execute(own.about(sql["count_all"]))
    return own


async def _is_empty(connection: AsyncConnection[DictRow], space: VectorSpace) -> bool:
    row = await (await connection.execute(space.sql("is_empty"))).fetchone()
    return bool(row and row["is_empty"])


async def _next(connection: AsyncConnection[DictRow], space: VectorSpace, limit: int) -> _Batch:
    statement = space.about(statements("embedding")["next_passages"])
    # A plan for any limit would read every passage there is.
    found = await connection.execute(statement, {"limit": limit}, prepare=False)
    rows = await found.fetchall()
    return _Batch(
        [
            _Passage(
                row["id"],
                row["document_id"],
                row["queued_at"],
                row["ordinal"],
                passage_input(row["title"], row["heading"], row["text"]),
            )
            for row in rows
            if row["id"] is not None
        ],
        [row["document_id"] for row in rows if row["id"] is None],
    )


async def _store(
    connection: AsyncConnection[DictRow],
    space: VectorSpace,
    batch: _Batch,
    vectors: Sequence[Vector | None],
) -> None:
    """Store the vectors, each document's progress and its state, in one transaction."""
    sql = statements("embedding")
    began = {passage.document: passage.queued_at for passage in batch.passages}
    locked = await connection.execute(sql["lock_documents"], {"ids": list(began)})
    same = {row["id"] for row in await locked.fetchall() if began[row["id"]] == row["queued_at"]}
    made = [
        (passage.id, vector_text(vector))
        for passage, vector in zip(batch.passages, vectors, strict=True)
        if vector is not None
    ]
    given = {
        "passages": [id_ for id_, _ in made],
        "embeddings": [text for _, text in made],
        "documents": list(same),
    }
    await connection.execute(space.about(sql["add_vectors"]), given)
    await connection.execute(space.about(sql["count_embedded"]), given)
    last = {passage.document: passage.ordinal for passage in batch.passages}
    for document in same:
        step = {"document": document, "next_ordinal": last[document] + 1}
        await connection.execute(sql["go_on_from"], step)
    await _finish(connection, space, [*same, *batch.complete])
    await connection.execute(sql["fold_changes"], {"changes_max": _CHANGES_MAX})
    await connection.execute(sql["note_success"], {"space": space.id})


async def _finish(
    connection: AsyncConnection[DictRow], space: VectorSpace, documents: Sequence[UUID]
) -> None:
    """Set the state of documents without passages left to `embedded`."""
    finished = await connection.execute(
        space.about(statements("embedding")["finish_documents"]), {"documents": list(documents)}
    )
    for row in await finished.fetchall():
        await change_state(connection, str(row["document_id"]), DocumentState.EMBEDDED)
