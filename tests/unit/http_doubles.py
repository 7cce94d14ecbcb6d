"""One HTTP connection in memory: what a client sends, what it gets, and a clock that is moved."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn
from dispatch_doubles import turn
from uvicorn.server import ServerState

from byline.api.http.http_protocol import BoundedProtocol, ConnectionLimit

_STATUS_LINE = re.compile(rb"HTTP/1\.1 \d{3} [^\r]*")


class Wire(asyncio.Transport):
    """Keeps what is written to it; whether it was ended or closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.ended = self.closed = False
        self.lost: Callable[[], None] = lambda: None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.sent += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.lost()

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Clock:
    """Time that passes when it is told to; everything else of the loop is the real one's."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []

    def call_later(self, delay_s: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay_s, then, (), asyncio.get_running_loop())
        self._timers.append((self.now + delay_s, then, handle))
        return handle

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    def waiting(self) -> int:
        """Timers that have neither rung nor been cancelled."""
        return sum(not handle.cancelled() for _, _, handle in self._timers)

    async def pass_s(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self._timers if timer[0] <= self.now]
        self._timers = [timer for timer in self._timers if timer[0] > self.now]
        for _, then, handle in due:
            if not handle.cancelled():
                then()
        await turn()


class Requests:
    """An app that notes each request with its body and answers `ok`, held back while `held`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.reads_body = True
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.left = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", self.reads_body
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            body += message["body"]
            more = message["more_body"]
        self.seen.append((scope["method"], scope["path"], body))
        self.headers.append(scope["headers"])
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        )
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"ok"})


class Connection:
    """A client's connection to a server of `app`."""

    def __init__(
        self,
        app: Any = None,
        connections: ConnectionLimit | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.app = app or Requests()
        self.clock = clock or Clock()
        self.connections = connections or ConnectionLimit(10)
        config = uvicorn.Config(self.app, lifespan="off", log_config=None, access_log=False)
        self.wire = Wire()
        self.protocol = BoundedProtocol(
            self.connections,
            config=config,
            server_state=ServerState(),
            app_state={},
            _loop=self.clock,
        )
        self.wire.lost = lambda: self.protocol.connection_lost(None)
        self.protocol.connection_made(self.wire)

    async def send(self, *pieces: bytes) -> bytes:
        """Send these one after the other; what the server has answered so far."""
        for piece in pieces:
            if self.wire.closed:
                break
            self.protocol.data_received(piece)
        for _ in range(10):
            await turn()
        return self.wire.sent

    def answers(self) -> list[bytes]:
        """The status lines so far."""
        return _STATUS_LINE.findall(self.wire.sent)

    def error(self) -> dict[str, Any]:
        """The error of the last answer."""
        body = json.loads(self.wire.sent.rpartition(b"\r\n\r\n")[2])
        error: dict[str, Any] = body["error"]
        return error
