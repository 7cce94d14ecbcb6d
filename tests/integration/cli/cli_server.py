"""A server for the commands to call: the API's real shapes, answers as the test lays them out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from anyio.from_thread import start_blocking_portal

from byline.api.failures import error_body, status_of
from byline.api.http.http_bytes import json_bytes, sse_event
from byline.ask.ask_json import event_data, event_name
from byline.domain.asks import AskAnswer, AskEvent
from byline.errors import BylineError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class LaidOut:
    """What the server answers by `METHOD /path`, and what it was asked."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    url: str = ""

    def answers(self, route: str, data: object, status: int = 200) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            return _json(data, status)

        self.handlers[route] = handler

    def refuses(self, route: str, error: BylineError, answer: AskAnswer | None = None) -> None:
        self.answers(route, error_body(error, answer), status_of(error))

    def streams(self, *events: AskEvent) -> None:
        """What `POST /api/search/ask` sends; without a last event the connection just ends."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for sequence, event in enumerate(events, start=1):
                data = event_data(event)
                await response.write(sse_event(event_name(event), data, sequence))
            return response

        self.handlers["POST /api/search/ask"] = handler


def _json(data: object, status: int = 200) -> web.Response:
    return web.Response(
        body=json_bytes(data), status=status, headers={"Content-Type": "application/json"}
    )


@contextmanager
def cli_server() -> Iterator[LaidOut]:
    """The server in a thread with an event loop of its own, since the commands bring theirs."""
    with start_blocking_portal() as portal:
        laid_out = LaidOut()
        with portal.wrap_async_context_manager(_serving(laid_out)):
            yield laid_out


@asynccontextmanager
async def _serving(laid_out: LaidOut) -> AsyncIterator[None]:
    async def any_route(request: web.Request) -> web.StreamResponse:
        route = f"{request.method} {request.path}"
        laid_out.requests.append((route, await _received(request)))
        return await laid_out.handlers[route](request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", any_route)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    laid_out.url = f"http://{host}:{port}"
    try:
        yield
    finally:
        await runner.cleanup()


async def _received(request: web.Request) -> Any:
    if request.content_type == "application/json":
        return await request.json()
    if request.content_type.startswith("multipart/"):
        return {name: await _part(value) for name, value in (await request.post()).items()}
    return dict(request.query)


def document(**changes: Any) -> dict[str, Any]:
    """A document as the API describes it."""
    return {
        "id": "d1",
        "name": "lease.pdf",
        "path": "lease.pdf",
        "language": None,
        "tags": [],
        "title": "Lease",
        "state": "indexed",
        "error": None,
        "warnings": [],
        "collection": "default",
        "sha256": "00",
        "media_type": "application/pdf",
        "bytes_len": 1234,
        "pages": 4,
        "passages": 12,
        "embedded": 0,
        "created_at": "2026-01-01T12:00:00+00:00",
        "updated_at": "2026-01-01T12:00:00+00:00",
    } | changes


async def _part(value: Any) -> Any:
    if isinstance(value, web.FileField):
        return value.filename, await asyncio.to_thread(value.file.read)
    return value
