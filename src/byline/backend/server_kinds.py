"""The kinds of model servers: one row each says how it is told, asked, and what is odd about it.

    told by     the `Server:` header of an answer, `owned_by` in `/v1/models`, a key of `/health`
    asked       at `path`, which model it has loaded; names are compared by `plain_name`
    counts      the tokens of a text by `count_body`, sent to `token_counting.COUNT_PATH`

A server that cannot tell which model it has loaded has no row, mlx-lm for one: it is spoken to as
OpenAI's API has it. A new kind is a row here and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final

GetJson = Callable[[str], Awaitable[Any]]
"""Fetches the JSON at a path of the server: {} where it has no such path, None where it is
silent."""


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """The models a server says it has loaded. `names` are all names of the model, the first one for
    display. They are empty where the server cannot tell; then `note` says why."""

    names: tuple[str, ...] = ()
    note: str = ""


class Listing(Enum):
    """What the list of models (`/v1/models`) of a server says of one that it may be asked for."""

    COMPLETE = auto()
    """What is not listed is not there."""
    OPEN = auto()
    """It also fetches what is not listed."""
    BY_LOADED = auto()
    """The list has any name; the model is there if it is loaded. A router tells no loaded model,
    and its list is complete."""


@dataclass(frozen=True, slots=True)
class ServerKind:
    """One kind of server.

    `on_demand`: it loads whatever a call names. `header` begins its `Server:` header, `owners` are
    what it writes as `owned_by`, and `health_key` is a key that only its `/health` has.
    `serves_all_it_lists`: each listed model is loaded. `extra_fields`: fields that a chat request
    to it needs beside those of every server. `count_body` makes, from model and text, the request
    that counts the tokens of the text; None for a kind that cannot.
    """

    name: str
    path: str
    read: Callable[[Mapping[str, Any]], LoadedModels]
    plain_name: Callable[[str], str]
    on_demand: bool
    header: re.Pattern[str] | None = None
    owners: tuple[str, ...] = ()
    health_key: str | None = None
    listing: Listing = Listing.COMPLETE
    serves_all_it_lists: bool = False
    extra_fields: Mapping[str, Any] | None = None
    count_body: Callable[[str, str], Mapping[str, Any]] | None = None


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


def _count_llama_cpp(model: str, text: str) -> Mapping[str, Any]:
    return {"content": text, "add_special": False}


def _count_vllm(model: str, text: str) -> Mapping[str, Any]:
    return {"model": model, "prompt": text, "add_special_tokens": False}


_ROWS: Final = (
    ServerKind(
        "llama.cpp",
        "/props",
        _read_llama_cpp,
        _plain_gguf,
        on_demand=False,
        header=re.compile(r"llama\.cpp\Z"),
        owners=("llamacpp",),
        listing=Listing.BY_LOADED,
        count_body=_count_llama_cpp,
    ),
    ServerKind(
        "mlx-vlm",
        "/health",
        _read_mlx_vlm,
        _plain_mlx,
        on_demand=True,
        header=re.compile("mlx_vlm"),
        health_key="loaded_model",
        listing=Listing.OPEN,
        extra_fields=_NO_SUMMARIES,
    ),
    ServerKind(
        "ollama",
        "/api/ps",
        _read_ollama,
        _plain_ollama,
        on_demand=True,
        owners=("library",),
    ),
    ServerKind(
        "lm-studio",
        "/api/v0/models",
        _read_lm_studio,
        _plain_lm_studio,
        on_demand=True,
        owners=("organization_owner",),
    ),
    ServerKind(
        "vllm",
        "/v1/models",
        _read_vllm,
        _plain_mlx,
        on_demand=False,
        owners=("vllm",),
        serves_all_it_lists=True,
        count_body=_count_vllm,
    ),
)

SERVER_KINDS: Final[Mapping[str, ServerKind]] = MappingProxyType({row.name: row for row in _ROWS})
"""The servers that can tell what they have loaded, by name."""


def kind_of_header(server: str) -> ServerKind | None:
    """Return the kind that a `Server:` header names, or None."""
    for kind in SERVER_KINDS.values():
        if kind.header is not None and kind.header.match(server):
            return kind
    return None


def kind_of_owner(owner: object) -> ServerKind | None:
    """Return the kind that writes `owner` as `owned_by` of a model it lists, or None."""
    return next((kind for kind in SERVER_KINDS.values() if owner in kind.owners), None)


class ServerSilent(Exception):
    """The server answered none of the requests that would tell its kind."""


async def detect_kind(get: GetJson) -> ServerKind | None:
    """Return the kind of the server from what it lists, or None for one that cannot tell its model.

    Raises ServerSilent.
    """
    listed = await get("/v1/models")
    data = listed.get("data") if isinstance(listed, Mapping) else None
    for entry in data if isinstance(data, list) else ():
        kind = kind_of_owner(entry.get("owned_by")) if isinstance(entry, Mapping) else None
        if kind is not None:
            return kind
    health = await get("/health")
    for kind in SERVER_KINDS.values():
        if isinstance(health, Mapping) and kind.health_key in health:
            return kind
    if listed is None and health is None:
        raise ServerSilent
    return None
