"""What `web` needs from HTTP for its HTML forms: statuses, uploads, and callers who leave."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from starlette.requests import Request

from byline.api.asks.ask_routes import ADMITTED, first_event
from byline.api.documents.document_routes import add_uploaded
from byline.api.failures import status_of
from byline.api.guard import caller_of
from byline.api.http.event_streams import CallerLeft, run_while_connected, sleep_until
from byline.api.services import Services
from byline.ask.running_ask import RunningAsk
from byline.domain.asks import AskDone, AskEvent, AskFailed, AskStatus
from byline.domain.callers import Caller
from byline.errors import BylineError

T = TypeVar("T")

WHOLE_ANSWER_S: Final = 1.0
"""How long a form waits, in seconds: for the whole answer, or with a script until it is certain
that the ask exists. A quick ask then needs no page that reloads, and what is refused at once keeps
its form."""

FOLLOWED_S: Final = 0.05
"""How much longer a page with a script waits: an ask that ends at once is shown at once."""

RESPOND_ASYNC: Final = "respond-async"
"""What a page with a script sends in `Prefer` (RFC 7240)."""


@dataclass(frozen=True, slots=True)
class FormPort:
    """Implements `web.port.HttpPort`."""

    services: Services

    def status_of(self, error: BylineError) -> int:
        return status_of(error)

    def caller_of(self, request: Request) -> Caller:
        return caller_of(request)

    async def add_files(self, request: Request) -> dict[str, Any]:
        return await add_uploaded(request, self.services.for_caller(caller_of(request)))

    async def wait_until_admitted(self, request: Request, running: RunningAsk) -> bool:
        try:
            await run_while_connected(request.receive, self._admission(request, running))
        except CallerLeft:
            await running.stop(AskStatus.CANCELLED)
            return False
        finally:
            await running.leave()
        return True

    async def run_while_connected(self, request: Request, work: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await run_while_connected(request.receive, work)
        except CallerLeft:
            return None

    async def _admission(self, request: Request, running: RunningAsk) -> None:
        if RESPOND_ASYNC in request.headers.get("prefer", ""):
            await self._at_most(WHOLE_ANSWER_S, running, ADMITTED)
            await self._at_most(FOLLOWED_S, running, (AskDone, AskFailed))
        else:
            await self._at_most(WHOLE_ANSWER_S, running, (AskDone, AskFailed))
        await running.stored.wait()

    async def _at_most(
        self, wait_s: float, running: RunningAsk, kinds: tuple[type[AskEvent], ...]
    ) -> None:
        """Wait for the first event of these kinds."""
        clock = self.services.clock
        heard = asyncio.ensure_future(first_event(running, kinds))
        over = asyncio.ensure_future(sleep_until(clock, clock.monotonic() + wait_s))
        try:
            await asyncio.wait({heard, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heard.cancel()
            over.cancel()
