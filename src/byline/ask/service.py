"""Starts asks, gives them to any number of readers, ends and stores them."""

from __future__ import annotations

import asyncio
import time
import unicodedata
import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Self, TypeVar

import structlog

from byline.ask.agent.replay import Replay, replay
from byline.ask.ask_json import rows_after, transcript
from byline.ask.ask_parts import AskParts
from byline.ask.ask_ports import AskHistory
from byline.ask.ask_progress import AskProgress
from byline.ask.history.ask_records import AskRecords
from byline.ask.run import run_ask
from byline.ask.running_ask import LastEvent, RunningAsk
from byline.ask.unstored import Unstored
from byline.background import in_background
from byline.dispatch.clock import Clock
from byline.dispatch.dispatcher import Dispatcher
from byline.domain.ask_filters import EVERY_ASK, AskFilters, ListedAsk
from byline.domain.asks import (
    AskDone,
    AskFailed,
    AskMode,
    AskRequest,
    AskStatus,
    StoredAsk,
)
from byline.domain.callers import OWNER, Caller
from byline.errors import (
    BadRequest,
    BylineError,
    Internal,
    NotFound,
    TooLarge,
    ToolsUnsupported,
)
from byline.observe import Metrics

log = structlog.get_logger("byline.ask")

Known = TypeVar("Known", StoredAsk, ListedAsk)


