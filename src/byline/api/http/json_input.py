"""Strict parsing of JSON bodies: every name once, finite numbers, valid text.

Of a name that is given twice the parser would silently drop one; with `backend` that could be the
machine somebody named. `NaN`, `1e999` and numbers of a thousand digits are not JSON to whoever
receives them next, nor is half a surrogate pair. Very deep nesting overflows a stack, here or
there. The guard applies the same rules to query strings.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from byline.domain.echo import shortened
from byline.errors import BadRequest

DEPTH_MAX: Final = 200
"""The deepest nesting of lists and objects."""

WHOLE_NUMBER_MIN: Final = -(2**63)
WHOLE_NUMBER_MAX: Final = 2**64 - 1
_WHOLE_NUMBER_CHARS_MAX: Final = 20
_NUMBER_CHARS_SHOWN: Final = 40
_HALF_OF_A_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(body: bytes) -> Any:
    """The value in `body`. Raises `BadRequest`."""
    try:
        value = _DECODER.decode(body.decode(json.detect_encoding(body)))
    except UnicodeError:
        raise BadRequest("The body is not UTF-8 JSON.", remedy="Send it as UTF-8 JSON.") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    except RecursionError:
        raise _too_deep() from None
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _is_deep(value):
        raise _too_deep()
    if _HALF_OF_A_PAIR.search(body):
        _must_be_text(value)
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadRequest(
                    f"`{_printable(shortened(name))}` is given more than once.",
                    remedy="Send it once.",
                )
            seen.add(name)
    return value


def _constant(name: str) -> NoReturn:
    raise BadRequest(
        f"The body is not JSON: {name} is no JSON value.", remedy="Send a number, or null."
    )


def _whole_number(written: str) -> int:
    if len(written) <= _WHOLE_NUMBER_CHARS_MAX:
        value = int(written)
        if WHOLE_NUMBER_MIN <= value <= WHOLE_NUMBER_MAX:
            return value
    raise _too_large_a_number(written)


def _number(written: str) -> float:
    value = float(written)
    if math.isinf(value):
        raise _too_large_a_number(written)
    return value


def _too_large_a_number(written: str) -> BadRequest:
    shown = shortened(written, _NUMBER_CHARS_SHOWN)
    return BadRequest(
        f"The number {shown} in the body is too large.",
        remedy=f"Whole numbers are at most {WHOLE_NUMBER_MAX}, others at most 1.8e308.",
    )


def _too_deep() -> BadRequest:
    return BadRequest(
        f"The JSON of the body nests lists and objects more than {DEPTH_MAX} deep.",
        remedy="Send it flatter.",
    )


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        level = [
            inner
            for outer in level
            if type(outer) in (list, dict)
            for inner in (outer.values() if type(outer) is dict else outer)
        ]
        if not level:
            return False
    return True


def _must_be_text(value: Any) -> None:
    """Raise `BadRequest` for half a surrogate pair: JSON can contain it, but no encoding can pass
    it on."""
    if (place := _place_of_half(value)) is not None:
        raise BadRequest(
            f"`{shortened(place)}` holds half a surrogate pair, which is no text.",
            remedy="Send characters beyond U+FFFF as they are, or as both of their halves.",
        )


def _place_of_half(value: Any) -> str | None:
    """The path (names joined by points) to the first string that is not valid text."""
    if isinstance(value, str):
        return None if _is_text(value) else ""
    if isinstance(value, dict):
        names = (name for name in value if not _is_text(name))
        if (name := next(names, None)) is not None:
            return _printable(name)
        inner = [(name, one) for name, one in value.items()]
    else:
        inner = [(str(n), one) for n, one in enumerate(value)] if isinstance(value, list) else []
    for name, one in inner:
        if (place := _place_of_half(one)) is not None:
            return f"{name}.{place}" if place else name
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


_DECODER: Final = json.JSONDecoder(
    parse_constant=_constant,
    parse_int=_whole_number,
    parse_float=_number,
    object_pairs_hook=_unique_names,
)


class _StrictJsonRequest(Request):
    async def json(self) -> Any:
        return parse_json(await self.body())


class StrictJsonRoute(APIRoute):
    """A route that parses its body with `parse_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictJsonRequest(request.scope, request.receive))

        return handle_strictly
