"""The HTTP server: uvicorn with our limits and without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp

from byline.api.http.descriptors import connections_max, descriptor_shortage_logged
from byline.api.http.http_protocol import BoundedProtocol, ConnectionLimit
from byline.config.schema import Config

LISTEN_BACKLOG: Final = 2048
"""Connections that the operating system queues until they are accepted."""

_ACCEPTED_AT_ONCE: Final = 64
"""Connections accepted in one turn of the loop: each takes a descriptor before it can be
refused."""


class HttpServer(uvicorn.Server):
    """`ready` is set once the server takes connections; set `should_exit` to end it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: `serve` handles signals, and uvicorn would take them from a program that
        embeds us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def http_server(
    app: ASGIApp, listener: socket.socket, config: Config
) -> AsyncIterator[HttpServer]:
    """Serve `app` on `listener`; yields the server once it takes connections."""
    connections = ConnectionLimit(connections_max(config))
    server = HttpServer(
        uvicorn.Config(
            cast(Any, app),
            http=cast(Any, partial(BoundedProtocol, connections)),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
            backlog=_ACCEPTED_AT_ONCE,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http server")
    with descriptor_shortage_logged(asyncio.get_running_loop()):
        try:
            await server.ready.wait()
            listener.listen(LISTEN_BACKLOG)  # asyncio has set it to the number it accepts at once
            yield server
        finally:
            server.should_exit = True
            await asyncio.wait([task], timeout=config.server.stop_s_max)
            task.cancel()
