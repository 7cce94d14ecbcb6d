"""From `byline serve` to ready, what it weighs, and how soon it says no.

A second start (the first one makes the database). Memory is that of the whole process tree, each
shared page counted once (PSS, where Linux tells it), and told apart by part; the process that holds
the embedder's model is not in the sum. Refusals are timed beyond retrieval: the same
question's search is measured beside them and taken off.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import psutil

from bench.program import byline, indexed, upload
from bench.report import Row
from bench.settings import Settings
from bench.wire import Connection, free_port

NAME = "start, memory, and the time to a refusal"

STARTS = 5
REFUSALS = 50
CONNECT_S = 1.0
SETTLE_S = 2.0
MODEL = "embedder's model"
QUESTION = "How long does the warranty of the kettle last?"
DOCUMENT = "The warranty of the kettle lasts three years from the day it was bought."


async def run(settings: Settings) -> list[Row]:
    home = settings.scratch / "home"
    with black_hole() as hole:
        refusing = configuration(free_port(), hole)
        async with byline(home, refusing) as first:
            first_s = first.ready_s
            with first.connect() as connection:
                await indexed(connection, [upload(connection, "kettle.txt", DOCUMENT)])
        starts = [await start_s(home, refusing) for _ in range(STARTS)]
        async with byline(home, refusing) as program:
            await asyncio.sleep(SETTLE_S)  # what the start leaves behind is let go
            weight = weight_of(program.pid)
            with program.connect() as connection:
                refusals = refusal_rows(connection)
    note = f"{STARTS} starts; the first, which makes the database, took {first_s:.1f} s"
    return [
        Row("byline serve to ready, second start, median", median(starts), "s", 3, "lower", note),
        weight.row(),
        *refusals,
    ]


async def start_s(home: Path, settings: str) -> float:
    async with byline(home, settings) as program:
        return program.ready_s


def configuration(refused_port: int, hole_port: int) -> str:
    return f"""
[ask]
default_backend = "quotes"
[machines.off]
[machines.hole]
[backends.off]
machine = "off"
kind = "openai"
base_url = "http://127.0.0.1:{refused_port}"
model = "any"
[backends.hole]
machine = "hole"
kind = "openai"
base_url = "http://127.0.0.1:{hole_port}"
model = "any"
timeout_connect_s = {CONNECT_S}
"""


@dataclass(frozen=True, slots=True)
class Weight:
    """Memory of a process tree by what its processes are, in bytes; shared pages counted `how`."""

    by_part: Counter[str]
    how: str

    def row(self) -> Row:
        """All but the model, with each part named."""
        without = sum(self.by_part.values()) - self.by_part[MODEL]
        parts = ", ".join(f"{part} {size / 1e6:.0f}" for part, size in self.by_part.items())
        note = f"{self.how}; in MB: {parts}"
        return Row("resident memory without models", without / 1e6, "MB", 300, "lower", note)


def weight_of(pid: int) -> Weight:
    """A process and all below it."""
    root = psutil.Process(pid)
    processes = [root, *root.children(recursive=True)]
    by_part: Counter[str] = Counter()
    try:
        for process in processes:
            by_part[part_of(process, root)] += process.memory_full_info().pss
        return Weight(by_part, f"PSS of {len(processes)} processes")
    except (AttributeError, psutil.AccessDenied):
        by_part.clear()
        for process in processes:
            by_part[part_of(process, root)] += process.memory_info().rss
        return Weight(by_part, "RSS, shared pages counted in each process")


def part_of(process: psutil.Process, root: psutil.Process) -> str:
    """What a process of the tree is."""
    command = " ".join(process.cmdline())
    if process == root:
        return "server"
    if process.name() == "postgres":
        return "PostgreSQL"
    return MODEL if "e5_worker" in command else "readers of files"


def refusal_rows(connection: Connection) -> list[Row]:
    search_ms = median(
        connection.call("GET", "/api/search?" + urlencode({"q": QUESTION})).ms for _ in range(20)
    )
    first = refused(connection, "off") - search_ms
    known = median(refused(connection, "off") for _ in range(REFUSALS)) - search_ms
    hole = (refused(connection, "hole") - search_ms) / 1000
    note = f"beyond retrieval ({search_ms:.1f} ms)"
    return [
        Row("503 of a machine known to be off, median", known, "ms", 10, "lower", note),
        Row("503 of a machine that refuses, first try", first, "ms", 50, "lower", note),
        Row(
            "503 of a machine that does not answer, first try",
            hole,
            "s",
            CONNECT_S + 0.2,
            "lower",
            f"{note}; timeout_connect_s = {CONNECT_S:g}",
        ),
    ]


def refused(connection: Connection, backend: str) -> float:
    """Milliseconds until the 503 of an ask that names `backend`."""
    query = urlencode({"q": QUESTION, "backend": backend})
    reply = connection.call("GET", f"/api/search/ask?{query}")
    if reply.data.get("error_reason") != f"{backend}_unavailable" or not reply.data["sources"]:
        raise RuntimeError(f"{backend}: {reply.status} {reply.body[:300]!r}")
    return reply.ms


@contextmanager
def black_hole() -> Iterator[int]:
    """A loopback port that never answers a connect: its queue of connections is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address, waiting = listener.getsockname(), []
        try:
            while True:
                waiting.append(socket.socket())
                waiting[-1].settimeout(0.3)
                waiting[-1].connect(address)
        except TimeoutError:
            yield int(address[1])
        finally:
            for connection in waiting:
                connection.close()
