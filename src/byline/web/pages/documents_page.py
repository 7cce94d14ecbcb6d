"""The page of documents: the list, adding files, and what is done to several documents at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.errors import BadRequest, BylineError, NotFound
from byline.ingest.library.document_removal import AT_ONCE_MAX
from byline.web import page_forms
from byline.web.document_query import (
    PARAMETERS,
    DocumentListQuery,
    counted_groups,
    read_list_query,
    read_query_string,
    removal_batches,
    short_types,
)
from byline.web.page_parts import PageParts, PageRoute
from byline.web.renderer import Renderer

DOCUMENTS_A_PAGE: Final = 50


class DocumentListPages:
    """Handlers of the list of documents and its forms."""

    def __init__(self, parts: PageParts, renderer: Renderer) -> None:
        self.parts = parts
        self.renderer = renderer

    @classmethod
    def routes(cls) -> list[PageRoute]:
        """Path, handler, method."""
        one = "/documents/{document_id}"
        return [
            ("/documents", cls.all, "GET"),
            ("/documents", cls.add, "POST"),
            ("/documents/remove", cls.remove_some, "POST"),
            ("/documents/restore", cls.restore_some, "POST"),
            (f"{one}/remove", cls.remove, "POST"),
            (f"{one}/retry", cls.retry, "POST"),
        ]

    async def all(self, request: Request) -> Response:
        """The documents that match the query, and the form that adds some."""
        sent = page_forms.read_parameters(request, {*PARAMETERS, "removed"})
        return await self._list_page(
            request, read_list_query(sent), removed=sent.get("removed", "")
        )

    async def add(self, request: Request) -> Response:
        """Add files. The page says which were refused or duplicates; without any, it redirects to
        the list."""
        try:
            taken = await self.parts.http.add_files(request)
        except BylineError as error:
            return await self._list_page(request, DocumentListQuery(), error=error)
        if taken["refused"] or any(document["duplicate"] for document in taken["documents"]):
            return await self._list_page(request, DocumentListQuery(), taken=taken)
        return RedirectResponse("/documents", page_forms.SEE_OTHER)

    async def remove(self, request: Request) -> Response:
        """Remove one document; this can be undone."""
        sent = await page_forms.read_repeatable_form(request, {"back", "id"})
        return await self._remove([request.path_params["document_id"]], sent)

    async def remove_some(self, request: Request) -> Response:
        """Remove the documents that were ticked; this can be undone."""
        sent = await page_forms.read_repeatable_form(request, {"back", "id"})
        ids = sent.get("id", [])
        if not ids:
            error = BadRequest("No document was ticked.", remedy="Tick those to be removed.")
            return await self._list_page(request, _query_before_form(sent), error=error)
        return await self._remove(ids, sent)

    async def restore_some(self, request: Request) -> Response:
        """Restore the documents that were removed at one time."""
        sent = await page_forms.read_form(request, {"back", "at"})
        hidden = await self.parts.library.removals.hidden(AT_ONCE_MAX)
        ids = [one.document.id for one in hidden if one.removed_at.isoformat() == sent.get("at")]
        if not ids:
            raise NotFound(
                "It cannot be brought back any more.",
                remedy="It is gone for good, or was brought back already.",
            )
        await self.parts.library.removals.restore(ids)
        return RedirectResponse(
            read_query_string(sent.get("back", "")).address(), page_forms.SEE_OTHER
        )

    async def retry(self, request: Request) -> Response:
        """Queue a failed document to be read again."""
        sent = await page_forms.read_repeatable_form(request, {"back", "id"})
        await self.parts.library.retry(request.path_params["document_id"])
        return RedirectResponse(_query_before_form(sent).address(), page_forms.SEE_OTHER)

    async def _remove(self, ids: list[str], sent: dict[str, list[str]]) -> Response:
        removed = await self.parts.library.removals.remove(ids)
        address = _query_before_form(sent).address()
        joint = "&" if "?" in address else "?"
        moment = removed[0].removed_at.isoformat().replace("+", "%2B")
        return RedirectResponse(f"{address}{joint}removed={moment}", page_forms.SEE_OTHER)

    async def _list_page(
        self,
        request: Request,
        wanted: DocumentListQuery,
        *,
        removed: str = "",
        taken: dict[str, Any] | None = None,
        error: BylineError | None = None,
    ) -> Response:
        catalogue, ingest = self.parts.library.catalogue, self.parts.config.ingest
        filters, choice = wanted.filters(), wanted.choice()
        page = await catalogue.list(
            limit=DOCUMENTS_A_PAGE, cursor=wanted.cursor or None, filters=filters, choice=choice
        )
        facets = await catalogue.facets()
        hidden = removal_batches(await self.parts.library.removals.hidden(AT_ONCE_MAX))
        view = {
            "page": page,
            "list_query": wanted,
            "groups": counted_groups(await catalogue.counts(filters, replace(choice, warned=None))),
            "warned": await catalogue.warned(filters, choice),
            "facets": facets,
            "types": short_types(facets.types),
            "sorts": list(type(choice.sort)),
            "just_removed": next((batch for batch in hidden if batch.key == removed), None),
            "removed": [batch for batch in hidden if batch.key != removed],
            "taken": taken,
            "error": error,
            "file_bytes_max": ingest.file_bytes_max,
        }
        status = self.parts.http.status_of(error) if error else 200
        return self.renderer.render(request, "documents.html", view, status)


def _query_before_form(sent: dict[str, list[str]]) -> DocumentListQuery:
    return read_query_string("".join(sent.get("back", [])[:1]))
