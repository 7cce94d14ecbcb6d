"""The article: a stored ask with its byline, text and sources, and each source beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from byline.ask.history.markdown_export import ask_markdown
from byline.domain.asks import StoredAsk
from byline.domain.documents import Document
from byline.domain.formats import has_page_pictures
from byline.errors import NotFound
from byline.web import page_forms
from byline.web.article import turn_view, typesetting
from byline.web.page_parts import PageParts, PageRoute, form_choices
from byline.web.renderer import Renderer
from byline.web.stored_ask_view import turn_now

_NUMBER_CHARS_MAX: Final = 4


class AnswerPages:
    """Handlers of the pages on which an answer is read."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        one = "/asks/{ask_id}"
        return [
            (one, cls.answer, "GET"),
            (f"{one}/markdown", cls.markdown, "GET"),
            (f"{one}/sources/{{number}}", cls.source, "GET"),
        ]

    async def answer(self, request: Request) -> Response:
        """One ask as an article."""
        page_forms.read_parameters(request, set())
        stored = await self._stored_ask(request)
        turn = await turn_now(self.parts, stored)
        documents = await self._documents_behind(turn["sources"])
        for source in turn["sources"]:
            document = documents[source["document_id"]]
            source["gone"] = document is None
            source["warnings"] = document.warnings if document else ()
        view = {
            "turn": turn,
            "offer": await form_choices(self.parts),
        }
        return self.renderer.render(request, "answer.html", view)

    async def markdown(self, request: Request) -> Response:
        """The ask with its sources as Markdown, for pasting elsewhere."""
        page_forms.read_parameters(request, set())
        stored = await self._stored_ask(request)
        headers = {"Cache-Control": "no-store"}
        return Response(ask_markdown(stored), media_type="text/markdown", headers=headers)

    async def source(self, request: Request) -> Response:
        """One source as it is shown beside the answer: its page as a picture, or its text."""
        page_forms.read_parameters(request, set())
        stored = await self._stored_ask(request)
        source = _source_with_number(stored, request.path_params["number"])
        view = {"ask": stored, "source": source, "picture": None, "window": None}
        try:
            document = await self.parts.library.get(source["document_id"])
        except NotFound:
            view["source"] = {**source, "gone": True}
        else:
            view["source"] = {**source, "warnings": document.warnings}
            marked = source["marked"]
            if has_page_pictures(document.media_type) and marked["page"]:
                place = f"start={marked['start']}&end={marked['end']}"
                page = f"/api/documents/{document.id}/pages/{marked['page']}.png"
                view["picture"] = {"seen": f"{page}?{place}", "large": f"{page}?{place}&width=2000"}
            else:
                view["window"] = await self._window(document.id, marked)
        return self.renderer.render(request, "source.html", view)

    async def _stored_ask(self, request: Request) -> StoredAsk:
        return await self.parts.asks.get(request.path_params["ask_id"])

    async def _documents_behind(
        self, sources: Iterable[Mapping[str, Any]]
    ) -> Mapping[str, Document | None]:
        """The documents behind an answer by their ids; None for one that was removed since."""
        documents: dict[str, Document | None] = {}
        for document_id in {source["document_id"] for source in sources}:
            try:
                documents[document_id] = await self.parts.library.get(document_id)
            except NotFound:
                documents[document_id] = None
        return documents

    async def _window(
        self, document_id: str, marked: Mapping[str, int]
    ) -> typesetting.TextWindow | None:
        """The text around a passage, or None if the document has no text at present."""
        try:
            extracted = await self.parts.library.text(document_id)
        except NotFound:
            return None
        return typesetting.text_window(extracted.text, marked=(marked["start"], marked["end"]))


def _source_with_number(stored: StoredAsk, number: str) -> dict[str, Any]:
    """The source with this number. Raises `NotFound`."""
    for source in turn_view.turn(stored)["sources"]:
        if str(source["n"]) == number[:_NUMBER_CHARS_MAX]:
            return dict(source)
    raise NotFound(f"This answer has no source {number[:20]!r}.")
