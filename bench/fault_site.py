"""Where faults are tried: the real program with its database, a machine, documents and asks.

A site keeps account of what was acknowledged, so that what is missing afterwards can be counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import psutil
import psycopg

from bench.program import SERVE, Program, byline
from byline.testing.machine import FakeMachine

WELL_S_MAX: Final = 40.0
CALL_S_MAX: Final = 30.0
REFUSED_S_MAX: Final = 30.0
POLL_S: Final = 0.02
QUESTION: Final = "How much is the deposit of the lease?"
LEASE: Final = "The lease begins on 1 May 2024. The deposit of the lease is 1,800 euros."
READ: Final = ("indexed", "embedded", "enriched")
ENDED: Final = ("completed", "no_evidence", "unavailable", "llm_error", "cancelled", "interrupted")
UNSTORED: Final = ("database_unavailable", "storage_full")
GONE: Final = (aiohttp.ClientError, OSError, TimeoutError)
"""What a client sees of a server that is not there (any more), or not in time."""

SETTINGS: Final = """
[database]
connect_s_max = 3
[ask]
evidence_min = 0
[machines.mac]
[backends.quotes]
kind = 'quotes'
evidence_min = 0
[backends.model]
kind = 'openai'
machine = 'mac'
base_url = '{address}'
model = 'a/model'
timeout_connect_s = 1
stall_s = 1
probe_s = 0
"""

NO_VECTORS: Final = "[embedder]\nkind = 'none'\n"
"""For most faults meaning is of no matter, and embedding large files takes minutes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `status` 0: the connection ended, or nothing came within the time."""

    status: int
    body: Any
    seconds: float

    @property
    def is_unstored(self) -> bool:
        """Whether it says that the database was away or full, and nothing was stored."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return isinstance(error, dict) and error["code"] in UNSTORED

    @property
    def words(self) -> str:
        """The answer in a few words: its status, its code and its sentence."""
        if not self.status:
            return f"no answer ({self.body})"
        if not isinstance(self.body, dict):
            return str(self.status)
        error = self.body.get("error")
        if isinstance(error, dict):
            reason = f" ({self.body['reason']})" if self.body.get("reason") else ""
            return f"{self.status} `{error['code']}`{reason}: {error['message']}"
        reason = f" ({self.body['reason']})" if self.body.get("reason") else ""
        return f"{self.status} `{self.body.get('status') or self.body.get('state')}`{reason}"


@dataclass
class Heard:
    """An event stream as far as it was read: its ask, its events, and whether it came to an end."""

    ask_id: str = ""
    events: list[tuple[str, Any]] = field(default_factory=list)
    cut_off: bool = False

    def has_tokens(self, count: int) -> bool:
        """Whether so many tokens have come."""
        return [name for name, _ in self.events].count("token") >= count

    @property
    def words(self) -> str:
        """How the stream ended, in a few words."""
        if self.cut_off or not self.events:
            return "the stream was cut off"
        name, data = self.events[-1]
        if name == "error":
            reason = f" ({data['reason']})" if data.get("reason") else ""
            return f"event `error`: `{data['error']['code']}`{reason}: {data['error']['message']}"
        return f"event `{name}`, `{data.get('status', '')}`"


@dataclass(frozen=True, slots=True)
class Added:
    """A document that was acknowledged: its id, a word only it has, and its bytes' SHA-256."""

    id: str
    word: str
    sha256: str


