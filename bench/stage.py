"""A Byline with the bundled samples and two machines, and a browser in front of it: what the face
is measured and photographed on."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, async_playwright

from bench.program import Program, byline, indexed
from byline.samples import sample_files
from byline.testing.machine import FakeMachine, closed_port, fake_machine

GEMMA = "mlx-community/gemma-3-27b-it-4bit"
QWEN = "mlx-community/Qwen3-32B-4bit"
READ_S_MAX = 120.0
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")


@dataclass(frozen=True, slots=True)
class Stage:
    """The program at `url`; `macmini` answers as it is told, `macbook` does not."""

    url: str
    macmini: FakeMachine
    browser: Browser

    async def ask(self, question: str, **options: Any) -> dict[str, Any]:
        """The answer's JSON, or the error's."""
        return await self.post("/api/search/ask", {"question": question, **options})

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with aiohttp.ClientSession() as http, http.post(self.url + path, json=body) as reply:
            answer: dict[str, Any] = await reply.json()
            return answer

    async def remove(self, path: str) -> None:
        async with aiohttp.ClientSession() as http, http.delete(self.url + path) as reply:
            reply.raise_for_status()


@asynccontextmanager
async def stage(home: Path) -> AsyncIterator[Stage]:
    """Open it all, with the samples read. Raises `RuntimeError` where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise RuntimeError("There is no Chromium on this machine (Debian's package: chromium).")
    with closed_port() as gone:
        async with (
            fake_machine(loaded_model=GEMMA) as macmini,
            byline(home, _settings(macmini.base_url, f"http://{gone}")) as program,
            async_playwright() as playwright,
        ):
            await _add_samples(program)
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=list(_ARGUMENTS)
            )
            yield Stage(program.url, macmini, browser)
            await browser.close()


def _settings(macmini: str, macbook: str) -> str:
    backends = (("gemma-macmini", macmini, GEMMA), ("qwen-macbook", macbook, QWEN))
    tables = [
        f'[backends.{name}]\nmachine = "{name.partition("-")[2]}"\nkind = "openai"\n'
        f'base_url = "{address}"\nmodel = "{model}"\ntools = true\n'
        for name, address, model in backends
    ]
    machines = "[machines.macmini]\n[machines.macbook]\n"
    return '[ask]\ndefault_backend = "gemma-macmini"\n' + machines + "".join(tables)


async def _add_samples(program: Program) -> None:
    form = aiohttp.FormData()
    with sample_files() as files:
        for file in files:
            form.add_field("file", file.read_bytes(), filename=file.name)
    async with (
        aiohttp.ClientSession(program.url) as http,
        http.post("/api/documents", data=form) as reply,
    ):
        reply.raise_for_status()
        added = [document["id"] for document in (await reply.json())["documents"]]
    with program.connect() as connection:
        await indexed(connection, added, READ_S_MAX)
