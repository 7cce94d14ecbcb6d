"""Responses that take time: event streams, heartbeats, and detecting that the caller has left.

A caller who leaves is an ordinary event: the work is closed (which stops the upstream and frees the
slot) and nothing is sent. uvicorn silently drops what is sent to a closed connection, so the only
way to notice is to listen for `http.disconnect`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from byline.api.failures import CLIENT_GONE
from byline.api.http.http_bytes import HEARTBEAT, SSE_MEDIA_TYPE
from byline.dispatch.clock import Clock

T = TypeVar("T")


class CallerLeft(Exception):
    """The client closed its connection before the answer was there."""


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has closed its connection. The body must have been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def run_while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. If the client leaves first, `work` is cancelled and CallerLeft raised.

    `work` runs in the task of whoever awaits this, which is interrupted in the way
    `asyncio.timeout` does it: a task of its own would cost every call three turns of the event
    loop.
    """
    working = asyncio.current_task()
    assert working is not None
    cancelled_before = working.cancelling()
    over = left = False

    def interrupt(leaving: asyncio.Future[None]) -> None:
        nonlocal left
        if leaving.cancelled():
            return
        leaving.exception()  # marked as retrieved: if listening fails, the caller has left, too
        left = not over and working.cancel()

    leaving = asyncio.ensure_future(wait_for_disconnect(receive))
    leaving.add_done_callback(interrupt)
    try:
        return await work
    except asyncio.CancelledError:
        if left and working.cancelling() == cancelled_before + 1:  # nobody else cancelled it
            raise CallerLeft from None
        raise
    finally:
        over = True
        leaving.cancel()
        if left:
            working.uncancel()


async def _cancel_all(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An open stream sends a comment after `silence_s` seconds of silence."""

    clock: Clock
    silence_s: float


class EventStream(Response):
    """A response that sends `chunks` as they come, and calls `closed` however it ends.

    A comment is sent after every period of silence that `heartbeat` allows. `chunks` must turn its
    own errors into events: once the status is sent there is no other way to report them. `closed`
    must release what the chunks are made of: a generator that was never started does not run its
    `finally`.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        heartbeat: Heartbeat,
        headers: Mapping[str, str],
        closed: Callable[[], Awaitable[object]],
    ) -> None:
        self.status_code = 200
        self.media_type = SSE_MEDIA_TYPE
        self.background = None
        self.chunks = chunks
        self.heartbeat = heartbeat
        self.closed = closed
        self._sent_at = 0.0
        self._beating: asyncio.Future[None] | None = None
        self.init_headers({"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        clock = self.heartbeat.clock
        self._sent_at = clock.monotonic()
        # Most streams are never silent for that long, and need no task to watch them.
        alarm = clock.call_at(
            self._sent_at + self.heartbeat.silence_s, lambda: self._start_heartbeat(send)
        )
        try:
            with contextlib.suppress(CallerLeft):
                await run_while_connected(receive, self._pump(send))
        finally:
            alarm.cancel()
            if self._beating is not None:
                await _cancel_all(self._beating)
            await self.chunks.aclose()
            await self.closed()

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        clock = self.heartbeat.clock
        async for chunk in self.chunks:
            self._sent_at = clock.monotonic()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _start_heartbeat(self, send: Send) -> None:
        self._beating = asyncio.ensure_future(self._beat(send))

    async def _beat(self, send: Send) -> None:
        clock, silence_s = self.heartbeat.clock, self.heartbeat.silence_s
        while True:
            if clock.monotonic() - self._sent_at >= silence_s:
                self._sent_at = clock.monotonic()
                await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
            await sleep_until(clock, self._sent_at + silence_s)


async def sleep_until(clock: Clock, when: float) -> None:
    """Return at `when`, by the monotonic clock."""
    rung = asyncio.Event()
    timer = clock.call_at(when, rung.set)
    try:
        await rung.wait()
    finally:
        timer.cancel()


class NoResponse(Response):
    """The response to a caller who has left: it sends nothing."""

    def __init__(self) -> None:
        super().__init__(status_code=CLIENT_GONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        return


async def answer_caller_left(request: Request, exception: Exception) -> Response:
    """FastAPI's handler for a caller who left while still sending."""
    return NoResponse()
