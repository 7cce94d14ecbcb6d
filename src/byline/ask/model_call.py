"""Makes one call to a model: its events become those of the ask, its deltas sign the answer."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from byline.ask.answer_text import StreamFilter
from byline.ask.ask_progress import AskProgress
from byline.dispatch.calls import CallEvent
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import REPETITION, AskEvent, AskQueued, AskStarted, Byline
from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import Priority, Queued, Started
from byline.text.hidden_characters import BIDI_CONTROLS, TAG_CHARACTERS

_NOT_TOLD: Final = {
    True: "the answer broke off before its server had told what it has loaded",
    False: "the server was not asked what it has loaded",
}

_HIDDEN_CHARACTERS: Final = re.compile(
    rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f{BIDI_CONTROLS}{TAG_CHARACTERS}]+"
)
"""Control characters could steer a terminal; the others make text look unlike what was checked."""


async def call_events(backend: Backend, request: ChatRequest) -> AsyncGenerator[CallEvent, None]:
    """Call `backend` for a person and yield the call's events, without hidden characters; closing
    the generator stops the upstream. Raises what `Backend.events` raises."""
    async with aclosing(backend.events(request, Priority.FOREGROUND)) as events:
        async for event in events:
            yield _without_hidden_characters(event) if isinstance(event, Delta) else event


def _without_hidden_characters(delta: Delta) -> Delta:
    if _HIDDEN_CHARACTERS.search(delta.content) is None:
        return delta
    return replace(delta, content=_HIDDEN_CHARACTERS.sub("", delta.content))


def _everything(content: str) -> str:
    return content


async def stream_message(
    backend: Backend,
    request: ChatRequest,
    progress: AskProgress,
    deltas: list[Delta],
    shown: Callable[[str], str] = _everything,
) -> AsyncGenerator[AskEvent, None]:
    """Call the model and yield what its ask tells of the call.

    Adds the message to `progress.text` and its deltas to `deltas`; sets the byline, the finish
    reason and the times. A model that only repeats itself is stopped, with the finish reason
    REPETITION. `shown` is given each piece of the text and returns what may be shown now. Raises
    what `Backend.events` raises.
    """
    begun = time.perf_counter()
    stream = StreamFilter(progress)
    async with aclosing(call_events(backend, request)) as events:
        async for event in events:
            match event:
                case Queued():
                    yield AskQueued(event)
                case Started(queue_ms):
                    begun = time.perf_counter()
                    progress.add_ms("queue", queue_ms)
                    yield AskStarted(
                        backend.name, backend.machine, backend.model_requested, queue_ms
                    )
                case Delta():
                    progress.byline = byline_after(
                        backend, event, progress.byline if deltas else None
                    )
                    deltas.append(event)
                    if content := shown(event.content):
                        progress.timings_ms.setdefault("first_token", ms_since(begun))
                        for told in stream.feed(content):
                            yield told
                    progress.finish_reason = event.finish_reason
                    if stream.repeats_itself():
                        progress.finish_reason = REPETITION
                        break
    progress.add_ms("generate", ms_since(begun))


def byline_after(backend: Backend, delta: Delta, so_far: Byline | None) -> Byline:
    """Return the byline of a call once `delta` has come; `so_far` is the one before `delta`.

    It changes where the server has told what it has loaded, and with the last delta.
    """
    if delta.served is None and delta.finish_reason is None and so_far is not None:
        return so_far
    return byline_of(backend, delta)


def byline_of(backend: Backend, delta: Delta) -> Byline:
    """Return the byline as `delta` proves it: our own record of who was called, and what its server
    says it has loaded, where `delta` carries that."""
    served = delta.served
    return Byline(
        backend=backend.name,
        machine=backend.machine,
        model_requested=backend.model_requested,
        model_loaded=served.model_loaded if served else None,
        verified=served.verified if served else False,
        note=served.note if served else _NOT_TOLD[delta.finish_reason is None],
    )


def ms_since(begun: float) -> float:
    """Return the milliseconds since `begun`, a time of `time.perf_counter`."""
    return (time.perf_counter() - begun) * 1000
