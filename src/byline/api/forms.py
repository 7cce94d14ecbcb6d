"""The door as the pages use it: statuses, uploads and leaving callers, for plain HTML forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from byline.api.failures import status_of
from byline.api.routes.documents import add_uploaded
from byline.api.services import Services
from byline.api.streams import CallerLeft, unless_caller_leaves
from byline.ask.running import RunningAsk
from byline.errors import BylineError


@dataclass(frozen=True, slots=True)
class FormDoor:
    """Fills in `web.door.Door`."""

    services: Services

    def status_of(self, error: BylineError) -> int:
        return status_of(error)

    async def add_files(self, request: Request) -> dict[str, Any]:
        return await add_uploaded(request, self.services)

    async def finished(self, request: Request, running: RunningAsk) -> bool:
        async def end() -> None:
            async for _ in running:
                pass

        try:
            await unless_caller_leaves(request.receive, end())
        except CallerLeft:
            return False
        finally:
            await running.leave()
        return True
