"""Which model a server has really loaded: when it is asked, and what its answer proves.

The `model` field of an answer proves nothing: mlx-vlm and mlx-lm echo what was asked for. So each
kind of server is asked in its own way (`server_kinds`): once per connection where a server loads
its model when it starts, and again when that check is older than `CHECK_S_MAX`; after the first
delta of each call where it loads on demand. A server that cannot tell gives `verified=False` and
the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from byline.backend.connections import Exchange
from byline.backend.server_kinds import (
    GetJson,
    LoadedModels,
    ServerKind,
    ServerSilent,
    detect_kind,
    kind_of_header,
)

KIND_S_MAX: Final = 60.0
"""Seconds for which a new connection is assumed to lead to the kind of server seen before."""


CHECK_S_MAX: Final = 60.0
"""Seconds for which a check of a connection is believed: a router may load another model."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The outcome of one check. `mismatch` is a sentence, "" where there is none."""

    model_loaded: str | None
    verified: bool
    note: str = ""
    mismatch: str = ""


def compare_models(kind: ServerKind, requested: str, loaded: LoadedModels) -> ModelCheck:
    """Compare the configured name with what the server has loaded."""
    if not loaded.names:
        return ModelCheck(None, verified=False, note=loaded.note)
    wanted = kind.plain_name(requested)
    for name in loaded.names:
        if kind.plain_name(name) == wanted:
            return ModelCheck(name, verified=True)
    shown = ", ".join(loaded.names)
    sentence = f"{kind.name} has {shown} loaded, not {requested}"
    return ModelCheck(loaded.names[0], verified=False, mismatch=sentence)


class Authorship:
    """Authorship makes the checks of one backend. It remembers the server's kind and which
    connections were checked.

    `get` fetches JSON from the server itself; `now` is a monotonic clock in seconds.
    """

    def __init__(self, requested: str, get: GetJson, now: Callable[[], float]) -> None:
        self._requested = requested
        self._get = get
        self._now = now
        self._kind: ServerKind | None = None
        self._kind_known = False
        self._kind_header = ""
        self._kind_at = 0.0
        self._checked: WeakKeyDictionary[object, tuple[ModelCheck, float]] = WeakKeyDictionary()

    @property
    def extra_fields(self) -> Mapping[str, Any]:
        """The fields of a chat request that the server's last known kind needs."""
        return (self._kind.extra_fields if self._kind is not None else None) or {}

    async def kind(self) -> ServerKind | None:
        """Return the server's kind, asking the server where it is not known yet, or None."""
        if not self._kind_known:
            try:
                self._remember(await detect_kind(self._get), self._kind_header)
            except ServerSilent:
                return None
        return self._kind

    def note_server(self, exchange: Exchange, server_header: str) -> None:
        """Note the `Server:` header of an answer on `exchange`; it may name the kind."""
        kind = kind_of_header(server_header)
        if kind is not None:
            self._remember(kind, server_header)
        elif self._kind_known:
            aged = not exchange.reused and self._now() - self._kind_at > KIND_S_MAX
            self._kind_known = not aged and self._kind_header == server_header
        self._kind_header = server_header

    def known_check(self, exchange: Exchange) -> ModelCheck | None:
        """Return the check that needs no request, or None: no check is possible, or this connection
        was checked lately."""
        if self._kind_known and self._kind is None:
            return _CANNOT_TELL
        if exchange.protocol is None or exchange.protocol not in self._checked:
            return None
        check, at = self._checked[exchange.protocol]
        return check if self._now() - at <= CHECK_S_MAX else None

    def waits_for_first_delta(self) -> bool:
        """Whether the server loads on demand, so that the check must wait for the first delta."""
        return not self._kind_known or self._kind is None or self._kind.on_demand

    async def check(self, exchange: Exchange) -> ModelCheck:
        """Ask the server; never raises for a server that gives no sensible answer."""
        if not self._kind_known:
            try:
                self._remember(await detect_kind(self._get), self._kind_header)
            except ServerSilent:
                return ModelCheck(None, verified=False, note="the server did not tell its kind")
        kind = self._kind
        if kind is None:
            return _CANNOT_TELL
        said = await self._get(kind.path)
        if not isinstance(said, Mapping):
            return ModelCheck(None, verified=False, note=f"{kind.name} did not answer {kind.path}")
        check = compare_models(kind, self._requested, kind.read(said))
        if check.verified and not kind.on_demand and exchange.protocol is not None:
            self._checked[exchange.protocol] = check, self._now()
        return check

    def forget(self) -> None:
        """Forget the server after a failure: another one may answer next."""
        self._kind_known = False
        self._checked.clear()

    def _remember(self, kind: ServerKind | None, header: str) -> None:
        self._kind, self._kind_known = kind, True
        self._kind_header, self._kind_at = header, self._now()


_CANNOT_TELL: Final = ModelCheck(
    None, verified=False, note="this server does not tell which model it has loaded"
)
