"""The client of one server of `/v1/embeddings`: texts in, lists of numbers out.

It makes sure that there is one list for each text, in the order of the texts. The caller checks the
numbers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp

from byline.backend.connections import Exchange, TimedBody
from byline.backend.failures import (
    NETWORK_ERRORS,
    bad_response,
    network_error,
    status_error,
    unavailable,
)
from byline.backend.http_session import ServerLink, read_at_most, upstream

_ANSWER_BYTES_BASE: Final = 65_536
_ANSWER_BYTES_PER_TEXT: Final = 262_144  # 4,000 dimensions, written out in full, and white space
_PARSED_HERE_BYTES_MAX: Final = 65_536


class EmbeddingsClient:
    """EmbeddingsClient asks one server. It opens a connection for every request, so that none can
    have died meanwhile."""

    def __init__(
        self, name: str, machine: str, base_url: str, connect_s: float, read_key: Callable[[], str]
    ) -> None:
        self._link = ServerLink(upstream(name, machine, base_url), base_url, connect_s, read_key)

    async def embed(
        self, model: str, texts: Sequence[str], timeout_read_s: float
    ) -> list[list[Any]]:
        """Return one list of numbers per text. Raises BackendUnavailable, LlmError."""
        asked = {"model": model, "input": list(texts), "encoding_format": "float"}
        body = json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace")
        limit = asyncio.timeout(None)
        loop = asyncio.get_running_loop()
        exchange = Exchange(lambda: limit.reschedule(loop.time() + timeout_read_s))
        bytes_max = _ANSWER_BYTES_BASE + len(texts) * _ANSWER_BYTES_PER_TEXT
        try:
            async with limit:
                request = self._link.fresh().post(
                    self._link.embeddings_url,
                    data=TimedBody(body, exchange, self._link.limits.write_s),
                    headers=self._link.headers(),
                    timeout=self._link.waiting,
                    allow_redirects=False,
                )
                async with request as answer:
                    said = await read_at_most(answer.content, bytes_max)
        except (*NETWORK_ERRORS, ValueError) as error:
            if limit.expired():
                raise unavailable(self._link.to, "ReadTimeout", "no answer in time") from error
            raise network_error(exchange.cause_of(error), exchange.phase, self._link.to) from error
        return await self._vectors_of(answer, said, len(texts))

    async def close(self) -> None:
        """Close every connection."""
        await self._link.close()

    async def _vectors_of(
        self, answer: aiohttp.ClientResponse, said: bytes, count: int
    ) -> list[list[Any]]:
        if answer.status != 200:
            raise status_error(answer.status, answer.reason or "", said, self._link.to)
        try:
            # A large batch takes a tenth of a second to parse; one vector takes less than a thread.
            is_small = len(said) <= _PARSED_HERE_BYTES_MAX
            parsed = json.loads(said) if is_small else await asyncio.to_thread(json.loads, said)
            return vectors_in_order(parsed, count)
        except (ValueError, RecursionError) as error:
            wrong = isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError)
            text = "the answer is no JSON" if wrong else str(error)
            raise bad_response(self._link.to, text) from None


def vectors_in_order(answer: Any, count: int) -> list[list[Any]]:
    """Return the lists of an answer, by their `index` where they have one. Raises ValueError.
    Pure."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise ValueError("the answer has no list `data`")
    if len(data) != count:
        raise ValueError(f"{len(data)} vectors came for {count} texts")
    lists: dict[int, list[Any]] = {}
    for place, entry in enumerate(data):
        index, numbers = entry.get("index", place), entry.get("embedding")
        if not isinstance(numbers, list):
            raise ValueError("a vector is no list of numbers")
        lists[index if isinstance(index, int) else -1] = numbers
    if lists.keys() != set(range(count)):
        raise ValueError("the vectors do not say which text they are of")
    return [lists[number] for number in range(count)]
