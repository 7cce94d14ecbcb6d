"""Running asks: starts them, lets any number of readers follow them, ends and stores them."""

from __future__ import annotations

import asyncio
import time
import unicodedata
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import structlog

from byline.ask.progress import Progress
from byline.ask.record import AskRecords
from byline.ask.run import AskParts, run_ask
from byline.dispatch.dispatcher import Backend, Dispatcher
from byline.domain.asking import (
    AskEvent,
    AskMode,
    AskQueued,
    AskRequest,
    AskStarted,
    AskStatus,
    Done,
    Failed,
    StoredAsk,
)
from byline.errors import (
    BadRequest,
    BylineError,
    Internal,
    TooLarge,
    ToolsUnsupported,
)
from byline.observe import Metrics

LastEvent = Done | Failed

log = structlog.get_logger("byline.ask")


class RunningAsk:
    """One ask under way in this process. Iterating it replays its events, then follows it live.

    Two tasks carry it: the work, which may be cancelled at any moment, and its end, which may not:
    it turns whatever became of the work into the last event and stores it.
    """

    def __init__(self, request: AskRequest, backend: Backend) -> None:
        self.id = str(uuid.uuid4())
        self.request = request
        self.backend = backend
        self.status = AskStatus.RUNNING
        self.begun_at = time.monotonic()
        self.stopped_as = AskStatus.CANCELLED
        self.events: list[AskEvent] = []
        self._changed = asyncio.Event()
        self._work: asyncio.Task[LastEvent]
        self._end: asyncio.Task[None]

    def begin(
        self,
        work: Coroutine[None, None, LastEvent],
        end: Callable[[asyncio.Task[LastEvent]], Awaitable[LastEvent]],
    ) -> None:
        self._work = asyncio.create_task(work, name=f"ask {self.id}")

        async def settle() -> None:
            await asyncio.wait([self._work])
            self.publish(await end(self._work))

        self._end = asyncio.create_task(settle(), name=f"end of ask {self.id}")

    def publish(self, event: AskEvent) -> None:
        match event:
            case AskQueued():
                self.status = AskStatus.QUEUED
            case AskStarted():
                self.status = AskStatus.RUNNING
            case Done(answer) | Failed(_, answer):
                self.status = answer.status
        self.events.append(event)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def __aiter__(self) -> AsyncIterator[AskEvent]:
        seen = 0
        while True:
            changed = self._changed
            while seen < len(self.events):
                event = self.events[seen]
                seen += 1
                yield event
                if isinstance(event, Done | Failed):
                    return
            await changed.wait()

    async def stop(self, status: AskStatus) -> None:
        """End the ask now, as `cancelled` or `interrupted`, and wait until it is stored and its
        machine free. A finished ask is left as it is."""
        if not self._work.done():
            self.stopped_as = status
            self._work.cancel()
        await asyncio.wait([self._end])

    async def aclose(self) -> None:
        """The reader went away: cancel."""
        await self.stop(AskStatus.CANCELLED)