@dataclass
class Site:
    """A Byline under `home` and what it acknowledged. `program` is None while none runs."""

    home: Path
    machine: FakeMachine
    settings: str
    documents: list[Added] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    program: Program | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _words: int = 0

    # --- the program ---------------------------------------------------------------------------

    async def start(self, more: str = "") -> None:
        """Start the program; `more` is TOML after the site's own settings."""
        self.program = await self._stack.enter_async_context(byline(self.home, self.toml(more)))

    async def stop(self) -> None:
        """Stop it by SIGTERM, or take note that it has ended."""
        self.program = None
        await self._stack.aclose()

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the server and wait for its end."""
        os.kill(self.pid, number)
        await self.stop()

    def toml(self, more: str = "") -> str:
        """The settings of this site's program."""
        return self.settings + more

    @property
    def url(self) -> str:
        if self.program is None:
            raise ConnectionRefusedError("no program runs")
        return self.program.url

    @property
    def pid(self) -> int:
        assert self.program is not None
        return self.program.pid

    def processes(self, mark: str) -> list[psutil.Process]:
        """Processes under the server whose command line holds `mark`, the oldest first."""
        found = []
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if mark in " ".join(child.cmdline()):
                        found.append(child)
        return sorted(found, key=lambda child: child.pid)

    def postgres(self) -> list[psutil.Process]:
        """All processes of the bundled PostgreSQL, its postmaster first."""
        return [one for one in self.processes("postgres") if one.name() == "postgres"]

    async def process(self, mark: str, s_max: float = 20) -> psutil.Process:
        """The first process with `mark`, once there is one."""
        deadline = time.monotonic() + s_max
        while time.monotonic() < deadline:
            if found := self.processes(mark):
                return found[0]
            await asyncio.sleep(0.002)
        raise RuntimeError(f"no process {mark} within {s_max:g} s")

    # --- the database --------------------------------------------------------------------------

    @property
    def database_url(self) -> str:
        password = (self.home / "database-password").read_text("ascii").strip()
        folder = quote(str(self.home / "postgres" / "run"), safe="")
        return f"postgresql://byline:{password}@/byline?host={folder}&port=5432"

    @asynccontextmanager
    async def database(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A stranger's connection to the database, in autocommit."""
        connection = await psycopg.AsyncConnection.connect(self.database_url, autocommit=True)
        async with connection:
            yield connection

    # --- a user --------------------------------------------------------------------------------

    async def call(self, method: str, path: str, s_max: float = CALL_S_MAX, **more: Any) -> Reply:
        """One request on a connection of its own. Never raises for a server that is not there."""
        began = time.monotonic()
        status, body = 0, b""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(s_max)) as http,
                http.request(method, self.url + path, **more) as response,
            ):
                status, body = response.status, await response.read()
        except GONE as error:
            return Reply(0, _ended(error), time.monotonic() - began)
        return Reply(status, _parsed(body), time.monotonic() - began)

    async def ask(self, backend: str | None = "quotes", **more: Any) -> Reply:
        """Ask the site's question; an answer, or a refusal of the machine, is taken note of."""
        body = {"question": QUESTION, **more} | ({"backend": backend} if backend else {})
        reply = await self.call("POST", "/api/search/ask", json=body)
        if isinstance(reply.body, dict) and reply.body.get("ask_id") and not reply.is_unstored:
            self.asks.append(reply.body["ask_id"])
        return reply

    async def follow(
        self, backend: str = "model", heard: Heard | None = None, **more: Any
    ) -> Heard:
        """Ask with a stream of events and read it to its end; `heard` fills while it is read."""
        heard = heard or Heard()
        body = {"question": QUESTION, "stream": True, "backend": backend, **more}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(CALL_S_MAX)) as http,
                http.post(self.url + "/api/search/ask", json=body) as response,
            ):
                heard.ask_id = response.headers.get("X-Byline-Ask", "")
                if heard.ask_id:
                    self.asks.append(heard.ask_id)
                if response.content_type != "text/event-stream":
                    heard.events.append(("error", await response.json()))
                    return heard
                async for event in _events(response.content):
                    heard.events.append(event)
        except GONE:
            heard.cut_off = True
        return heard

    async def add(self, text: str | None = None) -> Added:
        """Add a document and take note of it; `text` absent is the lease. Its word is its own."""
        self._words += 1
        word = f"word{self._words}{os.urandom(3).hex()}"
        return await self.send(f"{text or LEASE}\n\nThe last one holds the {word}.".encode(), word)

    async def send(self, data: bytes, word: str, suffix: str = "txt") -> Added:
        """Upload these bytes. Raises `RuntimeError` where that is not acknowledged."""
        reply = await self.upload(data, f"{word}.{suffix}")
        if reply.status >= 300 or not reply.status:
            raise RuntimeError(f"upload: {reply.words}")
        sha256 = hashlib.sha256(data).hexdigest()
        added = Added(reply.body["documents"][0]["id"], word, sha256)
        self.documents.append(added)
        return added

    async def upload(self, data: bytes, name: str) -> Reply:
        """Upload bytes, and take no note of it."""
        form = aiohttp.FormData()
        form.add_field("file", data, filename=name)
        return await self.call("POST", "/api/documents", data=form)

    async def state(self, document: Added) -> str:
        """The document's state; "" where nobody tells."""
        reply = await self.call("GET", f"/api/documents/{document.id}")
        return str(reply.body["state"]) if reply.status == 200 else ""

    async def reached(self, document: Added, states: Sequence[str], s_max: float = 30) -> str:
        """The first of `states` the document is in. Raises `RuntimeError` if it comes to none."""
        state = ""
        deadline = time.monotonic() + s_max
        while time.monotonic() < deadline:
            state = await self.state(document)
            if state in states:
                return state
            await asyncio.sleep(POLL_S)
        raise RuntimeError(f"{document.word} is {state or 'unknown'} after {s_max:g} s")

    # --- afterwards ----------------------------------------------------------------------------

    async def well(self, since: float, s_max: float = WELL_S_MAX) -> float:
        """Seconds from `since` (of `time.monotonic`) until the server is ready, nothing waits to be
        read, and an ask of `quotes` and one of the machine are answered. Raises `RuntimeError`."""
        await self.machine.set_mode("ok")
        deadline = time.monotonic() + s_max
        standing = ""
        while time.monotonic() < deadline:
            standing = await self._not_well()
            if not standing:
                return time.monotonic() - since
            await asyncio.sleep(POLL_S)
        raise RuntimeError(f"not well after {s_max:g} s: {standing}")

    async def _not_well(self) -> str:
        """What is not as it should be; "" where all is."""
        ready = await self.call("GET", "/readyz")
        if ready.status != 200:
            return f"/readyz: {ready.words} {ready.body}"
        waiting = await self.call("GET", "/api/documents?state=queued,extracting&limit=1")
        if waiting.status != 200 or waiting.body["documents"]:
            return f"waiting: {waiting.words} {waiting.body}"
        for backend in ("quotes", "model"):
            answer = await self.ask(backend)
            if answer.status != 200 or answer.body["status"] != "completed":
                return f"{backend}: {answer.words}"
        return ""

    async def losses(self) -> list[str]:
        """What of all that was acknowledged is missing, a sentence each, and what is left over."""
        lost = []
        for document in list(self.documents):
            if sentence := await self._missing(document):
                lost.append(sentence)
                self.documents.remove(document)  # it is counted once
        for ask_id in dict.fromkeys(self.asks):
            reply = await self.call("GET", f"/api/asks/{ask_id}")
            if reply.status != 200 or reply.body["status"] not in ENDED:
                lost.append(f"an ask is {reply.words}")
        self.asks.clear()
        backends = (await self.call("GET", "/api/backends")).body["backends"]
        lost += [
            f"a slot of {one['machine']} is still in use"
            for one in backends
            if one.get("running") or any((one.get("waiting") or {}).values())
        ]
        left = [path for path in (self.home / "spool").rglob("*") if path.is_file()]
        lost += [f"{path.name} is left in the spool" for path in left]
        return lost

    async def _missing(self, document: Added) -> str:
        found = await self.call("GET", f"/api/documents/{document.id}")
        if found.status != 200:
            return f"{document.word}: {found.words}"
        if found.body["state"] not in READ:
            return f"{document.word} is {found.body['state']}: {found.body['error']}"
        original = await self.call("GET", f"/api/documents/{document.id}/file")
        if not isinstance(original.body, bytes) or _sha256(original.body) != document.sha256:
            return f"{document.word}: its original is another ({original.words})"
        hits = await self.call("GET", f"/api/search?q={document.word}&limit=3")
        if document.id not in [hit["document_id"] for hit in hits.body.get("results", ())]:
            return f"{document.word} is not found by its own word ({hits.words})"
        return ""


