"""`byline serve` as a process: its start, its refusals to start, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from byline.testing.machine import FakeMachine
from tests.acceptance.conftest import LEASE, QUESTION, parse_events

STOP_S_MAX = 5.0
START_S_MAX = 30.0


def write_config(path: Path, *, database_url: str = "", server: str = "", more: str = "") -> Path:
    database = f'[database]\nurl = "{database_url}"\nconnect_s_max = 1\n' if database_url else ""
    path.write_text(f"[server]\nport = 0\n{server}\n{database}\n{more}", encoding="utf-8")
    return path


@asynccontextmanager
async def serve(home: Path, config: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A `byline serve` that answers, and its address."""
    process = await begin(home, config)
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert "http://" in line, await said(process)
        yield process, "http://" + line.split("http://")[1].split()[0]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def begin(home: Path, config: Path) -> asyncio.subprocess.Process:
    environment = {**os.environ, "BYLINE_HOME": str(home), "BYLINE_CONFIG": str(config)}
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("byline"),
        "serve",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def said(process: asyncio.subprocess.Process) -> str:
    out, err = await process.communicate()
    return (out + err).decode()


def still_running(family: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Those of the processes that run on. An ended one whose new parent has not asked yet how it
    ended (a container's first process may never ask) does not."""
    _, left = psutil.wait_procs(family, timeout=within_s)
    found = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


async def test_ctrl_c_ends_open_streams_and_leaves_no_process_behind(
    tmp_path: Path, macmini: FakeMachine
) -> None:
    backends = (
        '[ask]\ndefault_backend = "slow"\n[machines.macmini]\n[backends.slow]\nkind = "openai"\n'
        f'machine = "macmini"\nbase_url = "{macmini.base_url}"\nmodel = "m"\n'
    )
    config = write_config(tmp_path / "byline.toml", more=backends)
    await macmini.set_mode("hang")
    async with serve(tmp_path / "집 home", config) as (process, url):
        family = psutil.Process(process.pid).children(recursive=True)
        assert any("postgres" in child.name() for child in family)
        async with aiohttp.ClientSession(url) as http:
            form = aiohttp.FormData()
            form.add_field("file", LEASE.encode(), filename="lease.md")
            async with http.post("/api/documents", data=form) as response:
                document_id = (await response.json())["documents"][0]["id"]
            state = ""
            while state not in ("indexed", "embedded"):
                async with http.get(f"/api/documents/{document_id}") as response:
                    state = (await response.json())["state"]
            body = {"question": QUESTION, "stream": True}
            async with http.post("/api/search/ask", json=body) as stream:
                await macmini.wait_for(running=1)
                begun = time.monotonic()
                process.send_signal(signal.SIGINT)
                events = parse_events((await stream.content.read()).decode())
        await asyncio.wait_for(process.wait(), STOP_S_MAX)
        assert time.monotonic() - begun < STOP_S_MAX
        assert process.returncode == 0
        assert events[-1][0] == "done"
        assert events[-1][1]["status"] == "interrupted"
    assert still_running(family, within_s=1) == []


async def test_ctrl_c_ends_a_stream_of_v1_with_an_error_and_not_as_done(
    tmp_path: Path, macmini: FakeMachine
) -> None:
    backends = (
        '[ask]\ndefault_backend = "slow"\n[machines.macmini]\n[backends.slow]\nkind = "openai"\n'
        f'machine = "macmini"\nbase_url = "{macmini.base_url}"\nmodel = "m"\n'
    )
    config = write_config(tmp_path / "byline.toml", more=backends)
    await macmini.set_mode("stall", reply={"answer": "one two three four"})
    body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    async with (
        serve(tmp_path / "home", config) as (process, url),
        aiohttp.ClientSession(url) as http,
    ):
        async with http.post("/v1/chat/completions", json=body) as stream:
            first = await stream.content.readline()
            process.send_signal(signal.SIGINT)
            rest = (await stream.content.read()).decode()
        await asyncio.wait_for(process.wait(), STOP_S_MAX)
    assert process.returncode == 0
    assert first.startswith(b"data: ")
    last = json.loads(rest.strip().splitlines()[-1].removeprefix("data: "))
    assert last["error"]["code"] == "stopping"
    assert "[DONE]" not in rest


@pytest.mark.parametrize("first", [signal.SIGHUP, signal.SIGTERM])
async def test_a_closed_terminal_ends_it_as_well_and_a_second_signal_cuts_nothing(
    tmp_path: Path, first: signal.Signals
) -> None:
    config, home = write_config(tmp_path / "byline.toml"), tmp_path / "home"
    async with serve(home, config) as (process, _):
        family = psutil.Process(process.pid).children(recursive=True)
        for number in (first, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        await asyncio.wait_for(process.wait(), STOP_S_MAX)
        assert process.returncode == 0
    assert still_running(family, within_s=1) == []


async def test_a_signal_during_the_start_ends_what_has_been_started(tmp_path: Path) -> None:
    config = write_config(tmp_path / "byline.toml")
    process = await begin(tmp_path / "home", config)
    server = psutil.Process(process.pid)
    async with asyncio.timeout(START_S_MAX):
        # PostgreSQL's: what Python itself begins while it imports comes before any signal is heard.
        while not any("postgres" in child.name() for child in server.children(recursive=True)):
            await asyncio.to_thread(server.status)
    family = server.children(recursive=True)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    assert "Traceback" not in await said(process)
    assert process.returncode == 0
    assert still_running(family, within_s=1) == []


async def test_after_a_kill_nothing_is_left_running_and_the_next_start_has_everything(
    tmp_path: Path,
) -> None:
    config, home = write_config(tmp_path / "byline.toml"), tmp_path / "home"
    async with serve(home, config) as (process, url):
        family = psutil.Process(process.pid).children(recursive=True)
        form = aiohttp.FormData()
        form.add_field("file", LEASE.encode(), filename="lease.md")
        async with aiohttp.request("POST", f"{url}/api/documents", data=form) as response:
            assert response.status == 202
        process.kill()
        await process.wait()
    assert still_running(family, within_s=5) == []
    async with (
        serve(home, config) as (_, url),
        aiohttp.request("GET", f"{url}/api/documents") as response,
    ):
        [document] = (await response.json())["documents"]
    assert document["name"] == "lease.md"


async def test_a_second_byline_on_the_same_home_is_refused_in_words(tmp_path: Path) -> None:
    config, home = write_config(tmp_path / "byline.toml"), tmp_path / "home"
    async with serve(home, config):
        second = await begin(home, config)
        text = await said(second)
    assert second.returncode not in (0, None)
    assert "Another Byline" in text
    assert "Traceback" not in text


async def test_a_taken_port_is_refused_in_words(tmp_path: Path, database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = tmp_path / "byline.toml"
        config.write_text(
            f'[server]\nport = {taken.getsockname()[1]}\n[database]\nurl = "{database_url}"\n'
        )
        process = await begin(tmp_path / "home", config)
        text = await said(process)
    assert process.returncode not in (0, None)
    assert "Cannot listen" in text
    assert "Traceback" not in text


async def test_without_keys_it_will_not_listen_beyond_loopback(
    tmp_path: Path, database_url: str
) -> None:
    config = write_config(
        tmp_path / "byline.toml", database_url=database_url, server='host = "0.0.0.0"'
    )
    process = await begin(tmp_path / "home", config)
    text = await said(process)
    assert process.returncode not in (0, None)
    assert "allow_unauthenticated" in text
    assert "Traceback" not in text


async def test_a_database_that_is_down_at_the_start_is_refused_in_words(tmp_path: Path) -> None:
    config = write_config(
        tmp_path / "byline.toml", database_url="postgresql://nobody@127.0.0.1:1/none"
    )
    process = await begin(tmp_path / "home", config)
    text = await said(process)
    assert process.returncode not in (0, None)
    assert "database.url" in text
    assert "Traceback" not in text
