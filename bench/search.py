"""How fast a lexical search is, at growing numbers of passages, and what its short cut leaves out.

Generated text (`bench/generated.py`), searched through `Searcher` as the API does, one question
after the other. `overlap@10` is the share of the ten best that scoring every passage with any word
of the question finds, and the search too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from statistics import mean, median, quantiles
from unittest.mock import patch

from bench.generated import passages, questions
from bench.library import BATCH, Text, at_rest, empty_library, fill
from bench.report import Row
from bench.settings import Settings
from byline.domain.searches import Filters, SearchRequest, SearchResult
from byline.search import filters
from byline.search.index import candidates
from byline.search.search import Searcher

NAME = "lexical search"

QUESTIONS = 200
WARM_UP = 20
COMPARED = 60
MEDIAN_MS_MAX = 15.0
OVERLAP_MIN = 0.97
EVERYWHERE = Filters()


async def run(settings: Settings) -> list[Row]:
    sizes = sorted(settings.passages)
    texts = list(islice(passages(sizes[-1]), sizes[-1]))
    rows: list[Row] = []
    async with empty_library(settings.scratch / "home") as database:
        searcher = Searcher(database)
        filled = 0
        for size in sizes:
            began = time.perf_counter()
            await fill(database, (Text(str(n), texts[n]) for n in range(filled, size)))
            took_s = time.perf_counter() - began
            added_mb = sum(len(text.encode()) for text in texts[filled:size]) / 1e6
            filled = size
            await at_rest(database)
            rows += await measured(searcher, texts[:size])
            rows.append(
                Row(f"analyse and index up to {size:,}", added_mb / took_s, "MB/s", None, "higher",
                    f"{added_mb:.0f} MB, one after the other, {BATCH:,} passages a transaction")
            )  # fmt: skip
    return rows


async def measured(searcher: Searcher, texts: list[str]) -> list[Row]:
    asked = questions(texts, QUESTIONS)
    for question in asked[:WARM_UP]:
        await searcher.search(SearchRequest(question))
    times_ms = []
    for question in asked:
        began = time.perf_counter()
        await searcher.search(SearchRequest(question))
        times_ms.append((time.perf_counter() - began) * 1000)
    overlap = [await overlap_at_10(searcher, question) for question in asked[:COMPARED]]
    size, note = f"{len(texts):,} passages", f"{QUESTIONS} questions of 4 to 9 words"
    budget = MEDIAN_MS_MAX if len(texts) <= 100_000 else None
    return [
        Row(f"search {size}, median", median(times_ms), "ms", budget, "lower", note),
        Row(f"search {size}, p95", quantiles(times_ms, n=20)[-1], "ms", None, "lower", note),
        Row(f"search {size}, overlap@10", mean(overlap), "", OVERLAP_MIN, "higher",
            f"with exact BM25, {COMPARED} questions"),
    ]  # fmt: skip


async def overlap_at_10(searcher: Searcher, question: str, where: Filters = EVERYWHERE) -> float:
    request = SearchRequest(question, filters=where)
    short = await searcher.search(request)
    with (
        patch.object(candidates, "MANY", 10**12),
        patch.object(filters, "NARROW_PASSAGES_MAX", 10**12),
    ):
        exact = await searcher.search(request)
    ids = set(hit_ids(exact))
    return len(ids & set(hit_ids(short))) / len(ids) if ids else 1.0


def hit_ids(result: SearchResult) -> Iterator[int]:
    return (hit.passage_id for hit in result.hits)
