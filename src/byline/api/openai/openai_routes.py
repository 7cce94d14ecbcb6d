"""`/v1`: the OpenAI-compatible API of the backends. A model's name is a backend's name, nothing
else.

These are plain routes with checks written by hand: what Byline adds to a direct call has a budget
of two milliseconds, and a validating framework would spend it before the machine is called.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from byline.api.failures import internal_error, openai_error_body, openai_failure
from byline.api.http.event_streams import CallerLeft, EventStream, NoResponse, run_while_connected
from byline.api.http.http_bytes import byline_headers, json_bytes
from byline.api.http.json_responses import json_response
from byline.api.openai.chat_completions import (
    ChunkWriter,
    ParsedCompletionRequest,
    completion,
    model_backends,
    read_call,
)
from byline.api.services import services_of
from byline.domain.chat import Delta
from byline.domain.gates import Priority
from byline.errors import BylineError

CHAT_PATH = "/v1/chat/completions"

MAX_TOKENS_HEADER = "X-Byline-Max-Tokens"
"""Says the limit that `max_tokens` was cut to."""

Deltas = AsyncGenerator[Delta, None]


async def list_models(request: Request) -> Response:
    """`GET /v1/models`: every backend that has a model."""
    created = request.app.state.created
    return json_response(
        {
            "object": "list",
            "data": [
                {
                    "id": backend.name,
                    "object": "model",
                    "created": created,
                    "owned_by": backend.machine,
                }
                for backend in model_backends(services_of(request).dispatcher)
            ],
        }
    )


async def complete_chat(request: Request) -> Response:
    """`POST /v1/chat/completions`: straight through the named backend's gate."""
    headers: dict[str, str] = {}
    try:
        call = read_call(await request.body(), services_of(request).dispatcher)
        backend = call.backend
        headers = byline_headers(backend.name, backend.machine, backend.model_requested)
        if call.max_tokens_cut is not None:
            headers[MAX_TOKENS_HEADER] = str(call.max_tokens_cut)
        if call.stream:
            deltas = backend.call(call.request, Priority.FOREGROUND)
            return await _streamed(request, call, deltas, headers)
        return await _whole(request, call, headers)
    except (CallerLeft, ClientDisconnect):
        return NoResponse()
    except BylineError as error:
        return openai_failure(error, headers)


async def _whole(
    request: Request, call: ParsedCompletionRequest, headers: dict[str, str]
) -> Response:
    reading = call.backend.collect(call.request, Priority.FOREGROUND)
    said = await run_while_connected(request.receive, reading)
    return json_response(completion(call, _new_id(), int(time.time()), said), headers=headers)


async def _streamed(
    request: Request, call: ParsedCompletionRequest, deltas: Deltas, headers: dict[str, str]
) -> Response:
    """Wait for the first delta: until then a refusal can still have its own status."""

    async def first_delta() -> Delta:
        return await anext(deltas)

    try:
        first = await run_while_connected(request.receive, first_delta())
    except BaseException:
        await deltas.aclose()
        raise
    return EventStream(
        _chunks(request, call, first, deltas),
        heartbeat=request.app.state.heartbeat,
        headers=headers,
        closed=deltas.aclose,
    )


async def _chunks(
    request: Request, call: ParsedCompletionRequest, first: Delta, rest: Deltas
) -> AsyncGenerator[bytes, None]:
    """The chunks of a stream. A failure ends them with an error and without `[DONE]`, so half an
    answer is never called done."""
    writer = ChunkWriter(call, _new_id(), int(time.time()))
    last = first
    try:
        yield writer.chunk(first)
        async for last in rest:
            yield writer.chunk(last)
    except BylineError as error:
        yield _error_chunk(error)
    except Exception as exception:  # noqa: BLE001 - the status is sent; only a chunk can say it
        yield _error_chunk(internal_error(exception, method="POST", path=request.url.path))
    else:
        yield writer.end(last)


def _error_chunk(error: BylineError) -> bytes:
    return b"data: " + json_bytes(openai_error_body(error)) + b"\n\n"


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


class ChatCompletionsMiddleware:
    """ASGI middleware that answers `POST /v1/chat/completions` itself.

    `complete_chat` handles every error, so it needs none of the layers the framework puts around a
    route, and each layer would be passed at every step of a call.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == CHAT_PATH and scope["method"] == "POST":
            response = await complete_chat(Request(scope, receive, send))
            await response(scope, receive, send)
        else:
            await self.app(scope, receive, send)


ROUTES = (
    Route(CHAT_PATH, complete_chat, methods=["POST"]),  # for other methods, and under a root path
    Route("/v1/models", list_models, methods=["GET"]),
)
