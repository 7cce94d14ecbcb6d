"""`/api/asks`: what was asked, its transcript, cancelling and removing it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from byline.api.present import stored_ask_json
from byline.api.requests import Id, NoParameters, PageParameters, known_id
from byline.api.responses import SSE_CONTENT, described, json_response
from byline.api.routes.asking import wants_events
from byline.api.services import Parts
from byline.api.shapes import AskEventsShape, AsksShape, StoredAskShape
from byline.api.wire import SSE_MEDIA_TYPE, sse_event
from byline.errors import BadRequest

router = APIRouter(prefix="/api/asks", tags=["history"])

LAST_EVENT_ID = Header(
    description="Send only what came after it.", json_schema_extra={"pattern": "^[0-9]{1,9}$"}
)

_EVENTS: dict[int | str, dict[str, Any]] = described(
    AskEventsShape, "not_found", "database_unavailable"
)
_EVENTS[200]["content"] = SSE_CONTENT
_EVENTS[204] = {"description": "As events: it has ended, and nothing came after Last-Event-ID."}


@router.get(
    "",
    summary="List asks",
    response_class=Response,
    responses=described(AsksShape, "database_unavailable"),
)
async def list_asks(parts: Parts, sent: Annotated[PageParameters, Query()]) -> Response:
    """Asks, newest first."""
    asks, more = await parts.asks.list(sent.limit, sent.cursor)
    return json_response({"asks": [stored_ask_json(ask) for ask in asks], "next": more})


@router.get(
    "/{ask_id}",
    summary="One ask",
    response_class=Response,
    responses=described(StoredAskShape, "not_found", "database_unavailable"),
)
async def get_ask(parts: Parts, ask_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """One ask and its answer."""
    return json_response(stored_ask_json(await parts.asks.get(known_id(ask_id))))


@router.get("/{ask_id}/events", summary="Transcript", response_class=Response, responses=_EVENTS)
async def get_events(
    request: Request,
    parts: Parts,
    ask_id: Id,
    _: Annotated[NoParameters, Query()],
    last_event_id: Annotated[str, LAST_EVENT_ID] = "0",
) -> Response:
    """The stored events, as JSON or (by `Accept: text/event-stream`) as server-sent events."""
    ask_id = known_id(ask_id)
    if not last_event_id.isdecimal() or len(last_event_id) > 9:
        raise BadRequest(
            "Last-Event-ID is not a number this server gave out.",
            remedy="Leave it out to read the transcript from its start.",
        )
    ask = await parts.asks.get(ask_id)
    events = await parts.asks.events(ask_id, int(last_event_id))
    if not wants_events(request):
        return json_response({"events": events})
    if not events and ask.finished_at is not None:
        return Response(status_code=204)  # this ends an EventSource's reconnecting
    replayed = [
        sse_event(str(event["type"]), event["data"], int(str(event["seq"]))) for event in events
    ]
    return Response(b"".join(replayed), media_type=SSE_MEDIA_TYPE)


@router.post(
    "/{ask_id}/cancel",
    summary="Cancel",
    response_class=Response,
    responses=described(StoredAskShape, "not_found", "database_unavailable"),
)
async def cancel_ask(parts: Parts, ask_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """Stop a running ask: it leaves the queue, or the machine stops. A finished one stays so."""
    return json_response(stored_ask_json(await parts.asks.cancel(known_id(ask_id))))


@router.delete(
    "/{ask_id}",
    summary="Remove an ask",
    status_code=204,
    response_class=Response,
    responses=described(None, "not_found", "database_unavailable"),
)
async def delete_ask(parts: Parts, ask_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """Remove an ask and its transcript; a running one is stopped first."""
    await parts.asks.delete(known_id(ask_id))
    return Response(status_code=204)
