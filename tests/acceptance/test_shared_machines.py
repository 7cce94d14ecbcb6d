"""Rule 7, in every process that shares the database: two `byline serve`, one machine."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import Answer, Start, two_macs

CHAT = {"model": "gemma-macmini", "messages": [{"role": "user", "content": "Hello?"}]}
READY_S_MAX = 60.0


def toml(tree: dict[str, Any], path: str = "") -> str:
    """A nested dict of plain values as TOML."""
    plain = {key: value for key, value in tree.items() if not isinstance(value, dict)}
    lines = [f"[{path}]"] if path else []
    lines += [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for key, value in tree.items():
        if isinstance(value, dict):
            lines.append(toml(value, f"{path}.{key}" if path else key))
    return "\n".join(lines)


@asynccontextmanager
async def byline_serve(home: Path, settings: dict[str, Any]) -> AsyncIterator[str]:
    """The program as its users start it; yields its address."""
    config = home.with_suffix(".toml")
    written = toml({**settings, "server": {"port": 0}})
    await asyncio.to_thread(config.write_text, written, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("byline"), "serve"),
        env={**os.environ, "BYLINE_HOME": str(home), "BYLINE_CONFIG": str(config)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_S_MAX):
            while b"http://" not in (line := await process.stdout.readline()):
                assert line, "byline serve ended"
        yield next(word for word in line.decode().split() if word.startswith("http://"))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def chat(url: str) -> Answer:
    async with (
        aiohttp.ClientSession(url) as http,
        http.post("/v1/chat/completions", json=CHAT) as response,
    ):
        return Answer(response.status, response.headers, await response.json())


async def gemma(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession(url) as http, http.get("/api/backends") as response:
        backends: list[dict[str, Any]] = (await response.json())["backends"]
        return next(backend for backend in backends if backend["name"] == "gemma-macmini")


async def until(url: str, **words: Any) -> None:
    async with asyncio.timeout(READY_S_MAX):
        while not words.items() <= (await gemma(url)).items():
            pass


async def test_two_processes_share_a_machine_and_each_shows_what_the_other_has_it_do(
    start: Start, database_url: str, tmp_path: Path, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    settings = two_macs(macmini.base_url, macbook.base_url)
    here = await start(settings)
    with_database = {
        **settings,
        "database": {"url": database_url},
        "storage": {"url": (tmp_path / "files").as_uri()},
    }
    async with byline_serve(tmp_path / "other", with_database) as there:
        await macmini.set_mode("hold")
        first = asyncio.create_task(chat(here.url))
        await macmini.wait_for(running=1)
        await until(there, running=1)
        second = asyncio.create_task(chat(there))
        for url in (here.url, there):
            await until(url, running=1, waiting={"foreground": 1, "background": 0})
        await macmini.set_mode("ok")
        await macmini.release()
        assert ((await first).status, (await second).status) == (200, 200)
        counts = await macmini.counts()
        assert (counts["requests"], counts["running_max"]) == (2, 1)


async def test_a_process_that_is_killed_with_the_machine_in_use_leaves_it_to_the_other(
    start: Start, database_url: str, tmp_path: Path, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    settings = two_macs(macmini.base_url, macbook.base_url)
    here = await start(settings)
    with_database = {
        **settings,
        "database": {"url": database_url},
        "storage": {"url": (tmp_path / "files").as_uri()},
    }
    async with byline_serve(tmp_path / "other", with_database) as there:
        await macmini.set_mode("hold")
        first = asyncio.create_task(chat(there))
        await macmini.wait_for(running=1)
        second = asyncio.create_task(chat(here.url))
        await until(here.url, running=1, waiting={"foreground": 1, "background": 0})
        await macmini.set_mode("ok")
    await asyncio.wait([first])
    assert isinstance(first.exception(), aiohttp.ClientError)
    assert (await second).status == 200


async def test_a_process_with_a_file_store_of_its_own_is_refused_and_told_what_mends_it(
    start: Start, database_url: str, tmp_path: Path, macmini: FakeMachine, macbook: FakeMachine
) -> None:
    here = await start(two_macs(macmini.base_url, macbook.base_url))
    home, config = tmp_path / "other", tmp_path / "other.toml"
    config.write_text(f'[server]\nport = 0\n[database]\nurl = "{database_url}"\n', encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("byline"), "serve"),
        env={**os.environ, "BYLINE_HOME": str(home), "BYLINE_CONFIG": str(config)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), READY_S_MAX)
    told = " ".join(said.decode().split())
    assert process.returncode == 1
    assert f"they were in {tmp_path / 'files'}" in told
    assert "storage.url" in told
    assert (await here.add())["state"] in ("indexed", "embedded")
