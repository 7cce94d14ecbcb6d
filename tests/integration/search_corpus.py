"""Documents put straight into the tables and the index: what tests of search start from."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.store.database import Database


@dataclass(frozen=True, slots=True)
class Draft:
    """A document to be: its passages' texts, and where and under which title and heading."""

    passages: Sequence[str]
    title: str = ""
    heading: str = ""
    collection: str = "default"
    media_type: str = "text/plain"
    language: str | None = None
    tags: Sequence[str] = ()
    path: str = ""
    added: datetime = datetime(2026, 1, 1, tzinfo=UTC)


async def add_document(connection: AsyncConnection[Any], draft: Draft) -> tuple[str, list[int]]:
    """Store and index a document; its id and those of its passages."""
    document_id = str(uuid.uuid4())
    await connection.execute(
        "INSERT INTO collections (name) VALUES (%s) ON CONFLICT DO NOTHING", [draft.collection]
    )
    await connection.execute(
        "INSERT INTO documents (id, name, title, state, collection, sha256, media_type, bytes_len,"
        " passages, language, tags, path, created_at)"
        " VALUES (%s, %s, %s, 'indexed', %s, %s, %s, 1, %s, %s, %s, %s, %s)",
        [
            *(document_id, f"{document_id}.txt", draft.title, draft.collection, document_id),
            *(draft.media_type, len(draft.passages), draft.language, list(draft.tags)),
            *(draft.path, draft.added),
        ],
    )
    ids = []
    for ordinal, text in enumerate(draft.passages):
        inserted = await connection.execute(
            "INSERT INTO passages (document_id, ordinal, start_offset, end_offset, heading, text)"
            " VALUES (%s, %s, 0, %s, %s, %s) RETURNING id",
            [document_id, ordinal, len(text), draft.heading, text],
        )
        row = await inserted.fetchone()
        assert row is not None
        ids.append(row["id"])
    await index_passages(
        connection,
        draft.collection,
        [
            IndexedPassage(id_, draft.heading, draft.title, text)
            for id_, text in zip(ids, draft.passages, strict=True)
        ],
    )
    return document_id, ids


async def add(database: Database, *passages: str, **where: Any) -> tuple[str, list[int]]:
    """One document in a transaction of its own; `where` is the rest of its `Draft`."""
    async with database.connection() as connection:
        return await add_document(connection, Draft(passages, **where))


async def statistics(database: Database) -> Mapping[tuple[str, int], int]:
    """(collection, term) → document frequency, as searches see it: folded and not yet folded."""
    async with database.connection() as connection:
        rows = await (
            await connection.execute(
                "SELECT collection, term, sum(df)::bigint AS df FROM ("
                " SELECT collection, term, df FROM lexical_terms UNION ALL"
                " SELECT collection, unnest(terms), unnest(counts) FROM lexical_changes) AS held"
                " GROUP BY collection, term HAVING sum(df) <> 0"
            )
        ).fetchall()
    return {(row["collection"], row["term"]): row["df"] for row in rows}


async def counted(database: Database) -> Mapping[tuple[str, int], int]:
    """The same, counted from the index rows themselves."""
    async with database.connection() as connection:
        rows = await (
            await connection.execute(
                "SELECT collection, term, count(*) AS df FROM lexical_passages, unnest(terms) term"
                " GROUP BY collection, term"
            )
        ).fetchall()
    return {(row["collection"], row["term"]): row["df"] for row in rows}


def sentences(count: int, words: Sequence[str]) -> list[str]:
    """`count` different passages of three of the words each."""
    return [
        " ".join(c)
        for c in itertools.islice(itertools.cycle(itertools.permutations(words, 3)), count)
    ]
