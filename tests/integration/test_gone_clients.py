"""What is written to clients who are gone: once, and asyncio has nothing to complain of."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from byline.api.http.write_coalescing import HELD_BYTES_MAX, CoalescingTransport
from byline.testing.http1 import Peer

PIECES = 20
"""asyncio logs every write to a lost connection from the fifth on."""


@asynccontextmanager
async def connection_to_a_client_who_is_gone() -> AsyncIterator[asyncio.Transport]:
    """A connection the client has reset, which nobody has noticed yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        asyncio.Protocol, accepted
    )
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    try:
        yield transport
    finally:
        transport.abort()


async def test_a_long_response_to_a_client_who_is_gone_stops_at_the_first_write(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connection_to_a_client_who_is_gone() as transport:
        joining = CoalescingTransport(transport)
        with caplog.at_level(logging.WARNING, "asyncio"):
            for _ in range(PIECES):
                joining.write(b"x" * HELD_BYTES_MAX)
        assert transport.is_closing()
    assert caplog.messages == []


async def test_the_fake_machine_stops_at_the_first_token_to_a_client_who_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connection_to_a_client_who_is_gone() as transport:
        peer = Peer(transport)
        with caplog.at_level(logging.WARNING, "asyncio"):
            for _ in range(PIECES):
                await peer.chunk(b"token")
        assert transport.is_closing()
    assert caplog.messages == []
