"""One chat completion over HTTP, from the connection to the last byte.

The request goes out (and is sent again once, if a pooled connection turns out dead before any byte
came), the answer's status is judged, chunks are decoded as they come, and the model is checked
beside the stream. Every wait has a limit of its own:

1. connecting: `timeout_connect_s`, kept by aiohttp
2. writing the request: `HttpLimits.write_s`, kept by `TimedBody`
3. from the request to the last byte: `timeout_read_s`, never renewed
4. silence after the first token: `stall_s`; a keep-alive comment is a sign of life
"""

from __future__ import annotations

import asyncio
import errno
from dataclasses import replace
from typing import Final

import aiohttp

from byline.backend.authorship import Authorship, ModelCheck
from byline.backend.connections import Exchange, TimedBody
from byline.backend.decode import AnswerDecoder, AnswerUnusable, RequestRefused, StreamFailed
from byline.backend.failures import (
    NETWORK_ERRORS,
    ExchangePhase,
    bad_response,
    network_error,
    refused_in_200,
    status_error,
    stream_error,
    unavailable,
)
from byline.backend.http_session import ServerLink, read_at_most
from byline.backend.key_masking import MaskedDeltas
from byline.backend.request_bodies import chat_body, max_tokens
from byline.backend.tool_call_pieces import ids_in
from byline.config.schema import OpenAIBackend
from byline.domain.chat import ChatRequest, Delta, ServedModel
from byline.errors import BackendUnavailable, LlmError

_ANSWER_BYTES_BASE: Final = 1024 * 1024
_ANSWER_BYTES_PER_TOKEN: Final = 4096  # a chunk of mlx-vlm takes about 450
_ERROR_BYTES_MAX: Final = 65_536
_ERROR_S_MAX: Final = 5.0
_END_CHUNKS_MAX: Final = 16

_PEER_GONE: Final = frozenset({errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH})

_NOT_CHECKED: Final = ModelCheck(None, verified=False, note="verify_model is false")
_NOT_IN_TIME: Final = ModelCheck(None, verified=False, note="the server did not tell it in time")


