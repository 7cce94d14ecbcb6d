"""One search from words to passages: what is refused, what is asked of the legs, how long it took.

    check → measure the filter → look prefixes up ─┬─ by words ─────────────────────┬─►
                                                   └─ embed the query → by meaning ─┘
          → score each candidate by both → fuse → read → collapse what says the same

The two legs go beside each other, each on a connection of its own; neither keeps one while it waits
for the other, so searches that find few connections free wait in turn and never for each other.

Without vectors (no embedder, none made yet, an embedder that is down) a search goes by words alone,
and `legs` says why. Nothing is left out in silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.echo import quoted
from byline.domain.searches import (
    QueryForm,
    QueryInterpretation,
    SearchHit,
    SearchRequest,
    SearchResult,
)
from byline.errors import BadRequest, DatabaseUnavailable
from byline.search.dense import DenseQuery, search_dense
from byline.search.exact_word_places import Ranked, lifted
from byline.search.exact_words import exact_words
from byline.search.filters import Scope, checked, notes_on, scope_of
from byline.search.fusion import CANDIDATES
from byline.search.index.vocabulary import Beginning, words_beginning
from byline.search.lexical import (
    LexicalQuery,
    search_lexical,
)
from byline.search.near_duplicates import collapse
from byline.search.passage_reader import FoundPassage, read_passages
from byline.search.query_syntax import Reading, as_words, read_query
from byline.search.ranking import Nearest, rank
from byline.search.spelling import spelt_words
from byline.store.database import Database
from byline.store.statements import statements
from byline.text.terms import ending_terms, query_terms, telling_terms
from byline.vectors.query_vector import (
    Filled,
    Meaning,
    NoMeaning,
    QueryEmbedders,
    embed,
    find_space,
)

LIMIT_MAX: Final = 100
QUERY_CHARS_READ_MAX: Final = 20_000
"""What stands further on in a query is not looked at: its first words say what it is about."""

READ_FOR_EACH: Final = 2
"""Passages read for each that is wanted: some say the same as others."""

_COLLECTIONS_NAMED_MAX: Final = 20
_MEANT_BY_PREFIX: Final = 3

_READERS: Final = {QueryForm.SEARCH: read_query, QueryForm.QUESTION: as_words}


class Searcher:
    """Searches the passages of one database, by words and, given `embedders`, by meaning."""

    def __init__(self, database: Database, embedders: QueryEmbedders | None = None) -> None:
        self._database = database
        self._embedders = embedders

    async def prepare(self) -> None:
        """Let the first search be as quick as the next, where there are vectors to search. Never
        raises what a search would not name."""
        with suppress(DatabaseUnavailable):
            async with self._database.autocommit() as connection:
                space = await find_space(connection, self._embedders, None)
            if isinstance(space, Filled):
                await space.embedder.prepare()

    async def search(self, request: SearchRequest) -> SearchResult:
        """The best passages, best first.

        Without vectors there are none where no passage has a word of the query. Passages that say
        the same are one hit (`also_in`), so there may be fewer than `limit`.

        `timings_ms`: `analyse`; `lexical`; `embed`, what was waited for the query's vector beyond
        that; `dense`, what was waited for the nearest passages beyond that, with fusing and
        reading; `total`. Raises `BadRequest` (a blank query, a limit
        outside 1 to 100, a collection that is not there, a filter nobody could have meant) and
        `DatabaseUnavailable`.
        """
        laps = _Laps()
        _check(request)
        filters = checked(request.where)
        reading = _READERS[request.form](request.query[:QUERY_CHARS_READ_MAX])
        laps.end("analyse")
        async with _Beside() as beside:
            async with self._database.autocommit() as connection:
                await _check_sendable(connection, filters.collection)
                scope = await scope_of(connection, filters)
                space = await find_space(connection, self._embedders, filters.collection)
                prefixes = await words_beginning(connection, filters.collection, reading.prefixes)
                sought = _sought(reading, prefixes)
                beside.begin(self._nearest(space, sought.meant, scope))
                query = _lexical_query(sought.words, reading, prefixes, scope)
                words = await search_lexical(connection, query)
                exact = exact_words(sought.words)
                if filters.collection is not None and not words.query.passages:
                    await _check_collection(connection, filters.collection)
                notes = await notes_on(connection, filters, scope)
            laps.end("lexical")
            nearest = await beside.result()
        meaning = nearest.meaning
        laps.end("embed", nearest.embedded_at)
        async with self._database.autocommit() as connection:
            ranked = await rank(connection, query.reading, words, nearest)
            best = dict(islice(ranked.items(), request.limit * READ_FOR_EACH))
            passages = await read_passages(connection, words.query, best)
            found = Ranked(query, words, nearest, ranked, passages)
            passages = await lifted(connection, found, exact, request.limit)
        laps.end("dense")
        shown = _shown(passages, request.limit)
        return SearchResult(
            query=request.query,
            hits=shown,
            coverage=_coverage(passages, shown),
            nearest=max((hit.legs["dense"] for hit in shown if "dense" in hit.legs), default=None),
            embedder=meaning.space.fingerprint if isinstance(meaning, Meaning) else None,
            legs={"lexical": "ok", "dense": meaning.status},
            timings_ms=laps.total(),
            notes=notes or _notes(reading, prefixes, shown),
            read_as=QueryInterpretation(
                reading.phrases,
                (*reading.excluded, *reading.excluded_phrases),
                {beginning.prefix: beginning.words for beginning in prefixes},
                {each.word: each.meant for each in words.respelt},
            ),
        )

    async def _nearest(self, space: Filled | NoMeaning, text: str, scope: Scope) -> Nearest:
        meaning = await embed(space, text)
        embedded_at = time.perf_counter()
        if isinstance(meaning, NoMeaning):
            return Nearest(meaning, {}, embedded_at)
        sought = DenseQuery(meaning.space, meaning.vector, CANDIDATES, scope, meaning.vectors)
        async with self._database.autocommit() as connection:
            found = await search_dense(connection, sought)
        return Nearest(meaning, dict(found.hits), embedded_at)


class _Sought(NamedTuple):
    """What the legs look for: by `words`, besides those of prefixes, and by what is `meant`."""

    words: str
    meant: str


def _sought(reading: Reading, prefixes: Sequence[Beginning]) -> _Sought:
    """A prefix that no word has is looked for as it is; half a word means nothing to an embedder,
    which gets the commonest of the whole ones."""
    unknown = [beginning.prefix for beginning in prefixes if not beginning.words]
    words = " ".join([reading.words, *unknown]) if unknown else reading.words
    known = [word for beginning in prefixes for word in beginning.words[:_MEANT_BY_PREFIX]]
    return _Sought(words, " ".join([words, *known]).strip() if known else words)


def _lexical_query(
    words: str, reading: Reading, prefixes: Sequence[Beginning], scope: Scope
) -> LexicalQuery:
    as_written = spelt_words(" ".join(reading.phrases))
    return LexicalQuery(
        query_terms(words),
        telling_terms(words),
        scope,
        CANDIDATES,
        reading,
        alike=tuple(beginning.terms for beginning in prefixes if beginning.words),
        spelt=tuple(word for word in spelt_words(words) if word not in as_written),
        endings=ending_terms(words),
    )


def _notes(
    reading: Reading, prefixes: Sequence[Beginning], hits: tuple[SearchHit, ...]
) -> tuple[str, ...]:
    notes = []
    for beginning in prefixes:
        if not beginning.words:
            notes.append(f"No word begins with “{beginning.prefix}”.")
        elif beginning.is_cut:
            counted = len(beginning.words)
            notes.append(f"More words begin with “{beginning.prefix}” than the {counted} taken.")
    if not hits and reading.phrases:
        phrases = " and ".join(f"“{phrase}”" for phrase in reading.phrases)
        notes.append(
            f"No passage holds {phrases} as written; without the quotes, single words count."
        )
    return tuple(notes)


def _shown(passages: list[FoundPassage], limit: int) -> tuple[SearchHit, ...]:
    return collapse([passage.hit for passage in passages])[:limit]


def _coverage(passages: list[FoundPassage], shown: tuple[SearchHit, ...]) -> float:
    ids = {hit.passage_id for hit in shown}
    return max((p.coverage for p in passages if p.hit.passage_id in ids), default=0.0)


class _Beside:
    """The search by meaning, beside that by words; a search that fails drops it."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Nearest] | None = None

    def begin(self, work: Coroutine[Any, Any, Nearest]) -> None:
        self._task = asyncio.create_task(work, name="search by meaning")

    async def result(self) -> Nearest:
        assert self._task is not None
        return await self._task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])


