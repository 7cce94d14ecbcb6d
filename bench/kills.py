"""Processes of a working Byline killed at any moment: what was acknowledged is read all the same.

Each round adds documents (every fourth round a large one), changes the title of an earlier one and
removes another, and meanwhile kills one process with SIGKILL: the server, a connection of the
database or all of it, the process that reads files, the one that embeds. A killed server is started
again. Then all that was acknowledged has to be searchable, with its original, and what was
removed has to be gone.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

import psutil

from bench.program import Program, byline, upload
from bench.report import Row
from bench.settings import Settings
from bench.wire import Connection

NAME = "processes killed at any moment"

ROUNDS = 100
SEED = 20_261_201
SETTLED_S_MAX: Final = 120.0
SMALL: Final = 3
LARGE_EVERY: Final = 4
LARGE_PARAGRAPHS: Final = 24_000
"""About 3 MB, which takes seconds to read."""
GONE: Final = (OSError, http.client.HTTPException, RuntimeError, ValueError)
"""What a client of a server sees that is killed: no acknowledgement."""


@dataclass(frozen=True, slots=True)
class Added:
    """A document whose addition was acknowledged: its id, its one word, and its bytes' hash."""

    id: str
    word: str
    sha256: str


@dataclass
class Tally:
    """What became of all rounds."""

    kills: Counter[str] = field(default_factory=Counter)
    added: list[Added] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    losses: list[str] = field(default_factory=list)
    settled_s: list[float] = field(default_factory=list)

    def living(self) -> list[Added]:
        """What was acknowledged and not removed."""
        return [one for one in self.added if one.id not in self.removed]


async def run(settings: Settings) -> list[Row]:
    tally = await rounds(settings.scratch / "home", ROUNDS, SEED)
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(tally.kills.items()))
    note = f"{len(tally.added)} documents acknowledged; killed: {kills}"
    for loss in tally.losses:
        print(loss)
    return [
        Row(
            "documents acknowledged and lost, or not read", len(tally.losses), "", 0, "lower", note
        ),
        Row(
            "from the kill until all are read, median", median(tally.settled_s), "s", None, "lower"
        ),
        Row("… the longest", max(tally.settled_s), "s", SETTLED_S_MAX, "lower"),
    ]


