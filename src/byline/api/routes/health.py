"""`/healthz`, `/readyz`, `/metrics`: for whoever watches the server."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from byline.api.responses import described, json_response
from byline.api.services import Parts
from byline.api.shapes import HealthShape

router = APIRouter(tags=["health"])


@router.get(
    "/healthz", summary="Is it alive?", response_class=Response, responses=described(HealthShape)
)
async def healthz() -> Response:
    """The process answers. Says nothing about the database or any machine."""
    return json_response({"status": "ok"})


@router.get(
    "/readyz",
    summary="Can it serve?",
    response_class=Response,
    responses=described(HealthShape, "database_unavailable"),
)
async def readyz(parts: Parts) -> Response:
    """The database answers too. A machine that is down does not make Byline unready."""
    await parts.database.check()
    return json_response({"status": "ok"})


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(parts: Parts) -> Response:
    """Everything measured, in the Prometheus text format."""
    exposition = parts.metrics.exposition(parts.dispatcher.gates())
    return Response(exposition, headers={"Content-Type": CONTENT_TYPE_LATEST})
