"""Moves a document to another collection: its index rows, its vectors, and the statistics.

The weights of a passage do not depend on its collection (the average length is that of all), so
only the collection of the rows changes, and the statistics of both collections.
"""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.store.statements import statements
from byline.vectors.vector_spaces import known_spaces


async def move_document(
    connection: AsyncConnection[DictRow], document_id: str, before: str, after: str
) -> None:
    """Move a document from collection `before` to `after`, in the caller's transaction, which has
    locked its row."""
    move = {"document_id": document_id, "before": before, "after": after}
    await connection.execute(statements("lexical")["move_document"], move)
    for space in await known_spaces(connection):
        await connection.execute(space.sql("move_document"), move)
