"""Reading query parameters and URL-encoded forms; unknown fields are refused."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from byline.domain.echo import shortened
from byline.errors import BadRequest
from byline.web.preferences import SWITCHES

ACCEPTED: Final = 202
RESPOND_ASYNC: Final = "respond-async"
SEE_OTHER: Final = 303
"""The status after a form, so that reloading the page does not send the form again."""


def read_parameters(request: Request, known: set[str]) -> dict[str, str]:
    """The query parameters without the switches that every page has. Raises `BadRequest` for one
    that is not `known`."""
    sent = {name: value for name, value in request.query_params.items() if name not in SWITCHES}
    return _known_only(sent, known)


def accepted_at(request: Request, address: str) -> Response:
    """The response to a form whose result is shown at `address`: a redirect there, or a 202 with
    that `Location` for a script that navigates by itself (`Prefer: respond-async`, RFC 7240)."""
    if RESPOND_ASYNC in request.headers.get("prefer", ""):
        return Response(status_code=ACCEPTED, headers={"Location": address})
    return RedirectResponse(address, SEE_OTHER)


async def read_form(request: Request, known: set[str]) -> dict[str, str]:
    """The fields of a URL-encoded form. Raises `BadRequest`. The guard limits its size."""
    return _known_only(dict(await _pairs(request)), known)


async def read_repeatable_form(request: Request, known: set[str]) -> dict[str, list[str]]:
    """The fields of a URL-encoded form whose fields may repeat, as ticked boxes do. Raises
    `BadRequest`."""
    pairs = await _pairs(request)
    _known_only(dict(pairs), known)
    sent: dict[str, list[str]] = {}
    for name, value in pairs:
        sent.setdefault(name, []).append(value)
    return sent


async def _pairs(request: Request) -> list[tuple[str, str]]:
    body = await request.body()
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise BadRequest("The form is not UTF-8 text.") from None


def read_offset(sent: str) -> int:
    """The offset in a parameter. Raises `BadRequest`."""
    if not sent.isdecimal() or len(sent) > 12:
        raise BadRequest(f"{sent[:20]!r} is not an offset.", remedy="Give a whole number.")
    return int(sent)


def _known_only(sent: dict[str, str], known: set[str]) -> dict[str, str]:
    unknown = sent.keys() - known
    if unknown:
        raise BadRequest(f"Unknown parameter `{shortened(min(unknown))}`.")
    return sent
