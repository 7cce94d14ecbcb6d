"""The description of the API in `/openapi.json` and `/docs`. It must be true."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from byline import __version__
from byline.api.failures import STATUS
from byline.api.http.json_responses import SSE_CONTENT
from byline.api.openai.openai_shapes import CompletionRequest, CompletionShape, ModelsShape
from byline.api.result_shapes import ErrorShape

_REF: Final = "#/components/schemas/{model}"
_CHAT_CODES: Final = (
    "bad_request",
    "unknown_backend",
    "tools_unsupported",
    "forbidden",
    "too_large",
    "gate_full",
    "internal",
    "llm_error",
    "gate_timeout",
    "backend_unavailable",
    "stopping",
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document: what the routes declare, and the plain routes of `/v1`."""
    document = get_openapi(
        title=app.title,
        summary=app.summary,
        version=__version__,
        description=(
            "The backend you name answers, or you are told at once why it did not. Unknown "
            "parameters are errors; every error has one shape."
        ),
        routes=app.routes,
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            # FastAPI announces its own 422; here a request that does not validate is a 400.
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    schemas = document["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas |= _schemas(CompletionRequest, CompletionShape, ModelsShape)
    document["paths"] |= {
        "/v1/models": {"get": _models_operation()},
        "/v1/chat/completions": {"post": _chat_operation()},
    }
    return document


def _schemas(*models: type[BaseModel]) -> dict[str, Any]:
    _, described = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REF
    )
    found: dict[str, Any] = described["$defs"]
    return found


def _models_operation() -> dict[str, Any]:
    return {
        "tags": ["openai"],
        "summary": "List models",
        "operationId": "list_models",
        "description": "Every backend that has a model, as OpenAI's API lists models.",
        "responses": {"200": _json("The backends.", ModelsShape)}
        | _errors("forbidden", "internal"),
    }


def _chat_operation() -> dict[str, Any]:
    ok = _json("The completion; with `stream`, its chunks, then `[DONE]`.", CompletionShape)
    ok["content"] |= SSE_CONTENT
    return {
        "tags": ["openai"],
        "summary": "Complete a chat",
        "operationId": "complete_chat",
        "description": (
            "Straight through the gate of the backend named in `model`; no documents are "
            "searched. Fields not listed go to the machine as they are."
        ),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(CompletionRequest)}},
        },
        "responses": {"200": ok} | _errors(*_CHAT_CODES),
    }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _json(description: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref(model)}},
    }


def _errors(*codes: str) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code], []).append(f"`{code}`")
    return {
        str(status): _json(", ".join(names), ErrorShape)
        for status, names in sorted(by_status.items())
    }
