"""The text that adds one model server to a configuration, written for people to paste. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from byline.config.config_check import address_of
from byline.config.schema import QUOTES_MACHINE, BackendBranch

NAME_CHARS_MAX: Final = 40
_MAX_TOKENS: Final = int(BackendBranch.model_fields["max_tokens"].default)


@dataclass(frozen=True, slots=True)
class Found:
    """A model server. `tools` None: not known; `context_tokens` None: it did not tell."""

    base_url: str
    model: str
    tools: bool | None = None
    context_tokens: int | None = None
    api_key_env: str | None = None


def proposed_text(found: Found, existing: Mapping[str, Any]) -> str:
    """What to add to a file whose tree is `existing` ({}: no file yet). It makes the new backend
    the default one where nothing is said about that yet."""
    machines, backends = _tables(existing, "machines"), _tables(existing, "backends")
    machine = _machine_at(found.base_url, backends)
    is_new = machine is None
    if machine is None:
        machine = _free_name(_host_name(found.base_url), {*machines, QUOTES_MACHINE})
    name = _free_name(f"{_model_name(found.model)}-{machine}", set(backends))
    lines: list[str] = []
    if "ask" not in existing:
        lines += ["[ask]", f"default_backend = {_quoted(name)}", ""]
    if is_new:
        lines += [f"[machines.{_key(machine)}]", ""]
    lines += [
        f"[backends.{_key(name)}]",
        f"machine = {_quoted(machine)}",
        'kind = "openai"',
        f"base_url = {_quoted(found.base_url)}",
        f"model = {_quoted(found.model)}",
    ]
    if found.api_key_env:
        lines.append(f"api_key_env = {_quoted(found.api_key_env)}")
    if found.tools:
        lines.append("tools = true")
    if found.context_tokens is not None:
        lines.append(f"context_tokens = {found.context_tokens}")
        if found.context_tokens <= _MAX_TOKENS:
            lines.append(f"max_tokens = {found.context_tokens // 4}")
    return "\n".join(lines) + "\n"


def _tables(tree: Mapping[str, Any], section: str) -> dict[str, Any]:
    found = tree.get(section)
    return {name.casefold(): table for name, table in found.items()} if found else {}


def _machine_at(base_url: str, backends: Mapping[str, Any]) -> str | None:
    """The machine another backend names at the same host and port."""
    address = address_of(base_url)
    for table in backends.values():
        if isinstance(table, Mapping) and address_of(str(table.get("base_url", ""))) == address:
            return str(table.get("machine"))
    return None


def _host_name(base_url: str) -> str:
    address = address_of(base_url)
    host = address[0] if address is not None else ""
    if host == "127.0.0.1":
        return "this-computer"
    if re.fullmatch(r"[0-9.]+|.*:.*", host):
        return "machine-" + re.sub(r"[^0-9a-f]+", "-", host)
    return _plain(host.partition(".")[0]) or "machine"


def _model_name(model: str) -> str:
    """The family: `gemma` of `mlx-community/gemma-3-27b-it-4bit`."""
    last = re.split(r"[/\\]", model.rstrip("/\\"))[-1]
    return _plain(re.split(r"[-_.: ]", last)[0]) or "model"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:NAME_CHARS_MAX]


def _free_name(wanted: str, taken: Iterable[str]) -> str:
    names = set(taken)
    if wanted not in names:
        return wanted
    return next(f"{wanted}-{n}" for n in range(2, len(names) + 3) if f"{wanted}-{n}" not in names)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
