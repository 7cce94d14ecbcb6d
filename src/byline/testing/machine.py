"""A model server that does as it is told: an OpenAI-compatible process with fault modes.

In tests:

    async with fake_machine(kind="mlx-vlm") as machine:
        ... a backend with base_url=machine.base_url ...
        await machine.set_mode("stall", after=2)
        assert await machine.requests() == []

By hand: `python -m byline.testing.machine --port 8080 --mode slow --model NAME` prints one line
of JSON with its addresses and serves until it is stopped. The modes are in `faults` and `echoes`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from byline.testing.fake_server import MODE_NAMES, FakeServer, behaviour_of
from byline.testing.server_shapes import KINDS

BACKLOG_TRIES_MAX = 64


@dataclass(frozen=True, slots=True)
class FakeMachine:
    """A running fake machine. Its process ends with the `fake_machine` block, or with us."""

    base_url: str
    control_url: str
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """`host:port` of the model server."""
        return self.base_url.removeprefix("http://")

    async def set_mode(self, mode: str = "ok", **behaviour: Any) -> None:
        """Behave so from the next request on: fields of `faults.Behaviour`; those not given are
        back at their defaults. `reply` takes the fields of `shapes.Reply`, `replies` a list of
        such, one a chat request, `raw` takes bytes."""
        if isinstance(behaviour.get("raw"), bytes):
            behaviour["raw"] = base64.b64encode(behaviour["raw"]).decode()
        await self._post("/behave", {"mode": mode, **behaviour})

    async def release(self) -> None:
        """Let the answers of mode `hold` that wait now go on."""
        await self._post("/release", {})

    async def requests(self) -> list[dict[str, Any]]:
        """Everything that was asked, in order: `method`, `path`, `headers` (names in lower case),
        `body` (parsed), `from_port` (of the connection), `left` (the client went before the answer
        was whole), `done`."""
        return list((await self._get("/log"))["requests"])

    async def chats(self) -> list[dict[str, Any]]:
        """The requests that asked the model something."""
        return [one for one in await self.requests() if one["path"].endswith("/chat/completions")]

    async def counts(self) -> dict[str, int]:
        """Chat requests: `requests` that came, `running` now, `running_max` at once, `done`,
        `left`."""
        return dict((await self._get("/log"))["counts"])

    async def forget(self) -> None:
        """Empty the log."""
        await self._post("/forget", {})

    async def wait_for(self, **counts: int) -> None:
        """Until a count is reached, e.g. `requests=1`, `left=1`, `running=0`."""
        query = "&".join(f"{name}={number}" for name, number in counts.items())
        said = await self._get(f"/wait?{query}")
        if not said["ok"]:
            raise TimeoutError(f"waited for {query}, came to {said['counts']}")

    def kill(self) -> None:
        """End the process with no word to anyone, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    async def _get(self, path: str) -> Any:
        async with aiohttp.request("GET", self.control_url + path) as answer:
            return await answer.json()

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        async with aiohttp.request("POST", self.control_url + path, json=body) as answer:
            said = await answer.json()
        if "error" in said:
            raise ValueError(said["error"])


@asynccontextmanager
async def fake_machine(mode: str = "ok", **behaviour: Any) -> AsyncIterator[FakeMachine]:
    """Start a fake machine on a free loopback port; see `FakeMachine.set_mode` for `behaviour`."""
    with running_machine() as machine:
        await machine.set_mode(mode, **behaviour)
        yield machine


@contextmanager
def running_machine(
    *, host: str = "127.0.0.1", inside: Sequence[str] = ()
) -> Iterator[FakeMachine]:
    """The same without an event loop, for a process that serves many tests. It listens on `host`,
    an IPv6 address in brackets; `inside` is a command that runs it somewhere else."""
    command = [*inside, sys.executable, "-m", "byline.testing.machine", "--with-parent"]
    command += ["--host", host]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline() or "{}")
        if not addresses:
            raise RuntimeError("the fake machine did not start; its error is above")
        yield FakeMachine(**addresses, process=process)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def closed_port() -> Iterator[str]:
    """`host:port` of a loopback port that refuses connections and that nobody else will get."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def black_hole() -> Iterator[str]:
    """`host:port` that drops every attempt to connect, without a network.

    It listens and never accepts; once its queue of connections is full the kernel ignores more.
    """
    waiting: list[socket.socket] = []
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        try:
            for _ in range(BACKLOG_TRIES_MAX):
                caller = socket.socket()
                waiting.append(caller)
                caller.settimeout(0.1)
                try:
                    caller.connect(hole.getsockname())
                except TimeoutError:
                    break
            else:
                raise RuntimeError("this system queues connections without end")
            yield f"127.0.0.1:{hole.getsockname()[1]}"
        finally:
            for caller in waiting:
                caller.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m byline.testing.machine")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--mode", default="ok", choices=MODE_NAMES)
    parser.add_argument("--kind", default="llama.cpp", choices=KINDS)
    parser.add_argument("--model", default=None, help="the model it claims to have loaded")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds between tokens")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    chosen = parser.parse_args()
    if chosen.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    behaviour = behaviour_of(
        {
            "mode": chosen.mode,
            "kind": chosen.kind,
            "loaded_model": chosen.model,
            "delay_s": chosen.delay,
        }
    )
    try:
        asyncio.run(FakeServer(behaviour, chosen.host).run(chosen.port))
    except KeyboardInterrupt:
        return


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
