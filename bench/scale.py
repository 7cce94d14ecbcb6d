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
from byline.domain.search import Filters, SearchRequest
from byline.search.dense import DenseQuery, search_dense
from byline.search.fuse import CANDIDATES
from byline.search.search import Searcher

NAME = "search by words and meaning as the library grows"

QUESTIONS = 200
WARM_UP = 2
COMPARED = 25
FILTERED = 100
LIVE_S = 15.0
LIVE_DOCUMENTS = 10
"""Documents (of 20 passages) a transaction brings while the library is searched."""

TOP = 10
_LEXICAL_MS = {100_000: 15.0, 1_000_000: 60.0}
_HYBRID_MS = {100_000: 25.0, 1_000_000: 60.0}


@dataclass(frozen=True)
class PreparedVectors:
    """The embedder of questions whose vectors are known; and, being the only one, all embedders."""

    vectors: dict[str, Sequence[float]]
    fingerprints: frozenset[str] = frozenset({FINGERPRINT})

    def of(self, fingerprint: str) -> PreparedVectors:
        return self

    async def embed_query(self, text: str) -> Sequence[float]:
        return self.vectors[text]

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


async def _filtered(library: LargeLibrary, asked: Asked) -> list[Row]:
    rows = []
    for tag, every in TAGS.items():
        where = Filters(tags=(tag,))
        requests = [SearchRequest(text, filters=where) for text in asked.texts[:FILTERED]]
        await _timed(asked.hybrid, requests)
        times, parts = await _timed(asked.hybrid, requests)
        name = f"hybrid search, {library.size:,} passages, a filter that lets through 1 in {every}"
        note = f"p95 {quantiles(times, n=20)[-1]:.0f} ms; {parts}"
        rows.append(Row(f"{name}, median", median(times), "ms", None, "lower", note))
    return rows


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
        async with library.database.connection() as connection:
            query = DenseQuery(library.space, vector.tolist(), CANDIDATES)
            found = [id_ - 1 for id_, _ in (await search_dense(connection, query)).hits]
        for count, some in shares.items():
            some.append(len(set(found[:count]) & set(places[:count])) / count)
    lexical = [await overlap_at_10(asked.lexical, text) for text in asked.texts[:COMPARED]]
    size = f"{library.size:,} passages"
    return [
        Row(f"dense leg, {size}, overlap@10 with exact", mean(shares[TOP]), "", None, "higher",
            f"{len(exact)} questions; of its {CANDIDATES} {mean(shares[CANDIDATES]):.3f}"),
        Row(f"lexical leg, {size}, overlap@10 with exact", mean(lexical), "", None, "higher",
            f"{len(lexical)} questions"),
    ]  # fmt: skip


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
