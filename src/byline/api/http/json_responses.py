"""Successful JSON responses, and how routes describe their errors in `/docs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from byline.api.failures import STATUS
from byline.api.http.http_bytes import SSE_MEDIA_TYPE, json_bytes
from byline.api.result_shapes import ErrorShape
from byline.ask.ask_shapes import Shape

ALWAYS_POSSIBLE = ("bad_request", "forbidden", "internal")
"""Codes that any route may answer with."""

SSE_CONTENT: Final[Mapping[str, Any]] = {
    SSE_MEDIA_TYPE: {
        "schema": {
            "type": "object",
            "description": "Each event; `data` is JSON.",
            "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
            "required": ["data"],
        }
    }
}


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`value` as a JSON response."""
    return Response(
        json_bytes(value),
        status_code=status,
        media_type="application/json",
        headers=dict(headers or {}),
    )


def shaped_response(
    shape: type[Shape],
    value: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`value`, which has what `shape` names, as a JSON response in that shape."""
    return Response(
        shape.bytes_of(value),
        status_code=status,
        media_type="application/json",
        headers=dict(headers or {}),
    )


def described(ok: type | None, *codes: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its success type `ok`, and the errors with these codes."""
    by_status: dict[int, list[str]] = {}
    for code in (*ALWAYS_POSSIBLE, *codes):
        by_status.setdefault(STATUS[code], []).append(f"`{code}`")
    described: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorShape, "description": ", ".join(names)}
        for status, names in sorted(by_status.items())
    }
    if ok is not None:
        described[status] = {"model": ok}
    return described
