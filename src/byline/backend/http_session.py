"""The HTTP sessions of one backend: its server's address, its headers, its time limits."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from byline.backend.connections import IDLE_S_MAX, Dialer, MakeSocket
from byline.backend.decode import ANSWER_BYTES_MAX
from byline.backend.failures import (
    NETWORK_ERRORS,
    ExchangePhase,
    Upstream,
    misconfigured,
    network_error,
    status_error,
    unavailable,
)
from byline.backend.key_masking import KeyMask
from byline.backend.request_bodies import address_of, server_root
from byline.backend.sse import LINE_BYTES_MAX

JSON_BYTES_MAX: Final = 1024 * 1024
"""Bytes read at most of an answer other than a chat completion."""

_NEXT_ADDRESS_S: Final = 0.25  # RFC 8305; a name may have an IPv6 address that does not answer


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits that are not configurable. Times in seconds.

    `finish_s`: how long usage and end mark may take after the model has finished. `json_s`: one
    request about the server itself. `check_wait_s`: how long the first delta waits for the check of
    the model. `read_to_end_s`: how long the end of a body may take after its end mark.
    `make_socket` may refuse an address.
    """

    pool_s: float = 5.0
    write_s: float = 10.0
    finish_s: float = 2.0
    json_s: float = 2.0
    check_wait_s: float = 0.05
    read_to_end_s: float = 0.1
    calls_max: int = 1024
    answer_bytes_max: int = ANSWER_BYTES_MAX
    line_bytes_max: int = LINE_BYTES_MAX
    make_socket: MakeSocket | None = None


HTTP_LIMITS: Final = HttpLimits()


class ServerLink:
    """ServerLink owns the HTTP sessions to the server of one backend. It opens nothing until used.

    `read_key` returns the API key, "" for none; it raises LookupError with a sentence where one is
    configured and missing. `to.mask` hides the key that was read last.
    """

    def __init__(
        self,
        to: Upstream,
        base_url: str,
        connect_s: float,
        read_key: Callable[[], str],
        limits: HttpLimits = HTTP_LIMITS,
    ) -> None:
        self.to = to
        self.limits = limits
        self._root = server_root(base_url)
        self._waiting = aiohttp.ClientTimeout(total=None, connect=connect_s)
        self._connect_s = connect_s
        self._read_key = read_key
        self._key = ""
        self._dialer: Dialer | None = None
        self._pooled: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._trusted: ssl.SSLContext | None = None

    @property
    def chat_url(self) -> str:
        return f"{self._root}/v1/chat/completions"

    @property
    def embeddings_url(self) -> str:
        return f"{self._root}/v1/embeddings"

    @property
    def waiting(self) -> aiohttp.ClientTimeout:
        """aiohttp's clock runs while connecting only: DNS, TCP and TLS together."""
        return self._waiting

    def pooled(self) -> aiohttp.ClientSession:
        """Return the session that reuses connections."""
        if self._pooled is None:
            self._dialer = Dialer(idle_s_max=IDLE_S_MAX, make_socket=self.limits.make_socket)
            self._pooled = _session(self._dialer)
        return self._pooled

    def fresh(self) -> aiohttp.ClientSession:
        """Return a session that opens a connection for each request: for when a pooled one was
        dead."""
        if self._fresh is None:
            self._fresh = _session(Dialer(idle_s_max=0, make_socket=self.limits.make_socket))
        return self._fresh

    def headers(self) -> dict[str, str]:
        """Return the headers of every request. Raises LlmError `misconfigured` for a missing
        key."""
        try:
            key = self._read_key()
        except LookupError as error:
            raise misconfigured(self.to, str(error.args[0])) from error
        if key != self._key:
            self._key, self.to = key, replace(self.to, mask=KeyMask(key))
        return {"Authorization": f"Bearer {key}"} if key else {}

    async def request_json(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Get the JSON at `path`, or post `body` to it; the key is masked in what is returned.

        Raises BackendUnavailable, LlmError.
        """
        phase = ExchangePhase.CONNECT
        try:
            async with asyncio.timeout(self._connect_s + self.limits.json_s):
                request = self.pooled().request(
                    "GET" if body is None else "POST",
                    self._root + path,
                    json=body,
                    headers=self.headers(),
                    timeout=self.waiting,
                    allow_redirects=False,
                )
                async with request as answer:
                    phase = ExchangePhase.READ
                    said = await read_at_most(answer.content, JSON_BYTES_MAX)
        except (*NETWORK_ERRORS, ValueError) as error:
            if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
                # Our own clock: aiohttp's, which covers connecting, is shorter.
                phase = ExchangePhase.READ
            raise network_error(error, phase, self.to) from error
        if answer.status != 200:
            raise status_error(answer.status, answer.reason or "", said, self.to)
        try:
            return self.to.mask.json(json.loads(said))
        except (ValueError, RecursionError):
            return None

    async def reach(self) -> None:
        """Open a connection and close it. Raises BackendUnavailable, LlmError `misconfigured`."""
        try:
            url = urlsplit(self._root)
            port = url.port or (443 if url.scheme == "https" else 80)
            async with asyncio.timeout(self._connect_s):
                _, writer = await asyncio.open_connection(
                    url.hostname, port, ssl=self._tls(), happy_eyeballs_delay=_NEXT_ADDRESS_S
                )
        except socket.gaierror as error:
            said = f"the name {url.hostname} cannot be resolved"
            raise unavailable(self.to, "ConnectError", said) from error
        except (OSError, ValueError) as error:
            raise network_error(error, ExchangePhase.CONNECT, self.to) from error
        writer.close()

    def _tls(self) -> ssl.SSLContext | None:
        if self._trusted is None and self._root.startswith("https:"):
            self._trusted = ssl.create_default_context()
        return self._trusted

    def retire_connections(self) -> None:
        """Reuse none of the connections that are open now."""
        if self._dialer is not None:
            self._dialer.retire()

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._pooled, self._fresh):
            if session is not None:
                await session.close()
        self._pooled = self._fresh = self._dialer = None


def upstream(name: str, machine: str, base_url: str) -> Upstream:
    """Return the Upstream for calls to `base_url`."""
    return Upstream(name, machine, address_of(base_url))


async def read_at_most(content: aiohttp.StreamReader, bytes_max: int) -> bytes:
    """Return the body, or its first `bytes_max` bytes."""
    body = bytearray()
    while len(body) < bytes_max and (chunk := await content.readany()):
        body += chunk
    return bytes(body[:bytes_max])


def _session(dialer: Dialer) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=dialer,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # with a proxy from the environment another machine would answer
        headers={"User-Agent": "byline", "Accept-Encoding": "identity"},
    )