async def rounds(home: Path, count: int, seed: int) -> Tally:
    """Kill `count` times; `seed` decides on the moments, as far as the clock lets it."""
    chance = random.Random(seed)
    tally = Tally()
    victims = [*VICTIMS] * (count // len(VICTIMS) + 1)
    async with AsyncExitStack() as stack:
        life = await stack.enter_async_context(_life(home))
        for number in range(count):
            victim = victims[number]
            await _round(life, tally, Round(number, victim, chance))
            if victim == "server":
                await stack.aclose()
                life = await stack.enter_async_context(_life(home))
            await _settle(life, tally, number)
    async with _life(home) as life:
        _check(life, tally, tally.living(), "at the end")
        _check_store(home, tally)
    return tally


@dataclass(frozen=True, slots=True)
class Round:
    """One round: its number, whom it kills, and the chance that finds the moment."""

    number: int
    victim: str
    chance: random.Random


@asynccontextmanager
async def _life(home: Path) -> AsyncIterator[Program]:
    """Byline from a start to its end, whoever ends it."""
    async with byline(home) as it:
        yield it


async def _round(life: Program, tally: Tally, this: Round) -> None:
    """Work and kill in the middle of it."""
    acknowledged: list[Added] = []
    working = asyncio.create_task(asyncio.to_thread(_work, life, tally, this.number, acknowledged))
    moment = this.chance.randrange(SMALL + 1)
    looks = this.chance.randrange(60)
    with life.connect() as connection:
        while not working.done() and (len(acknowledged) < moment or looks):
            if len(acknowledged) >= moment:
                looks -= 1
            await asyncio.to_thread(_look, connection)
    tally.kills[_kill(life, this)] += 1
    await working
    tally.added += acknowledged


def _look(connection: Connection) -> None:
    connection.call("GET", "/api/jobs?limit=1")


def _work(life: Program, tally: Tally, number: int, acknowledged: list[Added]) -> None:
    """What a person does meanwhile; ends at the first thing that is not acknowledged."""
    earlier = tally.living()[-4 * SMALL :]
    try:
        with life.connect() as connection:
            for n in range(SMALL):
                acknowledged.append(_add(connection, f"word{number}x{n}", 3))
            if number % LARGE_EVERY == 0:
                acknowledged.append(_add(connection, f"word{number}large", LARGE_PARAGRAPHS))
            if len(earlier) > SMALL:
                change = {"title": f"Round {number}"}
                connection.call("PATCH", f"/api/documents/{earlier[0].id}", change)
                # Whether it was acknowledged or not, nobody relies on it any more.
                tally.removed.add(earlier[1].id)
                connection.call("DELETE", f"/api/documents/{earlier[1].id}")
            large = [one for one in acknowledged if one.word.endswith("large")]
            if large and number % (2 * LARGE_EVERY):
                tally.removed.add(large[0].id)
                connection.call("DELETE", f"/api/documents/{large[0].id}")
    except GONE:
        return


def _add(connection: Connection, word: str, paragraphs: int) -> Added:
    lines = [f"Line {n} is about box {n % 97} below the stairs." for n in range(paragraphs)]
    text = "\n\n".join([*lines, f"The last one holds the {word}."])
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return Added(upload(connection, f"{word}.txt", text), word, sha256)


def _kill(life: Program, this: Round) -> str:
    """Kill a process of the round's kind; where there is none of it now, a connection of the
    database. Returns whom."""
    children = psutil.Process(life.pid).children(recursive=True)
    for victim in (this.victim, "connection", "database"):
        found = [process for process in children if _is(VICTIMS[victim], process)]
        if victim == "server":
            os.kill(life.pid, signal.SIGKILL)
            return victim
        if found:
            process = this.chance.choice(sorted(found, key=lambda process: process.pid))
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
            return victim
    return "nobody"


def _is(mark: Callable[[str, psutil.Process], bool], process: psutil.Process) -> bool:
    try:
        return mark(" ".join(process.cmdline()), process)
    except psutil.Error:
        return False


VICTIMS: Final[dict[str, Callable[[str, psutil.Process], bool]]] = {
    "reader of files": lambda command, _: "byline.ingest.extraction.extract_worker" in command,
    "connection": lambda command, process: (
        process.name() == "postgres" and "byline byline" in command
    ),
    "server": lambda command, _: False,
    "embedder": lambda command, _: "e5_worker" in command,
    "database": lambda command, process: process.name() == "postgres" and " -D " in command,
}
"""Whom a round may kill, and how to tell it by its command line."""


async def _settle(life: Program, tally: Tally, number: int) -> None:
    """Wait until nothing is to be read, and look at what this round and the last have added."""
    began = time.monotonic()
    unread: Any = None
    while time.monotonic() < began + SETTLED_S_MAX:
        unread = _unread(life)
        if unread == []:
            tally.settled_s.append(time.monotonic() - began)
            break
        await asyncio.sleep(0.05)
    else:
        tally.losses.append(f"round {number}: not read after {SETTLED_S_MAX:g} s: {unread}")
        return
    _check(life, tally, tally.living()[-2 * SMALL :], f"round {number}")


def _unread(life: Program) -> list[str] | None:
    """The names of what is not read yet; None while nobody says."""
    try:
        with life.connect() as connection:
            if connection.call("GET", "/readyz").status >= 300:
                return None
            reply = connection.call("GET", "/api/documents?state=queued,extracting&limit=200")
            return [one["name"] for one in reply.data["documents"]] if reply.status < 300 else None
    except GONE:
        return None


def _check(life: Program, tally: Tally, documents: list[Added], when: str) -> None:
    with life.connect() as connection:
        for document in documents:
            fault = _fault(connection, document)
            if fault:
                tally.losses.append(f"{when}: {document.word}: {fault}")


def _fault(connection: Connection, document: Added) -> str:
    """What is wrong with a document that was acknowledged; "" where nothing is."""
    found = connection.call("GET", f"/api/documents/{document.id}")
    if found.status >= 300:
        return f"{found.status}: {found.body[:200]!r}"
    if found.data["state"] not in ("indexed", "embedded", "enriched"):
        return f"{found.data['state']}: {found.data['error']}"
    original = connection.call("GET", f"/api/documents/{document.id}/file")
    if hashlib.sha256(original.body).hexdigest() != document.sha256:
        return f"its original is another ({original.status}, {len(original.body)} bytes)"
    hits = connection.call("GET", "/api/search?" + urlencode({"q": document.word, "limit": 3}))
    if document.id not in [hit["document_id"] for hit in hits.data["results"]]:
        instead = [(hit["title"], hit["legs"]) for hit in hits.data["results"]]
        return f"it is not found by its own word, but {instead}"
    return ""


def _check_store(home: Path, tally: Tally) -> None:
    """The store holds the bytes of all that is there. What lies there beside that is swept in its
    own time."""
    kept = {path.name for path in (home / "files").rglob("*") if path.is_file()}
    missing = {one.sha256 for one in tally.living()} - kept
    if missing:
        tally.losses.append(f"{len(missing)} originals are missing from the store")
