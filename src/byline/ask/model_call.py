"""Makes one call to a model a single stream of events (queued, started, deltas), and its byline."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from byline.dispatch.dispatcher import Backend
from byline.domain.asks import Byline
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

CallEvent = Queued | Started | Delta


class _CallEvents:
    """The queue of a call's events; also the observer to which its gate reports."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[CallEvent | BaseException | None] = asyncio.Queue()

    def queued(self, queued: Queued) -> None:
        self.events.put_nowait(queued)

    def started(self, started: Started) -> None:
        self.events.put_nowait(started)


async def call_events(
    backend: Backend, request: ChatRequest, priority: Priority
) -> AsyncGenerator[CallEvent, None]:
    """Call `backend` and yield the call's events; closing the generator stops the upstream.

    Raises what `Backend.call` raises. The queue here has no bound; the gate's buffer has one.
    """
    inbox = _CallEvents()

    async def pump() -> None:
        try:
            async with aclosing(backend.call(request, priority, inbox)) as deltas:
                async for delta in deltas:
                    inbox.events.put_nowait(_without_hidden_characters(delta))
        except Exception as error:  # noqa: BLE001 - handed to the reader, who raises it
            inbox.events.put_nowait(error)
        else:
            inbox.events.put_nowait(None)

    task = asyncio.create_task(pump())
    try:
        while (event := await inbox.events.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            yield event
    finally:
        task.cancel()
        await asyncio.wait([task])


def _without_hidden_characters(delta: Delta) -> Delta:
    if _HIDDEN_CHARACTERS.search(delta.content) is None:
        return delta
    return replace(delta, content=_HIDDEN_CHARACTERS.sub("", delta.content))


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
        model_requested=backend.model,
        model_loaded=served.model_loaded if served else None,
        verified=served.verified if served else False,
        note=served.note if served else _NOT_TOLD[delta.finish_reason is None],
    )
