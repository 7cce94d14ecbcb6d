"""`/v1/embeddings` of the fake machine: vectors that mean something, and how they can be wrong.

A vector counts the words of its text, so texts that share words are near each other. All other
faults (`status`, `hang`, `html` …) are those of `faults`.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from byline.testing.fault_modes import Turn
from byline.testing.http1 import Peer


def vector(text: str, dimensions: int) -> list[float]:
    """The words of `text`, each counted in one of the dimensions; of length 1."""
    counts = [0.01] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        counts[zlib.crc32(word.encode()) % dimensions] += 1
    length = math.sqrt(sum(count * count for count in counts))
    return [count / length for count in counts]


def _entries(turn: Turn, dimensions: int | None = None) -> list[dict[str, Any]]:
    asked = turn.body.get("input", [])
    texts = [asked] if isinstance(asked, str) else asked
    size = dimensions or turn.behaviour.dimensions
    return [
        {"object": "embedding", "index": number, "embedding": vector(text, size)}
        for number, text in enumerate(texts)
    ]


async def _send(peer: Peer, turn: Turn, entries: list[dict[str, Any]]) -> None:
    await peer.pause(turn.behaviour.first_delay_s)
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    body = {"object": "list", "model": turn.model, "data": entries, "usage": usage}
    await peer.answer(200, json.dumps(body).encode())


async def ok(peer: Peer, turn: Turn) -> None:
    """The vectors."""
    await _send(peer, turn, _entries(turn))


async def vectors_shuffled(peer: Peer, turn: Turn) -> None:
    """The right vectors, last first; `index` tells which is whose."""
    await _send(peer, turn, _entries(turn)[::-1])


async def vectors_nan(peer: Peer, turn: Turn) -> None:
    """Numbers that are none, as a model gives them that overflowed."""
    entries = _entries(turn)
    entries[-1]["embedding"][0] = math.nan
    await _send(peer, turn, entries)


async def vectors_null(peer: Peer, turn: Turn) -> None:
    """llama.cpp writes `null` where a number is NaN."""
    entries = _entries(turn)
    entries[-1]["embedding"] = [None] * turn.behaviour.dimensions
    await _send(peer, turn, entries)


async def vectors_zero(peer: Peer, turn: Turn) -> None:
    """Vectors without direction."""
    zeros = [0.0] * turn.behaviour.dimensions
    await _send(peer, turn, [{**entry, "embedding": zeros} for entry in _entries(turn)])


async def vectors_few(peer: Peer, turn: Turn) -> None:
    """One vector less than there were texts."""
    await _send(peer, turn, _entries(turn)[1:])


async def vectors_twice(peer: Peer, turn: Turn) -> None:
    """As many as there were texts, but all with the same `index`."""
    await _send(peer, turn, [{**entry, "index": 0} for entry in _entries(turn)])


async def vectors_long(peer: Peer, turn: Turn) -> None:
    """Vectors of another dimension than before: another model is loaded."""
    await _send(peer, turn, _entries(turn, turn.behaviour.dimensions + 1))


async def refuse_text(peer: Peer, turn: Turn) -> None:
    """HTTP `status` (400 unless given) as long as one of the texts holds `text`; else vectors."""
    asked = turn.body.get("input", [])
    if not any(turn.behaviour.text in text for text in asked):
        return await ok(peer, turn)
    said = {"error": {"message": "input is too large to process", "type": "invalid_request_error"}}
    await peer.answer(turn.behaviour.status or 400, json.dumps(said).encode())


MODES: Mapping[str, Callable[[Peer, Turn], Awaitable[None]]] = {
    mode.__name__: mode
    for mode in (
        ok,
        vectors_shuffled,
        vectors_nan,
        vectors_null,
        vectors_zero,
        vectors_few,
        vectors_twice,
        vectors_long,
        refuse_text,
    )
}
"""Every way to answer a request for embeddings that chat requests do not have, and `ok`."""
