"""Bytes on the wire: JSON, server-sent events and header values. Pure."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final
from urllib.parse import quote

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

HEARTBEAT: Final = b": still here\n\n"
"""A comment. It keeps proxies and clients from giving up the stream, and no parser reports it."""

RECONNECT: Final = b"retry: 2000\n\n"
"""Makes an EventSource reconnect after two seconds."""

SSE_MEDIA_TYPE: Final = "text/event-stream"


def json_bytes(value: object) -> bytes:
    """`value` as compact UTF-8 JSON. Raises ValueError for NaN, TypeError for foreign types."""
    return _ENCODER.encode(value).encode()


def sse_event(name: str, data: object, sequence: int) -> bytes:
    """One server-sent event; `data` may be JSON already, as bytes. JSON never holds a raw line
    break, so one `data:` line is enough."""
    told = data if isinstance(data, bytes) else json_bytes(data)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (sequence, name.encode(), told)


@lru_cache(maxsize=1024)  # called with the names of backends and models for each answer
def header_value(text: str) -> bytes:
    """`text` as a header value: what is not printable ASCII is percent-encoded."""
    return quote(text, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~").encode("ascii")


def byline_headers(backend: str, machine: str, model: str) -> dict[str, str]:
    """Headers that name who answers or refuses, for every response after the backend is known."""
    named = {
        "X-Byline-Backend": backend,
        "X-Byline-Machine": machine,
        "X-Byline-Model": model,
    }
    return {name: header_value(value).decode("ascii") for name, value in named.items()}


def content_disposition(kind: str, name: str) -> str:
    """A `Content-Disposition` that carries any file name (RFC 6266)."""
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}"
