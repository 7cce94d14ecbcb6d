"""The client of one OpenAI-compatible server: mlx-vlm, mlx-lm, llama.cpp, Ollama, vLLM …

It always streams, always sends the configured model, and never asks another server.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from byline.backend.authorship import Authorship
from byline.backend.chat_client import ProbeResult
from byline.backend.completion_call import CompletionCall
from byline.backend.failures import unavailable
from byline.backend.http_session import HTTP_LIMITS, HttpLimits, ServerLink, upstream
from byline.backend.server_probe import probe_server
from byline.backend.token_counting import (
    COUNT_PATH,
    COUNT_S_MAX,
    RETRY_S,
    read_count,
)
from byline.config.schema import OpenAIBackend
from byline.domain.chat import ChatRequest, Delta
from byline.errors import BackendUnavailable, LlmError


class OpenAIClient:
    """OpenAIClient is a `ChatClient` over HTTP. It connects when first called; lives in one event
    loop."""

    def __init__(
        self,
        name: str,
        config: OpenAIBackend,
        *,
        read_key: Callable[[], str],
        limits: HttpLimits = HTTP_LIMITS,
    ) -> None:
        """`read_key`: see `ServerLink`; `environment_key` makes one from the configuration."""
        self._config = config
        to = upstream(name, config.machine, config.base_url)
        self._link = ServerLink(to, config.base_url, config.timeout_connect_s, read_key, limits)
        self._authorship = Authorship(config.model, self._get_or_none, time.monotonic)
        self._permits: asyncio.Semaphore | None = None
        self._counts_from = 0.0  # monotonic seconds

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """See `ChatClient.stream`."""
        async with self._permit():
            call = CompletionCall(self._link, self._authorship, self._config, request)
            try:
                await call.open()
                while not call.ended:
                    for delta in await call.read():
                        yield delta
                await call.read_to_end()
            except BackendUnavailable:
                self._forget_server()
                raise
            finally:
                call.close()

    async def probe(self) -> ProbeResult:
        """See `ChatClient.probe`."""
        try:
            return await probe_server(self._link.request_json, self._config.model)
        except BackendUnavailable:
            self._forget_server()
            raise

    async def reach(self) -> None:
        """See `ChatClient.reach`."""
        try:
            await self._link.reach()
        except BackendUnavailable:
            self._forget_server()
            raise

    async def count_tokens(self, text: str) -> int | None:
        """See `ChatClient.count_tokens`."""
        if time.monotonic() < self._counts_from:
            return None
        try:
            async with asyncio.timeout(COUNT_S_MAX):
                kind = await self._authorship.kind()
                counted = None
                if kind is not None and kind.count_body is not None:
                    body = kind.count_body(self._config.model, text)
                    counted = read_count(await self._link.request_json(COUNT_PATH, body))
        except (TimeoutError, BackendUnavailable, LlmError):
            counted = None
        if counted is None:
            self._counts_from = time.monotonic() + RETRY_S
        return counted

    async def close(self) -> None:
        """See `ChatClient.close`."""
        await self._link.close()

    def _forget_server(self) -> None:
        """Forget the server after a failure: another one may answer next, and open connections may
        be dead."""
        self._authorship.forget()
        self._link.retire_connections()

    @asynccontextmanager
    async def _permit(self) -> AsyncIterator[None]:
        """Hold one of the permits that bound the calls at once. Raises BackendUnavailable
        PoolTimeout."""
        if self._permits is None:
            self._permits = asyncio.Semaphore(self._link.limits.calls_max)
        if self._permits.locked():
            await self._wait_for(self._permits)
        else:
            await self._permits.acquire()  # at once
        try:
            yield
        finally:
            self._permits.release()

    async def _wait_for(self, permits: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._link.limits.pool_s):
                await permits.acquire()
        except TimeoutError as error:
            raise unavailable(self._link.to, "PoolTimeout", "no connection was free") from error

    async def _get_or_none(self, path: str) -> Any:
        """Return the JSON at `path`: {} where the server has no such page, None where it is
        silent."""
        try:
            return await self._link.request_json(path)
        except LlmError:
            return {}
        except BackendUnavailable:
            return None


def environment_key(variable: str | None) -> Callable[[], str]:
    """Return a function that reads the API key from the environment variable at each call."""

    def read() -> str:
        if variable is None:
            return ""
        key = os.environ.get(variable, "").strip()
        if not key:
            raise LookupError(
                f"the environment variable {variable}, named by api_key_env, is empty or not set"
            )
        if not (key.isascii() and key.isprintable()):
            raise LookupError(f"the key in {variable} has characters no HTTP header can carry")
        return key

    return read
