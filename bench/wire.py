"""The client that measures: blocking and bare, so that little of what is measured is its own.

One connection, kept open. Times are wall-clock milliseconds from the first byte sent to the last
byte received.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

CALL_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `ms` includes reading it to the end."""

    status: int
    body: bytes
    ms: float

    @property
    def data(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A kept-alive connection to one server, used by one caller at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.netloc, timeout=CALL_S_MAX)
        self._prefix = parts.path.rstrip("/")

    def call(self, method: str, path: str, data: object = None) -> Reply:
        """Send JSON (or nothing) and read the answer to its end."""
        body = None if data is None else json.dumps(data).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        return self.send(method, path, body, headers)

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        """Send bytes as they are; a connection the server has closed meanwhile is dialled again."""
        try:
            return self._exchange(method, path, body, headers)
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            self._http.close()
            return self._exchange(method, path, body, headers)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> Reply:
        began = time.perf_counter()
        self._http.request(method, self._prefix + path, body, headers)
        if self._http.sock is not None:  # small requests must not wait for the next one's ACK
            self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        response = self._http.getresponse()
        content = response.read()
        return Reply(response.status, content, (time.perf_counter() - began) * 1000)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
