"""What the handlers of all pages share: the parts of Byline they use, and what a form offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from starlette.requests import Request
from starlette.responses import Response

from byline.ask.service import Asks
from byline.config.schema import Config
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.callers import OWNER, Caller
from byline.web.port import HttpPort
from byline.web.renderer import Renderer

if TYPE_CHECKING:
    from byline.ask.ask_ports import ConversationHistory
    from byline.dispatch.connection_test import ConnectionTester
    from byline.dispatch.machine_views import MachineViews
    from byline.ingest.library_ports import DocumentLibrary

Handler = Callable[[Any, Request], Awaitable[Response]]
"""A method of the handlers of some pages."""
PageRoute = tuple[str, Handler, str]
"""Path, handler, method."""


@dataclass(frozen=True, slots=True)
class PageParts:
    """PageParts are the parts of Byline that pages read and call, as its owner sees them."""

    config: Config
    dispatcher: Dispatcher
    machines: MachineViews
    trials: ConnectionTester
    library: DocumentLibrary
    asks: Asks
    conversations: ConversationHistory
    http: HttpPort

    def for_caller(self, caller: Caller) -> Self:
        """The same parts, confined to what `caller` may see."""
        if caller == OWNER:  # as they were made; a copy of each part takes a tenth of a millisecond
            return self
        return replace(
            self,
            library=self.library.for_caller(caller),
            asks=self.asks.for_caller(caller),
            conversations=self.conversations.for_caller(caller),
        )


class PageHandlers(Protocol):
    """Handles requests for some pages. Made anew for each request, over the parts its caller may
    see."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None: ...

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        ...


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
