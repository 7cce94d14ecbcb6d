"""The server side of HTTP/1.1 on bare sockets, so that a fault can be made at any byte."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, or as text where it is none."""
        text = self.body.decode("utf-8", "replace")
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text


class Peer:
    """The client at the other end of one connection, as the answer of one request sees it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable = asyncio.Event()
        self._writable.set()
        self.left = asyncio.Event()
        self.server = ""
        """The `Server:` header, by which some servers give themselves away."""
        address = transport.get_extra_info("peername")
        self.port = int(address[1]) if address else 0
        """The client's own port: it tells connections apart."""

    def set_writable(self) -> None:
        self._writable.set()

    def clear_writable(self) -> None:
        self._writable.clear()

    async def send(self, data: bytes) -> None:
        """Write bytes as they are; waits while the client does not read.

        A client is seen to have left a turn of the event loop later than its transport is closed,
        and an answer that never has to wait is one turn.
        """
        if not self.left.is_set() and not self._transport.is_closing():
            self._transport.write(data)
            await self._writable.wait()

    async def answer(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer with a length; JSON unless `content_type` says otherwise."""
        known = {"content_type": "application/json", "content_length": str(len(body))}
        await self.send(head(status, {**self._signed(), **known, **headers}) + body)

    async def begin(self, status: int = 200, **headers: str) -> None:
        """The head of a chunked event stream."""
        headers = {**self._signed(), "content_type": "text/event-stream; charset=utf-8", **headers}
        await self.send(head(status, {**headers, "transfer_encoding": "chunked"}))

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def pause(self, seconds: float) -> None:
        """Wait, but not for a client that has left."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self.left.wait()
            except TimeoutError:
                return

    def _signed(self) -> dict[str, str]:
        return {"server": self.server} if self.server else {}

    def close(self) -> None:
        """End the connection in good order (FIN)."""
        self._transport.close()

    def reset(self) -> None:
        """Break the connection off (RST)."""
        raw = cast(socket.socket, self._transport.get_extra_info("socket"))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


Handler = Callable[[Request, Peer], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One connection: parses requests one after the other and hands each to `handle`.

    `reads` False leaves everything the client sends in the kernel: a server that is stuck.
    """

    def __init__(self, handle: Handler, reads: Callable[[], bool]) -> None:
        self._handle = handle
        self._reads = reads
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._peer: Peer | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = Peer(self._transport)
        if not self._reads():
            raw = cast(socket.socket, transport.get_extra_info("socket"))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._peer is not None:
            self._peer.left.set()
            self._peer.set_writable()

    def pause_writing(self) -> None:
        if self._peer is not None:
            self._peer.clear_writable()

    def resume_writing(self) -> None:
        if self._peer is not None:
            self._peer.set_writable()

    def _next(self) -> None:
        request = _take_request(self._buffer)
        if request is not None and self._peer is not None:
            self._task = asyncio.create_task(self._run(request, self._peer))

    async def _run(self, request: Request, peer: Peer) -> None:
        try:
            await self._handle(request, peer)
        finally:
            self._task = None
            if request.headers.get("connection", "").lower() == "close":
                peer.close()
            elif not peer.left.is_set():
                self._next()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """A status line and headers; `content_type` stands for `Content-Type`, and so on."""
    known = status in HTTPStatus.__members__.values()
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if known else 'Odd'}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _take_request(buffer: bytearray) -> Request | None:
    """Cut the first whole request off `buffer`; None while it is not whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    method, path, *_ = [*first.split(" "), "", ""]
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", "0"))
    if len(buffer) < end + 4 + length:
        return None
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    return Request(method, path, headers, body)
