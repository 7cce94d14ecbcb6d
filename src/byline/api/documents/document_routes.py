"""`/api/documents`: adding, listing, reading and removing documents; `/api/jobs`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from byline.api.asks.history_shapes import AsksShape
from byline.api.documents.document_shapes import DocumentPassagesShape
from byline.api.documents.uploads import Upload, receive_upload
from byline.api.http.http_bytes import content_disposition
from byline.api.http.json_input import StrictJsonRoute
from byline.api.http.json_responses import described, json_response, shaped_response
from byline.api.parameters import (
    DocumentChange,
    DocumentsParameters,
    Id,
    JobsParameters,
    NoParameters,
    PageParameters,
    comma_separated,
    known_id,
)
from byline.api.result_shapes import (
    DocumentShape,
    DocumentsShape,
    DocumentTextShape,
    JobsShape,
    UploadShape,
)
from byline.api.services import Parts, Services
from byline.ask.ask_shapes import error_json
from byline.domain.ask_filters import AskFilters
from byline.domain.documents import DEFAULT_COLLECTION
from byline.domain.echo import shortened
from byline.domain.formats import Trait, format_of
from byline.errors import BadRequest, BylineError

router = APIRouter(tags=["documents"], route_class=StrictJsonRoute)

UPLOAD_FIELDS = ("collection", "folder", "tags")

_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "The files; the field may be repeated. A file name "
                            "such as letters/2024/tax.pdf says in which folder a file lay.",
                        },
                        "collection": {"type": "string", "default": DEFAULT_COLLECTION},
                        "folder": {
                            "type": "string",
                            "description": "The folder they all lie in, such as letters/2024.",
                        },
                        "tags": {
                            "type": "string",
                            "description": "Tags for each of them, with commas between.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/api/documents",
    summary="Add documents",
    status_code=202,
    response_class=Response,
    openapi_extra=_UPLOAD,
    responses=described(
        UploadShape,
        "too_large",
        "unsupported_format",
        "invalid",
        "database_unavailable",
        "storage_unavailable",
        "storage_full",
        status=202,
    ),
)
async def add_documents(
    request: Request, parts: Parts, _: Annotated[NoParameters, Query()]
) -> Response:
    """Take files in; they are read in the background (see each document's `state`).

    The same bytes twice are one document. Where several files are sent and some cannot be taken,
    those are under `refused`; where none can, the answer is the error of the first.
    """
    return json_response(await add_uploaded(request, parts), status=202)


async def add_uploaded(request: Request, parts: Services) -> dict[str, Any]:
    """Receive a multipart body and add its files. Raises the error of the first file if none could
    be added."""
    limit = parts.config.ingest.file_bytes_max
    async with receive_upload(request, parts.spool, file_bytes_max=limit) as upload:
        return await _add_files(parts, upload)


async def _add_files(parts: Services, upload: Upload) -> dict[str, Any]:
    unknown = set(upload.fields) - set(UPLOAD_FIELDS)
    if unknown:
        raise BadRequest(
            f"Unknown parameter `{shortened(min(unknown))}`.",
            remedy=f"Known here: file, {', '.join(UPLOAD_FIELDS)}.",
        )
    collection = upload.fields.get("collection", "").strip() or DEFAULT_COLLECTION
    added: list[dict[str, Any]] = []
    refused: list[tuple[str, BylineError]] = []
    for file in upload.files:
        try:
            if file.error is not None:
                raise file.error
            taken = await parts.library.add(
                file.path,
                name=file.name,
                collection=collection,
                folder="/".join(filter(None, (upload.fields.get("folder"), file.folder))),
                tags=comma_separated(upload.fields.get("tags")),
            )
        except BylineError as error:
            refused.append((file.name, error))
            continue
        document = taken.document
        added.append(
            {
                "id": document.id,
                "name": document.name,
                "state": document.state.value,
                "duplicate": taken.duplicate,
            }
        )
    if not added:
        raise refused[0][1]
    return {
        "documents": added,
        "refused": [{"name": name, "error": error_json(error)} for name, error in refused],
    }


@router.get(
    "/api/documents",
    summary="List documents",
    response_class=Response,
    responses=described(DocumentsShape, "database_unavailable"),
)
async def list_documents(parts: Parts, sent: Annotated[DocumentsParameters, Query()]) -> Response:
    """Documents, newest first unless sorted otherwise."""
    filters, choice = sent.filters(), sent.choice()
    catalogue = parts.library.catalogue
    page = await catalogue.list(
        limit=sent.limit, cursor=sent.cursor, filters=filters, choice=choice
    )
    told = {
        "documents": page.documents,
        "next": page.next,
        "states": None if sent.cursor else await catalogue.counts(filters, choice),
        "with_warnings": None if sent.cursor else await catalogue.warned(filters, choice),
    }
    return shaped_response(DocumentsShape, told)


@router.get(
    "/api/documents/{document_id}",
    summary="One document",
    response_class=Response,
    responses=described(DocumentShape, "not_found", "database_unavailable"),
)
async def get_document(
    parts: Parts, document_id: Id, _: Annotated[NoParameters, Query()]
) -> Response:
    """One document, with its state and, if it failed, why."""
    return shaped_response(DocumentShape, await parts.library.get(known_id(document_id)))


@router.patch(
    "/api/documents/{document_id}",
    summary="Change a document",
    response_class=Response,
    responses=described(DocumentShape, "not_found", "invalid", "database_unavailable"),
)
async def change_document(
    parts: Parts, document_id: Id, sent: DocumentChange, _: Annotated[NoParameters, Query()]
) -> Response:
    """Give a document another title, other tags (those it had are replaced) or collection.

    A document with a new title is read again, and found by it from then on. `invalid`: the
    collection has the same bytes already.
    """
    document = await parts.library.change(known_id(document_id), sent.changes())
    return shaped_response(DocumentShape, document)


@router.get(
    "/api/documents/{document_id}/text",
    summary="Extracted text",
    response_class=Response,
    responses=described(DocumentTextShape, "not_found", "database_unavailable"),
)
async def get_text(parts: Parts, document_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """What was read out of the file; every `start` and `end` elsewhere counts its code points."""
    document_id = known_id(document_id)
    extracted = await parts.library.text(document_id)
    told = {"document_id": document_id, "text": extracted.text, "pages": extracted.pages}
    return shaped_response(DocumentTextShape, told)


_FILE: dict[int | str, dict[str, Any]] = described(
    None, "not_found", "database_unavailable", "storage_unavailable"
)
_FILE[200] = {
    "description": "The file as it was added.",
    "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
}


@router.get(
    "/api/documents/{document_id}/file",
    summary="Original file",
    response_class=Response,
    responses=_FILE,
)
async def get_file(parts: Parts, document_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """The original bytes. Kinds that could run as a page are sent for saving only."""
    document, chunks = await parts.library.file(known_id(document_id))
    first = await anext(chunks, b"")  # a file that cannot be read is an error, not a broken 200
    shown = Trait.SHOWN_IN_PLACE in format_of(document.media_type).traits
    plain = document.media_type.startswith("text/")
    headers = {
        "Content-Length": str(document.bytes_len),
        "Content-Type": "text/plain" if plain else document.media_type,
        "Content-Disposition": content_disposition(
            "inline" if shown else "attachment", document.name
        ),
    }
    if document.media_type != "application/pdf":  # browsers' PDF viewers do not work in a sandbox
        headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return StreamingResponse(_chained(first, chunks), headers=headers)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


@router.delete(
    "/api/documents/{document_id}",
    summary="Remove a document",
    status_code=204,
    response_class=Response,
    responses=described(None, "not_found", "database_unavailable"),
)
async def delete_document(
    parts: Parts, document_id: Id, _: Annotated[NoParameters, Query()]
) -> Response:
    """Remove the document, its passages and, when nothing else holds the same bytes, its file:
    for good and at once. `POST …/remove` can be undone."""
    await parts.library.delete(known_id(document_id))
    return Response(status_code=204)


@router.get(
    "/api/documents/{document_id}/passages",
    summary="Passages of a document",
    response_class=Response,
    responses=described(DocumentPassagesShape, "not_found", "database_unavailable"),
)
async def list_passages(
    parts: Parts, document_id: Id, sent: Annotated[PageParameters, Query()]
) -> Response:
    """What a document is searched by, in order."""
    document = await parts.library.get(known_id(document_id))
    page = await parts.library.catalogue.passages(document.id, limit=sent.limit, cursor=sent.cursor)
    return shaped_response(DocumentPassagesShape, page)


@router.get(
    "/api/documents/{document_id}/asks",
    summary="What was asked of a document",
    response_class=Response,
    responses=described(AsksShape, "not_found", "database_unavailable"),
)
async def list_asks_of(
    parts: Parts, document_id: Id, sent: Annotated[PageParameters, Query()]
) -> Response:
    """Asks whose answers cite the document, newest first, as `/api/asks` lists them."""
    document = await parts.library.get(known_id(document_id))
    asks, more = await parts.asks.list(sent.limit, sent.cursor, AskFilters(cites=document.id))
    return shaped_response(AsksShape, {"asks": asks, "next": more})


@router.get(
    "/api/jobs",
    summary="Background work",
    response_class=Response,
    responses=described(JobsShape, "database_unavailable"),
)
async def list_jobs(parts: Parts, sent: Annotated[JobsParameters, Query()]) -> Response:
    """Background work that waits, runs or failed, newest first."""
    return shaped_response(JobsShape, {"jobs": await parts.library.jobs(sent.limit)})
