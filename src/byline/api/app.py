"""The HTTP application: routes, guard, and the handlers that give every error its shape."""

from __future__ import annotations

import time

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from byline.api.asks import ask_routes, conversation_routes, history_routes
from byline.api.documents import document_routes, picture_routes, removal_routes, search_routes
from byline.api.failures import (
    answer_byline_error,
    answer_http_exception,
    answer_validation_error,
)
from byline.api.guard import Guard, Identify, InternalErrorMiddleware, loopback_owner
from byline.api.http.event_streams import Heartbeat, answer_caller_left
from byline.api.machines import backend_routes, machine_routes
from byline.api.openai import openai_routes
from byline.api.services import Services
from byline.api.status import docs_routes, event_routes, health_routes
from byline.errors import BylineError

HEARTBEAT_S = 15.0
"""Seconds of silence in an open stream before a comment is sent."""
UPLOAD_PATHS = frozenset({"/api/documents", "/documents"})
"""Paths whose bodies may be larger than server.body_bytes_max: files have a limit of their own."""


def create_app(services: Services, identify: Identify = loopback_owner) -> FastAPI:
    """The application that serves `services` over HTTP; `identify` tells who makes a request."""
    app = FastAPI(
        title="Byline",
        summary="Answers from your own documents, written by the machine you name.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers={
            BylineError: answer_byline_error,
            ClientDisconnect: answer_caller_left,
            HTTPException: answer_http_exception,
            RequestValidationError: answer_validation_error,
        },
    )
    app.state.services = services
    app.state.heartbeat = Heartbeat(services.clock, HEARTBEAT_S)
    app.state.created = int(time.time())
    app.router.routes.extend(openai_routes.ROUTES)
    for part in (
        search_routes,
        ask_routes,
        history_routes,
        conversation_routes,
        backend_routes,
        machine_routes,
        event_routes,
        document_routes,
        picture_routes,
        removal_routes,
        health_routes,
        docs_routes,
    ):
        app.router.routes.extend(part.router.routes)
    app.add_middleware(openai_routes.ChatCompletionsMiddleware)
    app.add_middleware(
        Guard, server=services.config.server, upload_paths=UPLOAD_PATHS, identify=identify
    )
    app.add_middleware(InternalErrorMiddleware)
    return app
