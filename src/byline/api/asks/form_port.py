"""The door as the pages use it: statuses, uploads and leaving callers, for plain HTML forms."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from starlette.requests import Request

from byline.api.asks.ask_routes import ADMITTED, first_of
from byline.api.documents.document_routes import add_uploaded
from byline.api.failures import status_of
from byline.api.http.event_streams import CallerLeft, unless_caller_leaves, until
from byline.api.services import Services
from byline.ask.running_ask import RunningAsk
from byline.domain.asks import AskDone, AskEvent, AskFailed, AskStatus
from byline.errors import BylineError

T = TypeVar("T")

PATIENCE_S: Final = 1.0
"""So long a form waits for the whole answer, or for a script until it is settled that there is an
ask: a quick one needs no page that looks again, and what is refused at once keeps its form."""

FOLLOWED_S: Final = 0.05
"""The same for a page that follows its ask live: what ends at once is shown at once."""

RESPOND_ASYNC: Final = "respond-async"
"""What such a page says in `Prefer` (RFC 7240)."""


@dataclass(frozen=True, slots=True)
class FormDoor:
    """Fills in `web.door.Door`."""

    services: Services

    def status_of(self, error: BylineError) -> int:
        return status_of(error)

    async def add_files(self, request: Request) -> dict[str, Any]:
        return await add_uploaded(request, self.services)

    async def admitted(self, request: Request, running: RunningAsk) -> bool:
        try:
            await unless_caller_leaves(request.receive, self._admission(request, running))
        except CallerLeft:
            await running.stop(AskStatus.CANCELLED)
            return False
        finally:
            await running.leave()
        return True

    async def attended(self, request: Request, work: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await unless_caller_leaves(request.receive, work)
        except CallerLeft:
            return None

    async def _admission(self, request: Request, running: RunningAsk) -> None:
        if RESPOND_ASYNC in request.headers.get("prefer", ""):
            await self._at_most(PATIENCE_S, running, ADMITTED)
            await self._at_most(FOLLOWED_S, running, (AskDone, AskFailed))
        else:
            await self._at_most(PATIENCE_S, running, (AskDone, AskFailed))
        await running.stored.wait()

    async def _at_most(
        self, wait_s: float, running: RunningAsk, kinds: tuple[type[AskEvent], ...]
    ) -> None:
        """Wait for the first event of these kinds."""
        clock = self.services.clock
        heard = asyncio.ensure_future(first_of(running, kinds))
        over = asyncio.ensure_future(until(clock, clock.monotonic() + wait_s))
        try:
            await asyncio.wait({heard, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heard.cancel()
            over.cancel()
