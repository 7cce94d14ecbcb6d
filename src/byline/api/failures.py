"""Errors over HTTP: the one table of codes and statuses, and the one shape in which they are sent.

    {"error": {"code", "message", "remedy", "src"}, "error_reason"?, "backend"?, "machine"?, …}

`/v1` adds `type` and `param` inside `error`, because OpenAI's clients read them there.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from byline.api.http.http_bytes import json_bytes
from byline.ask.ask_json import failure_json
from byline.domain.asks import AskAnswer
from byline.domain.echo import shortened
from byline.errors import (
    BackendUnavailable,
    BadRequest,
    BylineError,
    Forbidden,
    Internal,
    Invalid,
    LlmError,
    MachineError,
    NotFound,
    TooLarge,
    Unauthorized,
    UnsupportedFormat,
)

STATUS: Final[Mapping[str, int]] = {
    "bad_request": 400,
    "unknown_backend": 400,
    "tools_unsupported": 400,
    "context_too_long": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "too_large": 413,
    "unsupported_format": 415,
    "extraction_failed": 422,
    "invalid": 422,
    "gate_full": 429,
    "config_invalid": 500,
    "home_unusable": 500,
    "internal": 500,
    "start_failed": 500,
    "llm_error": 502,  # on /v1; an ask that ends so is a 200 with status `llm_error`
    "backend_unavailable": 503,
    "busy": 503,
    "database_unavailable": 503,
    "embedder_unavailable": 503,
    "gate_timeout": 503,
    "preempted": 503,
    "stopping": 503,
    "storage_unavailable": 503,
    "storage_full": 507,
}
"""Code → status."""

RETRY_AFTER_S: Final[Mapping[str, int]] = {
    "backend_unavailable": 15,
    "busy": 5,
    "database_unavailable": 2,
    "embedder_unavailable": 15,
    "gate_full": 5,
    "gate_timeout": 10,
    "preempted": 1,
    "stopping": 5,
    "storage_unavailable": 5,
}
"""Code → whole seconds after which a retry makes sense; the only source of `Retry-After`."""

LOADING_RETRY_AFTER_S: Final = 5
PASSED_ON: Final = frozenset({400, 401, 403, 404, 413, 422, 429})
"""A machine's own statuses that `/v1` answers with, so that clients raise what they raise when they
ask it directly."""
_A_RETRY_MENDS: Final = frozenset(
    {"busy", "database_unavailable", "gate_timeout", "preempted", "stopping"}
)
"""Codes of 5xx errors that pass by themselves within `Retry-After`."""
METHOD_NOT_ALLOWED: Final = 405
HEAD_TOO_SLOW: Final = 408
CLIENT_GONE: Final = 499
"""Appears in the log only: the client has gone."""

_FROM_STATUS: Final[Mapping[int, type[BylineError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    415: UnsupportedFormat,
    422: Invalid,
}
"""Status → class, for refusals by the framework itself."""

_FAULTS_MAX: Final = 5
"""How many faults of one request are listed; further ones mostly repeat the first."""
_COMPLAINT_CHARS_MAX: Final = 300

_OPENAI_TYPE: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def status_of(error: BylineError) -> int:
    """The HTTP status of an error."""
    return STATUS[error.code]


def retry_after_s(error: BylineError) -> int | None:
    """Whole seconds to wait before a retry; None if waiting does not help."""
    if _is_loading(error):
        return LOADING_RETRY_AFTER_S
    return RETRY_AFTER_S.get(error.code)


def error_body(error: BylineError, answer: AskAnswer | None = None) -> dict[str, Any]:
    """The body of an error; with `answer`, also the sources found and the id of the ask."""
    return failure_json(error, answer)


def machine_status(error: BylineError) -> int | None:
    """The machine's own status, where `/v1` passes it on."""
    if not isinstance(error, LlmError):
        return None
    told = error.reason.removeprefix("http_")
    status = int(told) if told.isdecimal() else 0
    return status if status in PASSED_ON else None


def openai_status(error: BylineError) -> int:
    """The status of an error on `/v1`: the machine's own, where it refused the request."""
    return machine_status(error) or status_of(error)


def openai_error_body(error: BylineError) -> dict[str, Any]:
    """The body of an error with the fields that OpenAI's clients read inside `error`; what the
    machine said of it stands there in the machine's words."""
    body = error_body(error)
    status = openai_status(error)
    fallback = "server_error" if status >= 500 else "invalid_request_error"
    body["error"] |= {
        "type": _OPENAI_TYPE.get(status, fallback),
        "param": "model" if error.code == "unknown_backend" else None,
    }
    if isinstance(error, BackendUnavailable) and error.detail:
        body["error"]["message"] = f"{error.message} ({error.detail})"
    if isinstance(error, LlmError) and machine_status(error):
        told = {
            "code": error.refusal.code,
            "type": error.refusal.kind,
            "param": error.refusal.param,
        }
        body["error"] |= {name: value for name, value in told.items() if value is not None}
        body["error"]["message"] = error.text or error.message
    return body


def openai_failure(error: BylineError, headers: Mapping[str, str] | None = None) -> Response:
    """The response to an error on `/v1`. OpenAI's clients send a request that failed with a 5xx
    twice more, each after `Retry-After`: they are told not to, unless a retry may mend it."""
    response = failure(error, body=openai_error_body(error), headers=headers)
    response.status_code = openai_status(error)
    if isinstance(error, LlmError) and error.refusal.retry_after:
        response.headers["Retry-After"] = error.refusal.retry_after
    mends = error.code in _A_RETRY_MENDS or _is_loading(error)
    if response.status_code >= 500 and not mends:
        response.headers["x-should-retry"] = "false"
    return response


