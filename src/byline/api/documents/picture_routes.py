"""`/api/documents/{id}/pages/{n}.png`: a page of a PDF as it looks, with a passage marked."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from byline.api.http.json_responses import described
from byline.api.parameters import Id, PictureParameters, known_id
from byline.api.services import Parts
from byline.errors import NotFound
from byline.ingest.pictures.page_pictures import PageView, Picture

router = APIRouter(tags=["documents"])

_DIGITS_MAX: Final = 6
_KEPT_S: Final = 600
"""For how many seconds a browser may reuse a page without asking; its text may be read again
later."""

_PICTURE: dict[int | str, dict[str, Any]] = described(
    None,
    "not_found",
    "unsupported_format",
    "extraction_failed",
    "busy",
    "database_unavailable",
    "storage_unavailable",
)
_PICTURE[200] = {
    "description": "The page.",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    "headers": {
        "X-Byline-Passage": {
            "description": "`marked`; `not_found` where the page does not have its words, as a "
            "scan has none; absent where no passage was given.",
            "schema": {"type": "string", "enum": ["marked", "not_found"]},
        },
        "X-Byline-Passage-Box": {
            "description": "What the marks take up: left, top, right and bottom, as shares of the "
            "picture's width and height.",
            "schema": {"type": "string", "examples": ["0.118,0.412,0.881,0.437"]},
        },
    },
}


@router.get(
    "/api/documents/{document_id}/pages/{page}.png",
    summary="A page as a picture",
    response_class=Response,
    responses=_PICTURE,
)
async def get_page(
    parts: Parts,
    document_id: Id,
    page: Annotated[str, Path(description="The page's number, from 1.")],
    sent: Annotated[PictureParameters, Query()],
) -> Response:
    """A page of a PDF as a PNG. With `start` and `end`, as a citation has them, what of that
    passage is on the page is marked; if it cannot be found there the page is shown all the same."""
    view = PageView(_number(page), sent.width, sent.span())
    picture = await parts.pictures.page(known_id(document_id), view)
    return Response(picture.png, media_type="image/png", headers=_headers(picture))


def _number(sent: str) -> int:
    if not (sent.isascii() and sent.isdecimal()) or len(sent) > _DIGITS_MAX:
        raise NotFound(f"There is no page {sent[:20]!r}.", remedy="Pages are numbered from 1.")
    return int(sent)


def _headers(picture: Picture) -> dict[str, str]:
    headers = {"Cache-Control": f"private, max-age={_KEPT_S}"}
    if picture.marked is not None:
        headers["X-Byline-Passage"] = "marked" if picture.marked else "not_found"
    if picture.box is not None:
        headers["X-Byline-Passage-Box"] = ",".join(f"{share:g}" for share in picture.box)
    return headers
