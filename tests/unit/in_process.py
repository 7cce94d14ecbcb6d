"""Calls an ASGI app without a network: requests, whole answers, streams, and leaving early."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

Body = bytes | Iterable[bytes]


class Answer:
    """What the app has sent so far; awaitable piece by piece."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False
        self._changed = asyncio.Condition()

    async def take(self, message: Message) -> None:
        async with self._changed:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in message["headers"]
                }
            else:
                self.body += message.get("body", b"")
                self.complete = not message.get("more_body", False)
            self._changed.notify_all()

    async def until(self, text: str) -> None:
        """Wait until the body holds `text`."""
        async with self._changed:
            await self._changed.wait_for(lambda: text.encode() in self.body)

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[dict[str, Any]]:
        """The body as server-sent events: `id`, `event`, `data`."""
        found = []
        for block in self.body.decode().split("\n\n"):
            lines = [line for line in block.split("\n") if line and not line.startswith(":")]
            fields = dict(line.split(": ", 1) for line in lines)
            if fields:
                data = fields["data"]
                fields["data"] = data if data == "[DONE]" else json.loads(data)
                found.append(fields)
        return found


class Caller:
    """A client of `app` at `host`."""

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1:8420") -> None:
        self.app = app
        self.host = host

    async def get(self, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("GET", target, headers=headers)

    async def post(self, target: str, body: object = None, **headers: str) -> Answer:
        """POST JSON."""
        sent = {"content-type": "application/json", **headers}
        content = b"" if body is None else json.dumps(body).encode()
        return await self.send("POST", target, content, sent)

    async def send(
        self,
        method: str,
        target: str,
        body: Body = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request and its whole answer."""
        async with self.calling(method, target, body, headers) as call:
            await call.task
            return call.answer

    @asynccontextmanager
    async def calling(
        self,
        method: str,
        target: str,
        body: Body = b"",
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Call]:
        """A request under way; leaving the block leaves the server."""
        path, _, query = target.partition("?")
        given = {"host": self.host, **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), value.encode("latin-1")) for name, value in given.items()
            ],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8420),
        }
        call = Call(self.app, scope, [body] if isinstance(body, bytes) else list(body))
        try:
            yield call
        finally:
            await call.leave()


class Call:
    """One request: its answer so far, and the task that makes it."""

    def __init__(self, app: ASGIApp, scope: dict[str, Any], chunks: list[bytes]) -> None:
        self.answer = Answer()
        self.reads = asyncio.Event()
        """Cleared, the client takes nothing more off its connection."""
        self.reads.set()
        self._chunks = chunks
        self._left = asyncio.Event()
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def leave(self) -> None:
        """Close the connection, and wait until the app has noticed."""
        self._left.set()
        await asyncio.wait([self.task])

    async def _receive(self) -> Message:
        if self._chunks:
            body = self._chunks.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self._chunks)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        if not self._left.is_set():
            await self.answer.take(message)