def _is_loading(error: BylineError) -> bool:
    return isinstance(error, MachineError) and error.reason == "loading"


def failure_headers(error: BylineError) -> dict[str, str]:
    """`Retry-After`, if waiting helps."""
    seconds = retry_after_s(error)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def failure(
    error: BylineError,
    *,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response to an error; `body` replaces the plain shape if there is more to say."""
    return Response(
        json_bytes(error_body(error) if body is None else body),
        status_code=status_of(error),
        media_type="application/json",
        headers=failure_headers(error) | dict(headers or {}),
    )


def failure_at(path: str, error: BylineError) -> Response:
    """The response to an error in the shape that its path uses: `/v1` has OpenAI's."""
    if path.startswith("/v1/"):
        return openai_failure(error)
    return failure(error)


def head_too_slow(path: str, head_s_max: float) -> Response:
    """A `bad_request`, with the specific status that HTTP has for it."""
    error = BadRequest(
        f"The head of the request did not come whole within {head_s_max:g} s.",
        remedy="Send the request line and the headers at once.",
    )
    response = failure_at(path, error)
    response.status_code = HEAD_TOO_SLOW
    return response


def internal_error(exception: Exception, *, method: str, path: str) -> Internal:
    """Log an unexpected exception with its traceback under an id, and return the error that shows
    the id."""
    error = Internal(uuid.uuid4().hex[:12])
    structlog.get_logger("byline.api").error(
        "internal",
        error_id=error.error_id,
        method=shortened(method),
        path=shortened(path),
        exc_info=exception,
    )
    return error


def from_framework(exception: HTTPException, *, path: str) -> BylineError:
    """A refusal by starlette or FastAPI as one of our errors."""
    if isinstance(exception.__cause__, BylineError):  # ours, raised while FastAPI read the body
        return exception.__cause__
    if exception.status_code == 404:
        return NotFound(
            f"There is nothing at {shortened(path)}.", remedy="See /docs for every address."
        )
    detail = str(exception.detail or "").strip() or "The request could not be read."
    if "parsing the body" in detail:  # FastAPI's sentence for a body that is not text
        return BadRequest("The body is not UTF-8 JSON.", remedy="Send the body as UTF-8 JSON.")
    return _FROM_STATUS.get(exception.status_code, BadRequest)(detail)


def from_validation(faults: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> BadRequest:
    """The faults pydantic found in a request as one sentence that names every field."""
    sentences = [_fault_sentence(fault, known) for fault in faults[:_FAULTS_MAX]]
    if len(faults) > _FAULTS_MAX:
        sentences.append(f"And {len(faults) - _FAULTS_MAX} faults more.")
    unknown = any(fault["type"] == "extra_forbidden" for fault in faults)
    remedy = BadRequest.default_remedy
    if unknown and known:
        remedy = f"Known here: {', '.join(known)}."
    return BadRequest(" ".join(sentences) or "The request could not be read.", remedy=remedy)


def _fault_sentence(fault: Mapping[str, Any], known: Sequence[str]) -> str:
    place = [str(step) for step in fault["loc"]]
    where = place[0] if place else "request"
    field = shortened(".".join(place[1:]))
    if fault["type"] == "json_invalid":
        reason = fault.get("ctx", {}).get("error", "syntax error")
        return f"The body is not JSON: {reason} at character {field}."
    if fault["type"] == "extra_forbidden":
        if where == "query" and field in known:
            return f"`{field}` belongs in the body, not in the address."
        return f"Unknown parameter `{field}`."
    if fault["type"] == "missing":
        return f"`{field}` is missing." if field else "The body is missing; send JSON."
    if where == "body" and not field:
        return "The body must be a JSON object, sent as Content-Type: application/json."
    complaint = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"`{field}` {shortened(complaint, _COMPLAINT_CHARS_MAX)}."


async def answer_byline_error(request: Request, error: Exception) -> Response:
    """FastAPI's handler for our own errors."""
    assert isinstance(error, BylineError)
    return failure_at(request.url.path, error)


async def answer_http_exception(request: Request, exception: Exception) -> Response:
    """FastAPI's handler for refusals by starlette."""
    assert isinstance(exception, HTTPException)
    path = request.url.path
    if exception.status_code == METHOD_NOT_ALLOWED:
        return _wrong_method(request, path)
    return failure_at(path, from_framework(exception, path=path))


def _wrong_method(request: Request, path: str) -> Response:
    """A `bad_request`, with the specific status that HTTP has for it."""
    allowed = sorted(
        {
            method
            for route in request.app.routes
            if isinstance(route, Route) and route.path_regex.match(path)
            for method in route.methods or ()
        }
    )
    error = BadRequest(
        f"{shortened(path)} does not take {shortened(request.method)}.",
        remedy=f"Use {' or '.join(allowed)}.",
    )
    response = failure_at(path, error)
    response.status_code = METHOD_NOT_ALLOWED
    response.headers["Allow"] = ", ".join(allowed)
    return response


async def answer_validation_error(request: Request, exception: Exception) -> Response:
    """FastAPI's handler for parameters and bodies that are not valid."""
    assert isinstance(exception, RequestValidationError)
    error = from_validation(exception.errors(), known_parameters(request))
    return failure_at(request.url.path, error)


def known_parameters(request: Request) -> tuple[str, ...]:
    """The parameters of the matched route, to be listed to a caller who sent another."""
    route = request.scope.get("route")
    dependant = getattr(route, "dependant", None)
    if dependant is None:
        return ()
    fields = [*dependant.query_params, *dependant.body_params]
    names: list[str] = []
    for field in fields:
        model = getattr(field.field_info, "annotation", None)
        inner = getattr(model, "model_fields", None)
        names += [field.alias] if inner is None else list(inner)
    return tuple(names)
