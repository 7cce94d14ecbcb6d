"""The real program, opened by `main` on a free port with a real PostgreSQL, and two machines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from byline.config import schema
from byline.main import running
from byline.testing.machine import FakeMachine, running_machine

GEMMA = "mlx-community/gemma-3-27b-it-4bit"
QWEN = "mlx-community/Qwen3-32B-4bit"
INDEXED_S_MAX = 20.0

LEASE = """# Lease of the flat

The lease begins on 1 May 2024 and runs for two years. The deposit is 1,800 euros.

# 세탁기 보증서

세탁기의 보증 기간은 구입일로부터 2년입니다. 고장이 나면 고객센터 1588-0000으로 연락하세요.
"""
QUESTION = "How much is the deposit of the lease?"

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Any
    body: Any

    def __getitem__(self, key: str) -> Any:
        return self.body[key]


@dataclass(frozen=True, slots=True)
class Site:
    """A running Byline and a client of it."""

    url: str
    home: Path
    services: Any
    http: aiohttp.ClientSession

    async def get(self, path: str, **params: Any) -> Answer:
        async with self.http.get(path, params=params) as response:
            return Answer(response.status, response.headers, await response.json())

    async def post(self, path: str, body: object = None, **headers: str) -> Answer:
        async with self.http.post(path, json=body, headers=headers) as response:
            return Answer(response.status, response.headers, await response.json())

    async def delete(self, path: str) -> int:
        async with self.http.delete(path) as response:
            return response.status

    async def ask(self, question: str = QUESTION, **params: Any) -> Answer:
        return await self.post("/api/search/ask", {"question": question, **params})

    async def events(self, question: str = QUESTION, **params: Any) -> list[tuple[str, Any]]:
        """The whole event stream of an ask as (event, data)."""
        body = {"question": question, "stream": True, **params}
        async with self.http.post("/api/search/ask", json=body) as response:
            assert response.status == 200, await response.text()
            return parse_events(await response.text())

    async def upload(self, content: bytes, name: str, **fields: str) -> Answer:
        form = aiohttp.FormData(fields)
        form.add_field("file", content, filename=name)
        async with self.http.post("/api/documents", data=form) as response:
            return Answer(response.status, response.headers, await response.json())

    async def add(self, content: str = LEASE, name: str = "lease.md", **fields: str) -> Any:
        """Add a document and wait until it is searchable."""
        sent = await self.upload(content.encode(), name, **fields)
        assert sent.status == 202, sent.body
        return await self.settled(sent["documents"][0]["id"])

    async def settled(self, document_id: str) -> Any:
        """The document once it can be found or has failed."""
        async with asyncio.timeout(INDEXED_S_MAX):
            while True:
                document = (await self.get(f"/api/documents/{document_id}")).body
                if document["state"] not in ("queued", "extracting"):
                    return document
                await asyncio.sleep(0.01)


def parse_events(text: str) -> list[tuple[str, Any]]:
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


Start = Callable[..., Awaitable[Site]]


@pytest.fixture
async def start(tmp_path: Path, database_url: str) -> AsyncIterator[Start]:
    """Start the program with these settings; every instance is closed at the end of the test."""
    async with AsyncExitStack() as stack:
        started = 0

        async def open_site(settings: Settings | None = None) -> Site:
            nonlocal started
            started += 1
            home = tmp_path / f"home-{started}"
            tree = {
                "database": {"url": database_url, "connect_s_max": 5},
                "storage": {"url": (tmp_path / "files").as_uri()},  # one for all on a database
                "embedder": {"kind": "none"},  # see test_default_embedder.py for the default
                **(settings or {}),
            }
            tree["server"] = {"port": 0, **tree.get("server", {})}
            config = schema.Config.model_validate(tree)
            server = await stack.enter_async_context(running(config, home))
            http = await stack.enter_async_context(aiohttp.ClientSession(server.url))
            return Site(server.url, home, server.services, http)

        yield open_site


@pytest.fixture(scope="session")
def _two_machines() -> Iterator[tuple[FakeMachine, FakeMachine]]:
    with running_machine() as macmini, running_machine() as macbook:
        yield macmini, macbook


@pytest.fixture
async def macmini(_two_machines: tuple[FakeMachine, FakeMachine]) -> FakeMachine:
    return await _fresh(_two_machines[0])


@pytest.fixture
async def macbook(_two_machines: tuple[FakeMachine, FakeMachine]) -> FakeMachine:
    return await _fresh(_two_machines[1])


async def _fresh(machine: FakeMachine) -> FakeMachine:
    await machine.set_mode("ok", reply={"answer": "The deposit is 1,800 euros [1]."})
    await machine.forget()
    return machine


def two_macs(macmini: str, macbook: str, **ask: Any) -> Settings:
    """The configuration of the two machines; `macmini` and `macbook` are their base URLs."""
    return {
        "ask": {"default_backend": "gemma-macmini", **ask},
        "machines": {"macmini": {}, "macbook": {}},
        "backends": {
            "gemma-macmini": {
                "kind": "openai",
                "machine": "macmini",
                "base_url": macmini,
                "model": GEMMA,
                "timeout_connect_s": 1,
                "probe_s": 0,
            },
            "qwen-macbook": {
                "kind": "openai",
                "machine": "macbook",
                "base_url": macbook,
                "model": QWEN,
                "timeout_connect_s": 1,
                "probe_s": 0,
                "stall_s": 1,
                "tools": True,
            },
        },
    }


@pytest.fixture
async def site(start: Start, macmini: FakeMachine, macbook: FakeMachine) -> Site:
    """Byline with both machines up and one document in."""
    opened = await start(two_macs(macmini.base_url, macbook.base_url))
    await opened.add()
    return opened
