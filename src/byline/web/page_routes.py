"""Puts the face together: the pages of every area, and what they say when something is refused."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from byline.errors import BylineError
from byline.web.article.article_view import ReadingPages
from byline.web.page_parts import Handler, PageParts
from byline.web.pages.ask_page import AskingPages
from byline.web.pages.conversation_page import Talks
from byline.web.pages.document_page import OneDocumentPages
from byline.web.pages.documents_page import DocumentPages
from byline.web.pages.first_visit_page import StartPages
from byline.web.pages.history_page import HistoryPages
from byline.web.pages.machines_page import MachinePages
from byline.web.port import Door
from byline.web.renderer import Painter


def page_routes(parts: PageParts) -> list[BaseRoute]:
    """Every address of the face."""
    painter = Painter()
    routes = [
        *AskingPages(parts, painter).routes(),
        *ReadingPages(parts, painter).routes(),
        *DocumentPages(parts, painter).routes(),
        *OneDocumentPages(parts, painter).routes(),
        *MachinePages(parts, painter).routes(),
        *StartPages(parts, painter).routes(),
        *HistoryPages(parts, painter).routes(),
        *Talks(parts, painter).routes(),
    ]
    plain = [
        Route(path, _with_errors_as_pages(handler, painter, parts.door), methods=[method])
        for path, handler, method in routes
    ]
    static = StaticFiles(directory=str(files("byline.web") / "static"))
    return [*plain, Mount("/static", static, name="static")]


def _with_errors_as_pages(handler: Handler, painter: Painter, door: Door) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except BylineError as error:
            return painter.paint(request, "error.html", {"error": error}, door.status_of(error))

    return guarded
