"""Which addresses a key of the configuration is for. Pure; knows no key, only variables."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a server is, as far as a key is concerned: what is said over https is no secret any
    more once it is said over http, and another port is another program.

    Unlike in `check.address_of`, `localhost`, `127.0.0.1` and `::1` are three hosts: a program may
    listen at one of them and another at the next.
    """

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def origin_of(base_url: str) -> Origin | None:
    """The origin of an address; None where it has no host or port."""
    try:
        parts = urlsplit(base_url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None:
        return None
    return Origin(parts.scheme, _one_spelling(parts.hostname), port)


def named_keys(config: BaseModel) -> Mapping[str, frozenset[Origin]]:
    """Every variable that any table of a configuration names in `api_key_env`, and the origins of
    the tables that do. A table without an address names a variable that goes nowhere."""
    named: dict[str, frozenset[Origin]] = {}
    for variable, base_url in _named_in(config):
        origin = origin_of(base_url) if base_url else None
        named[variable] = named.get(variable, frozenset()) | ({origin} if origin else frozenset())
    return named


def _named_in(value: object) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, BaseModel):
        variable = getattr(value, "api_key_env", None)
        if variable:
            yield variable, getattr(value, "base_url", None)
        for name in type(value).model_fields:
            yield from _named_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _named_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _named_in(one)


def _one_spelling(host: str) -> str:
    host = host.casefold().rstrip(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host
