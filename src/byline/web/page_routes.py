"""The routes of all pages, and the page that shows an error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from byline.errors import BylineError
from byline.web.article.article_view import AnswerPages
from byline.web.page_parts import Handler, PageHandlers, PageParts
from byline.web.pages.ask_page import AskPages
from byline.web.pages.conversation_page import ConversationPages
from byline.web.pages.document_page import DocumentPages
from byline.web.pages.documents_page import DocumentListPages
from byline.web.pages.first_visit_page import FirstVisitPages
from byline.web.pages.history_page import HistoryPages
from byline.web.pages.machines_page import MachinePages
from byline.web.renderer import Renderer

PAGES: Final[Sequence[type[PageHandlers]]] = (
    AskPages,
    AnswerPages,
    DocumentListPages,
    DocumentPages,
    MachinePages,
    FirstVisitPages,
    HistoryPages,
    ConversationPages,
)


def page_routes(parts: PageParts) -> list[BaseRoute]:
    """The routes of every page and of the static files."""
    renderer = Renderer()
    plain = [
        Route(path, _page(pages, handler, parts, renderer), methods=[method])
        for pages in PAGES
        for path, handler, method in pages.routes()
    ]
    static = StaticFiles(directory=str(files("byline.web") / "static"))
    return [*plain, Mount("/static", static, name="static")]


def _page(
    pages: type[PageHandlers], handler: Handler, parts: PageParts, renderer: Renderer
) -> Callable[[Request], Awaitable[Response]]:
    """`handler` over the parts that the request's caller may see, with errors as pages."""

    async def guarded(request: Request) -> Response:
        seen = parts.for_caller(parts.http.caller_of(request))
        try:
            return await handler(pages(seen, renderer), request)
        except BylineError as error:
            status = parts.http.status_of(error)
            return renderer.render(request, "error.html", {"error": error}, status)

    return guarded
