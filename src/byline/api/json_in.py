"""Bodies of JSON in which every name is given once.

Of a name that is given twice the parser would drop one without a word; with `backend` that could be
the machine somebody named. The guard holds query strings to the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from byline.errors import BadRequest


def given_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for the parser. Raises `BadRequest` for a name given more than once."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest(f"`{twice[:80]}` is given more than once.", remedy="Send it once.")
    return value


class _Once(Request):
    async def json(self) -> Any:
        return json.loads(await self.body(), object_pairs_hook=given_once)


class OnceRoute(APIRoute):
    """A route whose body is read so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            return await handle(_Once(request.scope, request.receive))

        return handle_once
