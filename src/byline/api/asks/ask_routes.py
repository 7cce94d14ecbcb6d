"""`/api/search/ask`: one question, answered as JSON or as server-sent events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from byline.api.asks.ask_stream import ask_event_stream, ask_headers, refuse_to_resume
from byline.api.failures import error_body, failure
from byline.api.http.event_streams import CallerLeft, NoResponse, run_while_connected
from byline.api.http.http_bytes import SSE_MEDIA_TYPE, byline_headers
from byline.api.http.json_input import StrictJsonRoute
from byline.api.http.json_responses import SSE_CONTENT, described, shaped_response
from byline.api.parameters import AskBody, AskParameters, AskQuery, NoParameters
from byline.api.services import Parts, Services
from byline.ask.ask_shapes import AnswerShape
from byline.ask.running_ask import RunningAsk
from byline.domain.asks import (
    AskDone,
    AskEvent,
    AskFailed,
    AskQueued,
    AskRequest,
    AskStarted,
    AskStatus,
)
from byline.errors import BylineError

router = APIRouter(tags=["ask"], route_class=StrictJsonRoute)

ADMITTED = (AskQueued, AskStarted, AskDone, AskFailed)
"""The first of these events decides how the ask is answered: as a stream or as an error."""

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
    "`sources`, `queued`, `started`, `token`, `tool_call`, `tool_result`, `note`, `citation`, "
    "then `done` (this JSON) or `error`."
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


async def _ask(
    request: Request, parts: Services, question: str, options: AskParameters
) -> Response:
    refuse_to_resume(request)
    backend = parts.dispatcher.get_backend(options.backend)
    try:
        running = parts.asks.start(
            AskRequest(
                question=question,
                backend=options.backend,
                mode=options.mode,
                filters=options.filters(),
                conversation_id=options.conversation_id,
                timeout_read_s=options.timeout_read_s,
                resumable=options.resumable,
                force=options.force,
            )
        )
    except BylineError as error:
        named = byline_headers(backend.name, backend.machine, backend.model_requested)
        return failure(error, headers=named)
    streamed = options.stream or wants_events(request)
    try:
        if streamed:
            return await _streamed(request, running)
        return await _whole(request, running)
    except CallerLeft:
        await running.leave()
        return NoResponse()
    except BaseException:
        await running.leave()
        raise


def wants_events(request: Request) -> bool:
    """Whether the caller's `Accept` names server-sent events."""
    return SSE_MEDIA_TYPE in request.headers.get("accept", "")


async def _whole(request: Request, running: RunningAsk) -> Response:
    last = await run_while_connected(request.receive, first_event(running, (AskDone, AskFailed)))
    return _settled(running, last)


async def _streamed(request: Request, running: RunningAsk) -> Response:
    first = await run_while_connected(request.receive, first_event(running, ADMITTED))
    if isinstance(first, AskFailed):
        return _settled(running, first)
    return ask_event_stream(request, running)


async def first_event(running: RunningAsk, kinds: tuple[type[AskEvent], ...]) -> AskEvent:
    """The first event of one of these kinds; the last event if there is none."""
    async for event in running:
        if isinstance(event, kinds):
            return event
    raise AssertionError("an ask ends with AskDone or Failed")


def _settled(running: RunningAsk, event: AskEvent) -> Response:
    headers = ask_headers(running)
    assert isinstance(event, AskDone | AskFailed)
    if isinstance(event, AskFailed) and event.answer.status is not AskStatus.LLM_ERROR:
        return failure(event.error, body=error_body(event.error, event.answer), headers=headers)
    return shaped_response(AnswerShape, event.answer, headers=headers)
