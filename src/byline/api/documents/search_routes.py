"""`GET /api/search`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from byline.api.http.json_responses import described, shaped_response
from byline.api.parameters import SearchParameters
from byline.api.result_shapes import SearchShape
from byline.api.services import Parts
from byline.domain.searches import SearchRequest

router = APIRouter(tags=["search"])


@router.get(
    "/api/search",
    summary="Find passages",
    response_class=Response,
    responses=described(SearchShape, "database_unavailable"),
)
async def search(parts: Parts, sent: Annotated[SearchParameters, Query()]) -> Response:
    """The passages of your documents that speak of `q`, best first. No model is called."""
    request = SearchRequest(query=sent.q, limit=sent.limit, filters=sent.filters())
    return shaped_response(SearchShape, await parts.searcher.search(request))
