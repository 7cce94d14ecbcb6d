"""A client of the HTTP API for the commands: one session, replies unchanged, errors as
exceptions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import aiohttp

from byline.cli.terminal import one_line

Json = dict[str, Any]

_CONNECT_S = 5.0
_READ_S = 120.0
_SILENCE_S = 60.0  # a stream has a heartbeat every 15 s
_CHUNK_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class ApiReply:
    """A JSON response: `text` exactly as it came, `data` the object in it."""

    status: int
    text: str
    data: Json


class ApiFailure(Exception):
    """The server refused. `reply` has the one error shape."""

    def __init__(self, reply: ApiReply) -> None:
        super().__init__(reply.data["error"]["message"])
        self.reply = reply

    @property
    def code(self) -> str:
        return str(self.reply.data["error"]["code"])

    @property
    def remedy(self) -> str:
        return str(self.reply.data["error"].get("remedy") or "")


class NoServer(Exception):
    """Nothing answers at the address, or something that is not Byline, or the connection broke."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class ConnectionLost(NoServer):
    """The connection to the server broke."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One server-sent event."""

    name: str
    data: Json


class ApiClient:
    """ApiClient calls a Byline server. Its methods raise only `ApiFailure` and `NoServer` of their
    own."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self.address = address

    async def get(self, path: str, /, **parameters: object) -> ApiReply:
        """GET; parameters that are None are left out."""
        return await self._call("GET", path, params=_sent(parameters))

    async def post(self, path: str, body: Mapping[str, object] | None = None) -> ApiReply:
        """POST a JSON body; fields that are None are left out."""
        return await self._call("POST", path, json=None if body is None else _sent(body))

    async def patch(self, path: str, body: Mapping[str, object]) -> ApiReply:
        """PATCH a JSON body."""
        return await self._call("PATCH", path, json=body)

    async def text(self, path: str) -> str:
        """GET something that is not JSON."""
        try:
            async with self._session.get(self.address + path) as response:
                if response.content_type == "application/json":
                    self._refuse(await self._reply(response))
                return await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._no_server(error) from error

    async def delete(self, path: str) -> None:
        await self._call("DELETE", path)

    async def upload(
        self, path: Path, fields: Mapping[str, str], sent: Callable[[int], None]
    ) -> Json:
        """Upload one file as a stream. `sent` is called with the number of bytes sent. Returns the
        server's report on the file.

        `fields` go before the file: `collection`, `folder`, `tags`.

        Raises OSError if the file cannot be read.
        """
        with await asyncio.to_thread(path.open, "rb") as file:

            async def chunks() -> AsyncIterator[bytes]:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    yield chunk
                    sent(len(chunk))

            form = aiohttp.FormData(quote_fields=False)  # names go as UTF-8, not as %EA%B9%80
            for name, value in fields.items():
                form.add_field(name, value)
            form.add_field(
                "file",
                chunks(),
                filename=one_line(path.name) or "unnamed",
                content_type="application/octet-stream",
            )
            reply = await self._call("POST", "/api/documents", data=form)
        document: Json = reply.data["documents"][0]
        return document

    async def answer(self, body: Mapping[str, object]) -> ApiReply:
        """Ask, and wait for the whole answer for as long as the server allows."""
        patient = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        return await self._call("POST", "/api/search/ask", json=_sent(body), timeout=patient)

    @asynccontextmanager
    async def ask(
        self, body: Mapping[str, object]
    ) -> AsyncIterator[AsyncGenerator[StreamEvent, None]]:
        """Ask, and yield the events as they come. Leaving the block cancels the ask."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        headers = {"Accept": "text/event-stream"}
        try:
            async with self._session.post(
                self.address + "/api/search/ask",
                json=_sent(body),
                headers=headers,
                timeout=timeout,
            ) as response:
                if response.content_type != "text/event-stream":
                    self._refuse(await self._reply(response))
                async with aclosing(events(response.content.iter_any())) as stream:
                    yield stream
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._no_server(error) from error

    async def _call(self, method: str, path: str, **options: Any) -> ApiReply:
        try:
            async with self._session.request(method, self.address + path, **options) as response:
                if response.status == 204:
                    return ApiReply(204, "", {})
                reply = await self._reply(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._no_server(error) from error
        if reply.status >= 400:
            self._refuse(reply)
        return reply

    async def _reply(self, response: aiohttp.ClientResponse) -> ApiReply:
        text = await response.text(errors="replace")
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        refused = response.status >= 400
        if not isinstance(data, dict) or (refused and not isinstance(data.get("error"), dict)):
            raise NoServer(
                f"What answers at {self.address} is not Byline.",
                "Give Byline's address with --server.",
            )
        return ApiReply(response.status, text, data)

    def _refuse(self, reply: ApiReply) -> NoReturn:
        raise ApiFailure(reply)

    def _no_server(self, error: Exception) -> NoServer:
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return NoServer(
                f"No Byline server answers at {self.address}.",
                "Start it with `byline serve`, or give its address with --server.",
            )
        if isinstance(error, aiohttp.InvalidURL):
            return NoServer(
                f"{self.address!r} is not an address.", "Give one such as http://127.0.0.1:8420."
            )
        return ConnectionLost(
            f"The connection to {self.address} broke.",
            "See whether the server still runs, and its log; then try again.",
        )


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[ApiClient]:
    """An `ApiClient` for the server at `address` (http://host:port). Nothing is dialled yet."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_READ_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        yield ApiClient(session, address.rstrip("/"))


async def events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[StreamEvent, None]:
    """The server-sent events in a stream of bytes; comments and unknown fields are skipped."""
    name, data = "", ""
    async for line in _lines(chunks):
        field, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data += value
        elif not field and not value and data:  # the blank line that ends an event
            yield StreamEvent(name, json.loads(data))
            name, data = "", ""


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines in a stream of bytes; aiohttp's own reader refuses very long ones."""
    rest = bytearray()
    async for chunk in chunks:
        searched = len(rest)
        rest += chunk
        while (end := rest.find(b"\n", searched)) >= 0:
            yield bytes(rest[:end]).removesuffix(b"\r")
            del rest[: end + 1]
            searched = 0


def _sent(parameters: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
