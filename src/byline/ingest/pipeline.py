"""Processes one document: its file is read, cut, and made searchable in one transaction."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from byline.domain.documents import Chunk, DocumentError, DocumentState
from byline.errors import ExtractionFailed, NotFound
from byline.ingest.extraction.file_extractor import Extraction, Extractor
from byline.ingest.passages.chunking import cut_by
from byline.ingest.passages.passage_length import length_in_force
from byline.ingest.passages.passage_rows import passage_row
from byline.search.index.lexical_index import DocumentIndexing, StoredPassages, remove_postings
from byline.search.index.vocabulary import add_listed
from byline.store.binary_copy import COPY_HEADER, COPY_TRAILER
from byline.store.blobs import BlobStore
from byline.store.database import Database
from byline.store.document_rows import stored_warnings
from byline.store.document_states import change_state
from byline.store.statements import statements
from byline.vectors.vector_filling import queue_embedding

_WRITTEN_AT_ONCE: Final = 256
"""Passages written before the event loop gets its turn: about 1 ms."""


_READ: Final = frozenset(
    {
        *(DocumentState.INDEXED, DocumentState.EMBEDDED, DocumentState.ENRICHED),
        DocumentState.FAILED,
    }
)


class StaleReading(Exception):
    """The document is in a state that this reading did not cause: it was queued again, or the
    database lost what it had stored. What was read is dropped."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Pipeline reads documents. `scratch` is a folder for files while they are read;
    `passage_chars_max` is the passage length if the database holds no other."""

    database: Database
    blobs: BlobStore
    extractor: Extractor
    scratch: Path
    passage_chars_max: int

    async def run(self, document_id: str) -> None:
        """Read a document and make it searchable, or record why it cannot be read.

        A document that is gone, or that another run has read meanwhile, is left alone. Raises
        transient errors: `DatabaseUnavailable`, `StorageUnavailable`, `StorageFull`,
        `ExtractWorkerDied`; and `StaleReading`.
        """
        async with self.database.connection() as connection:
            await connection.execute(statements("documents")["commit_lazily"])
            row = await change_state(connection, document_id, DocumentState.EXTRACTING)
            chars_max = await length_in_force(connection, self.passage_chars_max)
            if row is None:
                await _expect_no_reading(connection, document_id)
                return
        try:
            async with self._extraction(row, chars_max) as extraction:
                await self._store_in_transaction(document_id, extraction, cut_by(chars_max))
        except ExtractionFailed as failure:
            await self.fail(document_id, failure)

    async def _store_in_transaction(
        self, document_id: str, extraction: Extraction, chunked_by: int
    ) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statements("documents")["commit_lazily"])
            await _store(connection, document_id, extraction, chunked_by)

    async def fail(self, document_id: str, failure: ExtractionFailed) -> None:
        """Record why a document could not be read."""
        error = DocumentError(failure.extraction_code, failure.message, failure.remedy)
        async with self.database.connection() as connection:
            await change_state(connection, document_id, DocumentState.FAILED, error=error)

    async def give_back(self, document_id: str, why: DocumentError) -> None:
        """Set a document whose job waits for its next try back to `queued`, with the reason."""
        async with self.database.connection() as connection:
            await change_state(connection, document_id, DocumentState.QUEUED, error=why)

    @asynccontextmanager
    async def _extraction(self, row: DictRow, chars_max: int) -> AsyncIterator[Extraction]:
        title = row["given_title"] or ""
        async with AsyncExitStack() as reading:
            async with self._source_file(row["sha256"]) as path:
                extraction = await reading.enter_async_context(
                    self.extractor.extract(path, row["name"], title, passage_chars_max=chars_max)
                )
            yield extraction

    @asynccontextmanager
    async def _source_file(self, sha256: str) -> AsyncIterator[Path]:
        folder = await asyncio.to_thread(
            tempfile.TemporaryDirectory, prefix="file-", dir=self.scratch
        )
        try:
            path = Path(folder.name) / "original"
            try:
                await self.blobs.copy_to(sha256, path)
            except NotFound as error:
                raise ExtractionFailed(
                    "file_missing",
                    "The original file is not in the store any more.",
                    remedy="Remove the document and add the file again.",
                ) from error
            yield path
        finally:
            await asyncio.to_thread(folder.cleanup)


async def _store(
    connection: AsyncConnection[DictRow], document_id: str, extraction: Extraction, chunked_by: int
) -> None:
    """Store text, passages, index rows and state together, and delete what an earlier reading left.

    Others see the earlier passages until the transaction ends, and the new ones from then on. While
    it waits for a block, it locks the document's row and nothing that others wait for.
    """
    sql = statements("documents")
    row = await change_state(connection, document_id, DocumentState.INDEXED)
    if row is None:
        await _expect_no_reading(connection, document_id)
        return
    if row["passages"]:
        await remove_postings(connection, document_id)
        await connection.execute(sql["delete_passages"], {"id": document_id})
    text = extraction.text
    pages = [[page.number, page.start, page.end] for page in text.pages]
    await connection.execute(
        sql["write_text"], {"id": document_id, "text": text.text, "pages": Jsonb(pages)}
    )
    indexing = DocumentIndexing(connection, row["collection"])
    first = 0
    async for block in extraction.blocks:
        chunks = extraction.chunks(first, block)
        gaps = [extraction.gap(chunk.ordinal) for chunk in chunks]
        ids = await _write_passages(connection, row["id"], chunks, gaps)
        await indexing.add(StoredPassages(row["id"], ids, block.columns))
        await add_listed(connection, block.words)
        first += len(block)
    await indexing.finish()
    await connection.execute(
        sql["describe"],
        {
            "id": document_id,
            "title": text.title,
            "media_type": text.media_type,
            "language": text.language,
            "pages": text.pages[-1].number if text.pages else None,
            "passages": len(extraction.spans),
            "chunked_by": chunked_by,
            "warnings": Jsonb(stored_warnings(text.warnings)),
        },
    )
    await queue_embedding(connection, document_id)


async def _expect_no_reading(connection: AsyncConnection[DictRow], document_id: str) -> None:
    """Raise `StaleReading` unless the document is gone, or was read or given up by another run."""
    found = await connection.execute(
        statements("documents")["get"], {"id": document_id, "visible": None}
    )
    row = await found.fetchone()
    if row is not None and DocumentState(row["state"]) not in _READ:
        raise StaleReading(f"the document is {row['state']} while it is being read")


async def _write_passages(
    connection: AsyncConnection[DictRow],
    document_id: UUID,
    chunks: Sequence[Chunk],
    gaps: Sequence[str],
) -> Sequence[int]:
    """Write passages, each with the blanks before it, and return the ids of their rows."""
    sql = statements("documents")
    reserved = await connection.execute(sql["reserve_passage_ids"], {"count": len(chunks)})
    ids: Sequence[int] = (await reserved.fetchone() or {})["ids"]
    async with connection.cursor().copy(sql["copy_passages"]) as copy:
        await copy.write(COPY_HEADER)
        for some in range(0, len(chunks), _WRITTEN_AT_ONCE):
            part = slice(some, some + _WRITTEN_AT_ONCE)
            rows = zip(ids[part], chunks[part], gaps[part], strict=True)
            packed = [passage_row(id_, document_id, chunk, gap) for id_, chunk, gap in rows]
            await copy.write(b"".join(packed))
            await asyncio.sleep(0)
        await copy.write(COPY_TRAILER)
    return ids
