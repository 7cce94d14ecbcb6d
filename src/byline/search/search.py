"""A search, from the query to the hits: checks the request, runs both legs, fuses, times each part.

    check → measure the filter → expand prefixes ─┬─ lexical leg ──────────────────┬─►
                                                  └─ embed the query → dense leg ──┘
          → score each candidate by both → fuse → read → other languages (`across_languages.py`)
          → exact words (`exact_word_places.py`) → collapse near duplicates

The two legs run concurrently, each on a connection of its own. Neither keeps a connection while it
waits for the other, so searches that are short of connections queue and cannot deadlock.

Without vectors (no embedder, none made yet, an embedder that is down) only the lexical leg runs,
and `legs` says why. Nothing is left out in silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence, Set
from contextlib import suppress
from copy import copy
from itertools import islice
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.callers import OWNER, Caller
from byline.domain.echo import quoted
from byline.domain.reasons import Arguments, SearchNote, SearchNoteCode
from byline.domain.searches import (
    EVERYTHING,
    QueryForm,
    QueryInterpretation,
    SearchHit,
    SearchRequest,
    SearchResult,
)
from byline.errors import BadRequest, DatabaseUnavailable
from byline.search.across_languages import search_other_languages
from byline.search.dense import DenseQuery, search_dense
from byline.search.exact_word_places import RankedSearch, promote_exact_words
from byline.search.exact_words import ExactWord, exact_words
from byline.search.filters import SearchScope, checked_filters, measure_scope, scope_notes
from byline.search.fusion import CANDIDATES
from byline.search.index.vocabulary import PrefixExpansion, expand_prefixes
from byline.search.lexical import (
    LexicalQuery,
    LexicalResult,
    search_lexical,
)
from byline.search.near_duplicates import collapse
from byline.search.passage_reader import FoundPassage, read_passages
from byline.search.query_syntax import ParsedQuery, as_words, parse_query
from byline.search.ranking import DenseLeg, rank
from byline.search.spelling import correctable_words
from byline.store.database import Database
from byline.store.statements import statements
from byline.text.terms import content_terms, ending_terms, query_terms
from byline.vectors.query_vector import (
    NoQueryVector,
    QueryEmbedders,
    QueryVector,
    SearchableSpace,
    embed,
    find_space,
    similarities,
)

LIMIT_MAX: Final = 100
QUERY_CHARS_READ_MAX: Final = 20_000
"""The rest of a longer query is ignored: its first words say what it is about."""

READ_FOR_EACH: Final = 2
"""Passages read for each hit wanted: some are near duplicates of others."""

_COLLECTIONS_NAMED_MAX: Final = 20
_MEANT_BY_PREFIX: Final = 3

_READERS: Final = {QueryForm.SEARCH: parse_query, QueryForm.QUESTION: as_words}


class Searcher:
    """Searches the passages of one database by words and, if it has `embedders`, by vectors: all of
    them, or what the caller of `for_caller` may see."""

    def __init__(self, database: Database, embedders: QueryEmbedders | None = None) -> None:
        self._database = database
        self._embedders = embedders
        self._caller = OWNER

    def for_caller(self, caller: Caller) -> Self:
        """The same search, confined to the collections that `caller` may see."""
        seen = copy(self)
        seen._caller = caller
        return seen

    async def prepare(self) -> None:
        """Start the embedder of the vectors to search, if there are any: the first search is then
        as quick as the next. An unavailable database is left for the search to report."""
        with suppress(DatabaseUnavailable):
            async with self._database.autocommit() as connection:
                space = await find_space(connection, self._embedders, EVERYTHING.collections)
            if isinstance(space, SearchableSpace):
                await space.embedder.prepare()

    async def similarities(self, found: SearchResult, texts: Sequence[str]) -> dict[str, float]:
        """The cosine of each of a few short texts to the query of a search, by the embedder it was
        searched with; empty if that is not at hand or fails, for the words still tell."""
        if self._embedders is None or found.query_vector is None or not texts:
            return {}
        if found.embedder not in self._embedders.fingerprints:
            return {}
        return await similarities(self._embedders.of(found.embedder), found.query_vector, texts)

    async def search(self, request: SearchRequest) -> SearchResult:
        """The best passages, best first.

        Without vectors, only passages that have a word of the query are found. Near duplicates are
        one hit (`also_in`), so there may be fewer than `limit`.

        `timings_ms` has `analyse`, `lexical`, then `embed` and `dense`: the further time until the
        query's vector was there, and until the nearest passages were found, fused and read; and
        `total`. Raises `BadRequest` (a blank query, a limit outside 1 to 100, an unknown
        collection, an impossible filter) and `DatabaseUnavailable`.
        """
        stopwatch = _Stopwatch()
        _check(request)
        wanted, caller = checked_filters(request.filters), self._caller
        parsed = _READERS[request.form](request.query[:QUERY_CHARS_READ_MAX])
        stopwatch.end("analyse")
        async with _DenseTask() as dense_task:
            async with self._database.autocommit() as connection:
                await _check_sendable(connection, wanted.collections, caller)
                filters = caller.confined(wanted)
                scope = await measure_scope(connection, filters)
                space = await find_space(connection, self._embedders, filters.collections)
                prefixes = await expand_prefixes(connection, filters.collections, parsed.prefixes)
                texts = _leg_texts(parsed, prefixes)
                dense_task.begin(self._nearest(space, texts.meant, scope))
                query = _lexical_query(texts.words, parsed, prefixes, scope)
                words = await search_lexical(connection, query)
                exact = exact_words(texts.words)
                if wanted.collections and not words.query.passages:
                    await _check_collections(connection, wanted.collections, caller)
                notes = await scope_notes(connection, filters, scope, caller)
            stopwatch.end("lexical")
            nearest = await dense_task.result()
        query_vector = nearest.query_vector
        stopwatch.end("embed", nearest.embedded_at)
        async with self._database.autocommit() as connection:
            found = await _ranked(connection, query, words, nearest, request.limit)
            merged = await search_other_languages(
                connection, texts.words, filters, found, request.limit
            )
            found = merged.search if merged else found
            passages = await promote_exact_words(connection, found, exact, request.limit)
        stopwatch.end("dense")
        shown = _shown(passages, request.limit)
        return SearchResult(
            query=request.query,
            hits=shown,
            coverage=_coverage(passages, shown),
            nearest=max((hit.legs["dense"] for hit in shown if "dense" in hit.legs), default=None),
            embedder=_fingerprint(query_vector),
            query_vector=_vector(query_vector),
            others=merged.others if merged else None,
            has_code=_has_code(passages, shown, exact),
            legs={"lexical": "ok", "dense": query_vector.status},
            timings_ms=stopwatch.total(),
            notes=notes or _notes(parsed, prefixes, shown),
            read_as=_interpretation(parsed, prefixes, words),
        )

    async def _nearest(
        self, space: SearchableSpace | NoQueryVector, text: str, scope: SearchScope
    ) -> DenseLeg:
        query_vector = await embed(space, text)
        embedded_at = time.perf_counter()
        if isinstance(query_vector, NoQueryVector):
            return DenseLeg(query_vector, {}, embedded_at)
        query = DenseQuery(
            query_vector.space, query_vector.vector, CANDIDATES, scope, query_vector.vectors
        )
        async with self._database.autocommit() as connection:
            found = await search_dense(connection, query)
        return DenseLeg(query_vector, dict(found.hits), embedded_at)


class _LegTexts(NamedTuple):
    """The text each leg searches for: `words` the lexical leg, which has the words of prefixes
    apart, `meant` the dense leg."""

    words: str
    meant: str


def _leg_texts(parsed: ParsedQuery, prefixes: Sequence[PrefixExpansion]) -> _LegTexts:
    """The text for each leg. A prefix that no word begins with is searched as a word. Part of a
    word means nothing to an embedder, so it gets the commonest words with that prefix."""
    unknown = [expansion.prefix for expansion in prefixes if not expansion.words]
    words = " ".join([parsed.words, *unknown]) if unknown else parsed.words
    known = [word for expansion in prefixes for word in expansion.words[:_MEANT_BY_PREFIX]]
    return _LegTexts(words, " ".join([words, *known]).strip() if known else words)


def _lexical_query(
    words: str, parsed: ParsedQuery, prefixes: Sequence[PrefixExpansion], scope: SearchScope
) -> LexicalQuery:
    as_written = correctable_words(" ".join(parsed.phrases))
    return LexicalQuery(
        query_terms(words),
        content_terms(words),
        scope,
        CANDIDATES,
        parsed,
        groups=tuple(expansion.terms for expansion in prefixes if expansion.words),
        correctable=tuple(word for word in correctable_words(words) if word not in as_written),
        endings=ending_terms(words),
    )


async def _ranked(
    connection: AsyncConnection[DictRow],
    query: LexicalQuery,
    words: LexicalResult,
    nearest: DenseLeg,
    limit: int,
) -> RankedSearch:
    """The candidates of both legs, ranked, and the first of them read."""
    ranked = await rank(connection, query.parsed, words, nearest)
    best = dict(islice(ranked.items(), limit * READ_FOR_EACH))
    passages = await read_passages(connection, words.query, best)
    return RankedSearch(query, words, nearest, ranked, passages)


def _interpretation(
    parsed: ParsedQuery, prefixes: Sequence[PrefixExpansion], words: LexicalResult
) -> QueryInterpretation:
    return QueryInterpretation(
        parsed.phrases,
        (*parsed.excluded, *parsed.excluded_phrases),
        {expansion.prefix: expansion.words for expansion in prefixes},
        {each.word: each.replacements for each in words.corrections},
    )


def _notes(
    parsed: ParsedQuery, prefixes: Sequence[PrefixExpansion], hits: tuple[SearchHit, ...]
) -> tuple[SearchNote, ...]:
    notes = []
    for expansion in prefixes:
        prefix, counted = expansion.prefix, len(expansion.words)
        if not counted:
            notes.append(SearchNote(SearchNoteCode.UNUSED_PREFIX, {"prefix": prefix}))
        elif expansion.is_cut:
            taken: Arguments = {"prefix": prefix, "words": counted}
            notes.append(SearchNote(SearchNoteCode.PREFIX_IS_CUT, taken))
    if not hits and parsed.phrases:
        phrases = " and ".join(f"“{phrase}”" for phrase in parsed.phrases)
        notes.append(SearchNote(SearchNoteCode.NO_PHRASE, {"phrases": phrases}))
    return tuple(notes)


def _fingerprint(query_vector: QueryVector | NoQueryVector) -> str | None:
    return query_vector.space.fingerprint if isinstance(query_vector, QueryVector) else None


def _vector(query_vector: QueryVector | NoQueryVector) -> Sequence[float] | None:
    return query_vector.vector if isinstance(query_vector, QueryVector) else None


def _shown(passages: list[FoundPassage], limit: int) -> tuple[SearchHit, ...]:
    return collapse([passage.hit for passage in passages])[:limit]


def _coverage(passages: list[FoundPassage], shown: tuple[SearchHit, ...]) -> float:
    ids = {hit.passage_id for hit in shown}
    return max((p.coverage for p in passages if p.hit.passage_id in ids), default=0.0)


def _has_code(
    passages: list[FoundPassage], shown: tuple[SearchHit, ...], exact: Sequence[ExactWord]
) -> bool:
    codes = [word for word in exact if word.is_code]
    ids = {hit.passage_id for hit in shown} if codes else set()
    return any(
        passage.held.issuperset(word.terms)
        and word.stands_in(passage.hit.text, passage.hit.heading, passage.hit.title)
        for passage in passages
        if passage.hit.passage_id in ids
        for word in codes
    )


class _DenseTask:
    """Runs the dense leg as a task beside the lexical leg, and cancels it if the search fails."""

    def __init__(self) -> None:
        self._task: asyncio.Task[DenseLeg] | None = None

    def begin(self, work: Coroutine[Any, Any, DenseLeg]) -> None:
        self._task = asyncio.create_task(work, name="search by meaning")

    async def result(self) -> DenseLeg:
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


class _Stopwatch:
    """Measures how long each part of a search takes, in milliseconds."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def end(self, part: str, at: float | None = None) -> None:
        """Note that `part` ended now, or at the time `at`, which may be before the previous part's
        end: then it took no time."""
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


async def _check_sendable(
    connection: AsyncConnection[DictRow], collections: Set[str], caller: Caller
) -> None:
    """Refuse collections before they are queried for: those with an unprintable name, since
    PostgreSQL takes no NUL in a text, and those that `caller` may not see."""
    if not all(name.isprintable() and caller.may_see(name) for name in collections):
        await _check_collections(connection, collections, caller)


async def _check_collections(
    connection: AsyncConnection[DictRow], collections: Set[str], caller: Caller
) -> None:
    found = await connection.execute(
        statements("lexical")["known_collections"], {"visible": caller.visible}
    )
    known = [row["name"] for row in await found.fetchall()]
    unknown = sorted(collections - set(known))
    if not unknown:
        return
    named = ", ".join(known[:_COLLECTIONS_NAMED_MAX])
    more = len(known) - _COLLECTIONS_NAMED_MAX
    raise BadRequest(
        f"There is no collection named {quoted(unknown[0])}.",
        remedy=f"Name one of: {named}{f' and {more} more' if more > 0 else ''}; "
        "or leave `collection` out to search all of them.",
    )