class Asks:
    """Owns the asks that run in this process, and reads those of the past from the records: as its
    owner sees them, or as the caller of `for_caller`."""

    def __init__(
        self,
        parts: AskParts,
        dispatcher: Dispatcher,
        records: AskHistory,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._metrics = metrics
        self._dispatcher = dispatcher
        self._records = records
        self._caller = OWNER
        self._running: dict[str, RunningAsk] = {}
        self.unstored = Unstored()

    def for_caller(self, caller: Caller) -> Self:
        """Return the same asks as `caller` makes and sees them: only its own, and answered from the
        documents it may see."""
        seen = copy(self)
        seen._caller = caller
        seen._parts, seen._records = (
            self._parts.for_caller(caller),
            self._records.for_caller(caller),
        )
        return seen

    def start(self, request: AskRequest) -> RunningAsk:
        """Check the request, resolve its backend and start the ask.

        Raises `BadRequest`, `TooLarge`, `UnknownBackend`, `ToolsUnsupported`, and `GateFull` if the
        machine has no place left for the call, all before anything is searched, called or stored.
        """
        backend = self._dispatcher.get_backend(request.backend)
        question = self._checked_question(request.question)
        request = replace(request, question=question, caller=self._caller)
        if request.mode is AskMode.AGENT and not backend.tools:
            raise ToolsUnsupported(f"{backend.name} cannot call tools, which agent mode needs.")
        running = RunningAsk(request, backend, self._clock, self._parts.config.resumable_s)
        place = backend.reserve(running.id)
        progress = AskProgress(running.id, request.question, named=_is_named(request))
        progress.conversation_id = request.conversation_id
        self._running[running.id] = running

        def ended(work: asyncio.Task[LastEvent]) -> Awaitable[LastEvent]:
            place.give_back()
            return self._end(running, progress, work)

        running.begin(self._work(running, progress), ended)
        return running

    async def get(self, ask_id: str) -> StoredAsk:
        return self._with_live_status(await self._records.get(ask_id))

    async def list(
        self, limit: int, cursor: str | None, filters: AskFilters = EVERY_ASK
    ) -> tuple[Sequence[ListedAsk], str | None]:
        """Return the asks that match, newest first, and the cursor that continues the list."""
        asks, more = await self._records.list(limit, cursor, filters)
        return [self._with_live_status(ask) for ask in asks], more

    def running(self, ask_id: str) -> RunningAsk | None:
        """Return the ask if it runs in this process; a reader has to call its `join` first."""
        running = self._running.get(ask_id)
        return running if running is not None and self._is_own(running) else None

    def keep_alive(self, ask: StoredAsk) -> None:
        """Note that a page showed the ask and may reload: see `RunningAsk.keep_alive`."""
        running = self.running(ask.id)
        if running is not None:
            running.keep_alive()

    async def events(self, ask_id: str, after: int = 0) -> Sequence[dict[str, object]]:
        """Return the transcript so far, behind event number `after`. Raises `NotFound`."""
        running = self.running(ask_id)
        if running is not None:
            return rows_after(transcript(running.events, running.times), after)
        await self._records.get(ask_id)
        return rows_after(await self._records.events(ask_id, after), after)

    async def replay(self, ask_id: str) -> Replay:
        """Replay the stored transcript of an ended ask. Raises `NotFound`."""
        return replay(await self.events(ask_id))

    async def cancel(self, ask_id: str) -> StoredAsk:
        """End a running ask, whether it has readers or not, and return it; a finished one is
        returned as it is. Raises `NotFound`."""
        await self._stop(ask_id)
        return await self.get(ask_id)

    async def delete(self, ask_id: str) -> None:
        """Remove an ask and its transcript; end it first if it runs here. Raises `NotFound`."""
        await self._stop(ask_id)
        await self._records.delete(ask_id)

    async def stop_conversation(self, conversation_id: str) -> None:
        """End the asks of a conversation that run in this process."""
        for running in list(self._running.values()):
            if running.request.conversation_id == conversation_id and self._is_own(running):
                await running.stop(AskStatus.CANCELLED)

    async def close(self) -> None:
        """Interrupt the running asks of all callers and wait until they are stored."""
        running = list(self._running.values())
        await asyncio.gather(*(ask.stop(AskStatus.INTERRUPTED) for ask in running))

    def _is_own(self, running: RunningAsk) -> bool:
        return running.request.caller.name == self._caller.name

    async def _stop(self, ask_id: str) -> None:
        running = self.running(ask_id)
        if running is not None:
            await running.stop(AskStatus.CANCELLED)

    def _checked_question(self, question: str) -> str:
        question = unicodedata.normalize("NFC", question).strip()
        if not question:
            raise BadRequest("The question is empty.", remedy="Send the question as text.")
        limit = self._parts.config.question_chars_max
        if len(question) > limit:
            raise TooLarge(
                f"The question has {len(question)} characters; the limit is {limit} "
                "(ask.question_chars_max)."
            )
        if any(unicodedata.category(c) == "Cc" and c not in "\n\r\t" for c in question):
            raise BadRequest(
                "The question holds control characters.", remedy="Send it as plain UTF-8 text."
            )
        return question

    def _with_live_status(self, stored: Known) -> Known:
        running = self._running.get(stored.id)
        status = running.status if running else self.unstored.status(stored.id)
        return replace(stored, status=status) if status else stored

    async def _work(self, running: RunningAsk, progress: AskProgress) -> LastEvent:
        request, backend = running.request, running.backend
        if request.conversation_id is not None:
            progress.turns = await self._records.turns(request.conversation_id)
        # Stored while retrieval runs: no event is published before the ask is stored.
        storing = asyncio.create_task(
            self._records.insert(running.id, request, backend.name, backend.machine)
        )
        storing.add_done_callback(lambda _: running.stored.set())
        try:
            async with aclosing(run_ask(request, backend, progress, self._parts)) as events:
                async for event in events:
                    await storing
                    if isinstance(event, AskDone | AskFailed):
                        return event
                    running.publish(event)
            raise AssertionError("run_ask ends with Done")
        finally:
            await _wait_until_stored(storing)

    async def _end(
        self, running: RunningAsk, progress: AskProgress, work: asyncio.Task[LastEvent]
    ) -> LastEvent:
        last = _last_event(running, progress, work)
        try:
            await self._keep(running, last)
        except Exception:  # whatever it is, a reader without a last event would wait for ever
            log.exception("an ask could not be stored", ask_id=running.id)
        finally:
            del self._running[running.id]
        return last

    async def _keep(self, running: RunningAsk, last: LastEvent) -> None:
        """Count and store what became of an ask; a wrong request was none."""
        if isinstance(last, AskFailed) and isinstance(last.error, BadRequest | NotFound):
            store, status = partial(self._records.discard, running.id), None
        else:
            seconds = time.monotonic() - running.begun_at
            self._metrics.ask_ended(running.backend.name, last.answer.status, seconds)
            events, times = [*running.events, last], [*running.times, self._clock.now()]
            told = transcript(events, times)
            store, status = partial(self._records.finish, last.answer, told), last.answer.status
        try:
            await store()
        except BylineError as error:
            # A lost database must not take the answer from the person who waits for it.
            log.warning("an ask is stored later", ask_id=running.id, reason=error.message)
            self.unstored.keep(running.id, status, store)


async def _wait_until_stored(storing: asyncio.Task[None]) -> None:
    """Wait until the row of an ask is stored, also if the ask is cancelled meanwhile: its end
    updates that row. An error of `storing` is left to whoever awaits the task itself."""
    try:
        await asyncio.wait([storing])
    except asyncio.CancelledError:
        storing.cancel()
        await asyncio.wait([storing])
        raise
    if not storing.cancelled():
        storing.exception()


def _is_named(request: AskRequest) -> bool:
    return request.backend is not None and request.backend.strip() != ""


def _last_event(
    running: RunningAsk, progress: AskProgress, work: asyncio.Task[LastEvent]
) -> LastEvent:
    """Return the last event of an ask, by the result of its work.

    1. it was stopped                                → done, cancelled or interrupted
    2. it ended by itself                            → its own last event
    3. llm_error (rules 4 and 6), no token sent yet  → done, with the error in it
    4. any other error, or half an answer sent       → error
    """
    if work.cancelled():
        return AskDone(progress.stopped(running.stopped_as))  # 1
    error = work.exception()
    if error is None:
        return work.result()  # 2
    if not isinstance(error, BylineError):
        error_id = uuid.uuid4().hex[:12]
        log.error("an ask failed for an unforeseen reason", error_id=error_id, exc_info=error)
        error = Internal(error_id)
    answer = progress.failed(error)
    if answer.status is AskStatus.LLM_ERROR and not progress.text:
        return AskDone(answer)  # 3
    return AskFailed(error, answer)  # 4


@asynccontextmanager
async def running_asks(
    parts: AskParts,
    dispatcher: Dispatcher,
    records: AskRecords,
    metrics: Metrics,
    clock: Clock,
) -> AsyncIterator[Asks]:
    """Open the service for as long as Byline runs. Asks of dead processes are marked first."""
    interrupted = await records.interrupt_orphans()
    if interrupted:
        log.info("asks of a process that died are marked interrupted", count=interrupted)
    asks = Asks(parts, dispatcher, records, metrics, clock)
    reading = asyncio.create_task(records.update_search_terms(), name="make asks findable")
    try:
        async with in_background({"storing asks": asks.unstored.run}):
            yield asks
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await asks.close()
