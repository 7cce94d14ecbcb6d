"""The program that the browser's tests look at: `byline serve` as a process, and its machines."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from anyio.from_thread import BlockingPortal

from byline.testing.machine import FakeMachine

BYLINE = Path(sys.executable).with_name("byline")
READY_S_MAX = 60
GEMMA = "mlx-community/gemma-3-27b-it-4bit"
QWEN = "mlx-community/Qwen3-32B-4bit"

LEASE = """# Lease of the flat

The lease begins on 1 May 2024 and runs for two years. The deposit is 1,800 euros.

## Rent

Rent is 900 euros a month, due on the third day of each month.

# 세탁기 보증서

세탁기의 보증 기간은 구입일로부터 2년입니다. 고장이 나면 고객센터 1588-0000으로 연락하세요.
"""
QUESTION = "How much is the deposit of the lease?"
ANSWER = "The deposit is 1,800 euros [1]."


@dataclass(frozen=True, slots=True)
class SteeredMachine:
    """A fake machine for tests that do not run in an event loop. See `FakeMachine`."""

    machine: FakeMachine
    portal: BlockingPortal

    def set_mode(self, mode: str = "ok", **behaviour: Any) -> None:
        """Behave so from the next request on."""
        self.portal.call(lambda: self.machine.set_mode(mode, **behaviour))

    def release(self) -> None:
        """Let the answers of mode `hold` that wait now go on."""
        self.portal.call(self.machine.release)

    def wait_for(self, **counts: int) -> None:
        """Until a count is reached, e.g. `requests=1`, `left=1`, `running=0`."""
        self.portal.call(lambda: self.machine.wait_for(**counts))

    def chats(self) -> list[dict[str, Any]]:
        """The requests that asked the model something."""
        return self.portal.call(self.machine.chats)

    def fresh(self) -> None:
        """As at the start: answers at once, nothing logged."""
        self.set_mode("ok", reply={"answer": ANSWER})
        self.portal.call(self.machine.forget)


@dataclass(slots=True)
class Site:
    """A `byline serve` at `url`, its default backend `gemma-macmini`, and beside it `qwen-macbook`
    (with tools), `gone-desktop` (a port that refuses), `quotes`."""

    home: Path
    port: int
    macmini: SteeredMachine
    macbook: SteeredMachine
    config: dict[str, Any]
    process: subprocess.Popen[str] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the program; returns when it is ready."""
        self.home.mkdir(exist_ok=True)
        path = self.home.parent / "byline.toml"
        path.write_text(_toml(self.config | {"server": {"port": self.port}}))
        kept = os.environ | {"BYLINE_HOME": str(self.home), "BYLINE_CONFIG": str(path)}
        with (self.home.parent / "serve.log").open("a") as log:
            self.process = subprocess.Popen(
                [BYLINE, "serve"], env=kept, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            self.process.wait(READY_S_MAX)
            raise RuntimeError((self.home.parent / "serve.log").read_text())

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        assert self.process is not None
        self.process.terminate()
        self.process.communicate(timeout=READY_S_MAX)

    def api(self, method: str, path: str, body: object = None) -> Any:
        """One call of the API: the JSON it answers, whatever the status; None for none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _AnyStatus())
        with opener.open(request, timeout=READY_S_MAX) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add(self, content: str | bytes = LEASE, name: str = "lease.md", **fields: str) -> Any:
        """Add a document and wait until it is searchable or has failed: its JSON."""
        document_id = self.macmini.portal.call(self._upload, content, name, fields)
        deadline = time.monotonic() + READY_S_MAX
        while (document := self.api("GET", f"/api/documents/{document_id}"))["state"] in (
            "queued",
            "extracting",
        ):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is still {document['state']}")
        return document

    async def _upload(self, content: str | bytes, name: str, fields: dict[str, str]) -> str:
        form = aiohttp.FormData(fields)
        form.add_field(
            "file", content.encode() if isinstance(content, str) else content, filename=name
        )
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.url}/api/documents", data=form) as answer,
        ):
            return str((await answer.json())["documents"][0]["id"])

    def ask(self, question: str = QUESTION, **params: Any) -> Any:
        """The answer's JSON, or the error's."""
        return self.api("POST", "/api/search/ask", {"question": question, **params})


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        return response


def settings(database_url: str, macmini: str, macbook: str, gone: str) -> dict[str, Any]:
    """The configuration of the site."""
    quick = {"kind": "openai", "timeout_connect_s": 1, "probe_s": 0}
    return {
        "database": {"url": database_url},
        "embedder": {"kind": "none"},
        "ask": {"default_backend": "gemma-macmini"},
        "machines": {"macmini": {"queue_len_max": 3}, "macbook": {}, "desktop": {}},
        "backends": {
            "gemma-macmini": quick | {"machine": "macmini", "base_url": macmini, "model": GEMMA},
            "qwen-macbook": quick
            | {"machine": "macbook", "base_url": macbook, "model": QWEN, "tools": True},
            "gone-desktop": quick
            | {"machine": "desktop", "base_url": f"http://{gone}", "model": "gone"},
        },
    }


def free_port() -> int:
    """A port nobody listens on now. The site keeps it over a restart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _toml(tree: dict[str, Any]) -> str:
    lines = []
    for name, branch in tree.items():
        if all(isinstance(value, dict) for value in branch.values()) and branch:
            tables = {f"{name}.{inner}": leaf for inner, leaf in branch.items()}
        else:
            tables = {name: branch}
        for table, values in tables.items():
            lines.append(f"[{table}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
