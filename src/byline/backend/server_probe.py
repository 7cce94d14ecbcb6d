"""Probes a server without running a model: reads what it tells about itself.

Only pages that load nothing and wake nobody are requested: `/v1/models`, `/health` and the page of
`server_kinds.SERVER_KINDS`. A page the server does not have is no evidence; a key it refuses is an
error.

    the server                             listed                          loaded
    1  llama.cpp                           what `/props` names             the same
       as a router                         its entry in the list           `status` there
    2  mlx-vlm                             in the list; else cannot tell:  `/health`
                                           it fetches what a call names
    3  Ollama                              in the list                     `/api/ps`
    4  vLLM                                in the list                     what it lists
    5  any other                           in the list, if entries have    `loaded` or `status` of
                                           an owner; else cannot tell      its entry, if there
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from byline.backend.authorship import ModelCheck, compare_models
from byline.backend.chat_client import ProbeResult
from byline.backend.server_kinds import (
    GetJson,
    Listing,
    ServerKind,
    detect_kind,
    kind_of_owner,
)
from byline.errors import BackendUnavailable, LlmError

_REFUSED: Final = frozenset({"http_401", "http_403", "misconfigured"})

Entry = Mapping[str, Any]


async def probe_server(get: GetJson, model: str) -> ProbeResult:
    """Return the server's state and whether it has `model`. `get` is `ServerLink.request_json`.

    Raises BackendUnavailable, and LlmError for a key that is missing or refused.
    """
    pages = _CachedPages(get)
    try:
        listed = _entries(await pages.get("/v1/models"))
        await pages.get("/health")  # llama.cpp and vLLM report here that they cannot serve
        kind = await detect_kind(pages.get)
        told = await pages.get(kind.path) if kind is not None else {}
    except BackendUnavailable as error:
        if error.reason == "loading":
            return ProbeResult(error.detail, loading=True)
        raise
    if kind is None:
        return _read_list(listed, model)
    check = compare_models(kind, model, kind.read(told))
    return _read_kind(kind, check, listed, model)


def _read_kind(
    kind: ServerKind, check: ModelCheck, listed: Sequence[Entry], model: str
) -> ProbeResult:
    said = check.mismatch or check.note or f"{kind.name} has {model} loaded."
    if kind.listing is Listing.BY_LOADED:
        if check.model_loaded is None:
            return _read_list(listed, model)
        return ProbeResult(said, listed=check.verified, loaded=check.verified)
    wanted = kind.plain_name(model)
    is_listed = any(kind.plain_name(str(entry.get("id"))) == wanted for entry in listed)
    if kind.listing is Listing.OPEN and not is_listed:
        return ProbeResult(said, listed=None, loaded=check.verified)
    if not is_listed:
        said = f"{kind.name} lists {_names(listed)}, not {model}."
    return ProbeResult(said, listed=is_listed, loaded=check.verified)


def _read_list(listed: Sequence[Entry], model: str) -> ProbeResult:
    for entry in listed:
        if entry.get("id") == model:
            return _read_entry(entry, model)
    if any(entry.get("owned_by") for entry in listed):
        return ProbeResult(f"The server lists {_names(listed)}, not {model}.", listed=False)
    return ProbeResult("The server answers; it does not tell which models it has.")


def _read_entry(entry: Entry, model: str) -> ProbeResult:
    status = entry.get("status")
    status = status.get("value") if isinstance(status, Mapping) else status
    loaded = entry.get("loaded")
    if not isinstance(loaded, bool):
        loaded = status == "loaded" if isinstance(status, str) else None
    owner = kind_of_owner(entry.get("owned_by"))
    if owner is not None and owner.serves_all_it_lists:
        loaded = True
    words = {True: "and has it loaded", False: "but has not loaded it", None: "and tells no more"}
    said = f"The server lists {model} {words[loaded]}."
    return ProbeResult(said, loading=status == "loading", listed=True, loaded=loaded)


def _entries(listed: Mapping[str, Any]) -> list[Entry]:
    data = listed.get("data")
    return [entry for entry in data if isinstance(entry, Mapping)] if isinstance(data, list) else []


def _names(listed: Sequence[Entry]) -> str:
    names = [str(entry.get("id")) for entry in listed]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class _CachedPages:
    """The pages of one probe, each requested once; {} for one the server does not have."""

    def __init__(self, get: GetJson) -> None:
        self._get = get
        self._read: dict[str, Mapping[str, Any]] = {}

    async def get(self, path: str) -> Mapping[str, Any]:
        if path not in self._read:
            try:
                page = await self._get(path)
            except LlmError as error:
                if error.reason in _REFUSED:
                    raise
                page = {}
            self._read[path] = page if isinstance(page, Mapping) else {}
        return self._read[path]
