"""What the handlers of all pages share: the parts of Byline they use, and what a form offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from byline.ask.service import Asks
from byline.config.schema import Config
from byline.dispatch.dispatcher import Dispatcher
from byline.web.port import HttpPort

if TYPE_CHECKING:
    from byline.ask.ask_ports import ConversationHistory
    from byline.dispatch.connection_test import ConnectionTester
    from byline.dispatch.machine_views import MachineViews
    from byline.ingest.library_ports import DocumentLibrary

Handler = Callable[[Request], Awaitable[Response]]
PageRoute = tuple[str, Handler, str]
"""Path, handler, method."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """PageParts are the parts of Byline that pages read and call."""

    config: Config
    dispatcher: Dispatcher
    machines: MachineViews
    trials: ConnectionTester
    library: DocumentLibrary
    asks: Asks
    conversations: ConversationHistory
    http: HttpPort


def backend_rows(parts: PageParts) -> list[dict[str, Any]]:
    """Each backend: its machine, model (None for quotes), health, the number of people `waiting` at
    its machine, whether it can call `tools`, and whether it is the default."""
    default = parts.config.ask.default_backend
    waiting = {gate.machine: gate.waiting_foreground for gate in parts.dispatcher.gates()}
    return [
        {
            "name": backend.name,
            "machine": backend.machine,
            "model": backend.model and backend.model.name,
            "default": backend.name == default,
            "health": backend.health(),
            "waiting": waiting.get(backend.machine, 0),
            "tools": backend.tools,
        }
        for backend in parts.dispatcher.backends()
    ]


async def form_choices(parts: PageParts) -> dict[str, Any]:
    """What a form that asks offers: `backends` (see `backend_rows`), whether one of them can work
    as an agent (`modes`), the names of the `collections`, and `question_chars_max`."""
    backends = backend_rows(parts)
    return {
        "backends": backends,
        "modes": any(backend["tools"] for backend in backends),
        "collections": await parts.library.catalogue.collections(),
        "question_chars_max": parts.config.ask.question_chars_max,
    }
