"""The routes of all pages, and the page that shows an error."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from byline.errors import BylineError
from byline.web.article.article_view import AnswerPages
from byline.web.page_parts import Handler, PageParts
from byline.web.pages.ask_page import AskPages
from byline.web.pages.conversation_page import ConversationPages
from byline.web.pages.document_page import DocumentPages
from byline.web.pages.documents_page import DocumentListPages
from byline.web.pages.first_visit_page import FirstVisitPages
from byline.web.pages.history_page import HistoryPages
from byline.web.pages.machines_page import MachinePages
from byline.web.port import HttpPort
from byline.web.renderer import Renderer


def page_routes(parts: PageParts) -> list[BaseRoute]:
    """The routes of every page and of the static files."""
    renderer = Renderer()
    routes = [
        *AskPages(parts, renderer).routes(),
        *AnswerPages(parts, renderer).routes(),
        *DocumentListPages(parts, renderer).routes(),
        *DocumentPages(parts, renderer).routes(),
        *MachinePages(parts, renderer).routes(),
        *FirstVisitPages(parts, renderer).routes(),
        *HistoryPages(parts, renderer).routes(),
        *ConversationPages(parts, renderer).routes(),
    ]
    plain = [
        Route(path, _with_errors_as_pages(handler, renderer, parts.http), methods=[method])
        for path, handler, method in routes
    ]
    static = StaticFiles(directory=str(files("byline.web") / "static"))
    return [*plain, Mount("/static", static, name="static")]


def _with_errors_as_pages(handler: Handler, renderer: Renderer, http: HttpPort) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except BylineError as error:
            return renderer.render(request, "error.html", {"error": error}, http.status_of(error))

    return guarded
