"""How search by words and meaning grows with the library: 10k, 100k and (on demand) 1M passages.

    BYLINE_BENCH_PASSAGES=10000,100000,1000000 make bench ARGS=scale

Generated text (`bench/generated.py`) with prepared vectors in clusters (`bench/clusters.py`), put
in by COPY (`bench/large.py`) and searched through `Searcher` as the API does, one question after
the other; a question's vector is at hand, so that embedding costs nothing. Two passes warm the
caches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean, median, quantiles

import numpy as np
import psutil

from bench.clusters import PASSAGES_A_DOCUMENT, Floats, nearest
from bench.footprint import disk_bytes, server_memory_bytes
from bench.footprint import settings as server_settings
from bench.generated import questions
from bench.large import FINGERPRINT, TAGS, LargeLibrary, Took, empty_large_library
from bench.library import empty_library
from bench.report import Row
from bench.search import overlap_at_10
from bench.settings import Settings
from byline.domain.searches import Filters, SearchRequest
from byline.search.dense import DenseQuery, search_dense
from byline.search.filters import SearchScope, measure_scope
from byline.search.fusion import CANDIDATES
from byline.search.search import Searcher
from byline.text.terms import query_terms

NAME = "search by words and meaning as the library grows"

QUESTIONS = 200
WARM_UP = 2
COMPARED = 25
FILTERED = 100
LIVE_S = 15.0
LIVE_DOCUMENTS = 10
"""Documents (of 20 passages) a transaction brings while the library is searched."""

TOP = 10
COMMON_WORDS = (1, 2, 4)
OVERLAP_MIN = 0.95
_LEXICAL_MS = {100_000: 15.0, 1_000_000: 60.0}
_HYBRID_MS = {100_000: 25.0, 1_000_000: 60.0}
_SLOW_MS = {1_000_000: 150.0}
"""What the slow questions may take: p95 under a filter, or of common words."""


@dataclass(frozen=True)
class PreparedVectors:
    """The embedder of questions whose vectors are known; and, being the only one, all embedders."""

    vectors: dict[str, Sequence[float]]
    fingerprints: frozenset[str] = frozenset({FINGERPRINT})

    def of(self, fingerprint: str) -> PreparedVectors:
        return self

    async def embed_query(self, text: str) -> Sequence[float]:
        return self.vectors[text]

    async def embed_sentences(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [self.vectors[text] for text in texts]

    async def prepare(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class Asked:
    """Questions and their vectors, and the searches to put them to."""

    texts: list[str]
    vectors: Floats
    lexical: Searcher
    hybrid: Searcher


async def run(settings: Settings) -> list[Row]:
    sizes = sorted(settings.passages)
    places = {size: Random(size).sample(range(size), QUESTIONS) for size in sizes}
    keep = frozenset(place for some in places.values() for place in some)
    rows: list[Row] = []
    home = settings.scratch / "home"
    async with empty_library(home) as database:
        library = await empty_large_library(database, sizes[-1])
        rows += await _settings(library)
        for size in sizes:
            before = library.size
            rows += _loading(library, before, await library.grow(size, keep))
            asked = _asked(library, places[size])
            rows += await measured(library, asked)
            rows += await _footprint(library, home)
    return rows


async def measured(library: LargeLibrary, asked: Asked) -> list[Row]:
    """All that is asked of a library of one size."""
    return [
        *await _latency(library, "lexical", asked.lexical, asked.texts, _LEXICAL_MS),
        *await _latency(library, "hybrid", asked.hybrid, asked.texts, _HYBRID_MS),
        *await _common(library, asked),
        *await _filtered(library, asked),
        *await _overlap(library, asked),
        *await _live(library, asked),
    ]


def _asked(library: LargeLibrary, places: list[int]) -> Asked:
    texts = [questions([library.texts[place]], 1, seed=place)[0] for place in places]
    vectors = library.clusters.questions(library.vectors[places].astype(np.float32))
    prepared = PreparedVectors({t: v.tolist() for t, v in zip(texts, vectors, strict=True)})
    lexical, hybrid = Searcher(library.database), Searcher(library.database, prepared)
    return Asked(texts, vectors, lexical, hybrid)


async def _latency(
    library: LargeLibrary,
    leg: str,
    searcher: Searcher,
    asked: list[str],
    budgets: dict[int, float],
) -> list[Row]:
    for _ in range(WARM_UP):
        await _timed(searcher, [SearchRequest(text) for text in asked])
    times, parts = await _timed(searcher, [SearchRequest(text) for text in asked])
    name, note = f"{leg} search, {library.size:,} passages", f"{len(asked)} questions; {parts}"
    return [
        Row(f"{name}, median", median(times), "ms", budgets.get(library.size), "lower", note),
        Row(f"{name}, p95", quantiles(times, n=20)[-1], "ms", None, "lower", ""),
    ]


async def _common(library: LargeLibrary, asked: Asked) -> list[Row]:
    """Questions of common words alone: nothing rare in them says where to look."""
    rows = []
    for count, texts in (await common_words(library)).items():
        name = f"lexical search, {library.size:,} passages, {count} common words"
        rows += await _searched(name, library, asked.lexical, texts, Filters())
    return rows


async def _filtered(library: LargeLibrary, asked: Asked) -> list[Row]:
    rows = []
    texts = asked.texts[:FILTERED]
    for tag, every in TAGS.items():
        where = Filters(tags=(tag,))
        for leg, searcher in (("lexical", asked.lexical), ("hybrid", asked.hybrid)):
            name = f"{leg} search, {library.size:,} passages, a filter that keeps 1 in {every}"
            rows += await _searched(name, library, searcher, texts, where)
        rows.append(await _dense_overlap(library, asked, where, every))
    return rows


async def _searched(
    name: str, library: LargeLibrary, searcher: Searcher, texts: list[str], where: Filters
) -> list[Row]:
    """Times, and for the lexical leg what scoring all would have found."""
    requests = [SearchRequest(text, filters=where) for text in texts]
    await _timed(searcher, requests)
    times, parts = await _timed(searcher, requests)
    note = f"{len(texts)} questions; {parts}"
    rows = [
        Row(f"{name}, median", median(times), "ms", None, "lower", note),
        Row(f"{name}, p95", quantiles(times, n=20)[-1], "ms", _SLOW_MS.get(library.size), "lower"),
    ]
    if name.startswith("lexical"):
        overlap = [await overlap_at_10(searcher, text, where) for text in texts[:COMPARED]]
        rows.append(Row(f"{name}, overlap@10 with exact", mean(overlap), "", OVERLAP_MIN, "higher"))
    return rows


async def common_words(library: LargeLibrary) -> dict[int, list[str]]:
    """By their number of words: questions whose every word stands in 1.5 to 45 % of the passages,
    each of words of one passage."""
    async with library.database.connection() as connection:
        found = await connection.execute(
            "SELECT term, sum(df)::bigint AS df FROM ("
            " SELECT term, df FROM lexical_terms"
            " UNION ALL SELECT unnest(terms), unnest(counts) FROM lexical_changes"
            ") AS held GROUP BY term"
        )
        df = {row["term"]: row["df"] for row in await found.fetchall()}
    bounds = (0.015 * library.size, 0.45 * library.size)

    def is_common(word: str) -> bool:
        terms = query_terms(word)
        return bool(terms) and all(bounds[0] <= df.get(term, 0) <= bounds[1] for term in terms)

    random, made = Random(7), {}
    texts = [library.texts[place] for place in sorted(library.texts)]
    for count in COMMON_WORDS:
        common = [list(filter(is_common, dict.fromkeys(text.split()))) for text in texts]
        enough = [words for words in common if len(words) >= count][:COMPARED]
        if len(enough) > 1:
            made[count] = [" ".join(random.sample(words, count)) for words in enough]
    return made


async def _timed(searcher: Searcher, requests: list[SearchRequest]) -> tuple[list[float], str]:
    """Milliseconds of each search, and the medians of its parts."""
    times, laps = [], []
    for request in requests:
        began = time.perf_counter()
        result = await searcher.search(request)
        times.append((time.perf_counter() - began) * 1000)
        laps.append(result.timings_ms)
    parts = ("lexical", "dense")
    return times, ", ".join(f"{p} {median(lap[p] for lap in laps):.1f} ms" for p in parts)


async def _overlap(library: LargeLibrary, asked: Asked) -> list[Row]:
    exact = nearest(library.vectors[: library.size], asked.vectors, CANDIDATES)
    shares: dict[int, list[float]] = {TOP: [], CANDIDATES: []}
    for vector, places in zip(asked.vectors, exact, strict=True):
        found = [id_ - 1 for id_ in await _near(library, vector, SearchScope())]
        for count, some in shares.items():
            some.append(len(set(found[:count]) & set(places[:count])) / count)
    lexical = [await overlap_at_10(asked.lexical, text) for text in asked.texts[:COMPARED]]
    size = f"{library.size:,} passages"
    return [
        Row(f"dense leg, {size}, overlap@10 with exact", mean(shares[TOP]), "", None, "higher",
            f"{len(exact)} questions; of its {CANDIDATES} {mean(shares[CANDIDATES]):.3f}"),
        Row(f"lexical leg, {size}, overlap@10 with exact", mean(lexical), "", OVERLAP_MIN, "higher",
            f"{len(lexical)} questions"),
    ]  # fmt: skip


async def _near(library: LargeLibrary, vector: Floats, scope: SearchScope) -> list[int]:
    async with library.database.connection() as connection:
        query = DenseQuery(library.space, vector.tolist(), CANDIDATES, scope, library.size)
        return [id_ for id_, _ in (await search_dense(connection, query)).hits]


async def _dense_overlap(library: LargeLibrary, asked: Asked, where: Filters, every: int) -> Row:
    """What the graph finds of the nearest ten that pass a filter."""
    async with library.database.connection() as connection:
        scope = await measure_scope(connection, where)
        found = await connection.execute(
            "SELECT passages.id FROM passages JOIN documents ON documents.id = document_id"
            " WHERE tags && %s AND passages.id <= %s ORDER BY 1",
            [list(where.tags), library.size],
        )
        inside = np.array([row["id"] for row in await found.fetchall()])
    vectors = asked.vectors[:COMPARED]
    exact = nearest(library.vectors[inside - 1], vectors, TOP)
    shares = []
    for vector, places in zip(vectors, exact, strict=True):
        near = set((await _near(library, vector, scope))[:TOP])
        shares.append(len(near & set(inside[places].tolist())) / TOP)
    name = f"dense leg, {library.size:,} passages, a filter that keeps 1 in {every}"
    note = f"{len(vectors)} questions"
    return Row(f"{name}, overlap@10 with exact", mean(shares), "", None, "higher", note)


async def _live(library: LargeLibrary, asked: Asked) -> list[Row]:
    """What comes and goes while people search: how fast, and what the searches notice."""
    texts = [library.texts[place] for place in sorted(library.texts)]
    added: list[str] = []
    async with _searching(asked) as while_adding:
        began = time.perf_counter()
        while time.perf_counter() - began < LIVE_S:
            count = LIVE_DOCUMENTS * PASSAGES_A_DOCUMENT
            some = [texts[(len(added) * 7 + n) % len(texts)] for n in range(count)]
            vectors = library.clusters.documents(LIVE_DOCUMENTS)
            added += await library.add_documents(some, vectors)
        adding_s = time.perf_counter() - began
    async with _searching(asked) as while_removing:
        began = time.perf_counter()
        for document in added:
            await library.remove_document(document)
        removing_s = time.perf_counter() - began
    size, count = f"{library.size:,} passages", len(added) * PASSAGES_A_DOCUMENT
    note = f"{count:,} passages; searches took {{:.1f}} ms, p95 {{:.1f}} ms"
    return [
        Row(f"added to {size} while searching", count / adding_s, "/s", None, "higher",
            note.format(*_spread(while_adding))),
        Row(f"removed from {size} while searching", count / removing_s, "/s", None, "higher",
            note.format(*_spread(while_removing))),
    ]  # fmt: skip


def _spread(times: list[float]) -> tuple[float, float]:
    return (median(times), quantiles(times, n=20)[-1]) if len(times) > 1 else (0.0, 0.0)


@asynccontextmanager
async def _searching(asked: Asked) -> AsyncIterator[list[float]]:
    """One search after the other for as long as the block takes: how long each took, in ms."""
    times: list[float] = []

    async def search() -> None:
        while True:
            for text in asked.texts:
                times.extend((await _timed(asked.hybrid, [SearchRequest(text)]))[0])

    task = asyncio.create_task(search())
    try:
        yield times
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _settings(library: LargeLibrary) -> list[Row]:
    found = await server_settings(library.database)
    said = ", ".join(f"{name} {value}" for name, value in found.items())
    bytes_ = psutil.virtual_memory().total
    return [Row("memory of the machine", bytes_ / 1e9, "GB", None, "higher", said)]


def _loading(library: LargeLibrary, before: int, took: Took) -> list[Row]:
    added, upto = library.size - before, f"up to {library.size:,}"
    text_s = took.passages + took.lexical
    return [
        Row(f"passages and their terms, loaded {upto}", added / text_s, "/s", None, "higher",
            f"{added:,} in {text_s:.0f} s; making them took {took.make:.0f} s more"),
        Row(f"vectors copied {upto}", added / took.vectors, "/s", None, "higher",
            "without an index"),
        Row(f"index of vectors built, {library.size:,}", took.build, "s", None, "lower",
            f"{library.size / took.build:,.0f} vectors/s"),
    ]  # fmt: skip


async def _footprint(library: LargeLibrary, home: Path) -> list[Row]:
    sizes = await disk_bytes(library.database)
    size = library.size
    largest = [f"{name} {bytes_ / size:,.0f}" for name, bytes_ in list(sizes.items())[1:9]]
    return [
        Row(f"disk, {size:,} passages", sizes["database"] / size, "bytes each", None, "lower",
            f"{sizes['database'] / 1e9:.2f} GB; {', '.join(largest)}"),
        Row(f"memory of the server, {size:,} passages", server_memory_bytes(home) / 1e6, "MB", None,
            "lower", "PSS, the page cache of the system apart"),
    ]  # fmt: skip
