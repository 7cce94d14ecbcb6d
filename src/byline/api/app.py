"""Puts the door together: routes, guard, and the handlers that give every error its shape."""

from __future__ import annotations

import time

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from byline.api.failures import (
    answer_byline_error,
    answer_http_exception,
    answer_validation_error,
)
from byline.api.guard import Guard, Unforeseen
from byline.api.routes import (
    asking,
    backends,
    conversations,
    documents,
    events,
    health,
    history,
    machines,
    openai,
    pictures,
    reference,
    removal,
    search,
)
from byline.api.services import Services
from byline.api.streams import Heart, answer_nobody
from byline.errors import BylineError

HEARTBEAT_S = 15.0
"""Seconds of silence in an open stream before a comment is sent."""
UPLOAD_PATHS = frozenset({"/api/documents", "/documents"})
"""Where bodies may be larger than server.body_bytes_max: files have a limit of their own."""


def create_app(services: Services) -> FastAPI:
    """The HTTP face of `services`."""
    app = FastAPI(
        title="Byline",
        summary="Answers from your own documents, written by the machine you name.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers={
            BylineError: answer_byline_error,
            ClientDisconnect: answer_nobody,
            HTTPException: answer_http_exception,
            RequestValidationError: answer_validation_error,
        },
    )
    app.state.services = services
    app.state.heart = Heart(services.clock, HEARTBEAT_S)
    app.state.created = int(time.time())
    app.router.routes.extend(openai.ROUTES)
    for part in (
        search,
        asking,
        history,
        conversations,
        backends,
        machines,
        events,
        documents,
        pictures,
        removal,
        health,
        reference,
    ):
        app.router.routes.extend(part.router.routes)
    app.add_middleware(openai.StraightThrough)
    app.add_middleware(Guard, server=services.config.server, upload_paths=UPLOAD_PATHS)
    app.add_middleware(Unforeseen)
    return app
