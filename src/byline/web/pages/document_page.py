"""The page of one document: its text, pages, passages, the asks that cite it, and its details."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.domain.ask_filters import AskFilters
from byline.domain.documents import Document, DocumentChanges
from byline.domain.formats import has_page_pictures
from byline.errors import BadRequest, BylineError, NotFound
from byline.web import page_forms
from byline.web.article import typesetting
from byline.web.page_parts import PageParts, PageRoute
from byline.web.renderer import Renderer

VIEWS: Final = ("text", "pages", "passages", "asks")
PASSAGES_A_PAGE: Final = 20
PICTURES_A_PAGE: Final = 12
ASKS_A_PAGE: Final = 20


class DocumentPages:
    """Handlers of one document's page and its forms."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        one = "/documents/{document_id}"
        return [
            (one, cls.one, "GET"),
            (f"{one}/change", cls.change, "POST"),
            (f"{one}/restore", cls.restore, "POST"),
        ]

    async def one(self, request: Request) -> Response:
        """One view of the document: the text around a passage (`start`, `end`) or from an offset
        (`from`), the pages as pictures, the passages, or the asks that cite it."""
        sent = page_forms.read_parameters(
            request, {"start", "end", "from", "view", "cursor", "first"}
        )
        document_id = request.path_params["document_id"]
        try:
            document = await self.parts.library.get(document_id)
        except NotFound as error:
            return await self._removed_page(request, document_id, error)
        return await self._document_page(request, document, sent)

    async def change(self, request: Request) -> Response:
        """Change the title, tags or collection."""
        sent = await page_forms.read_form(request, {"title", "tags", "collection"})
        document = await self.parts.library.get(request.path_params["document_id"])
        title, collection = sent.get("title", "").strip(), sent.get("collection", "").strip()
        changes = DocumentChanges(
            title=None if title == document.title else title,
            tags=tuple(tag for tag in sent.get("tags", "").split(",") if tag.strip()),
            collection=collection or None,
        )
        try:
            await self.parts.library.change(document.id, changes)
        except BylineError as error:
            return await self._document_page(request, document, {}, error)
        return RedirectResponse(f"/documents/{document.id}", page_forms.SEE_OTHER)

    async def restore(self, request: Request) -> Response:
        """Restore a removed document."""
        await page_forms.read_form(request, set())
        [document] = await self.parts.library.removals.restore([request.path_params["document_id"]])
        return RedirectResponse(f"/documents/{document.id}", page_forms.SEE_OTHER)

    async def _removed_page(self, request: Request, document_id: str, error: NotFound) -> Response:
        """The page shown to someone who follows a link to a removed document."""
        hidden = await self.parts.library.removals.hidden(1, [document_id])
        view = {"removed": hidden[0] if hidden else None}
        status = self.parts.http.status_of(error)
        return self.renderer.render(request, "document_gone.html", view, status)

    async def _document_page(
        self,
        request: Request,
        document: Document,
        sent: dict[str, str],
        error: BylineError | None = None,
    ) -> Response:
        name = sent.get("view", "text")
        if name not in VIEWS:
            raise BadRequest(f"There is no such view: {name[:40]!r}.")
        view = {
            "document": document,
            "view": name,
            "has_pictures": has_page_pictures(document.media_type) and bool(document.pages),
            "error": error,
            "collections": (await self.parts.library.catalogue.facets()).collections,
            **await self._view_data(document, name, sent),
        }
        status = self.parts.http.status_of(error) if error else 200
        return self.renderer.render(request, "document.html", view, status)

    async def _view_data(
        self, document: Document, name: str, sent: dict[str, str]
    ) -> dict[str, Any]:
        """The data of the view with this name."""
        cursor = sent.get("cursor") or None
        if name == "passages":
            passages = await self.parts.library.catalogue.passages(
                document.id, limit=PASSAGES_A_PAGE, cursor=cursor
            )
            return {"passages": passages}
        if name == "asks":
            cites = AskFilters(cites=document.id)
            asks, more = await self.parts.asks.list(ASKS_A_PAGE, cursor, cites)
            return {"asks": asks, "next": more}
        if name == "pages":
            first = max(1, page_forms.read_offset(sent.get("first", "1")))
            last = min(first + PICTURES_A_PAGE - 1, document.pages or 0)
            return {"numbers": range(first, last + 1), "each": PICTURES_A_PAGE}
        return {"window": await self._window(document, sent)}

    async def _window(self, document: Document, sent: dict[str, str]) -> typesetting.TextWindow:
        marked = None
        if "start" in sent:
            marked = (
                page_forms.read_offset(sent["start"]),
                page_forms.read_offset(sent.get("end", sent["start"])),
            )
        try:
            text = (await self.parts.library.text(document.id)).text
        except NotFound:
            text = ""  # not read yet, or it failed: the page says which
        return typesetting.text_window(
            text, at=page_forms.read_offset(sent.get("from", "0")), marked=marked
        )
