"""The default embedder: multilingual-e5-small in worker processes of its own.

One worker answers queries and nothing else, so that no query waits behind passages; the others
embed passages, niced. All start when they are first needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Sequence
from typing import Final

import structlog

from byline.errors import EmbedderUnavailable
from byline.vectors.embedders.e5_process import E5Process, E5WorkerDied, start_e5_process
from byline.vectors.embedders.embedder import INPUT_CHARS_MAX, INPUT_VERSION, Vector

log: Final = structlog.get_logger(__name__)

FINGERPRINT: Final = f"e5-small q4 1, input {INPUT_VERSION}"
DIMENSIONS: Final = 384

_QUERY: Final = "query: "
_PASSAGE: Final = "passage: "
_QUERY_CHARS_MAX: Final = 2_000
_TEXTS_A_REQUEST: Final = 4
"""Few, so that a long passage does not keep its batch from being shared out."""

_REQUEST_S_MAX: Final = 60.0
_IDLE_S_MAX: Final = 60.0
_NICE_QUERIES: Final = 0
_NICE_PASSAGES: Final = 10
_TRIES: Final = 2
_WORKERS_MAX: Final = 8


class E5Embedder:
    """An Embedder. `workers` embed passages at once; 0: one less than there are cores."""

    fingerprint = FINGERPRINT
    dimensions: int | None = DIMENSIONS

    def __init__(self, workers: int = 0, query_s_max: float = 5.0) -> None:
        """Starts nothing. `query_s_max` bounds a query's wait, in seconds."""
        count = workers or min(max(1, (os.cpu_count() or 1) - 1), _WORKERS_MAX)
        self._query_s_max = query_s_max
        self._queries = _WorkerPool(1, _NICE_QUERIES)
        self._passages = _WorkerPool(count, _NICE_PASSAGES)
        self.batch_len = count * _TEXTS_A_REQUEST * 2

    async def embed_query(self, text: str) -> Vector:
        return (await self._embed_now([text], _QUERY))[0]

    async def embed_sentences(self, texts: Sequence[str]) -> Sequence[Vector]:
        return await self._embed_now(texts, _PASSAGE)

    async def _embed_now(self, texts: Sequence[str], prefix: str) -> Sequence[Vector]:
        """Embed what a question waits for. Raises EmbedderUnavailable."""
        cut = [text[:_QUERY_CHARS_MAX] for text in texts]
        try:
            async with asyncio.timeout(self._query_s_max):
                return await self._queries.embed(cut, prefix)
        except TimeoutError:
            raise EmbedderUnavailable(
                "busy", f"the question had no vector within {self._query_s_max:g} s"
            ) from None

    async def embed_passages(self, texts: Sequence[str]) -> Sequence[Vector]:
        parts = [texts[n : n + _TEXTS_A_REQUEST] for n in range(0, len(texts), _TEXTS_A_REQUEST)]
        try:
            async with asyncio.TaskGroup() as group:
                embedded = [
                    group.create_task(
                        self._passages.embed([text[:INPUT_CHARS_MAX] for text in part], _PASSAGE)
                    )
                    for part in parts
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [vector for part in embedded for vector in part.result()]

    async def prepare(self) -> None:
        with contextlib.suppress(EmbedderUnavailable):
            await self._queries.embed(["ready"], _QUERY)

    async def close(self) -> None:
        await self._queries.close()
        await self._passages.close()


class _WorkerPool:
    """Up to `count` processes, lent one request at a time; those for passages end when idle."""

    def __init__(self, count: int, niceness: int) -> None:
        self._niceness = niceness
        self._places = asyncio.Semaphore(count)
        self._free: deque[E5Process] = deque()
        self._busy: set[E5Process] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[int | None]] = set()

    async def embed(self, texts: Sequence[str], prefix: str) -> list[Vector]:
        async with self._places:
            for tries_left in reversed(range(_TRIES)):
                worker = await self._take()
                try:
                    async with asyncio.timeout(_REQUEST_S_MAX):
                        return await worker.embed(texts, prefix)
                except E5WorkerDied as death:
                    log.warning("an embedding worker died", reason=str(death))
                    if not tries_left:
                        raise EmbedderUnavailable("worker_died", str(death)) from death
                except TimeoutError:
                    raise EmbedderUnavailable(
                        "ReadTimeout", f"a worker took longer than {_REQUEST_S_MAX:g} s"
                    ) from None
                finally:
                    self._give_back(worker)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._end_free()
        for worker in list(self._busy):
            await worker.kill()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _take(self) -> E5Process:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        while self._free:
            worker = self._free.pop()
            if worker.is_usable:
                break
            await worker.kill()
        else:
            worker = await start_e5_process(self._niceness)
        self._busy.add(worker)
        return worker

    def _give_back(self, worker: E5Process) -> None:
        self._busy.discard(worker)
        if worker.is_usable:
            self._free.append(worker)
        else:
            self._end(worker)
        if self._niceness and not self._busy:
            self._idle = asyncio.get_running_loop().call_later(_IDLE_S_MAX, self._end_free)

    def _end_free(self) -> None:
        while self._free:
            self._end(self._free.pop())

    def _end(self, worker: E5Process) -> None:
        ending = asyncio.ensure_future(worker.kill())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