@asynccontextmanager
async def site(home: Path, machine: FakeMachine, more: str = "") -> AsyncIterator[Site]:
    """A site whose program runs, with one document read; `more` is TOML beside its settings."""
    settings = SETTINGS.format(address=machine.base_url) + more
    if "[embedder]" not in more:
        settings += NO_VECTORS
    place = Site(home, machine, settings)
    try:
        await place.start()
        await place.reached(await place.add(), READ)
        yield place
    finally:
        await place.stop()


async def refused(home: Path, config: str) -> tuple[int, str]:
    """Start a Byline that should refuse to: its exit code and what it said, in one line.

    An exit code of -1 stands for one that served instead, and was ended.
    """
    path = home / "refused.toml"
    await asyncio.to_thread(_written, path, config)
    environ = {"BYLINE_HOME": str(home), "BYLINE_CONFIG": str(path), "COLUMNS": "1000"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE, "serve"),
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(REFUSED_S_MAX):
            said, _ = await process.communicate()
        return process.returncode or 0, shown(said.decode())
    except TimeoutError:
        process.terminate()
        await process.wait()
        return -1, f"no refusal within {REFUSED_S_MAX:g} s"


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def while_(
    lasts: Awaitable[Any], act: Callable[[], Awaitable[str]], beside: int = 1
) -> dict[str, int]:
    """Do `act` again and again, `beside` at a time, until `lasts` is over; how often it told
    what."""
    over = asyncio.ensure_future(lasts)
    told: dict[str, int] = {}

    async def go_on() -> None:
        while not over.done():
            said = await act()
            told[said] = told.get(said, 0) + 1

    await asyncio.gather(over, *(go_on() for _ in range(beside)))
    return told


def counted(told: dict[str, int]) -> str:
    """`3 × this; 2 × that`, the most frequent first."""
    ordered = sorted(told.items(), key=lambda one: -one[1])
    return "; ".join(f"{count} × {words}" for words, count in ordered)


def shown(text: str) -> str:
    """Words of the program without what is different each time: addresses, folders, numbers."""
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", " ".join(text.split()))
    text = re.sub(r"port \d+", "port PORT", text)
    text = re.sub(r"\bprocess \d+", "process PID", text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", text)
    return re.sub(r"/\S*?byline-bench-\w+/(site|slow-\d+)/\d+", "…", text)


def _ended(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "nothing came in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connection refused"
    return "the connection ended"


def _parsed(body: bytes) -> Any:
    try:
        parsed = json.loads(body)
    except ValueError:
        return body
    return parsed if isinstance(parsed, dict) else body


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in content:
        word, _, rest = line.decode().rstrip("\n").partition(": ")
        if word == "event":
            name = rest
        elif word == "data":
            yield name, json.loads(rest)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def lines(count: int) -> Iterator[str]:
    """Text that takes long to read: 24,000 lines are about a megabyte and a half."""
    return (f"Line {n} is about box {n % 97} below the stairs." for n in range(count))


def large(count: int = 24_000) -> str:
    """A text of so many paragraphs."""
    return "\n\n".join(lines(count))