class Asks:
    """All asks: those running here and, through the records, those of the past."""

    def __init__(
        self, parts: AskParts, dispatcher: Dispatcher, records: AskRecords, metrics: Metrics
    ) -> None:
        self._parts = parts
        self._metrics = metrics
        self._dispatcher = dispatcher
        self._records = records
        self._running: dict[str, RunningAsk] = {}

    def start(self, request: AskRequest) -> RunningAsk:
        """Check the request, resolve its backend and let it run.

        Raises `BadRequest`, `TooLarge`, `UnknownBackend`, `ToolsUnsupported` before anything is
        searched, called or stored.
        """
        backend = self._dispatcher.get_backend(request.backend)
        request = replace(request, question=self._checked_question(request.question))
        if request.mode is AskMode.AGENT and not backend.tools:
            raise ToolsUnsupported(f"{backend.name} cannot call tools, which agent mode needs.")
        if request.mode is AskMode.AGENT or request.conversation_id is not None:
            # Answering as if neither had been asked for would be a silent substitute.
            raise BadRequest(
                "This version of Byline answers single questions only.",
                remedy="Leave out `mode=agent` and `conversation_id`.",
            )
        running = RunningAsk(request, backend)
        progress = Progress(running.id, request.question, named=_is_named(request))
        self._running[running.id] = running
        running.begin(
            self._work(running, progress), lambda work: self._end(running, progress, work)
        )
        return running

    async def get(self, ask_id: str) -> StoredAsk:
        return self._with_live_status(await self._records.get(ask_id))

    async def list(self, limit: int, cursor: str | None) -> tuple[Sequence[StoredAsk], str | None]:
        asks, more = await self._records.list(limit, cursor)
        return [self._with_live_status(ask) for ask in asks], more

    async def events(self, ask_id: str, after: int = 0) -> Sequence[dict[str, object]]:
        """The stored transcript after event number `after`; raises `NotFound`."""
        await self._records.get(ask_id)
        return await self._records.events(ask_id, after)

    async def cancel(self, ask_id: str) -> StoredAsk:
        """End a running ask; a finished one is returned as it is. Raises `NotFound`."""
        running = self._running.get(ask_id)
        if running is not None:
            await running.aclose()
        return await self.get(ask_id)

    async def delete(self, ask_id: str) -> None:
        """Remove an ask and its transcript, ending it first if it runs here."""
        running = self._running.get(ask_id)
        if running is not None:
            await running.aclose()
        await self._records.delete(ask_id)

    async def close(self) -> None:
        """Interrupt what still runs and wait until it is stored."""
        running = list(self._running.values())
        await asyncio.gather(*(ask.stop(AskStatus.INTERRUPTED) for ask in running))

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

    def _with_live_status(self, stored: StoredAsk) -> StoredAsk:
        running = self._running.get(stored.id)
        return replace(stored, status=running.status) if running else stored

    async def _work(self, running: RunningAsk, progress: Progress) -> LastEvent:
        request, backend = running.request, running.backend
        # Beside retrieval: nobody hears of the ask before it is stored, and nobody waits for it.
        storing = asyncio.create_task(
            self._records.insert(running.id, request, backend.name, backend.machine)
        )
        try:
            async with aclosing(run_ask(request, backend, progress, self._parts)) as events:
                async for event in events:
                    await storing
                    if isinstance(event, Done | Failed):
                        return event
                    running.publish(event)
            raise AssertionError("run_ask ends with Done")
        finally:
            await _ended(storing)

    async def _end(
        self, running: RunningAsk, progress: Progress, work: asyncio.Task[LastEvent]
    ) -> LastEvent:
        last = _last_event(running, progress, work)
        try:
            await self._keep(running, last)
        except BylineError as error:
            # A lost database must not take the answer from the person who waits for it.
            log.warning("an ask could not be stored", ask_id=running.id, reason=error.message)
        except Exception:  # whatever it is, a reader without a last event would wait for ever
            log.exception("an ask could not be stored", ask_id=running.id)
        finally:
            del self._running[running.id]
        return last

    async def _keep(self, running: RunningAsk, last: LastEvent) -> None:
        """Count and store what became of an ask; a wrong request was none."""
        if isinstance(last, Failed) and isinstance(last.error, BadRequest):
            await self._records.discard(running.id)
            return
        seconds = time.monotonic() - running.begun_at
        self._metrics.ask_ended(running.backend.name, last.answer.status, seconds)
        await self._records.finish(last.answer, [*running.events, last])


async def _ended(storing: asyncio.Task[None]) -> None:
    """Wait for a row that is being stored, also when the ask is cancelled meanwhile: its end
    updates that row. Whether storing failed is for whoever awaits the task itself."""
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
    running: RunningAsk, progress: Progress, work: asyncio.Task[LastEvent]
) -> LastEvent:
    """What became of the work, as the ask's last event.

    1. it was stopped                                → done, cancelled or interrupted
    2. it ended by itself                            → its own last event
    3. llm_error (rules 4 and 6), no token sent yet  → done, with the error in it
    4. any other error, or half an answer sent       → error
    """
    if work.cancelled():
        return Done(progress.stopped(running.stopped_as))  # 1
    error = work.exception()
    if error is None:
        return work.result()  # 2
    if not isinstance(error, BylineError):
        error_id = uuid.uuid4().hex[:12]
        log.error("an ask failed for an unforeseen reason", error_id=error_id, exc_info=error)
        error = Internal(error_id)
    answer = progress.failed(error)
    if answer.status is AskStatus.LLM_ERROR and not progress.text:
        return Done(answer)  # 3
    return Failed(error, answer)  # 4


@asynccontextmanager
async def running_asks(
    parts: AskParts, dispatcher: Dispatcher, records: AskRecords, metrics: Metrics
) -> AsyncIterator[Asks]:
    """Asks for as long as Byline runs; those left over from dead processes are marked first."""
    interrupted = await records.interrupt_orphans()
    if interrupted:
        log.info("asks of a process that died are marked interrupted", count=interrupted)
    asks = Asks(parts, dispatcher, records, metrics)
    try:
        yield asks
    finally:
        await asks.close()
