"""An ask's own time at 10,000 passages: everything but the model.

The real program with generated documents. Two ways: the backend `quotes`, which has no model at
all, and a fake machine that answers at once, whose own time (a direct call) is taken off.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from statistics import median
from urllib.parse import urlencode

from bench.generated import passages, questions
from bench.passthrough import MODEL, configuration
from bench.program import byline, indexed, upload
from bench.report import Row
from bench.settings import Settings
from bench.wire import Connection, quantile
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


async def run(settings: Settings) -> list[Row]:
    texts = list(passages(DOCUMENTS * PARAGRAPHS))
    asked = questions(texts, WARM_UP + ASKS)
    async with AsyncExitStack() as stack:
        machine = await stack.enter_async_context(fake_machine())
        program = await stack.enter_async_context(
            byline(settings.scratch / "home", configuration(machine.base_url))
        )
        connection = stack.enter_context(program.connect())
        direct = stack.enter_context(Connection(machine.base_url))
        ids = [
            upload(connection, f"{start}.txt", "\n\n".join(texts[start : start + PARAGRAPHS]))
            for start in range(0, len(texts), PARAGRAPHS)
        ]
        stored = await indexed(connection, ids)
        if stored < PASSAGES_MIN:
            raise RuntimeError(f"only {stored} passages stored; the budget is for {PASSAGES_MIN}")
        note = f"{stored:,} passages stored, {ASKS} asks, one at a time"
        return rows(connection, direct, asked, note)


def rows(connection: Connection, direct: Connection, asked: list[str], note: str) -> list[Row]:
    quoted = [ask(connection, question, "quotes") for question in asked][WARM_UP:]
    modelled = []
    for question in asked:
        whole = ask(connection, question, "fake")
        messages = [{"role": "user", "content": question}]
        call = {"model": MODEL, "messages": messages, "stream": True}
        modelled.append(whole - direct.call("POST", "/v1/chat/completions", call).ms)
    modelled = modelled[WARM_UP:]
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
    """Milliseconds of one ask; questions made of a passage's own words always find evidence."""
    query = urlencode({"q": question, "backend": backend})
    reply = connection.call("GET", f"/api/search/ask?{query}")
    status = reply.data.get("status")
    if status != "completed":
        raise RuntimeError(f"{question!r} on {backend}: {reply.status} {reply.body[:300]!r}")
    return reply.ms
