"""The calls of one backend: each goes through its machine's gate and is drained into a buffer.

A call is one stream of events, `Queued | Started | Delta`, and two tasks. The *pump* holds the slot
and drains the upstream as fast as it sends; the reader takes events from the buffer at its own
pace. So the slot is free again when the upstream has ended, however slow the reader, and the
upstream ends at once when the reader goes away. While a call waits, another task waits in the
pump's place, for the same reason.

A background call may have to give its slot to a person: its pump is cancelled. If its reader has
not had any delta yet, the call waits and starts again; otherwise the reader gets Preempted.
`collect` returns nothing before the end, so what it reads always starts again.

For a machine that is known to be down, one connection try is made outside the gate. All callers
wait for it; if it fails, so do they.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from byline.backend.chat_client import ChatClient
from byline.config.schema import BackendBranch
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


CallEvent = Queued | Started | Delta
"""What is told of a call: its place in the queue, each time that changes; that it has its machine;
each piece of the answer."""


@dataclass(frozen=True, slots=True)
class _EndOfStream:
    """The item in the buffer behind the last event."""

    error: BaseException | None


class _EventBuffer:
    """The events that have come and have not been read yet, for one reader. An `asyncio.Queue` has
    locks and counts for many readers, which every delta would pay for."""

    __slots__ = ("_items", "_waiter")

    def __init__(self) -> None:
        self._items: deque[CallEvent | _EndOfStream] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: CallEvent | _EndOfStream) -> None:
        self._items.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> CallEvent | _EndOfStream:
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._items.popleft()

    def take_all(self) -> list[CallEvent | _EndOfStream]:
        """Empty the buffer and return its items."""
        items = list(self._items)
        self._items.clear()
        return items

    def drop_deltas(self) -> None:
        """Remove the deltas of an attempt that starts again."""
        self._items = deque(item for item in self._items if not isinstance(item, Delta))


class _Call:
    """One call: its events, its slot, the tasks that work for it, and how far its reader has come.

    `work` is the task that runs now: the one that waits for the slot, or the pump. `attempts`
    counts the pumps; `preempted` and `revocation` (why the slot was revoked) are those of the
    latest. `delivered`: the reader has had a delta. `ended` is done once nothing works for the call
    any more.
    """

    __slots__ = (
        "attempts",
        "buffer",
        "delivered",
        "ended",
        "preempted",
        "pump",
        "reader_left",
        "record",
        "request",
        "revocation",
        "slot",
        "work",
    )

    def __init__(self, request: ChatRequest, record: CallRecordBuilder) -> None:
        self.request = request
        self.record = record
        self.buffer = _EventBuffer()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.slot: GateSlot | None = None
        self.work: asyncio.Task[None] | None = None
        self.pump: asyncio.Task[None] | None = None
        self.attempts = 0
        self.delivered = False
        self.reader_left = False
        self.preempted = False
        self.revocation: BylineError | None = None

    def preempt(self) -> None:
        """Stop for a person, unless the upstream has just ended by itself."""
        assert self.pump is not None
        self.preempted = self.pump.cancel() or self.preempted

    def revoke(self, reason: BylineError) -> None:
        """Stop because another process may have the machine by now, unless the upstream has just
        ended."""
        assert self.pump is not None
        if self.pump.cancel():
            self.revocation = reason

    def end(self, error: BaseException | None) -> None:
        """Put the end behind the last event."""
        self.buffer.put(_EndOfStream(error))
        if not self.ended.done():
            self.ended.set_result(None)

    async def next(self) -> CallEvent | None:
        """Return the next event, None at the end. Raises the error that ended the call."""
        while True:
            item = await self.buffer.get()
            if isinstance(item, _EndOfStream):
                if item.error is not None:
                    raise item.error
                return None
            if isinstance(item, Delta):
                if self.preempted and not self.delivered and await self._starts_again():
                    continue
                self.delivered = True
            return item

    async def _starts_again(self) -> bool:
        """Whether a preempted attempt is made anew, which is known when its pump has ended."""
        attempts = self.attempts
        assert self.pump is not None
        await asyncio.wait([self.pump])
        return self.attempts != attempts

    def deltas(self) -> list[Delta]:
        """Return all deltas of a call that has ended. Raises the error that ended it."""
        received: list[Delta] = []
        for item in self.buffer.take_all():
            if isinstance(item, Delta):
                received.append(item)
            elif isinstance(item, _EndOfStream) and item.error is not None:
                raise item.error
        return received

    async def stop(self) -> None:
        """The reader takes no more: leave the queue, or end the upstream if it still runs."""
        self.reader_left = True
        if self.work is not None and not self.work.done():
            self.work.cancel()
            await asyncio.wait([self.work])


class BackendCalls:
    """BackendCalls makes the calls of one backend, and reports to `monitor` what they show. It
    knows no other backend."""

    def __init__(
        self,
        name: str,
        config: BackendBranch,
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
        self, request: ChatRequest, priority: Priority
    ) -> AsyncGenerator[CallEvent, None]:
        """Wait for the machine, call it, and yield all that is told of the call.

        Raises what `Gate.enter` and `ChatClient.stream` raise, Preempted, and Stopping when Byline
        stops while the call runs. Closing the generator ends the upstream before it returns.
        """
        async with self._call(request, priority) as call:
            self._work_aside(call, self._enter_and_start(call, priority))
            while (event := await call.next()) is not None:
                yield event

    async def deltas(self, request: ChatRequest, priority: Priority) -> AsyncGenerator[Delta, None]:
        """Yield the deltas of `stream`. The gate works out no places for this call, which in a long
        queue takes a while."""
        async with self._call(request, priority) as call:
            self._start(call, await self._enter(request, priority))
            while (event := await call.next()) is not None:
                if isinstance(event, Delta):
                    yield event

    async def collect(self, request: ChatRequest, priority: Priority) -> list[Delta]:
        """Return all deltas of `stream`. Never raises Preempted: the call keeps its place and its
        count of preemptions, and is not preempted any more in the end."""
        async with self._call(request, priority) as call:
            self._start(call, await self._enter(request, priority))
            await call.ended
            return call.deltas()

    @asynccontextmanager
    async def _call(self, request: ChatRequest, priority: Priority) -> AsyncIterator[_Call]:
        """Wrap a call; when its reader takes no more, end it and publish its record."""
        record = CallRecordBuilder(self.monitor.clock)
        call = _Call(request, record)
        try:
            try:
                yield call
            finally:
                await call.stop()
        except BaseException as error:
            record.failed(error)
            raise
        finally:
            origin = CallOrigin(self._name, request.asked_by)
            self.monitor.publish_call(record.build(origin, self._gate.machine, priority))

    async def _enter(
        self,
        request: ChatRequest,
        priority: Priority,
        on_queued: Callable[[Queued], None] | None = None,
    ) -> GateSlot:
        arrived_at = self.monitor.now()
        if self.monitor.is_down:
            await self.monitor.refuse_unless_reached(arrived_at)
        slot = await self._gate.enter(self._name, priority, on_queued, request.asked_by)
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

    async def _enter_and_start(self, call: _Call, priority: Priority) -> None:
        self._start(call, await self._enter(call.request, priority, call.buffer.put))

    async def _start_again(self, call: _Call, slot: GateSlot) -> None:
        await slot.requeue()
        self._start(call, slot)

    def _work_aside(self, call: _Call, waiting: Coroutine[Any, Any, None]) -> None:
        """Wait for the slot and start the pump in a task: the reader may be busy with an event, and
        the machine is not to wait for it."""

        def waited(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if task.cancelled() or error is not None:
                if call.slot is not None:
                    call.slot.release()
                call.end(error)

        call.work = asyncio.create_task(waiting, name=f"wait of {self._name}")
        # A callback for the reason given in `_start`.
        call.work.add_done_callback(waited)

    async def close(self) -> None:
        """End the running calls, whose readers get Stopping, then close the client."""
        for pump in self._pumps:
            pump.cancel()
        if self._pumps:
            await asyncio.wait(self._pumps)
        await self.monitor.close()
        await self._client.close()

    def _start(self, call: _Call, slot: GateSlot) -> None:
        """Start the pump of an attempt. When it has ended, the call ends or waits to start again;
        until then a slot that is needed for that is held, and in every other case it is free."""
        call.slot, call.preempted, call.revocation = slot, False, None
        call.attempts += 1
        call.record.granted(slot.waited_s)
        call.buffer.put(Started(queue_ms=slot.waited_s * 1000))

        def ended(pump: asyncio.Task[None]) -> None:
            self._pumps.discard(pump)
            call.record.upstream_ended(complete=not pump.cancelled() and pump.exception() is None)
            stopped = call.preempted and pump.cancelled() and call.revocation is None
            restarts = stopped and not (call.delivered or call.reader_left)
            error = self._error_of(call, pump, restarts)
            if restarts:
                call.buffer.drop_deltas()
                self._work_aside(call, self._start_again(call, slot))
            else:
                slot.release()
                call.end(error)

        pump = asyncio.create_task(self._pump(call), name=f"call of {self._name}")
        # A callback and not a `finally` in the pump: a task cancelled before its first step never
        # enters its body, and the slot would be lost.
        pump.add_done_callback(ended)
        self._pumps.add(pump)
        call.work = call.pump = pump
        slot.on_preempt = call.preempt
        slot.on_revoked = call.revoke

    def _error_of(
        self, call: _Call, pump: asyncio.Task[None], restarts: bool
    ) -> BaseException | None:
        """Return the error that the reader gets when the pump has ended, or None."""
        if not pump.cancelled():
            return pump.exception()
        if call.revocation is not None:
            log.warning(
                "call_stopped",
                backend=self._name,
                machine=self._gate.machine,
                reason=call.revocation.message,
            )
            return call.revocation
        if not call.preempted:
            return Stopping()
        log.info(
            "call_preempted",
            backend=self._name,
            machine=self._gate.machine,
            starts_again=restarts,
        )
        return Preempted(self._name, self._gate.machine)

    async def _pump(self, call: _Call) -> None:
        """Drain the upstream into the buffer, and report failures to the monitor."""
        request, tokens_max = call.request, self._config.max_tokens
        if request.max_tokens is not None and request.max_tokens > tokens_max:
            request = replace(request, max_tokens=tokens_max)
        try:
            await self._drain(request, request.max_tokens or tokens_max, call)
        except BackendUnavailable as error:
            self.monitor.warn(error)
            self.monitor.learn(error)
            raise
        except LlmError as error:
            self.monitor.learn(error)
            raise

    async def _drain(self, request: ChatRequest, tokens_max: int, call: _Call) -> None:
        """Put the deltas of the upstream into the buffer; cut off an answer longer than
        `max_tokens`."""
        buffer, record = call.buffer, call.record
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
