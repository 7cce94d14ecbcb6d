"""`/api/events`: what changes while Byline runs, as server-sent events.

A reader first gets the current state of everything, then each change. A reader who was away, or was
disconnected for reading too slowly, reconnects and has missed nothing that still matters.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from byline.api.http.event_streams import EventStream
from byline.api.http.http_bytes import SSE_MEDIA_TYPE, sse_event
from byline.api.http.json_responses import described
from byline.api.machines.machine_json import state_json
from byline.api.parameters import NoParameters
from byline.api.services import Parts, Services
from byline.domain.gates import BackendChanged
from byline.observe import Happening, Reading

router = APIRouter(tags=["events"])

_RESPONSES: dict[int | str, dict[str, Any]] = described(None)
_RESPONSES[200] = {
    "content": {SSE_MEDIA_TYPE: {"schema": {"type": "string"}}},
    "description": "Until one side leaves. `backend` `{name, machine, state, was, since, reason, "
    "last_error}`: first for each backend as it is now (`was` is null), then whenever a state "
    "changes. `busy` is no change: it follows from the queue that `/api/backends` shows.",
}


@router.get("/api/events", summary="Follow events", response_class=Response, responses=_RESPONSES)
async def follow_events(
    request: Request, parts: Parts, _: Annotated[NoParameters, Query()]
) -> Response:
    """What changes, as it changes."""
    reading = parts.feed.read(BackendChanged)
    return EventStream(
        _encoded(parts, reading),
        heartbeat=request.app.state.heartbeat,
        headers={},
        closed=reading.aclose,
    )


async def _encoded(parts: Services, reading: Reading) -> AsyncGenerator[bytes, None]:
    numbers = itertools.count(1)
    for backend in parts.dispatcher.backends():
        now = state_json(backend.name, backend.machine, None, backend.health())
        yield sse_event("backend", now, next(numbers))
    async for happening in reading:
        name, data = _presented(happening)
        yield sse_event(name, data, next(numbers))


def _presented(happening: Happening) -> tuple[str, dict[str, Any]]:
    match happening:
        case BackendChanged(backend, machine, was, health):
            return "backend", state_json(backend, machine, was, health)
        case _:
            raise AssertionError(f"{type(happening)} was not asked for")
