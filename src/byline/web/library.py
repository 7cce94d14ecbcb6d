"""The documents: the list and what adds to it, and one document's text at a passage."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.errors import BylineError, NotFound
from byline.web import forms, typeset
from byline.web.painter import Painter
from byline.web.parts import PageParts, PageRoute

DOCUMENTS_A_PAGE: Final = 50


class DocumentPages:
    """Handlers of the pages about documents."""

    def __init__(self, parts: PageParts, painter: Painter) -> None:
        self.parts = parts
        self.painter = painter

    def routes(self) -> list[PageRoute]:
        """Path, handler, method."""
        one = "/documents/{document_id}"
        return [
            ("/documents", self.all, "GET"),
            ("/documents", self.add, "POST"),
            (one, self.one, "GET"),
            (f"{one}/remove", self.remove, "POST"),
        ]

    async def all(self, request: Request) -> Response:
        """The documents and the form that adds some."""
        sent = forms.parameters(request, {"cursor"})
        return await self._shown(request, cursor=sent.get("cursor"))

    async def add(self, request: Request) -> Response:
        """Take files in; what was refused is said on the page, else the list is shown anew."""
        try:
            taken = await self.parts.door.add_files(request)
        except BylineError as error:
            return await self._shown(request, error=error)
        if taken["refused"] or any(document["duplicate"] for document in taken["documents"]):
            return await self._shown(request, taken=taken)
        return RedirectResponse("/documents", forms.SEE_OTHER)

    async def one(self, request: Request) -> Response:
        """A document's text: around a passage (`start`, `end`), or from an offset (`from`)."""
        sent = forms.parameters(request, {"start", "end", "from"})
        document = await self.parts.library.get(request.path_params["document_id"])
        marked = None
        if "start" in sent:
            marked = (forms.offset(sent["start"]), forms.offset(sent.get("end", sent["start"])))
        try:
            extracted = await self.parts.library.text(document.id)
        except NotFound:
            text = ""  # not read yet, or it failed: the page says which
        else:
            text = extracted.text
        view = {
            "document": document,
            "window": typeset.window(text, at=forms.offset(sent.get("from", "0")), marked=marked),
        }
        return self.painter.paint(request, "document.html", view)

    async def remove(self, request: Request) -> Response:
        """Remove a document for good."""
        await forms.form(request, set())
        await self.parts.library.delete(request.path_params["document_id"])
        return RedirectResponse("/documents", forms.SEE_OTHER)

    async def _shown(
        self,
        request: Request,
        *,
        cursor: str | None = None,
        taken: dict[str, Any] | None = None,
        error: BylineError | None = None,
    ) -> Response:
        page = await self.parts.library.catalogue.list(limit=DOCUMENTS_A_PAGE, cursor=cursor)
        view = {
            "page": page,
            "taken": taken,
            "error": error,
            "file_bytes_max": self.parts.config.ingest.file_bytes_max,
        }
        status = self.parts.door.status_of(error) if error else 200
        return self.painter.paint(request, "documents.html", view, status)
