"""A running ask as server-sent events, from any event on, for any number of readers."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.requests import Request

from byline.api.failures import error_body, internal_error
from byline.api.http.event_streams import EventStream
from byline.api.http.http_bytes import byline_headers, sse_event
from byline.ask.ask_json import event_data, event_name
from byline.ask.ask_shapes import AnswerShape
from byline.ask.running_ask import RunningAsk
from byline.domain.asks import AskDone, AskEvent, AskFailed
from byline.errors import BadRequest


def ask_event_stream(request: Request, running: RunningAsk, *, after: int = 0) -> EventStream:
    """A stream of the events after number `after`, continued live. The caller must be counted as a
    reader of `running` already, and stops being one when the response ends."""
    return EventStream(
        _encoded(request, running, after),
        heartbeat=request.app.state.heartbeat,
        headers=ask_headers(running),
        closed=running.leave,
    )


def ask_headers(running: RunningAsk) -> dict[str, str]:
    """Headers that name who answers, and the id by which the ask can be read again or cancelled."""
    backend = running.backend
    named = byline_headers(backend.name, backend.machine, backend.model_requested)
    return {"X-Byline-Ask": running.id, **named}


def last_event_id(sent: str) -> int:
    """The number in a `Last-Event-ID` header. Raises `BadRequest`."""
    if not sent.isdecimal() or len(sent) > 9:
        raise BadRequest(
            "Last-Event-ID is not a number this server gave out.",
            remedy="Leave it out to read the transcript from its start.",
        )
    return int(sent)


def refuse_to_resume(request: Request) -> None:
    """Raise `BadRequest` if an EventSource tries to reconnect to an ask."""
    if "last-event-id" in request.headers:
        # The model would start again, and the reader would get both answers in one.
        raise BadRequest(
            "An ask cannot be resumed here; it would be asked again.",
            remedy="Read on at /api/asks/{id}/events; `ask_id` is in its first event.",
        )


async def _encoded(
    request: Request, running: RunningAsk, after: int
) -> AsyncGenerator[bytes, None]:
    """The events as bytes, numbered as in the stored transcript."""
    sequence = after
    try:
        async for sequence, event in running.read(after):
            yield _event_bytes(event, sequence)
    except Exception as exception:  # noqa: BLE001 - the status is sent; only an event can say it
        error = internal_error(exception, method=request.method, path=request.url.path)
        yield sse_event("error", error_body(error), sequence + 1)


def _event_bytes(event: AskEvent, sequence: int) -> bytes:
    if isinstance(event, AskFailed):
        return sse_event("error", error_body(event.error, event.answer), sequence)
    if isinstance(event, AskDone):
        return sse_event(event_name(event), AnswerShape.bytes_of(event.answer), sequence)
    return sse_event(event_name(event), event_data(event), sequence)
