"""What every area's pages are made with: the parts they show and set going, and who answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from byline.ask.service import Asks
from byline.config.schema import Config, QuotesBackend
from byline.dispatch.dispatcher import Dispatcher
from byline.web.port import Door

if TYPE_CHECKING:
    from byline.ask.ask_ports import ConversationHistory
    from byline.dispatch.connection_test import Trials
    from byline.dispatch.machine_views import Machines
    from byline.ingest.library_ports import DocumentLibrary

Handler = Callable[[Request], Awaitable[Response]]
PageRoute = tuple[str, Handler, str]
"""Path, handler, method."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the pages show and set going."""

    config: Config
    dispatcher: Dispatcher
    machines: Machines
    trials: Trials
    library: DocumentLibrary
    asks: Asks
    conversations: ConversationHistory
    door: Door


def staff(parts: PageParts) -> list[dict[str, Any]]:
    """Each backend with its machine, its model (None: quotes), its health, how many people are
    `waiting` at its machine, whether it can call `tools`, and which is asked when none is named."""
    default = parts.config.ask.default_backend
    waiting = {gate.machine: gate.waiting_foreground for gate in parts.dispatcher.gates()}
    return [
        {
            "name": backend.name,
            "machine": backend.machine,
            "model": None if isinstance(backend.config, QuotesBackend) else backend.model,
            "default": backend.name == default,
            "health": backend.health(),
            "waiting": waiting.get(backend.machine, 0),
            "tools": backend.tools,
        }
        for backend in parts.dispatcher.backends()
    ]


async def offer(parts: PageParts) -> dict[str, Any]:
    """What a form that asks can be filled in with: `backends` (the staff), whether one of them can
    work as an agent (`modes`), the names of the `collections`, `question_chars_max`."""
    backends = staff(parts)
    return {
        "backends": backends,
        "modes": any(backend["tools"] for backend in backends),
        "collections": await parts.library.catalogue.collections(),
        "question_chars_max": parts.config.ask.question_chars_max,
    }
