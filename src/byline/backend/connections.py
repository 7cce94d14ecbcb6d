"""The connections to one server: opening, recognising and writing to them, and finding dead ones.

aiohttp pools and speaks HTTP. This adds what a client of model servers needs besides: our own
record of the socket an exchange used, a time limit on writing a request, and sockets on which the
kernel notices a peer that vanished.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakSet

import aiohttp
from aiohttp import ClientRequest, ClientTimeout
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from byline.backend.failures import ExchangePhase

IDLE_S_MAX: Final = 2.0
"""Seconds after which an idle pooled connection is not reused."""

_KEEPALIVE_IDLE_S: Final = 5
_KEEPALIVE_INTERVAL_S: Final = 2
_KEEPALIVE_PROBES: Final = 3
_UNACKNOWLEDGED_S_MAX: Final = 10
_DARWIN_RXT_CONNDROPTIME: Final = 0x80  # <netinet/tcp.h>; Python has no name for it
_DARWIN_KEEPALIVE: Final = 0x10

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
MakeSocket = Callable[[AddressInfo], socket.socket]


@dataclass(slots=True, weakref_slot=True)
class Exchange:
    """One request and its answer: how far it has come, and over which socket.

    `on_connected` is called once, just before the request is written. `peer` is `host:port` of the
    other end of the socket; `reused`: the socket carried an exchange before.
    """

    on_connected: Callable[[], None]
    phase: ExchangePhase = ExchangePhase.CONNECT
    peer: str = ""
    reused: bool = False
    protocol: ResponseHandler | None = field(default=None, repr=False)

    def connected(self, connection: Connection, reused: bool) -> None:
        """Record the socket; the request is written next."""
        self.phase = ExchangePhase.WRITE
        self.reused = reused
        self.protocol = connection.protocol
        transport = connection.transport
        peer = transport.get_extra_info("peername") if transport is not None else None
        self.peer = _host_and_port(peer)
        self.on_connected()

    def cause_of(self, error: BaseException) -> BaseException:
        """Return the loss of the connection behind `error`, or `error` where there was none.

        aiohttp reports a reset in the middle of a body as a payload error, as it does a body that
        just ends; only the connection tells them apart.
        """
        lost = self.protocol.exception() if self.protocol is not None else None
        return lost if isinstance(lost, aiohttp.ClientOSError) else error


class TimedBody(aiohttp.BytesPayload):
    """A request's body. Writing it takes at most `write_s` seconds, else it raises TimeoutError."""

    def __init__(self, value: bytes, exchange: Exchange, write_s: float) -> None:
        super().__init__(value, content_type="application/json")
        self.exchange = exchange
        self._write_s = write_s

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        async with asyncio.timeout(self._write_s):
            await super().write_with_length(writer, content_length)
            await writer.drain()
        self.exchange.phase = ExchangePhase.READ


class Dialer(aiohttp.TCPConnector):
    """Dialer pools connections, and tells the exchange of each request which one it got."""

    def __init__(
        self, *, idle_s_max: float = IDLE_S_MAX, make_socket: MakeSocket | None = None
    ) -> None:
        super().__init__(
            limit=0,  # the gates bound how many calls run
            keepalive_timeout=idle_s_max or None,
            force_close=not idle_s_max,
            timeout_ceil_threshold=float("inf"),
            socket_factory=make_socket or open_socket,
        )
        self._known: WeakSet[ResponseHandler] = WeakSet()
        self._retired: WeakSet[ResponseHandler] = WeakSet()

    def retire(self) -> None:
        """Reuse none of the connections that are open now. After a machine could not be reached
        they may be dead at the other end without a close. Requests under way go on."""
        self._retired.update(self._known)

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        while connection.protocol in self._retired:
            connection.close()
            connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        reused = protocol in self._known
        if protocol is not None and not reused:
            self._known.add(protocol)
        if isinstance(req.body, TimedBody):
            req.body.exchange.connected(connection, reused)
        return connection


def open_socket(info: AddressInfo) -> socket.socket:
    """Return a socket on which a vanished peer is noticed within about ten seconds.

    Keep-alive finds a silent peer, the limit on unacknowledged data one that is being written to:
    unacknowledged data suppresses keep-alive.
    """
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "darwin":
        made.setsockopt(socket.IPPROTO_TCP, _DARWIN_KEEPALIVE, _KEEPALIVE_IDLE_S)
        made.setsockopt(socket.IPPROTO_TCP, _DARWIN_RXT_CONNDROPTIME, _UNACKNOWLEDGED_S_MAX)
    elif sys.platform == "linux":
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_S_MAX * 1000)
    if sys.platform in ("darwin", "linux"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
    return made


def _host_and_port(peer: object) -> str:
    if not isinstance(peer, tuple) or len(peer) < 2:
        return ""
    host, port = str(peer[0]), peer[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
