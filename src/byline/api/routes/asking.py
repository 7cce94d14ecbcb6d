"""`/api/search/ask`: one question, answered as JSON or as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from byline.api.failures import error_body, failure, unforeseen
from byline.api.requests import AskBody, AskOptions, AskQuery, NoParameters
from byline.api.responses import SSE_CONTENT, described, json_response
from byline.api.services import Parts, Services
from byline.api.shapes import AnswerShape
from byline.api.streams import CallerLeft, EventStream, Unanswered, unless_caller_leaves
from byline.api.wire import SSE_MEDIA_TYPE, byline_headers, sse_event
from byline.ask.present import answer_json, event_data, event_name
from byline.ask.service import RunningAsk
from byline.dispatch.dispatcher import Backend
from byline.domain.asking import (
    AskEvent,
    AskQueued,
    AskRequest,
    AskStarted,
    AskStatus,
    Done,
    Failed,
)
from byline.errors import BylineError

router = APIRouter(tags=["ask"])

ADMITTED = (AskQueued, AskStarted, Done, Failed)
"""With the first of these it is settled how the ask is answered: as a stream or as an error."""

_CODES = (
    "unknown_backend",
    "tools_unsupported",
    "too_large",
    "gate_full",
    "gate_timeout",
    "backend_unavailable",
    "database_unavailable",
)
_RESPONSES: dict[int | str, dict[str, Any]] = described(AnswerShape, *_CODES)
_RESPONSES[200]["content"] = SSE_CONTENT
_RESPONSES[200]["description"] = (
    "The answer, or with `status: llm_error` why the default backend gave none. As a stream: "
    "`sources`, `queued`, `started`, `token`, `citation`, then `done` (this JSON) or `error`."
)


@router.get("/api/search/ask", summary="Ask (GET)", response_class=Response, responses=_RESPONSES)
async def ask_by_get(
    request: Request, parts: Parts, sent: Annotated[AskQuery, Query()]
) -> Response:
    """Ask your documents a question."""
    return await _ask(request, parts, sent.q, sent)


@router.post("/api/search/ask", summary="Ask", response_class=Response, responses=_RESPONSES)
async def ask_by_post(
    request: Request, parts: Parts, sent: AskBody, _: Annotated[NoParameters, Query()]
) -> Response:
    """Ask your documents a question.

    The backend you name answers, or you are told at once why it did not: 503 with the reason and
    the sources found. Nothing is ever asked of another machine instead.
    """
    return await _ask(request, parts, sent.question, sent)


async def _ask(request: Request, parts: Services, question: str, options: AskOptions) -> Response:
    backend = parts.dispatcher.get_backend(options.backend)
    try:
        running = parts.asks.start(
            AskRequest(
                question=question,
                backend=options.backend,
                mode=options.mode,
                collection=options.collection,
                conversation_id=options.conversation_id,
                timeout_read_s=options.timeout_read_s,
            )
        )
    except BylineError as error:
        return failure(error, headers=_headers(backend))
    streamed = options.stream or wants_events(request)
    try:
        if streamed:
            return await _streamed(request, running)
        return await _whole(request, running)
    except CallerLeft:
        await running.aclose()
        return Unanswered()
    except BaseException:
        await running.aclose()
        raise


def wants_events(request: Request) -> bool:
    """Whether the caller's `Accept` names server-sent events."""
    return SSE_MEDIA_TYPE in request.headers.get("accept", "")


async def _whole(request: Request, running: RunningAsk) -> Response:
    async def last() -> AskEvent:
        async for event in running:
            if isinstance(event, Done | Failed):
                return event
        raise AssertionError("an ask ends with Done or Failed")

    return _settled(running, await unless_caller_leaves(request.receive, last()))


async def _streamed(request: Request, running: RunningAsk) -> Response:
    events = aiter(running)
    early: list[AskEvent] = []

    async def until_admitted() -> AskEvent:
        async for event in events:
            early.append(event)
            if isinstance(event, ADMITTED):
                return event
        raise AssertionError("an ask ends with Done or Failed")

    first = await unless_caller_leaves(request.receive, until_admitted())
    if isinstance(first, Failed):
        return _settled(running, first)
    return EventStream(
        _encoded(request, early, events),
        heartbeat_s=request.app.state.heartbeat_s,
        headers=_headers(running.backend),
        closed=running.aclose,
    )


async def _encoded(
    request: Request, early: list[AskEvent], rest: AsyncIterator[AskEvent]
) -> AsyncGenerator[bytes, None]:
    """The events as bytes, numbered from 1 as in the stored transcript."""
    sequence = 0
    try:
        for event in early:
            sequence += 1
            yield _event_bytes(event, sequence)
        async for event in rest:
            sequence += 1
            yield _event_bytes(event, sequence)
    except Exception as exception:  # noqa: BLE001 - the status is sent; only an event can say it
        error = unforeseen(exception, method=request.method, path=request.url.path)
        yield sse_event("error", error_body(error), sequence + 1)


def _event_bytes(event: AskEvent, sequence: int) -> bytes:
    if isinstance(event, Failed):
        return sse_event("error", error_body(event.error, event.answer), sequence)
    return sse_event(event_name(event), event_data(event), sequence)


def _settled(running: RunningAsk, event: AskEvent) -> Response:
    headers = _headers(running.backend)
    assert isinstance(event, Done | Failed)
    if isinstance(event, Failed) and event.answer.status is not AskStatus.LLM_ERROR:
        return failure(event.error, body=error_body(event.error, event.answer), headers=headers)
    return json_response(answer_json(event.answer), headers=headers)


def _headers(backend: Backend) -> dict[str, str]:
    return byline_headers(backend.name, backend.machine, backend.model)
