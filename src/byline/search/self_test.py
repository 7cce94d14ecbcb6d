"""A test at every start that search finds text in documents, in Korean and in English.

An index that finds nothing looks like documents that say nothing. So every start indexes a small
document, searches for it, and rolls back: nothing is committed, and no other connection sees it.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from byline.errors import StartFailed
from byline.search.filters import SearchScope
from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.search.lexical import LexicalQuery, search_lexical
from byline.store.database import Database
from byline.store.statements import statements
from byline.text.terms import content_terms, query_terms

_PROOFS: Final = (
    ("Korean", "보증금은 언제 돌려받나요?", "임대차 보증금을 계약이 끝난 날에 돌려준다."),
    ("English", "When are deposits returned?", "The deposit is returned once the lease has ended."),
)
_OTHERS: Final = ("The washing machine is grey.", "세탁기는 회색이다.")
_REMEDY: Final = (
    "Byline needs a database with the encoding UTF8 and a pgvector made for its server; "
    "leave out database.url to use the PostgreSQL that comes with Byline."
)


async def prove_search(database: Database) -> None:
    """Index and find a passage of each language, in a few milliseconds.

    Raises `StartFailed` if that does not work, and `DatabaseUnavailable`.
    """
    async with database.connection() as connection:
        try:
            async with connection.transaction(force_rollback=True):
                await _prove(connection)
        except (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
            raise StartFailed(
                f"The search index cannot be used: {error.diag.message_primary or error}.",
                remedy=_REMEDY,
            ) from error


async def _prove(connection: AsyncConnection[Any]) -> None:
    collection = f"self-test {uuid.uuid4()}"
    passages = await _stored(connection, collection)
    await index_passages(connection, collection, passages)
    scope = SearchScope(frozenset({collection}))
    for language, question, answer in _PROOFS:
        query = LexicalQuery(query_terms(question), content_terms(question), scope, limit=1)
        found = await search_lexical(connection, query)
        expected = [passage.id for passage in passages if passage.text == answer]
        if list(found.scores) != expected:
            raise StartFailed(
                f"Search does not find {language} text: asked {question!r}, "
                f"it should have found {answer!r}.",
                remedy=_REMEDY,
            )


async def _stored(connection: AsyncConnection[Any], collection: str) -> list[IndexedPassage]:
    sql = statements("self_test")
    document = {"id": uuid.uuid4(), "collection": collection}
    await connection.execute(sql["insert_collection"], document)
    await connection.execute(sql["insert_document"], document)
    passages = []
    for ordinal, text in enumerate([*_OTHERS, *(answer for _, _, answer in _PROOFS)]):
        stored = await connection.execute(
            sql["insert_passage"], {**document, "ordinal": ordinal, "text": text}
        )
        row = await stored.fetchone() or {}
        passages.append(IndexedPassage(row["id"], "", "", text))
    return passages
