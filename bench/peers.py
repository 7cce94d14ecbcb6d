"""Search beside its peers, in one run on one corpus: how good, and how quick.

Needs `BYLINE_BENCH_PEERS`, a virtual environment with `bm25s`, `txtai` and `haystack-ai`; without
it there are no rows. Byline's search goes through PostgreSQL as in use; the peers keep everything
in memory, in processes of their own. All have the same vectors, made beforehand, and nobody's time
holds the embedding of the question. Questions go round: each is put to every system in a shuffled
order, so that whatever else the computer does falls on all alike.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import numpy as np

from bench.library import empty_library
from bench.report import Row
from bench.retrieval import DEFAULT_DATA, FLOORS, QuestionSet, read_set
from bench.settings import Settings
from bench.vectors import KeptVectors, embedded_text, kept_vectors, searchable
from byline.domain.searches import SearchRequest
from byline.eval.retrieval_measures import mean_scores, score_rankings
from byline.vectors.embedders.embedder import Vector

NAME = "search beside its peers"

PEERS = ("bm25s", "txtai", "haystack")
HYBRIDS = ("txtai", "haystack")
WARM_UP = 20
READY_S_MAX = 300.0

Ask = Callable[[str, Vector], Awaitable[tuple[list[str], float]]]
"""A question and its vector → keys, best first, and the milliseconds it took."""


async def run(settings: Settings) -> list[Row]:
    if settings.peers is None:
        print("peers: BYLINE_BENCH_PEERS names no environment; skipped.", file=sys.stderr)
        return []
    data = settings.data or DEFAULT_DATA
    rows: list[Row] = []
    async with kept_vectors(settings) as embedder:
        for name in FLOORS:
            if (data / name / "corpus.jsonl").is_file():
                given = read_set(data / name)
                rows += await measured(given, embedder, settings, settings.peers)
            else:
                print(f"peers: no {name} in {data}; skipped.", file=sys.stderr)
    return rows


async def measured(
    given: QuestionSet, embedder: KeptVectors, settings: Settings, venv: Path
) -> list[Row]:
    """One set through all systems."""
    texts = [embedded_text(paragraph) for paragraph in given.paragraphs]
    vectors = await embedder.embed_passages(texts)
    queries = {it.id: await embedder.embed_query(it.text) for it in given.questions}
    folder = settings.scratch / f"{given.name}-peers"
    folder.mkdir()
    np.save(folder / "vectors.npy", np.array(vectors, dtype=np.float32))
    corpus = [
        {"key": paragraph.key, "text": text}
        for paragraph, text in zip(given.paragraphs, texts, strict=True)
    ]
    (folder / "corpus.json").write_text(json.dumps(corpus), encoding="utf-8")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(empty_library(settings.scratch / given.name))
        searcher, keys = await searchable(database, given.paragraphs, embedder)

        async def byline(text: str, vector: Vector) -> tuple[list[str], float]:
            began = time.perf_counter()
            result = await searcher.search(SearchRequest(text))
            ms = (time.perf_counter() - began) * 1000
            return [keys[hit.passage_id] for hit in result.hits], ms

        systems: dict[str, Ask] = {"byline": byline}
        for peer in PEERS:
            systems[peer] = await stack.enter_async_context(peer_process(peer, venv, folder))
        rankings, times = await ask_round(given, queries, systems)
    return rows_of(given, rankings, times)


async def ask_round(
    given: QuestionSet, queries: Mapping[str, Vector], systems: Mapping[str, Ask]
) -> tuple[dict[str, dict[str, list[str]]], dict[str, float]]:
    """Rankings by system and question, and each system's median time in ms."""
    rankings: dict[str, dict[str, list[str]]] = {name: {} for name in systems}
    times: dict[str, list[float]] = {name: [] for name in systems}
    order, shuffle = list(systems), random.Random(1).shuffle
    for question in given.questions[:WARM_UP]:
        for name in order:
            await systems[name](question.text, queries[question.id])
    for question in given.questions:
        shuffle(order)
        for name in order:
            found, ms = await systems[name](question.text, queries[question.id])
            rankings[name][question.id] = found
            times[name].append(ms)
    return rankings, {name: median(taken) for name, taken in times.items()}


def rows_of(
    given: QuestionSet, rankings: Mapping[str, Mapping[str, list[str]]], ms: Mapping[str, float]
) -> list[Row]:
    """Byline has the best peer's nDCG@10 and the quicker hybrid's time as its budgets."""
    scores = {
        name: mean_scores(score_rankings(given.expected, found, 10).values())
        for name, found in rankings.items()
    }
    best = max(scores[peer]["nDCG@10"] for peer in PEERS)
    quickest = min(ms[peer] for peer in HYBRIDS)
    rows = []
    for name in rankings:
        ours, label = name == "byline", f"{given.name} {name}"
        for measure in ("nDCG@10", "P@1", "R@10"):
            budget = best if ours and measure == "nDCG@10" else None
            note = "the best peer's" if budget is not None else ""
            rows.append(
                Row(f"{label} {measure}", scores[name][measure], "", budget, "higher", note)
            )
        note = "through PostgreSQL; the quicker hybrid's" if ours else "in memory"
        rows.append(
            Row(f"{label} median", ms[name], "ms", quickest if ours else None, "lower",
                f"{note}; {len(given.questions)} questions, {len(given.paragraphs)} paragraphs")
        )  # fmt: skip
    return rows


@asynccontextmanager
async def peer_process(peer: str, venv: Path, folder: Path) -> AsyncIterator[Ask]:
    """A peer with the corpus of `folder` indexed, ready to be asked; ended with the block."""
    script = Path(__file__).with_name("peer_process.py")
    python = venv / "bin" / "python"
    quiet = {"HAYSTACK_TELEMETRY_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    process = await asyncio.create_subprocess_exec(
        python,
        script,
        peer,
        folder / "corpus.json",
        folder / "vectors.npy",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | quiet,
    )
    assert process.stdin is not None and process.stdout is not None
    to, back = process.stdin, process.stdout

    async def ask(text: str, vector: Vector) -> tuple[list[str], float]:
        to.write(json.dumps({"text": text, "vector": list(vector)}).encode() + b"\n")
        line = await back.readline()
        if not line:
            raise RuntimeError(f"{peer} ended while it was asked; its error is above")
        answer = json.loads(line)
        return answer["keys"], answer["ms"]

    try:
        async with asyncio.timeout(READY_S_MAX):
            if await back.readline() != b"ready\n":
                raise RuntimeError(f"{peer} did not start; its error is above")
        yield ask
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
