"""One search from words to passages: what is refused, what is asked of the legs, how long it took.

There is one leg, the lexical one; its scores are the scores.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.search import QueryForm, ReadAs, SearchHit, SearchRequest, SearchResult
from byline.errors import BadRequest
from byline.search.analyse import query_terms, telling_terms
from byline.search.duplicates import collapse
from byline.search.filters import checked, notes_on, scope_of
from byline.search.lexical import LexicalQuery, search_lexical
from byline.search.syntax import Reading, as_words, read_query
from byline.store.database import Database
from byline.store.statements import statements

LIMIT_MAX: Final = 100
QUERY_CHARS_READ_MAX: Final = 20_000
"""What stands further on in a query is not looked at: its first words say what it is about."""

_COLLECTIONS_NAMED_MAX: Final = 20

_READERS: Final = {QueryForm.SEARCH: read_query, QueryForm.QUESTION: as_words}


class Searcher:
    """Searches the passages of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, request: SearchRequest) -> SearchResult:
        """The best passages, best first; none where no passage has a word of the query.

        Passages that say the same are one hit (`also_in`), so there may be fewer than `limit`.

        `timings_ms`: `analyse`, `lexical`, `total`. Raises `BadRequest` (a blank query, a limit
        outside 1 to 100, a collection that is not there, a filter nobody could have meant) and
        `DatabaseUnavailable`.
        """
        began = time.perf_counter()
        _check(request)
        filters = checked(request.where)
        reading = _READERS[request.form](request.query[:QUERY_CHARS_READ_MAX])
        asked, telling = query_terms(reading.words), telling_terms(reading.words)
        analysed = time.perf_counter()
        async with self._database.connection() as connection:
            if filters.collection is not None and not filters.collection.isprintable():
                await _check_collection(connection, filters.collection)  # may not even be sendable
            scope = await scope_of(connection, filters)
            query = LexicalQuery(asked, telling, scope, request.limit, reading)
            found = await search_lexical(connection, query)
            if filters.collection is not None and not found.passages:
                await _check_collection(connection, filters.collection)
            notes = await notes_on(connection, filters, scope)
        ended = time.perf_counter()
        return SearchResult(
            query=request.query,
            hits=collapse(found.hits),
            coverage=found.coverage,
            timings_ms={
                "analyse": (analysed - began) * 1000,
                "lexical": (ended - analysed) * 1000,
                "total": (ended - began) * 1000,
            },
            notes=notes or _notes(reading, found.hits),
            read_as=ReadAs(reading.phrases, (*reading.excluded, *reading.excluded_phrases)),
        )


def _notes(reading: Reading, hits: Sequence[SearchHit]) -> tuple[str, ...]:
    if hits or not reading.phrases:
        return ()
    phrases = " and ".join(f"“{phrase}”" for phrase in reading.phrases)
    return (f"No passage holds {phrases} as written; without the quotes, single words count.",)


def _check(request: SearchRequest) -> None:
    if not request.query.strip():
        raise BadRequest("The query is empty.", remedy="Say what to look for.")
    if not 1 <= request.limit <= LIMIT_MAX:
        raise BadRequest(
            f"A search gives 1 to {LIMIT_MAX} passages, not {request.limit}.",
            remedy=f"Send a limit from 1 to {LIMIT_MAX}.",
        )


async def _check_collection(connection: AsyncConnection[DictRow], collection: str) -> None:
    rows = await (await connection.execute(statements("lexical")["known_collections"])).fetchall()
    known = [row["name"] for row in rows]
    if collection in known:
        return
    named = ", ".join(known[:_COLLECTIONS_NAMED_MAX])
    more = len(known) - _COLLECTIONS_NAMED_MAX
    raise BadRequest(
        f"There is no collection named {collection!r}.",
        remedy=f"Name one of: {named}{f' and {more} more' if more > 0 else ''}; "
        "or leave `collection` out to search all of them.",
    )
