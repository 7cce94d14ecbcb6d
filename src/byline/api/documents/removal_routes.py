"""`/api/documents/{id}/remove`, `/restore` and `/retry`: what can be undone or tried again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from byline.api.documents.document_shapes import RemovedDocumentShape
from byline.api.http.json_input import StrictJsonRoute
from byline.api.http.json_responses import described, shaped_response
from byline.api.parameters import Id, NoParameters, known_id
from byline.api.result_shapes import DocumentShape
from byline.api.services import Parts

router = APIRouter(tags=["documents"], route_class=StrictJsonRoute)


@router.post(
    "/api/documents/{document_id}/retry",
    summary="Read a failed document again",
    response_class=Response,
    responses=described(DocumentShape, "not_found", "database_unavailable"),
)
async def retry_document(
    parts: Parts, document_id: Id, _: Annotated[NoParameters, Query()]
) -> Response:
    """Queue the reading of a document that failed, or that has `warnings`; any other is left as it
    is."""
    return shaped_response(DocumentShape, await parts.library.retry(known_id(document_id)))


@router.post(
    "/api/documents/{document_id}/remove",
    summary="Remove a document so that it can be undone",
    response_class=Response,
    responses=described(RemovedDocumentShape, "not_found", "database_unavailable"),
)
async def remove_document(
    parts: Parts, document_id: Id, _: Annotated[NoParameters, Query()]
) -> Response:
    """Hide a document at once from searches and lists. It goes for good after `ingest.undo_s`
    seconds, or when the same bytes are added again; until then `restore` brings it back."""
    [removed] = await parts.library.removals.remove([known_id(document_id)])
    return shaped_response(RemovedDocumentShape, removed)


@router.post(
    "/api/documents/{document_id}/restore",
    summary="Bring a removed document back",
    response_class=Response,
    responses=described(DocumentShape, "not_found", "database_unavailable"),
)
async def restore_document(
    parts: Parts, document_id: Id, _: Annotated[NoParameters, Query()]
) -> Response:
    """Undo `remove`: the document is found and listed as before. 404 once it is gone for good."""
    [document] = await parts.library.removals.restore([known_id(document_id)])
    return shaped_response(DocumentShape, document)
