"""The whole story of an ask, on one screen.

    make a follow-up stand alone → retrieve → enough evidence? → machine up?
        → quote, or: budget the prompt → gate → stream, or: rounds of tools (`agent`)
        → sign → check the citations → done

Resolving the backend comes before (`service.start`), storing after (`service`). Every error ends
the ask here or nowhere: no path leads from one backend to another.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

from byline.ask.agent.agent_run import run_agent
from byline.ask.answer_check import Checking
from byline.ask.answer_text import answer_text, says_something
from byline.ask.ask_parts import AskParts
from byline.ask.ask_progress import Progress
from byline.ask.evidence import NOTHING_FOUND, judge_evidence
from byline.ask.merge_adjacent import join_neighbours
from byline.ask.model_call import call_events, signed
from byline.ask.prompt.prompt_builder import Bounds, build_prompt
from byline.ask.prompt.server_token_count import count_where_tight
from byline.ask.query_rewrite import history_messages
from byline.ask.query_rewriter import stand_alone
from byline.ask.quotes import quote_sources
from byline.ask.source_numbering import source_of
from byline.ask.stream_filter import Listening
from byline.config import schema
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import (
    REPETITION,
    AskEvent,
    AskMode,
    AskQueued,
    AskRequest,
    AskStarted,
    Byline,
    Done,
    Noted,
    Refusal,
    Source,
    SourcesFound,
    Token,
    ToolCalled,
)
from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import AskedBy, Asker, Priority, Queued, Started
from byline.domain.searches import QueryForm, SearchRequest, SearchResult
from byline.errors import LlmError


async def run_ask(
    request: AskRequest, backend: Backend, progress: Progress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    """Answer `request` on `backend` and on no other; the last event is `Done`.

    Raises any `BylineError` but nothing is lost by it: `progress` holds what was found so far.
    """
    backend.try_connect()  # a backend known to be down is tried while the search runs
    calibration = parts.calibrations.of(backend.name, backend.model)
    async with aclosing(stand_alone(request, backend, progress, calibration)) as events:
        async for event in events:
            yield event
    backend.try_connect()  # the same if the call that rewrote the question found it down
    with _timed(progress, "retrieve"):
        found = await parts.searcher.search(
            SearchRequest(
                progress.searched_for or request.question,
                parts.config.sources_max,
                request.collection,
                request.filters,
                QueryForm.QUESTION,
            )
        )
    places = {hit.passage_id: hit.place for hit in found.hits if hit.place is not None}
    progress.sources = join_neighbours(
        _number(found),
        places,
        context_tokens=backend.context_tokens,
        calibration=calibration,
    )
    yield SourcesFound(tuple(progress.sources), progress.ask_id)

    refusal = await _refusal(request, found, parts)
    if refusal is not None:
        yield Done(progress.refused(refusal))
        return

    await backend.refuse_unless_back()
    if not _is_quoted(backend):
        await count_where_tight(request.question, progress.sources, backend, parts.calibrations)

    checking = Checking(progress)
    async with aclosing(_answer(request, backend, progress, parts)) as events:
        async for event in events:
            yield event
            match event:
                case Token(text):
                    for checked in checking.took(text):
                        yield checked
                case ToolCalled() | Noted():  # what came before was no part of the answer
                    checking = Checking(progress)
    if not _is_quoted(backend) and not says_something(progress.text):
        raise LlmError(backend.name, "empty_answer", machine=backend.machine)
    if not progress.sources:  # an agent may find nothing at all; what it then says is its own
        yield Done(progress.refused(NOTHING_FOUND))
        return
    for checked in checking.ended():
        yield checked
    yield Done(checking.outcome())


async def _refusal(request: AskRequest, found: SearchResult, parts: AskParts) -> Refusal | None:
    """Why no model is asked, if so. An agent may yet find what the first search did not, so only
    documents that are not there at all speak against it."""
    if request.mode is AskMode.RAG:
        return judge_evidence(found, evidence_min=parts.config.evidence_min)
    if found.hits or (await parts.reader.documents(request.where, limit=1))[1]:
        return None
    return Refusal("no_documents", "There are no documents to answer from yet.")


def _is_quoted(backend: Backend) -> bool:
    return isinstance(backend.config, schema.QuotesBackend)


def _answer(
    request: AskRequest, backend: Backend, progress: Progress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    if _is_quoted(backend):
        return _quote(request, backend, progress, parts)
    if request.mode is AskMode.AGENT:
        return run_agent(request, backend, progress, parts)
    return _generate(request, backend, progress, parts)


async def _quote(
    request: AskRequest, backend: Backend, progress: Progress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    """Answer without a model: Byline itself is the machine, and it has no gate."""
    assert isinstance(backend.config, schema.QuotesBackend)
    yield AskStarted(backend.name, backend.machine, backend.model, queue_ms=0.0)
    with _timed(progress, "generate"):
        progress.text = quote_sources(
            progress.searched_for or request.question,
            progress.sources,
            sentences_max=backend.config.sentences_max,
        )
    progress.byline = Byline(
        backend.name, backend.machine, backend.model, backend.model, verified=True
    )
    yield Token(progress.text)


async def _generate(
    request: AskRequest, backend: Backend, progress: Progress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    """Answer with the backend's model, through its machine's gate."""
    calibration = parts.calibrations.of(backend.name, backend.model)
    prompt = build_prompt(
        request.question,
        progress.sources,
        Bounds(backend.context_tokens, backend.max_tokens, calibration),
        history_messages(progress.turns, backend.context_tokens // 4, calibration),
    )
    progress.sources = prompt.sources
    call = ChatRequest(
        messages=prompt.messages,
        timeout_read_s=request.timeout_read_s or parts.config.timeout_read_s,
        max_tokens=prompt.max_tokens,
        options={"temperature": parts.config.temperature},
        asked_by=AskedBy(Asker.ASK, progress.ask_id),
    )
    started_at = time.perf_counter()
    listening = Listening(progress)
    async with aclosing(call_events(backend, call, Priority.FOREGROUND)) as events:
        async for event in events:
            match event:
                case Queued():
                    yield AskQueued(event)
                case Started():
                    started_at = time.perf_counter()
                    progress.timings_ms["queue"] = event.queue_ms
                    yield AskStarted(backend.name, backend.machine, backend.model, event.queue_ms)
                case Delta():
                    if event.content:
                        progress.timings_ms.setdefault("first_token", _ms_since(started_at))
                        for told in listening.took(event.content):
                            yield told
                    progress.byline = signed(backend, event, progress.byline)
                    if listening.repeats_itself():
                        progress.finish_reason = REPETITION
                        break
                    if event.finish_reason is not None:
                        progress.usage, progress.finish_reason = event.usage, event.finish_reason
                        if event.usage and (counted := event.usage.prompt_tokens):
                            parts.calibrations.learn(
                                backend.name, backend.model, prompt.plain, counted
                            )
    progress.timings_ms["generate"] = _ms_since(started_at)
    progress.text = answer_text(progress.text)


def _number(found: SearchResult) -> tuple[Source, ...]:
    return tuple(source_of(hit, n) for n, hit in enumerate(found.hits, start=1))


@contextmanager
def _timed(progress: Progress, part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    progress.timings_ms[part] = _ms_since(begun)


def _ms_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
