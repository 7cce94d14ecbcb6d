"""Joins what responses send in one turn of the event loop into one write.

uvicorn writes the head of a response and each piece of its body as they come. Every write is a
system call, and most of them wake a client that can do nothing yet: after the head it waits for the
body. Nothing is held back for longer than the turn.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HELD_BYTES_MAX: Final = 65_536
"""The most bytes held back; beyond that they are written, and the transport may apply
back-pressure."""


class CoalescingProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a transport that joins writes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's own; back-pressure comes from the real transport."""
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, CoalescingTransport(transport))


class CoalescingTransport:
    """Joins writes, and passes everything else on to the transport it wraps."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.is_closing = transport.is_closing
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        """Send `data` together with what else is written in this turn; on a lost connection, send
        nothing."""
        if self._is_lost():
            return
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
        """Send nothing after what is held back; the client may go on sending."""
        self._flush()
        self._transport.write_eof()

    def _flush(self) -> None:
        if self._held:
            held, self._held, self._held_bytes = self._held, [], 0
            if not self._is_lost():
                self._transport.write(b"".join(held))

    def _is_lost(self) -> bool:
        """Whether nothing that is written now can arrive. The protocol hears of it a turn later,
        and asyncio logs a warning for each write until then."""
        return self._transport.is_closing() and not self._transport.get_write_buffer_size()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
