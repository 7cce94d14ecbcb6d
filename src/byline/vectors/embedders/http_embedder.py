"""An embedder on a server of yours: anything that answers `/v1/embeddings`.

If it names a machine, its calls go through that machine's gate: passages as BACKGROUND work, which
is preempted by people's calls, a query as FOREGROUND with a time limit of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from byline.backend.embeddings_client import EmbeddingsClient
from byline.config import schema
from byline.dispatch.gate.local_gate import Gate
from byline.domain.gates import AskedBy, Asker, Priority
from byline.errors import (
    BackendUnavailable,
    EmbedderUnavailable,
    GateFull,
    GateTimeout,
    LlmError,
    Stopping,
)
from byline.vectors.embedders.embedder import INPUT_CHARS_MAX, INPUT_VERSION, Vector, checked_vector

NAME: Final = "embedder"
_SEARCH: Final = AskedBy(Asker.SEARCH)
_EMBEDDING: Final = AskedBy(Asker.EMBEDDING)
"""What its calls go by in the queue of a machine, and in errors."""


class HttpEmbedder:
    """An Embedder over HTTP. `gate` is that of `config.machine`, None if it names none."""

    def __init__(
        self, config: schema.EmbedderBranch, gate: Gate | None, read_key: Callable[[], str]
    ) -> None:
        """Opens nothing. `config.base_url` and `config.model` are there: see `config.check`."""
        assert config.base_url is not None
        assert config.model is not None
        self._config = config
        self._model = config.model
        self._gate = gate
        self._client = EmbeddingsClient(
            NAME, config.machine or NAME, config.base_url, config.timeout_connect_s, read_key
        )
        self._dimensions: int | None = None

    @property
    def fingerprint(self) -> str:
        prefixes = f"{self._config.query_prefix!r} {self._config.passage_prefix!r}"
        return f"http {self._model} {prefixes}, input {INPUT_VERSION}"

    @property
    def dimensions(self) -> int | None:
        return self._dimensions

    @property
    def batch_len(self) -> int:
        return self._config.batch_len_max

    async def embed_query(self, text: str) -> Vector:
        return (await self._embed_now([self._config.query_prefix + text]))[0]

    async def embed_sentences(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await self._embed_now([self._config.passage_prefix + text for text in texts])

    async def _embed_now(self, prefixed: Sequence[str]) -> Sequence[Vector]:
        """Embed what a question waits for, in one wait. Raises EmbedderUnavailable."""
        wait_s = self._config.query_wait_s_max
        vectors: list[Vector] = []
        try:
            async with asyncio.timeout(wait_s):
                for first in range(0, len(prefixed), self.batch_len):
                    vectors += await self._foreground(prefixed[first : first + self.batch_len])
                return vectors
        except TimeoutError:
            raise EmbedderUnavailable(
                "busy", f"the question had no vector within {wait_s:g} s"
            ) from None

    async def embed_passages(self, texts: Sequence[str]) -> Sequence[Vector]:
        prefixed = [self._config.passage_prefix + text for text in texts]
        vectors: list[Vector] = []
        for first in range(0, len(prefixed), self.batch_len):
            vectors += await self._background(prefixed[first : first + self.batch_len])
        return vectors

    async def prepare(self) -> None:
        """Does nothing: the server is not ours."""

    async def close(self) -> None:
        await self._client.close()

    async def _foreground(self, texts: Sequence[str]) -> list[Vector]:
        if self._gate is None:
            return await self._call(texts)
        try:
            with await self._gate.enter(NAME, Priority.FOREGROUND, None, _SEARCH):
                return await self._call(texts)
        except (GateFull, GateTimeout, Stopping) as error:
            raise _busy(error) from error

    async def _background(self, texts: Sequence[str]) -> list[Vector]:
        if self._gate is None:
            return await self._call(texts)
        try:
            with await self._gate.enter(NAME, Priority.BACKGROUND, None, _EMBEDDING) as slot:
                while True:
                    call = asyncio.create_task(self._call(texts))
                    slot.on_preempt = _stopping(call)
                    # Waiting for the end of the call, not for the call: its being cancelled is not
                    # ours.
                    await _ended(call)
                    if not call.cancelled():
                        return call.result()
                    await slot.requeue()
        except (GateFull, GateTimeout, Stopping) as error:
            raise _busy(error) from error

    async def _call(self, texts: Sequence[str]) -> list[Vector]:
        """Raises EmbedderUnavailable."""
        sent = [text[:INPUT_CHARS_MAX] for text in texts]
        try:
            lists = await self._client.embed(self._model, sent, self._config.timeout_read_s)
        except BackendUnavailable as error:
            raise EmbedderUnavailable(error.reason, error.detail.rstrip(".")) from error
        except LlmError as error:
            raise EmbedderUnavailable(
                error.reason, error.text.rstrip(".") or "no answer"
            ) from error
        vectors = []
        for numbers in lists:
            vectors.append(checked_vector(numbers, self._dimensions))
            self._dimensions = len(vectors[-1])
        return vectors


def _stopping(call: asyncio.Task[Any]) -> Callable[[], None]:
    def stop() -> None:
        call.cancel()

    return stop


async def _ended(call: asyncio.Task[Any]) -> None:
    """Wait until `call` has ended; if the wait is cancelled, cancel the call too."""
    try:
        await asyncio.wait({call})
    except BaseException:
        call.cancel()
        await asyncio.wait({call})
        raise


def _busy(error: Exception) -> EmbedderUnavailable:
    return EmbedderUnavailable("busy", str(error).rstrip("."))
