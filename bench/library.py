"""Passages put straight into a database and its lexical index: what search benchmarks search."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from byline.config import schema
from byline.domain.documents import DEFAULT_COLLECTION
from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.search.index.stats_compaction import StatsCompactor
from byline.search.near_duplicates import fingerprint
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.database import Database, open_database
from byline.text.terms import terms

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
    (document_id,) = await _documents(database, [""])
    keys: dict[int, str] = {}
    coming = iter(texts)
    while batch := list(islice(coming, BATCH)):
        keys |= await _passages(database, batch, [document_id] * len(batch))
    return keys


async def fill_documents(database: Database, texts: Iterable[Text]) -> dict[int, str]:
    """Store and index each text as a document of its own, with its title: passage id → key."""
    keys: dict[int, str] = {}
    coming = iter(texts)
    while batch := list(islice(coming, BATCH)):
        ids = await _documents(database, [text.title for text in batch])
        keys |= await _passages(database, batch, ids)
    return keys


async def at_rest(database: Database) -> None:
    """What Byline does by itself once nothing has changed for some seconds, and PostgreSQL within
    the minute after a load."""
    folder = StatsCompactor(database)
    await folder.look()
    await folder.look()
    async with database.autocommit() as connection:
        await connection.execute("VACUUM ANALYZE")


async def _documents(database: Database, titles: Sequence[str]) -> list[str]:
    ids = [str(uuid.uuid4()) for _ in titles]
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO documents"
            " (id, name, title, state, collection, sha256, media_type, bytes_len)"
            " SELECT id::uuid, 'bench', title, 'indexed', %s, id, 'text/plain', 1"
            " FROM unnest(%s::text[], %s::text[]) AS t (id, title)",
            [DEFAULT_COLLECTION, ids, list(titles)],
        )
    return ids


async def _passages(
    database: Database, batch: Sequence[Text], documents: Sequence[str]
) -> dict[int, str]:
    async with database.connection() as connection:
        inserted = await connection.execute(
            "INSERT INTO passages"
            " (document_id, ordinal, start_offset, end_offset, text, fingerprint)"
            " SELECT document::uuid, ordinal, 0, length(text), text, fingerprint"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[])"
            " WITH ORDINALITY AS t (document, text, fingerprint, ordinal)"
            " ORDER BY ordinal RETURNING id",
            [
                list(documents),
                [text.text for text in batch],
                [fingerprint(terms(text.text)) for text in batch],
            ],
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
    return {id_: text.key for id_, text in zip(ids, batch, strict=True)}