class CompletionCall:
    """CompletionCall is one call: `open` it, `read` until it has `ended`, `read_to_end`, and
    `close` it whatever happens.

    Nothing it returns contains the key it was sent with. Making it raises LlmError where the key is
    missing.
    """

    def __init__(
        self, link: ServerLink, authorship: Authorship, config: OpenAIBackend, request: ChatRequest
    ) -> None:
        self._headers = {"Accept": "text/event-stream", **link.headers()}
        self._masked = MaskedDeltas(link.to.mask)
        self._stream_error: BackendUnavailable | LlmError | None = None
        self._link = link
        self._authorship = authorship
        self._config = config
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._deadline = float("inf")
        self._silent_since = 0.0
        self._token_seen = False
        self._decoder = AnswerDecoder(
            answer_bytes_max=min(
                link.limits.answer_bytes_max,
                _ANSWER_BYTES_BASE + max_tokens(config, request) * _ANSWER_BYTES_PER_TOKEN,
            ),
            line_bytes_max=link.limits.line_bytes_max,
            mask=link.to.mask,
            ids_taken=ids_in(request.messages),
        )
        self._exchange = Exchange(lambda: None)
        self._response: aiohttp.ClientResponse | None = None
        self._check: asyncio.Task[ModelCheck] | None = None
        self._known_check: ModelCheck | None = None
        self._served_sent = False

    @property
    def ended(self) -> bool:
        """Whether the last delta has been read."""
        return self._decoder.ended

    async def open(self) -> None:
        """Send the request and wait for the head of a 200. Raises BackendUnavailable, LlmError."""
        body = chat_body(self._config, self._request, self._authorship.extra_fields)
        try:
            response = await self._post(self._link.pooled(), body)
        except _IdleConnectionDied:
            response = await self._post(self._link.fresh(), body)
        self._response = response
        if response.status != 200:
            said = await self._error_body(response)
            raise status_error(
                response.status,
                response.reason or "",
                said,
                self._link.to,
                response.headers.get("Retry-After", ""),
            )
        self._authorship.note_server(self._exchange, response.headers.get("Server", ""))
        if self._config.verify_model and not self._authorship.waits_for_first_delta():
            self._begin_check()

    async def read(self) -> list[Delta]:
        """Return the next deltas, at least one. Raises BackendUnavailable, LlmError."""
        deltas = await self._next()
        if not self._token_seen:
            self._token_seen = True
            await self._wait_for_check()
        self._raise_on_mismatch()
        if self.ended:
            deltas[-1] = replace(deltas[-1], served=self._served(await self._final_check()))
        elif not self._served_sent and (check := self._check_so_far()) is not None:
            self._served_sent = True  # an answer that breaks off later still gets its byline
            deltas[-1] = replace(deltas[-1], served=self._served(check))
        return deltas

    async def _next(self) -> list[Delta]:
        """Return the next deltas, masked. If the answer breaks off, return what was held back of it
        first."""
        if self._stream_error is not None:
            raise self._stream_error
        self._silent_since = self._loop.time()
        deltas: list[Delta] = []
        try:
            while not deltas:
                deltas = self._masked.feed(await self._decoded())
        except (BackendUnavailable, LlmError) as error:
            deltas = self._masked.close()
            if not deltas:
                raise
            self._stream_error = error
        return deltas

    async def _decoded(self) -> list[Delta]:
        """Return the deltas that the next bytes complete; the list may be empty."""
        chunk = b"" if self._decoder.failure else await self._chunk()
        signs = self._decoder.signs_of_life
        try:
            deltas = self._decoder.feed(chunk) if chunk else self._decoder.close()
        except StreamFailed as error:
            raise stream_error(error, self._link.to) from error
        except AnswerUnusable as error:
            raise bad_response(self._link.to, error.text) from error
        except RequestRefused as error:
            raise refused_in_200(error, self._link.to) from error
        if self._decoder.signs_of_life > signs:
            self._silent_since = self._loop.time()
        return deltas

    async def read_to_end(self) -> None:
        """Read the few bytes after the end mark, so that the connection can be used again."""
        if self._response is None or self._response.content.at_eof():
            return
        try:
            async with asyncio.timeout(self._link.limits.read_to_end_s):
                for _ in range(_END_CHUNKS_MAX):
                    if not await self._response.content.readany():
                        return
        except NETWORK_ERRORS:
            return

    def close(self) -> None:
        """Close the socket at once, which frees the machine, unless the answer was read to its
        end."""
        if self._check is not None:
            self._check.cancel()
        if self._response is not None:
            self._response.close()

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> aiohttp.ClientResponse:
        limit = asyncio.timeout(None)

        def connected() -> None:
            self._deadline = min(self._deadline, self._loop.time() + self._request.timeout_read_s)
            limit.reschedule(self._deadline)

        exchange = self._exchange = Exchange(connected)
        try:
            async with limit:
                return await session.post(
                    self._link.chat_url,
                    data=TimedBody(body, exchange, self._link.limits.write_s),
                    headers=self._headers,
                    timeout=self._link.waiting,
                    allow_redirects=False,
                )
        except (*NETWORK_ERRORS, ValueError) as error:
            if limit.expired():
                raise unavailable(self._link.to, "ReadTimeout", "no answer in time") from error
            if exchange.reused and _died_before_answer(error):
                raise _IdleConnectionDied from error
            raise network_error(error, exchange.phase, self._link.to) from error

    async def _error_body(self, response: aiohttp.ClientResponse) -> bytes:
        """Return what came of an error's body in a few seconds; the status alone decides the
        error."""
        try:
            async with asyncio.timeout_at(min(self._deadline, self._loop.time() + _ERROR_S_MAX)):
                return await read_at_most(response.content, _ERROR_BYTES_MAX)
        except NETWORK_ERRORS:
            return b""

    async def _chunk(self) -> bytes:
        """Return the next bytes of the body, b"" at its end."""
        assert self._response is not None
        limit, reason = self._limit()
        try:
            if self._loop.time() >= limit:  # bytes that never stop coming must not renew it
                raise TimeoutError
            if ready := self._response.content.read_nowait():  # no wait, so nothing to time
                return ready
            async with asyncio.timeout_at(limit):
                return await self._response.content.readany()
        except TimeoutError as error:
            if self._decoder.finish_seen:
                return b""  # the model is done; only the end mark is missing
            raise unavailable(self._link.to, reason, "no answer in time") from error
        except NETWORK_ERRORS as error:
            if self._decoder.finish_seen:
                return b""
            cause = self._exchange.cause_of(error)
            raise network_error(cause, ExchangePhase.READ, self._link.to) from error

    def _limit(self) -> tuple[float, str]:
        if self._decoder.finish_seen:
            return min(self._deadline, self._silent_since + self._link.limits.finish_s), "stalled"
        stalled = self._silent_since + self._config.stall_s
        if self._token_seen and stalled < self._deadline:
            return stalled, "stalled"
        return self._deadline, "ReadTimeout"

    def _begin_check(self) -> None:
        self._known_check = self._authorship.known_check(self._exchange)  # may age meanwhile
        if self._known_check is None:
            self._check = asyncio.create_task(self._authorship.check(self._exchange))

    async def _wait_for_check(self) -> None:
        """Wait a moment for the check before the first delta: a wrong model's words are best not
        shown."""
        if not self._config.verify_model:
            return
        if self._check is None:
            self._begin_check()
        if self._check is not None:
            await asyncio.wait({self._check}, timeout=self._link.limits.check_wait_s)

    def _raise_on_mismatch(self) -> None:
        if self._check is not None and self._check.done():
            mismatch = self._check.result().mismatch
            if mismatch:
                raise unavailable(self._link.to, "model_mismatch", mismatch)

    def _served(self, check: ModelCheck) -> ServedModel:
        self._raise_on_mismatch()
        return ServedModel(
            self._exchange.peer or self._link.to.address,
            check.model_loaded,
            check.verified,
            check.note,
        )

    async def _final_check(self) -> ModelCheck:
        if self._check is not None:
            await asyncio.wait({self._check}, timeout=self._link.limits.json_s)
        return self._check_so_far() or _NOT_IN_TIME

    def _check_so_far(self) -> ModelCheck | None:
        if not self._config.verify_model:
            return _NOT_CHECKED
        if self._check is None:
            return self._known_check
        return self._check.result() if self._check.done() else None


class _IdleConnectionDied(Exception):
    """A pooled connection was dead before it carried a byte of the answer."""


def _died_before_answer(error: BaseException) -> bool:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # otherwise part of the head had come
    if isinstance(error, OSError) and error.errno in _PEER_GONE:
        return False  # a second try would fail too, after as long a wait
    return isinstance(error, aiohttp.ClientOSError | ConnectionError)
