"""An ask's own time at 10,000 passages: everything but the model and embedding the query.

The real program with generated documents, searched by words and by meaning. Two ways: the backend
`quotes`, which has no model at all, and a fake machine that answers at once. The fake machine also
makes the vectors, all of them before the first ask; what it takes by itself (a direct call for the
query's vector, for those of the texts that `quotes` compares, and for the answer) is taken off.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from statistics import median
from urllib.parse import urlencode

from bench.generated import passages, questions
from bench.passthrough import MODEL, configuration
from bench.program import byline, indexed, upload
from bench.report import Row
from bench.settings import Settings
from bench.wire import Connection, quantile
from byline.ask.quotes import COMPARED_MAX
from byline.testing.machine import fake_machine

NAME = "an ask's own time at 10,000 passages"

DOCUMENTS = 100
PARAGRAPHS = (
    140  # a document; short neighbours are stored as one passage, so it takes more than 100
)
PASSAGES_MIN = 10_000
ASKS = 200
WARM_UP = 20
OWN_MS_MAX = 30.0
DIMENSIONS = 384
EMBEDDED_S_MAX = 300.0
ANY_EVIDENCE = """
[ask]
evidence_min = 0"""
"""What likelihoods were fitted on is nothing like generated words and vectors that count them."""
EMBEDDING_MODEL = "fake-embedder"


async def run(settings: Settings) -> list[Row]:
    texts = list(passages(DOCUMENTS * PARAGRAPHS))
    asked = questions(texts, WARM_UP + ASKS)
    async with AsyncExitStack() as stack:
        machine = await stack.enter_async_context(fake_machine(dimensions=DIMENSIONS))
        config = configuration(machine.base_url).replace("[ask]", ANY_EVIDENCE)
        config += embedder(machine.base_url)
        program = await stack.enter_async_context(byline(settings.scratch / "home", config))
        connection = stack.enter_context(program.connect())
        direct = stack.enter_context(Connection(machine.base_url))
        ids = [
            upload(connection, f"{start}.txt", "\n\n".join(texts[start : start + PARAGRAPHS]))
            for start in range(0, len(texts), PARAGRAPHS)
        ]
        stored = await indexed(connection, ids)
        if stored < PASSAGES_MIN:
            raise RuntimeError(f"only {stored} passages stored; the budget is for {PASSAGES_MIN}")
        await embedded(connection, ids)
        note = f"{stored:,} passages stored, {ASKS} asks, one at a time"
        return rows(connection, direct, asked, note)


def embedder(base_url: str) -> str:
    return f"""
[embedder]
kind = "http"
base_url = "{base_url}"
model = "{EMBEDDING_MODEL}"
"""


async def embedded(connection: Connection, ids: list[str]) -> None:
    """Wait until every passage of the documents has its vector."""
    deadline = time.monotonic() + EMBEDDED_S_MAX
    for id_ in ids:
        while True:
            found = connection.call("GET", f"/api/documents/{id_}").data
            if found["embedded"] >= found["passages"]:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"not embedded after {EMBEDDED_S_MAX:.0f} s")
            await asyncio.sleep(0.1)


def rows(connection: Connection, direct: Connection, asked: list[str], note: str) -> list[Row]:
    quoted, modelled = [], []
    for question in asked:
        call = {"model": EMBEDDING_MODEL, "input": [question]}
        embedding_ms = direct.call("POST", "/v1/embeddings", call).ms
        compared = {"model": EMBEDDING_MODEL, "input": [question] * COMPARED_MAX}
        comparing_ms = direct.call("POST", "/v1/embeddings", compared).ms
        quoted.append(ask(connection, question, "quotes") - embedding_ms - comparing_ms)
        messages = [{"role": "user", "content": question}]
        chat = {"model": MODEL, "messages": messages, "stream": True}
        answering_ms = direct.call("POST", "/v1/chat/completions", chat).ms
        modelled.append(ask(connection, question, "fake") - embedding_ms - answering_ms)
    quoted, modelled = quoted[WARM_UP:], modelled[WARM_UP:]
    return [
        Row("an ask's own time, median, quotes", median(quoted), "ms", OWN_MS_MAX, "lower", note),
        Row("an ask's own time, p95, quotes", quantile(quoted, 0.95), "ms", None, "lower", note),
        Row(
            "an ask's own time, median, a machine that answers at once",
            median(modelled),
            "ms",
            OWN_MS_MAX,
            "lower",
            f"{note}, less the machine's own time",
        ),
    ]


def ask(connection: Connection, question: str, backend: str) -> float:
    """Milliseconds of one ask."""
    query = urlencode({"q": question, "backend": backend})
    reply = connection.call("GET", f"/api/search/ask?{query}")
    status = reply.data.get("status")
    if status != "completed":
        raise RuntimeError(f"{question!r} on {backend}: {reply.status} {reply.body[:300]!r}")
    return reply.ms
