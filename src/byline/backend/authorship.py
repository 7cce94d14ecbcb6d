"""Which model a server has really loaded: how to ask, and how names are compared.

The `model` field of an answer proves nothing: mlx-vlm and mlx-lm echo what was asked for. So each
kind of server is asked in its own way (`SERVER_KINDS`): once per connection where a server loads
its model when it starts, and after the first delta of each call where it loads on demand. A server
that cannot tell gives `verified=False` and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from weakref import WeakKeyDictionary

from byline.backend.connections import Exchange

KIND_S_MAX: Final = 60.0
"""Seconds for which a new connection is assumed to lead to the kind of server seen before."""

GetJson = Callable[[str], Awaitable[Any]]
"""Fetches the JSON at a path of the server: {} where it has no such path, None where it is
silent."""


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """The models a server says it has loaded. `names` are all names of the model, the first one for
    display. They are empty where the server cannot tell; then `note` says why."""

    names: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The outcome of one check. `mismatch` is a sentence, "" where there is none."""

    model_loaded: str | None
    verified: bool
    note: str = ""
    mismatch: str = ""


@dataclass(frozen=True, slots=True)
class ServerKind:
    """How one kind of server is asked. `on_demand`: it loads whatever a call names. `extra_fields`:
    fields that a chat request to it needs beside those of every server."""

    name: str
    path: str
    read: Callable[[Mapping[str, Any]], LoadedModels]
    plain_name: Callable[[str], str]
    on_demand: bool
    extra_fields: Mapping[str, Any] | None = None


_NO_SUMMARIES: Final[Mapping[str, Any]] = MappingProxyType({"context_management": []})
"""Without this, mlx-vlm silently summarises a conversation that is too long. With it, it refuses,
as every other server does."""


def _read_llama_cpp(said: Mapping[str, Any]) -> LoadedModels:
    alias, path = said.get("model_alias"), said.get("model_path")
    names = [name for name in (alias, path) if isinstance(name, str) and name]
    if said.get("role") == "router" or not names:
        return LoadedModels(note="llama.cpp did not tell which model it has loaded")
    return LoadedModels(tuple(names))


def _read_mlx_vlm(said: Mapping[str, Any]) -> LoadedModels:
    name = said.get("loaded_model")
    if not isinstance(name, str) or not name:
        return LoadedModels(note="mlx-vlm named no loaded model when it was asked")
    return LoadedModels((name,))


def _read_ollama(said: Mapping[str, Any]) -> LoadedModels:
    models = said.get("models")
    entries = [m for m in models if isinstance(m, Mapping)] if isinstance(models, list) else []
    names = [str(entry.get("model") or entry.get("name") or "") for entry in entries]
    if not any(names):
        return LoadedModels(note="Ollama named no loaded model when it was asked")
    return LoadedModels(tuple(filter(None, names)))


def _read_lm_studio(said: Mapping[str, Any]) -> LoadedModels:
    names = [
        str(entry.get("id") or "")
        for entry in _entries(said)
        if entry.get("state") == "loaded" and entry.get("type") != "embeddings"
    ]
    if not any(names):
        return LoadedModels(note="LM Studio named no loaded model when it was asked")
    return LoadedModels(tuple(filter(None, names)))


def _read_vllm(said: Mapping[str, Any]) -> LoadedModels:
    """vLLM lists what it serves: the model by each of its names, and its adapters."""
    entries = _entries(said)
    names = [str(entry.get(key) or "") for key in ("id", "root") for entry in entries]
    if not any(names):
        return LoadedModels(note="vLLM listed no model")
    return LoadedModels(tuple(filter(None, names)))


def _entries(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = said.get("data")
    return [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []


def _plain_lm_studio(name: str) -> str:
    """Drop the number LM Studio gives to a second copy of a loaded model (`name:2`)."""
    return re.sub(r":\d+$", "", name.casefold())


def _plain_gguf(name: str) -> str:
    """Keep the file name, without folders, `.gguf` and the number of a split file."""
    name = re.split(r"[/\\]", name)[-1].casefold().removesuffix(".gguf")
    return re.sub(r"-\d{5}-of-\d{5}$", "", name)


def _plain_mlx(name: str) -> str:
    """Keep `owner/name`, also from a path in the Hugging Face cache; other paths stay as they
    are."""
    cached = re.search(r"models--([^/\\]+)--([^/\\]+)", name)
    return (f"{cached[1]}/{cached[2]}" if cached else name.rstrip("/\\")).casefold()


def _plain_ollama(name: str) -> str:
    """Keep `name:tag`: add the tag `latest` where none is given, drop the registry and
    `library/`."""
    name = name.casefold().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


SERVER_KINDS: Final[Mapping[str, ServerKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            ServerKind("llama.cpp", "/props", _read_llama_cpp, _plain_gguf, on_demand=False),
            ServerKind(
                "mlx-vlm",
                "/health",
                _read_mlx_vlm,
                _plain_mlx,
                on_demand=True,
                extra_fields=_NO_SUMMARIES,
            ),
            ServerKind("ollama", "/api/ps", _read_ollama, _plain_ollama, on_demand=True),
            ServerKind(
                "lm-studio", "/api/v0/models", _read_lm_studio, _plain_lm_studio, on_demand=True
            ),
            ServerKind("vllm", "/v1/models", _read_vllm, _plain_mlx, on_demand=False),
        )
    }
)
"""The servers that can tell what they have loaded."""

_BY_OWNER: Final = MappingProxyType(
    {
        "llamacpp": "llama.cpp",
        "library": "ollama",
        "organization_owner": "lm-studio",
        "vllm": "vllm",
    }
)


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


def kind_of_header(server: str) -> ServerKind | None:
    """Return the kind that a `Server:` header names, or None."""
    if server == "llama.cpp":
        return SERVER_KINDS["llama.cpp"]
    return SERVER_KINDS["mlx-vlm"] if server.startswith("mlx_vlm") else None


class ServerSilent(Exception):
    """The server answered none of the requests that would tell its kind."""


async def detect_kind(get: GetJson) -> ServerKind | None:
    """Return the kind of the server from what it lists, or None for one that cannot tell its model.

    Raises ServerSilent.
    """
    listed = await get("/v1/models")
    data = listed.get("data") if isinstance(listed, Mapping) else None
    for entry in data if isinstance(data, list) else ():
        owner = entry.get("owned_by") if isinstance(entry, Mapping) else None
        if isinstance(owner, str) and owner in _BY_OWNER:
            return SERVER_KINDS[_BY_OWNER[owner]]
    health = await get("/health")
    if isinstance(health, Mapping) and "loaded_model" in health:
        return SERVER_KINDS["mlx-vlm"]
    if listed is None and health is None:
        raise ServerSilent
    return None


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
        self._checked: WeakKeyDictionary[object, ModelCheck] = WeakKeyDictionary()

    @property
    def extra_fields(self) -> Mapping[str, Any]:
        """The fields of a chat request that the server's last known kind needs."""
        return (self._kind.extra_fields if self._kind is not None else None) or {}

    async def kind(self) -> str | None:
        """Return the name of the server's kind, asking the server where it is not known yet, or
        None."""
        if not self._kind_known:
            try:
                self._remember(await detect_kind(self._get), self._kind_header)
            except ServerSilent:
                return None
        return self._kind.name if self._kind is not None else None

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
        was checked."""
        if self._kind_known and self._kind is None:
            return _CANNOT_TELL
        return self._checked.get(exchange.protocol) if exchange.protocol is not None else None

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
            self._checked[exchange.protocol] = check
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
