"""Detects an unknown server: its kind, its models, the length of their context."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from byline.backend.connections import AddressInfo, open_socket
from byline.backend.server_kinds import GetJson, ServerSilent, detect_kind
from byline.errors import BackendUnavailable, LlmError

MODELS_MAX: Final = 200
RESOLVE_S_MAX: Final = 5.0
_CONTEXT_KEYS: Final = ("max_model_len", "loaded_context_length", "context_length", "n_ctx")
_METADATA_ADDRESSES: Final = frozenset(
    ipaddress.ip_address(one) for one in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")
)
"""Where clouds tell a computer its secrets, beside the link-local addresses."""


@dataclass(frozen=True, slots=True)
class DetectedServer:
    """What a server tells about itself without running a model. `loaded` are the models in its
    memory."""

    kind: str | None
    models: tuple[str, ...]
    loaded: tuple[str, ...]
    context_tokens: int | None


async def detect_server(get: GetJson) -> DetectedServer:
    """Ask the server. `get` is `ServerLink.request_json`. Raises BackendUnavailable, and LlmError
    for a server that refuses its list and everything else."""
    listed = await get("/v1/models")

    async def quietly(path: str) -> Any:
        if path == "/v1/models":
            return listed
        try:
            return await get(path)
        except (BackendUnavailable, LlmError):
            return {}

    try:
        kind = await detect_kind(quietly)
    except ServerSilent:
        kind = None
    told = await quietly(kind.path) if kind is not None else {}
    told = told if isinstance(told, Mapping) else {}
    entries = listed.get("data") if isinstance(listed, Mapping) else None
    entries = [one for one in entries or () if isinstance(one, Mapping)]
    names = [name for one in entries if isinstance(name := one.get("id"), str) and name]
    return DetectedServer(
        kind=kind.name if kind is not None else None,
        models=tuple(dict.fromkeys(names))[:MODELS_MAX],
        loaded=kind.read(told).names if kind is not None else (),
        context_tokens=_context_tokens(told, *entries[:1]),
    )


def _context_tokens(*pages: Mapping[str, Any]) -> int | None:
    for page in pages:
        settings = page.get("default_generation_settings")
        for where in (page, settings, page.get("meta")):
            if isinstance(where, Mapping):
                for key in _CONTEXT_KEYS:
                    value = where.get(key)
                    if isinstance(value, int) and not isinstance(value, bool) and value >= 256:
                        return value
    return None


def is_forbidden_address(address: str) -> bool:
    """Whether no model server can be at the address: link-local, metadata, multicast."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_link_local or found.is_multicast or found in _METADATA_ADDRESSES


async def addresses_of(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a host name. Raises OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_S_MAX):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


def open_bounded_socket(info: AddressInfo) -> socket.socket:
    """As `open_socket`, but raises PermissionError for a forbidden address: the name may have been
    changed since it was checked."""
    if is_forbidden_address(str(info[4][0])):
        raise PermissionError(1, "this address is out of bounds")
    return open_socket(info)
