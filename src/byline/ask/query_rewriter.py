"""Calls the backend that is to answer a follow-up to rewrite it so that it stands alone."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from byline.ask.ask_progress import AskProgress
from byline.ask.model_call import call_events
from byline.ask.prompt.token_calibration import Calibration
from byline.ask.query_rewrite import (
    REWRITE_S_MAX,
    REWRITE_TOKENS_MAX,
    read_rewritten,
    rewrite_messages,
    shares_terms,
    with_earlier_terms,
)
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import AskEvent, AskNote, AskQueued, AskRequest
from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import AskedBy, Asker, Queued
from byline.domain.reasons import NoteCode
from byline.errors import MachineError


async def rewrite_follow_up(
    request: AskRequest, backend: Backend, progress: AskProgress, calibration: Calibration
) -> AsyncGenerator[AskEvent, None]:
    """Set `progress.searched_for` if a follow-up is to be searched by other words, and yield a note
    on it. If the call fails, a note says so and the question is searched as it is."""
    if not progress.turns:
        return
    if backend.model is None:
        query: str | None = with_earlier_terms(request.question, progress.turns)
        code = NoteCode.CARRIED_OVER
    else:
        said: list[str] = []
        begun = time.perf_counter()
        try:
            backend.refuse_if_down()  # no second wait for a machine that is known to be down
            call = ChatRequest(
                rewrite_messages(
                    request.question, progress.turns, backend.model.context_tokens, calibration
                ),
                timeout_read_s=min(REWRITE_S_MAX, request.timeout_read_s or REWRITE_S_MAX),
                max_tokens=min(REWRITE_TOKENS_MAX, backend.model.max_tokens),
                options={"temperature": 0},
                asked_by=AskedBy(Asker.FOLLOW_UP, progress.ask_id),
            )
            async with aclosing(_rewrite_events(call, backend, said)) as events:
                async for event in events:
                    yield event
            why = "no_question"
        except MachineError as error:
            said.clear()
            why = error.reason
        progress.timings_ms["rewrite"] = (time.perf_counter() - begun) * 1000
        query = read_rewritten("".join(said))
        if query is not None and not shares_terms(query, request.question, progress.turns):
            query, why = None, "other_subject"
        code = NoteCode.REWRITTEN
        if query is None:
            yield AskNote(NoteCode.REWRITE_FAILED, {"backend": backend.name, "why": why})
    if query is not None and query != request.question:
        progress.searched_for = query
        yield AskNote(code, {"query": query})


async def _rewrite_events(
    call: ChatRequest, backend: Backend, said: list[str]
) -> AsyncGenerator[AskEvent, None]:
    async with aclosing(call_events(backend, call)) as events:
        async for event in events:
            if isinstance(event, Queued):
                yield AskQueued(event)
            elif isinstance(event, Delta):
                said.append(event.content)
                if event.finish_reason == "length":
                    said.clear()  # half a question is a different question
