"""What answers send in one turn of the event loop goes out in one write.

uvicorn writes the head of an answer and each piece of its body as they come. Every write is a
system call, and most of them wake a client that can do nothing yet: after the head of an answer it
waits for the body. Nothing is held back for longer than the turn.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HELD_BYTES_MAX: Final = 65_536
"""As much is written before the turn is over: then it is for the transport to say "wait"."""


class CoalescingProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a transport that joins what it is given."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's own; back-pressure comes from the real transport."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, CoalescingTransport(transport))


class CoalescingTransport:
    """Joins writes; in everything else it is the transport it was given."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_closing = transport.is_closing
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        """Send `data` with what else is sent in this turn."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= HELD_BYTES_MAX:
            self._flush()

    def close(self) -> None:
        """Close once everything has been sent."""
        self._flush()
        self._transport.close()

    def write_eof(self) -> None:
        """Send no more after what is held; the client may go on sending."""
        self._flush()
        self._transport.write_eof()

    def _flush(self) -> None:
        if self._held:
            held, self._held, self._held_bytes = self._held, [], 0
            self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