class _Laps:
    """How long each part took, in milliseconds."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def end(self, part: str, at: float | None = None) -> None:
        """The part ended now, or at a moment that may have been before the last part's end."""
        now = time.perf_counter() if at is None else max(at, self._last)
        self._laps[part] = (now - self._last) * 1000
        self._last = now

    def total(self) -> dict[str, float]:
        return {**self._laps, "total": (self._last - self._began) * 1000}


def _check(request: SearchRequest) -> None:
    if not request.query.strip():
        raise BadRequest("The query is empty.", remedy="Say what to look for.")
    if not 1 <= request.limit <= LIMIT_MAX:
        raise BadRequest(
            f"A search gives 1 to {LIMIT_MAX} passages, not {request.limit}.",
            remedy=f"Send a limit from 1 to {LIMIT_MAX}.",
        )


async def _check_sendable(connection: AsyncConnection[DictRow], collection: str | None) -> None:
    """PostgreSQL takes no NUL in a text: such a name cannot even be looked for."""
    if collection is not None and not collection.isprintable():
        await _check_collection(connection, collection)


async def _check_collection(connection: AsyncConnection[DictRow], collection: str) -> None:
    rows = await (await connection.execute(statements("lexical")["known_collections"])).fetchall()
    known = [row["name"] for row in rows]
    if collection in known:
        return
    named = ", ".join(known[:_COLLECTIONS_NAMED_MAX])
    more = len(known) - _COLLECTIONS_NAMED_MAX
    raise BadRequest(
        f"There is no collection named {quoted(collection)}.",
        remedy=f"Name one of: {named}{f' and {more} more' if more > 0 else ''}; "
        "or leave `collection` out to search all of them.",
    )
