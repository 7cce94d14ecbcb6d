"""`/api/backends`: who could answer, and how they are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from byline.api.http.json_responses import described, json_response
from byline.api.machines.machine_json import backend_json, backends_json
from byline.api.parameters import NoParameters
from byline.api.result_shapes import BackendShape, BackendsShape
from byline.api.services import Parts
from byline.errors import NotFound, UnknownBackend

router = APIRouter(prefix="/api/backends", tags=["backends"])


@router.get(
    "",
    summary="List backends",
    response_class=Response,
    responses=described(BackendsShape),
)
async def list_backends(parts: Parts, _: Annotated[NoParameters, Query()]) -> Response:
    """Every backend: its machine and model, its state since when, its queue, what it can do."""
    return json_response({"backends": backends_json(parts.dispatcher, parts.config)})


@router.post(
    "/{name}/probe",
    summary="Probe a backend",
    response_class=Response,
    responses=described(BackendShape, "not_found"),
)
async def probe_backend(
    parts: Parts,
    name: Annotated[str, Path(description="The backend's name.")],
    _: Annotated[NoParameters, Query()],
) -> Response:
    """Ask the backend's server how it is, without running its model. Answers 200 with the state
    found, also when that is `unreachable`."""
    try:
        backend = parts.dispatcher.get_backend(name)
    except UnknownBackend as error:
        raise NotFound(error.message, remedy=f"Known: {', '.join(error.known)}.") from None
    await backend.probe()
    gates = {gate.machine: gate for gate in parts.dispatcher.gates()}
    default = parts.config.ask.default_backend
    return json_response(backend_json(parts.dispatcher, backend.name, gates, default=default))
