"""How soon an ask hears that its machine is not there: the real program, real sockets.

What retrieval took is taken off each ask, as the stored ask tells it; the rest includes HTTP and
storing. Each row of a first try has backends of its own, for a second try is no longer a first.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlencode

from bench.program import byline, indexed, upload
from bench.report import Row
from bench.settings import Settings
from bench.wire import Connection, quantile
from byline.backend.openai_client import OpenAIClient
from byline.config.schema import OpenAIBackend
from byline.domain.chat import ChatRequest
from byline.errors import BackendUnavailable
from byline.testing.fake_network import Network, NotPermitted, network
from byline.testing.machine import black_hole, closed_port

NAME = "how soon an ask hears that its machine is not there"

QUESTION = "How much is the deposit of the lease?"
DOCUMENT = "The lease begins on 1 May 2024. The deposit of the lease is 1,800 euros."
FIRST_TRIES = 30
HOLES = 5
KNOWN_ASKS = 200
CONNECT_S = 1.0
MODEL = "a/model"

KNOWN_MS_MAX = 10.0
REFUSED_MS_MAX = 50.0
HOLE_MS_MAX = CONNECT_S * 1000 + 200
VANISHED_S_MAX = 15.0
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Told:
    """One ask that got its 503: milliseconds beyond retrieval."""

    beyond_ms: float
    reason: str


async def run(settings: Settings) -> list[Row]:
    with closed_port() as closed, black_hole() as hole:
        places = {f"closed-{n}": f"127.0.1.{n + 1}:{_port(closed)}" for n in range(FIRST_TRIES)}
        holes = {f"hole-{n}": hole for n in range(HOLES)}
        tables = _configuration(places | holes)
        async with byline(settings.scratch / "home", tables) as program:
            with program.connect() as connection:
                document = upload(connection, "lease.txt", DOCUMENT)
                await indexed(connection, [document])
                answered = [ask(connection, "quotes") for _ in range(KNOWN_ASKS)]
                refused = [ask(connection, name) for name in places]
                swallowed = [ask(connection, name) for name in holes]
                names = [*places, *holes]
                known = [ask(connection, names[n % len(names)]) for n in range(KNOWN_ASKS)]
    beside = Row(
        "an ask that `quotes` answers, beyond retrieval, median",
        median(one.beyond_ms for one in answered),
        "ms",
        None,
        "lower",
        f"{len(answered)} asks in the same run: what HTTP, storing and verifying cost here",
    )
    return [*rows(known, refused, swallowed), beside, *await vanished()]


def rows(known: list[Told], refused: list[Told], swallowed: list[Told]) -> list[Row]:
    made = []
    for what, told, budget in (
        ("named backend known to be down", known, KNOWN_MS_MAX),
        ("refused at first try", refused, REFUSED_MS_MAX),
        (f"black hole at first try, timeout_connect_s = {CONNECT_S:g}", swallowed, HOLE_MS_MAX),
    ):
        times = [one.beyond_ms for one in told]
        reasons = ", ".join(sorted({one.reason for one in told}))
        note = f"{len(told)} asks, beyond retrieval, HTTP and storing included; {reasons}"
        made.append(Row(f"503: {what}, median", median(times), "ms", budget, "lower", note))
        made.append(Row(f"503: {what}, p95", quantile(times, 0.95), "ms", None, "lower", note))
    return made


def ask(connection: Connection, backend: str) -> Told:
    query = urlencode({"q": QUESTION, "backend": backend})
    reply = connection.call("GET", f"/api/search/ask?{query}")
    stored = connection.call("GET", "/api/asks?limit=1").data["asks"][0]["id"]
    answer = connection.call("GET", f"/api/asks/{stored}").data["answer"]
    if backend != "quotes" and (answer["status"] != "unavailable" or not answer["sources"]):
        raise RuntimeError(f"{backend}: {reply.status} {reply.body[:300]!r}")
    return Told(reply.ms - answer["timings_ms"]["retrieve"], str(answer["reason"]))


async def vanished() -> list[Row]:
    """A machine whose packets are dropped in the middle of an answer, and while it prefills."""
    with ExitStack() as stack:
        try:
            lan = stack.enter_context(network())
        except NotPermitted as reason:
            print(f"vanished peers not measured: {reason}")
            return []
        return [
            Row(
                f"peer vanishes {when} → error",
                await _told_after_s(lan, mode),
                "s",
                VANISHED_S_MAX,
                "lower",
                "packets dropped in a network namespace; stall_s and timeout_read_s are 120 s",
            )
            for when, mode in (("mid-answer", "slow"), ("while prefilling", "hang"))
        ]


async def _told_after_s(lan: Network, mode: str) -> float:
    with lan.machine() as machine:
        await machine.set_mode(mode)
        config = OpenAIBackend(
            kind="openai",
            machine="laptop",
            base_url=machine.base_url,
            model=MODEL,
            stall_s=PATIENCE_S,
            verify_model=False,
        )
        client = OpenAIClient("laptop", config, read_key=lambda: "")
        reading = asyncio.create_task(_read(client))
        await machine.wait_for(requests=1)
        lan.vanish()
        began = time.monotonic()
        try:
            await reading
        except BackendUnavailable:
            return time.monotonic() - began
        finally:
            await client.close()
            lan.come_back()
        raise RuntimeError("an answer came from a machine that had vanished")


async def _read(client: OpenAIClient) -> None:
    messages = ({"role": "user", "content": QUESTION},)
    request = ChatRequest(messages, timeout_read_s=PATIENCE_S)
    async with aclosing(client.stream(request)) as deltas:
        async for _ in deltas:
            pass


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _configuration(places: dict[str, str]) -> str:
    """TOML: a machine for each address, a backend for each name; none of them is probed."""
    machines = {address: f"m{n}" for n, address in enumerate(sorted(set(places.values())))}
    tables = [f"[machines.{machine}]" for machine in machines.values()]
    for name, address in places.items():
        tables.append(
            f"[backends.{name}]\nkind = 'openai'\nmachine = '{machines[address]}'\n"
            f"base_url = 'http://{address}'\nmodel = '{MODEL}'\nprobe_s = 0\n"
            f"timeout_connect_s = {CONNECT_S}\n"
        )
    return "\n".join(tables)
