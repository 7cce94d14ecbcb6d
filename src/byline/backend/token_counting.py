"""How a server is asked for the tokens of a text, where it has a page for that. Pure.

    llama.cpp   POST /tokenize {"content"}           → {"tokens": [1, 2, …]}
    vLLM        POST /tokenize {"model", "prompt"}   → {"count": 2}

mlx-vlm, mlx-lm, Ollama and LM Studio have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PATH: Final = "/tokenize"
COUNT_S_MAX: Final = 0.2
"""A count that takes longer comes too late: somebody waits, and there is an estimate."""
AGAIN_S: Final = 300.0
"""A server that did not count is not asked again for so long."""


def counting_body(kind: str, model: str, text: str) -> Mapping[str, Any] | None:
    """What is sent to count `text` alone; None for a kind of server that cannot."""
    if kind == "llama.cpp":
        return {"content": text, "add_special": False}
    if kind == "vllm":
        return {"model": model, "prompt": text, "add_special_tokens": False}
    return None


def read_count(said: object) -> int | None:
    """The number of tokens in an answer; None for one that tells none."""
    if not isinstance(said, Mapping):
        return None
    count, tokens = said.get("count"), said.get("tokens")
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        return count
    return len(tokens) or None if isinstance(tokens, list) else None
