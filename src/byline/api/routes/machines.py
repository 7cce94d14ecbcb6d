"""`/api/machines`: who is at each machine, what it did lately, and its background work."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from byline.api.machine_present import machine_json
from byline.api.machine_shapes import MachineShape, MachinesShape
from byline.api.requests import NoParameters
from byline.api.responses import described, json_response
from byline.api.services import Parts, Services

router = APIRouter(prefix="/api/machines", tags=["machines"])

Name = Annotated[str, Path(description="The machine's name.")]


@router.get(
    "",
    summary="List machines",
    response_class=Response,
    responses=described(MachinesShape, "database_unavailable"),
)
async def list_machines(parts: Parts, _: Annotated[NoParameters, Query()]) -> Response:
    """Every machine: who runs and waits at its gate, its backends and how they were in the last
    day, its latest calls. Asks no machine."""
    views = await parts.machines.survey()
    return json_response({"machines": [machine_json(view) for view in views]})


@router.post(
    "/{name}/pause",
    summary="Let background work rest",
    response_class=Response,
    responses=described(MachineShape, "not_found", "database_unavailable"),
)
async def pause_machine(parts: Parts, name: Name, _: Annotated[NoParameters, Query()]) -> Response:
    """Grant no background work on the machine until it is resumed, in every process and also after
    a restart. A background call that runs gives the machine back and starts again later, unless it
    had to do so too often already: then it ends first. People are served as ever."""
    await parts.machines.pause(name)
    return json_response(await _one(parts, name))


@router.post(
    "/{name}/resume",
    summary="Let background work go on",
    response_class=Response,
    responses=described(MachineShape, "not_found", "database_unavailable"),
)
async def resume_machine(parts: Parts, name: Name, _: Annotated[NoParameters, Query()]) -> Response:
    """Grant background work on the machine again, in its order."""
    await parts.machines.resume(name)
    return json_response(await _one(parts, name))


async def _one(parts: Services, name: str) -> object:
    views = await parts.machines.survey()
    return next(machine_json(view) for view in views if view.name == name)
