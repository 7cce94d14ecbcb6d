"""What a server says when it is asked to count the tokens of a text. Pure.

    llama.cpp   POST /tokenize {"content"}           → {"tokens": [1, 2, …]}
    vLLM        POST /tokenize {"model", "prompt"}   → {"count": 2}

mlx-vlm, mlx-lm, Ollama and LM Studio cannot. `ServerKind.count_body` makes the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COUNT_PATH: Final = "/tokenize"
COUNT_S_MAX: Final = 0.2
"""A count that takes longer is given up: a person waits, and there is an estimate."""
RETRY_S: Final = 300.0
"""Seconds before a server that did not count is asked again."""


def read_count(said: object) -> int | None:
    """Return the number of tokens in an answer, or None where it tells none."""
    if not isinstance(said, Mapping):
        return None
    count, tokens = said.get("count"), said.get("tokens")
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        return count
    return len(tokens) or None if isinstance(tokens, list) else None
