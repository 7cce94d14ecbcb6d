"""The real program as a process of its own, as a person would run it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.wire import Connection, free_port

READY_S_MAX = 120.0
STOP_S_MAX = 15.0
SERVE = "from byline.cli.app import main; main()"


@dataclass(frozen=True, slots=True)
class Program:
    """A server that answers at `url`; `ready_s` from its start to its first readiness."""

    url: str
    pid: int
    ready_s: float

    def connect(self) -> Connection:
        return Connection(self.url)


@asynccontextmanager
async def byline(home: Path, settings: str = "") -> AsyncIterator[Program]:
    """`byline serve` on a free port; `settings` is TOML beside the `[server]` table."""
    port = free_port()
    config = _written(home / "bench.toml", port, settings)
    environ = {"BYLINE_HOME": str(home), "BYLINE_CONFIG": str(config)}
    command = [sys.executable, "-c", SERVE, "serve"]
    async with server(command, f"http://127.0.0.1:{port}", "/readyz", environ) as program:
        yield program


def _written(config: Path, port: int, settings: str) -> Path:
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"[server]\nport = {port}\n[log]\nlevel = 'error'\n{settings}", "utf-8")
    return config


@asynccontextmanager
async def server(
    command: Sequence[str], url: str, ready_path: str, environ: Mapping[str, str]
) -> AsyncIterator[Program]:
    """Any HTTP server as a process, from its start until it is ready; stopped by SIGTERM."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environ, stdout=sys.stderr, start_new_session=True
    )
    try:
        await _ready(process, url, ready_path)
        yield Program(url, process.pid, time.monotonic() - began)
    finally:
        await _stop(process)


async def _ready(process: asyncio.subprocess.Process, url: str, path: str) -> None:
    deadline = time.monotonic() + READY_S_MAX
    while time.monotonic() < deadline:
        if process.returncode is not None:
            raise RuntimeError(f"{url} ended with exit code {process.returncode} before it served")
        try:
            with Connection(url) as connection:
                if connection.call("GET", path).status < 300:
                    return
        except OSError:
            pass
        await asyncio.sleep(0.01)
    raise RuntimeError(f"{url} was not ready after {READY_S_MAX:.0f} s")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S_MAX)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def upload(connection: Connection, name: str, text: str) -> str:
    """Add one text document; its id."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    body = f"{head}Content-Type: text/plain\r\n\r\n{text}\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    reply = connection.send("POST", "/api/documents", body, {"Content-Type": kind})
    if reply.status >= 300:
        raise RuntimeError(f"upload refused: {reply.body.decode()}")
    return str(reply.data["documents"][0]["id"])


async def indexed(connection: Connection, ids: Sequence[str], s_max: float = 600) -> int:
    """Wait until all of them are searchable; how many passages they have together."""
    deadline = time.monotonic() + s_max
    passages, waiting = 0, list(ids)
    while waiting:
        found = connection.call("GET", f"/api/documents/{waiting[0]}").data
        if found["state"] in ("queued", "extracting"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(waiting)} documents not indexed after {s_max:.0f} s")
            await asyncio.sleep(0.05)
            continue
        if found["state"] == "failed":
            raise RuntimeError(f"{found['name']}: {found['error']}")
        passages += found["passages"]
        waiting.pop(0)
    return passages
