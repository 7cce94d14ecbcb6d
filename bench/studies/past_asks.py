"""Search in the history at 50,000 asks: by words, by filters, page by page; and what keeping an
ask findable costs it."""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from psycopg.types.json import Jsonb

from bench.generated import passages
from bench.report import Row
from bench.settings import Settings
from bench.studies.run_study import run_study
from byline.ask.history.ask_lists import list_asks
from byline.ask.history.search_terms import ask_terms
from byline.config import schema
from byline.domain.ask_filters import AskFilters
from byline.domain.asks import AskStatus
from byline.domain.callers import OWNER
from byline.store.bundled.bundled_server import embedded_postgres
from byline.store.database import Database, open_database
from byline.text.terms import is_stop_word

NAME = "search in the history"
ASKS = 50_000
SOURCES = 5
QUERIES = 60
TIMES = 3
BUDGET_MS = 50.0
STORED_TERMS = (
    "COPY asks (id, owner, question, backend, machine, mode, status, created_at, finished_at, "
    "answer, terms, analysis) FROM STDIN"
)


async def run(settings: Settings) -> list[Row]:
    async with _history(settings) as (database, texts):
        random = Random(7)
        drawn = [_words(random, texts) for _ in range(QUERIES)]
        common = ["the", "of and", "system", "used city", "state between"]
        rows = [
            await _row(database, "rare and middling words", [AskFilters(q) for q in drawn]),
            await _row(database, "words of most asks", [AskFilters(q) for q in common]),
            await _row(
                database,
                "words no ask has together",
                [AskFilters(f"{a} {b}") for a, b in pairwise(drawn)],
            ),
            await _row(database, "no words, the newest", [AskFilters()]),
            await _row(
                database,
                "words, a machine, a status",
                [AskFilters(q, (), ("macbook",), (AskStatus.UNAVAILABLE,)) for q in drawn],
            ),
            _terms_row(texts[:500]),
        ]
    return rows


@asynccontextmanager
async def _history(settings: Settings) -> AsyncIterator[tuple[Database, Sequence[str]]]:
    """A database of asks over 400 days, each with an answer of 60 to 120 words and sources."""
    random = Random(5)
    texts = list(passages(ASKS))
    random.shuffle(texts)
    async with (
        embedded_postgres(settings.scratch / "home") as url,
        open_database(schema.Database(), url) as database,
    ):
        async with (
            database.connection() as connection,
            connection.cursor().copy(STORED_TERMS) as copy,
        ):
            for n in range(ASKS):
                await copy.write_row(_ask(n, texts, random))
        async with database.connection() as connection:
            await connection.execute("ANALYZE asks")
        yield database, texts


def _ask(n: int, texts: Sequence[str], random: Random) -> tuple[object, ...]:
    text, question = texts[n], " ".join(texts[n].split()[:8])
    machine = random.choice(["macmini", "macbook"])
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=400) * n / ASKS
    byline = {"backend": f"gemma-{machine}", "machine": machine, "model_loaded": "gemma"}
    sources = [{"n": k, "excerpt": texts[(n * 7 + k) % ASKS]} for k in range(SOURCES)]
    answer = Jsonb({"answer": text, "byline": byline, "sources": sources}, dumps=json.dumps)
    status = random.choice(["completed"] * 8 + ["no_evidence", "unavailable"])
    found = ask_terms(question, text)
    return (
        *(uuid.uuid4(), 1, question, f"gemma-{machine}", machine, "rag", status, at, at, answer),
        *(found["terms"], found["analysis"]),
    )


def _words(random: Random, texts: Sequence[str]) -> str:
    words = [
        word for word in random.choice(texts).split() if len(word) > 1 and not is_stop_word(word)
    ]
    return " ".join(random.sample(words, random.choice([1, 1, 2, 3])))


async def _row(database: Database, what: str, queries: Sequence[AskFilters]) -> Row:
    taken = [await _ms(database, query) for query in queries]
    note = f"{len(queries)} searches of {ASKS:,} asks, pages of 50; slowest {max(taken):.0f} ms"
    median = statistics.median(taken)
    return Row(f"history: {what}, median", median, "ms", BUDGET_MS, "lower", note)


async def _ms(database: Database, filters: AskFilters) -> float:
    """The best of a few: what the machine does beside it is not ours to measure."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await list_asks(database, OWNER, filters, 50, None)
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


def _terms_row(texts: Sequence[str]) -> Row:
    began = time.perf_counter()
    for text in texts:
        ask_terms("", text)
    ms = (time.perf_counter() - began) * 1000 / len(texts)
    return Row("history: making an answer findable", ms, "ms", 1.0, "lower", "120 words, mean")


if __name__ == "__main__":
    run_study(NAME, run)
