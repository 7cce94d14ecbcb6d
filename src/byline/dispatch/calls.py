"""The calls of one backend: each goes through its machine's gate and is drained into a buffer.

A call is two tasks. The *pump* holds the slot and drains the upstream as fast as it sends; the
reader takes deltas from the buffer at its own pace. So the slot is free again when the upstream has
ended, however slow the reader, and the upstream ends at once when the reader goes away.

A background call may have to give its slot to a person: its pump is cancelled. If its reader has
not had any delta yet, the call waits and starts again; otherwise the reader gets Preempted.
`collect` returns nothing before the end, so what it reads always starts again.

For a machine that is known to be down, one connection try is made outside the gate. All callers
wait for it; if it fails, so do they.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from byline.backend.chat_client import ChatClient
from byline.config.schema import LlamaCppBackend, OpenAIBackend
from byline.dispatch.gate.arrivals import NO_RESERVATION, Reservation
from byline.dispatch.gate.local_gate import Gate, GateSlot
from byline.dispatch.health.health_monitor import HealthMonitor
from byline.dispatch.health.health_states import GoodEvidence
from byline.dispatch.record.call_record import CallRecordBuilder
from byline.domain.chat import ChatRequest, Delta, ServedModel
from byline.domain.gates import AskedBy, Asker, CallOrigin, Priority, Queued, Started
from byline.errors import (
    BackendUnavailable,
    BylineError,
    GateFull,
    LlmError,
    Preempted,
    Stopping,
)

DELTAS_SLACK = 32
"""Deltas a server may send beyond one per token: roles, empty pieces, the last one."""

TOKEN_CHARS_MAX = 128
"""Characters per token on average; bounds the length of a buffered answer."""

log = structlog.get_logger("byline.dispatch")


class CallObserver(Protocol):
    """Told how a call fares. It is called in the event loop, so it must not take long."""

    def queued(self, queued: Queued) -> None:
        """The call waits, or its position in the queue has changed."""
        ...

    def started(self, started: Started) -> None:
        """The call has its machine."""
        ...


@dataclass(frozen=True, slots=True)
class _EndOfStream:
    """The item in the buffer behind the last delta."""

    error: BaseException | None


class _DeltaBuffer:
    """The deltas that have come and have not been read yet, for one reader. An `asyncio.Queue` has
    locks and counts for many readers, which every delta would pay for."""

    __slots__ = ("_items", "_waiter")

    def __init__(self) -> None:
        self._items: deque[Delta | _EndOfStream] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: Delta | _EndOfStream) -> None:
        self._items.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Delta | _EndOfStream:
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._items.popleft()

    def take_all(self) -> list[Delta | _EndOfStream]:
        """Empty the buffer and return its items."""
        items = list(self._items)
        self._items.clear()
        return items


class _Attempt:
    """One request to the upstream: its pump, and how far the reader has come.

    `delivered`: the reader has had a delta. `restarts` is set once a preempted pump has ended and
    its call is to start again; until then the slot is held. In every other case the end of the pump
    frees it. `outcome_known` is done once it is known which it was. `revocation` is why the slot
    was revoked.
    """

    __slots__ = (
        "buffer",
        "delivered",
        "outcome_known",
        "preempted",
        "pump",
        "reader_left",
        "restarts",
        "revocation",
    )

    def __init__(self) -> None:
        self.buffer = _DeltaBuffer()
        self.outcome_known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pump: asyncio.Task[None]
        self.delivered = False
        self.reader_left = False
        self.preempted = False
        self.restarts = False
        self.revocation: BylineError | None = None

    def preempt(self) -> None:
        """Stop for a person, unless the upstream has just ended by itself."""
        self.preempted = self.pump.cancel() or self.preempted

    def revoke(self, reason: BylineError) -> None:
        """Stop because another process may have the machine by now, unless the upstream has just
        ended."""
        if self.pump.cancel():
            self.revocation = reason

    def deltas(self) -> list[Delta]:
        """Return all deltas, once the pump has ended. Raises the error that ended it."""
        received: list[Delta] = []
        for item in self.buffer.take_all():
            if not isinstance(item, _EndOfStream):
                received.append(item)
            elif item.error is not None:
                raise item.error
        return received

    async def stop(self) -> None:
        """The reader takes no more: end the upstream if it still runs."""
        self.reader_left = True
        if not self.pump.done():
            self.pump.cancel()
            await asyncio.wait([self.pump])


class BackendCalls:
    """BackendCalls makes the calls of one backend, and reports to `monitor` what they show. It
    knows no other backend."""

    def __init__(
        self,
        name: str,
        config: OpenAIBackend | LlamaCppBackend,
        client: ChatClient,
        gate: Gate,
        monitor: HealthMonitor,
    ) -> None:
        self._name = name
        self._config = config
        self._client = client
        self._gate = gate
        self.monitor = monitor
        self._pumps: set[asyncio.Task[None]] = set()

    async def count_tokens(self, text: str) -> int | None:
        """See `ChatClient.count_tokens`."""
        return await self._client.count_tokens(text)

    def reserve(self, ask_id: str) -> Reservation:
        """Reserve a place at the gate for an ask that will call later. Raises GateFull.

        An ask for a backend that is known to be down gets no place: it will be refused for that
        reason.
        """
        if self.monitor.is_down:
            return NO_RESERVATION
        try:
            return self._gate.reserve(self._name, ask_id)
        except GateFull as error:
            record = CallRecordBuilder(self.monitor.clock)
            record.failed(error)
            # Without the ask's id: an ask that is refused here is not stored.
            origin = CallOrigin(self._name, AskedBy(Asker.ASK))
            self.monitor.publish_call(record.build(origin, self._gate.machine, Priority.FOREGROUND))
            raise

    async def stream(
        self, request: ChatRequest, priority: Priority, observer: CallObserver | None
    ) -> AsyncGenerator[Delta, None]:
        """Wait for the machine, call it, yield its deltas.

        Raises what `Gate.enter` and `ChatClient.stream` raise, Preempted, and Stopping when Byline
        stops while the call runs. Closing the generator ends the upstream before it returns.
        """
        with self._recorded(request, priority) as record:
            slot = await self._enter(request, priority, observer)
            while True:
                async with self._attempt(slot, request, observer, record) as attempt:
                    while True:
                        item = await attempt.buffer.get()
                        if attempt.preempted and not attempt.delivered:
                            # Whether the call restarts is known only when the pump has ended.
                            await asyncio.wait([attempt.pump])
                        if attempt.restarts:
                            break
                        if isinstance(item, _EndOfStream):
                            if item.error is not None:
                                raise item.error
                            return
                        attempt.delivered = True
                        yield item

    async def collect(
        self, request: ChatRequest, priority: Priority, observer: CallObserver | None
    ) -> list[Delta]:
        """Return all deltas of `stream`. Never raises Preempted: the call keeps its place and its
        count of preemptions, and is not preempted any more in the end."""
        with self._recorded(request, priority) as record:
            slot = await self._enter(request, priority, observer)
            while True:
                async with self._attempt(slot, request, observer, record) as attempt:
                    await attempt.outcome_known
                    if not attempt.restarts:
                        return attempt.deltas()

    @contextmanager
    def _recorded(self, request: ChatRequest, priority: Priority) -> Iterator[CallRecordBuilder]:
        """Wrap a call; publish its record when it is over."""
        record = CallRecordBuilder(self.monitor.clock)
        try:
            yield record
        except BaseException as error:
            record.failed(error)
            raise
        finally:
            origin = CallOrigin(self._name, request.asked_by)
            self.monitor.publish_call(record.build(origin, self._gate.machine, priority))

    async def _enter(
        self, request: ChatRequest, priority: Priority, observer: CallObserver | None
    ) -> GateSlot:
        arrived_at = self.monitor.now()
        if self.monitor.is_down:
            await self.monitor.refuse_unless_reached(arrived_at)
        slot = await self._gate.enter(
            self._name,
            priority,
            None if observer is None else observer.queued,
            request.asked_by,
        )
        if self.monitor.is_down:  # since it arrived; the first in the queue tries for all
            await self._try_connect_holding(slot, arrived_at)
        return slot

    async def _try_connect_holding(self, slot: GateSlot, arrived_at: float) -> None:
        """Try to connect while holding `slot`; give the slot to a person who needs it meanwhile."""
        wanted_back = asyncio.Event()
        slot.on_preempt = wanted_back.set
        try:
            await self.monitor.refuse_unless_reached(arrived_at)
            if slot.revocation is not None:
                raise slot.revocation
            if wanted_back.is_set():
                await slot.requeue()
        except BaseException:
            slot.release()
            raise

    @asynccontextmanager
    async def _attempt(
        self,
        slot: GateSlot,
        request: ChatRequest,
        observer: CallObserver | None,
        record: CallRecordBuilder,
    ) -> AsyncIterator[_Attempt]:
        """Run one attempt. If it restarts, wait for the slot again before leaving the block."""
        record.granted(slot.waited_s)
        attempt = self._start(slot, request, record)
        try:
            if observer is not None:
                observer.started(Started(queue_ms=slot.waited_s * 1000))
            yield attempt
            if attempt.restarts:
                await slot.requeue()
        except BaseException:
            if attempt.restarts:
                slot.release()
            raise
        finally:
            await attempt.stop()

    async def close(self) -> None:
        """End the running calls, whose readers get Stopping, then close the client."""
        for pump in self._pumps:
            pump.cancel()
        if self._pumps:
            await asyncio.wait(self._pumps)
        await self.monitor.close()
        await self._client.close()

    def _start(self, slot: GateSlot, request: ChatRequest, record: CallRecordBuilder) -> _Attempt:
        """Start the pump of an attempt."""
        attempt = _Attempt()

        def ended(pump: asyncio.Task[None]) -> None:
            self._pumps.discard(pump)
            record.upstream_ended(complete=not pump.cancelled() and pump.exception() is None)
            stopped = attempt.preempted and pump.cancelled() and attempt.revocation is None
            attempt.restarts = stopped and not (attempt.delivered or attempt.reader_left)
            if not attempt.restarts:
                slot.release()
            attempt.buffer.put(_EndOfStream(self._error_of(attempt)))
            if not attempt.outcome_known.done():
                attempt.outcome_known.set_result(None)

        attempt.pump = asyncio.create_task(
            self._pump(request, attempt.buffer, record), name=f"call of {self._name}"
        )
        # A callback and not a `finally` in the pump: a task cancelled before its first step never
        # enters its body, and the slot would be lost.
        attempt.pump.add_done_callback(ended)
        self._pumps.add(attempt.pump)
        slot.on_preempt = attempt.preempt
        slot.on_revoked = attempt.revoke
        return attempt

    def _error_of(self, attempt: _Attempt) -> BaseException | None:
        """Return the error that the reader gets when the pump has ended, or None."""
        if not attempt.pump.cancelled():
            return attempt.pump.exception()
        if attempt.revocation is not None:
            log.warning(
                "call_stopped",
                backend=self._name,
                machine=self._gate.machine,
                reason=attempt.revocation.message,
            )
            return attempt.revocation
        if not attempt.preempted:
            return Stopping()
        log.info(
            "call_preempted",
            backend=self._name,
            machine=self._gate.machine,
            starts_again=attempt.restarts,
        )
        return Preempted(self._name, self._gate.machine)

    async def _pump(
        self, request: ChatRequest, buffer: _DeltaBuffer, record: CallRecordBuilder
    ) -> None:
        """Drain the upstream into the buffer, and report failures to the monitor."""
        tokens_max = self._config.max_tokens
        if request.max_tokens is not None and request.max_tokens > tokens_max:
            request = replace(request, max_tokens=tokens_max)
        try:
            await self._drain(request, request.max_tokens or tokens_max, buffer, record)
        except BackendUnavailable as error:
            self.monitor.warn(error)
            self.monitor.learn(error)
            raise
        except LlmError as error:
            self.monitor.learn(error)
            raise

    async def _drain(
        self, request: ChatRequest, tokens_max: int, buffer: _DeltaBuffer, record: CallRecordBuilder
    ) -> None:
        """Put the deltas of the upstream into the buffer; cut off an answer longer than
        `max_tokens`."""
        deltas_left = tokens_max + DELTAS_SLACK
        chars_left = deltas_left * TOKEN_CHARS_MAX
        answering = finished = False
        served: ServedModel | None = None
        async with aclosing(self._client.stream(request)) as deltas:
            async for delta in deltas:
                if not answering:
                    answering = True
                    self.monitor.learn(GoodEvidence.ANSWERING)
                finished = delta.finish_reason is not None
                served = delta.served or served
                record.received(delta)
                deltas_left -= 1
                chars_had, chars_left = chars_left, chars_left - _count_chars(delta)
                if not finished and (deltas_left <= 0 or chars_left <= 0):
                    log.warning(
                        "answer_cut_off",
                        backend=self._name,
                        machine=self._gate.machine,
                        reason="the server sends more than max_tokens",
                    )
                    if deltas_left > 0:  # some servers send the whole answer in one delta
                        buffer.put(Delta(content=delta.content[:chars_had]))
                    buffer.put(Delta(finish_reason="length", served=served))
                    return
                buffer.put(delta)
        if not finished:
            raise BackendUnavailable(
                self._name,
                "stream_truncated",
                machine=self._gate.machine,
                detail="The answer ended without a finish_reason.",
            )
        self.monitor.learn(GoodEvidence.COMPLETED)


def _count_chars(delta: Delta) -> int:
    calls = sum(len(call.arguments) for call in delta.tool_calls) if delta.tool_calls else 0
    return len(delta.content) + len(delta.reasoning) + calls
