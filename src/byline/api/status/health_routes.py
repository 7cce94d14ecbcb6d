"""`/healthz`, `/readyz`, `/metrics`, `/api/checkup`: for whoever watches the server."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from byline.api.http.json_responses import described, json_response
from byline.api.parameters import NoParameters
from byline.api.result_shapes import HealthShape
from byline.api.services import Parts
from byline.api.status.status_shapes import CheckupShape, ReadyShape, checkup_json, ready_json

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
    responses=described(ReadyShape, "database_unavailable"),
)
async def readyz(parts: Parts) -> Response:
    """The database answers too. A machine that is down does not make Byline unready, nor does an
    embedder that fails: `embedder` says so, and search goes by words meanwhile. Where documents are
    not read any more, or the disk is full, `status` is `degraded`; questions are answered still."""
    return json_response(ready_json(await parts.checkup.readiness()))


@router.get(
    "/api/checkup",
    summary="Examine all parts",
    response_class=Response,
    responses=described(CheckupShape),
)
async def checkup(parts: Parts, _: Annotated[NoParameters, Query()]) -> Response:
    """Database, search, embedder and every backend, each tried now: at most 20 s. No model runs
    but the embedder's. What is wrong is a finding, not an error."""
    return json_response(checkup_json(await parts.checkup.findings()))


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(parts: Parts) -> Response:
    """Everything measured, in the Prometheus text format."""
    parts.metrics.unread(await parts.checkup.backlog(), await parts.checkup.disk())
    parts.metrics.partly_read(await parts.checkup.partly_read())
    exposition = parts.metrics.exposition(parts.dispatcher.gates())
    return Response(exposition, headers={"Content-Type": CONTENT_TYPE_LATEST})
