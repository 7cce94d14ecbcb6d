"""`/api/asks`: what was asked, its transcript, cancelling and removing it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from byline.api.asks import ask_stream
from byline.api.asks.ask_routes import wants_events
from byline.api.asks.history_shapes import AskEventsShape, AsksShape, ReplayShape
from byline.api.http.http_bytes import RECONNECT, SSE_MEDIA_TYPE, sse_event
from byline.api.http.json_responses import SSE_CONTENT, described, json_response, shaped_response
from byline.api.parameters import AsksParameters, Id, NoParameters, known_id
from byline.api.result_shapes import StoredAskShape
from byline.api.services import Parts
from byline.ask.agent.replay import replay_json

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
async def list_asks(parts: Parts, sent: Annotated[AsksParameters, Query()]) -> Response:
    """Asks, newest first: all, or those with all the words of `q` that pass every filter."""
    asks, more = await parts.asks.list(sent.limit, sent.cursor, sent.filters())
    return shaped_response(AsksShape, {"asks": asks, "next": more})


@router.get(
    "/{ask_id}",
    summary="One ask",
    response_class=Response,
    responses=described(StoredAskShape, "not_found", "database_unavailable"),
)
async def get_ask(parts: Parts, ask_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """One ask and its answer."""
    return shaped_response(StoredAskShape, await parts.asks.get(known_id(ask_id)))


@router.get("/{ask_id}/events", summary="Transcript", response_class=Response, responses=_EVENTS)
async def get_events(
    request: Request,
    parts: Parts,
    ask_id: Id,
    _: Annotated[NoParameters, Query()],
    last_event_id: Annotated[str, LAST_EVENT_ID] = "0",
) -> Response:
    """The events so far as JSON, or (by `Accept: text/event-stream`) as server-sent events.

    A running ask is followed until its end. Whoever follows it is a reader of it like the one who
    asked. A reader who was cut off sends the last id it had as `Last-Event-ID` and misses nothing.
    """
    ask_id = known_id(ask_id)
    after = ask_stream.last_event_id(last_event_id)
    if not wants_events(request):
        return json_response({"events": await parts.asks.events(ask_id, after)})
    running = parts.asks.running(ask_id)
    if running is not None:
        running.join()
        return ask_stream.ask_event_stream(request, running, after=after)
    ask = await parts.asks.get(ask_id)
    events = await parts.asks.events(ask_id, after)
    if not events and ask.finished_at is not None:
        return Response(status_code=204)  # this ends an EventSource's reconnecting
    replayed = [
        sse_event(str(event["type"]), event["data"], int(str(event["seq"]))) for event in events
    ]
    if ask.finished_at is None:  # another process answers it; its events come when it has ended
        replayed.append(RECONNECT)
    return Response(b"".join(replayed), media_type=SSE_MEDIA_TYPE)


@router.get(
    "/{ask_id}/replay",
    summary="Play it again",
    response_class=Response,
    responses=described(ReplayShape, "not_found", "database_unavailable"),
)
async def get_replay(parts: Parts, ask_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """The stored transcript through today's step machine and citation check: the model's messages,
    the answer they give, and what would be decided otherwise by now. Nobody is asked."""
    return json_response(replay_json(await parts.asks.replay(known_id(ask_id))))


@router.post(
    "/{ask_id}/cancel",
    summary="Cancel",
    response_class=Response,
    responses=described(StoredAskShape, "not_found", "database_unavailable"),
)
async def cancel_ask(parts: Parts, ask_id: Id, _: Annotated[NoParameters, Query()]) -> Response:
    """Stop a running ask: it leaves the queue, or the machine stops. A finished one stays so."""
    return shaped_response(StoredAskShape, await parts.asks.cancel(known_id(ask_id)))


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
