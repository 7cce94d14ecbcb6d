"""`/api/machines`: who is at each machine, what it did lately, and its background work."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from byline.api.http.event_streams import CallerLeft, NoResponse, run_while_connected
from byline.api.http.json_input import StrictJsonRoute
from byline.api.http.json_responses import described, json_response
from byline.api.machines.machine_json import machine_json, trial_json
from byline.api.machines.machine_shapes import MachineShape, MachinesShape, TrialShape
from byline.api.parameters import NoParameters, TrialBody
from byline.api.services import Parts, Services
from byline.domain.connection_tests import ConnectionTestRequest

router = APIRouter(prefix="/api/machines", tags=["machines"], route_class=StrictJsonRoute)

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
    views = await parts.machines.load_views()
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


@router.post(
    "/test",
    summary="Test an address",
    response_class=Response,
    responses=described(TrialShape),
)
async def test_address(
    request: Request, parts: Parts, sent: TrialBody, _: Annotated[NoParameters, Query()]
) -> Response:
    """Try a model server before it is configured: connect, ask it for its kind and models, have one
    short answer written, offer the model a tool. Answers 200 with what came of each step, and with
    the text that adds it to the configuration. Nothing is recorded or configured; link-local and
    metadata addresses are refused. At the address of a configured machine the test waits at its
    gate. It ends when its caller leaves."""
    wanted = ConnectionTestRequest(sent.base_url, sent.model, sent.api_key_env)
    try:
        trial = await run_while_connected(request.receive, parts.trials.run(wanted))
    except CallerLeft:
        return NoResponse()
    proposal = await asyncio.to_thread(parts.trials.proposal, trial, wanted)
    return json_response(trial_json(trial, proposal))


async def _one(parts: Services, name: str) -> object:
    views = await parts.machines.load_views()
    return next(machine_json(view) for view in views if view.name == name)
