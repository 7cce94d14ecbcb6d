"""Configurations to start from, as the files `byline init` writes."""

from __future__ import annotations

from importlib.resources import files

from byline.config.config_faults import nearest
from byline.errors import BadRequest

PRESETS = {
    "two-macs": "two Macs on the network, one always on and one asked for by name",
    "ollama": "one model served by Ollama on this computer",
    "llama-cpp": "a GGUF file that Byline runs itself with llama.cpp",
}
"""Name → what it is for, in a few words."""


def preset_text(name: str) -> str:
    """The file of one preset. Raises `BadRequest` for a name there is none of."""
    if name not in PRESETS:
        near = nearest(name, PRESETS)
        raise BadRequest(
            f"There is no preset named {name!r}.",
            remedy=f"Did you mean {near}?" if near else f"Name one of: {', '.join(PRESETS)}.",
        )
    return files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
