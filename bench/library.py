"""Passages put straight into a database and its lexical index: what search benchmarks search."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from byline.config import schema
from byline.domain.documents import DEFAULT_COLLECTION
from byline.search.lexical import IndexedPassage, index_passages
from byline.store.database import Database, open_database
from byline.store.embedded import embedded_postgres

BATCH = 4_096
"""Passages a transaction takes in, as reading a document does."""


@dataclass(frozen=True, slots=True)
class Text:
    """A passage to be: `key` is the caller's own name for it."""

    key: str
    text: str
    title: str = ""


@asynccontextmanager
async def empty_library(home: Path) -> AsyncIterator[Database]:
    """A database of its own under `home`, with Byline's tables and nothing in them."""
    await asyncio.to_thread(home.mkdir, parents=True)
    async with (
        embedded_postgres(home) as url,
        open_database(schema.Database(), url) as database,
    ):
        yield database


async def fill(database: Database, texts: Iterable[Text]) -> dict[int, str]:
    """Store and index the texts as the passages of one document: passage id → key."""
    document_id = str(uuid.uuid4())
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO documents"
            " (id, name, title, state, collection, sha256, media_type, bytes_len)"
            " VALUES (%s, 'bench', '', 'indexed', %s, %s, 'text/plain', 1)",
            [document_id, DEFAULT_COLLECTION, document_id],
        )
    keys: dict[int, str] = {}
    coming = iter(texts)
    while batch := list(islice(coming, BATCH)):
        async with database.connection() as connection:
            inserted = await connection.execute(
                "INSERT INTO passages (document_id, ordinal, start_offset, end_offset, text)"
                " SELECT %s, ordinal, 0, length(text), text"
                " FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, ordinal)"
                " ORDER BY ordinal RETURNING id",
                [document_id, [text.text for text in batch]],
            )
            ids = [row["id"] for row in await inserted.fetchall()]
            await index_passages(
                connection,
                DEFAULT_COLLECTION,
                [
                    IndexedPassage(id_, "", text.title, text.text)
                    for id_, text in zip(ids, batch, strict=True)
                ],
            )
        keys |= {id_: text.key for id_, text in zip(ids, batch, strict=True)}
    return keys
