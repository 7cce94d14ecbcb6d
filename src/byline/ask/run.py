"""The whole story of an ask, on one screen.

    retrieve → enough evidence? → machine up? → quote, or: budget the prompt → gate → stream
             → sign → check the citations → done

Resolving the backend comes before (`service.start`), storing after (`service`). Every error ends
the ask here or nowhere: no path leads from one backend to another.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

from byline.ask.calling import call_events
from byline.ask.checking import Checking
from byline.ask.evidence import judge_evidence
from byline.ask.progress import Progress
from byline.ask.prompt import build_prompt
from byline.ask.quotes import quote_sources
from byline.config import schema
from byline.dispatch.dispatcher import Backend
from byline.domain.asking import (
    AskEvent,
    AskQueued,
    AskRequest,
    AskStarted,
    Byline,
    Done,
    Source,
    SourcesFound,
    Token,
)
from byline.domain.chat import ChatRequest, Delta
from byline.domain.dispatch import Priority, Queued, Started
from byline.domain.search import QueryForm, SearchRequest, SearchResult
from byline.errors import LlmError
from byline.search.search import Searcher


@dataclass(frozen=True, slots=True)
class AskParts:
    """What an ask needs of the rest of Byline."""

    searcher: Searcher
    config: schema.Ask


async def run_ask(
    request: AskRequest, backend: Backend, progress: Progress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    """Answer `request` on `backend` and on no other; the last event is `Done`.

    Raises any `BylineError` but nothing is lost by it: `progress` holds what was found so far.
    """
    backend.knock()  # a machine known to be down gets its chance while the sources are looked for
    with _timed(progress, "retrieve"):
        found = await parts.searcher.search(
            SearchRequest(
                request.question,
                parts.config.sources_max,
                request.collection,
                request.filters,
                QueryForm.QUESTION,
            )
        )
    progress.sources = _number(found)
    yield SourcesFound(tuple(progress.sources), progress.ask_id)

    refusal = judge_evidence(found, coverage_min=parts.config.coverage_min)
    if refusal is not None:
        yield Done(progress.refused(refusal))
        return

    backend.refuse_if_down()

    answer = _quote if isinstance(backend.config, schema.QuotesBackend) else _generate
    checking = Checking(progress)
    async with aclosing(answer(request, backend, progress, parts.config)) as events:
        async for event in events:
            yield event
            if isinstance(event, Token):
                for checked in checking.took(event.text):
                    yield checked
    for checked in checking.ended():
        yield checked
    yield Done(checking.outcome())


async def _quote(
    request: AskRequest, backend: Backend, progress: Progress, config: schema.Ask
) -> AsyncGenerator[AskEvent, None]:
    """Answer without a model: Byline itself is the machine, and it has no gate."""
    assert isinstance(backend.config, schema.QuotesBackend)
    yield AskStarted(backend.name, backend.machine, backend.model, queue_ms=0.0)
    with _timed(progress, "generate"):
        progress.text = quote_sources(
            request.question, progress.sources, sentences_max=backend.config.sentences_max
        )
    progress.byline = Byline(
        backend.name, backend.machine, backend.model, backend.model, verified=True
    )
    yield Token(progress.text)


async def _generate(
    request: AskRequest, backend: Backend, progress: Progress, config: schema.Ask
) -> AsyncGenerator[AskEvent, None]:
    """Answer with the backend's model, through its machine's gate."""
    prompt = build_prompt(
        request.question,
        progress.sources,
        context_tokens=backend.context_tokens,
        max_tokens=backend.max_tokens,
    )
    progress.sources = prompt.sources
    call = ChatRequest(
        messages=prompt.messages,
        timeout_read_s=request.timeout_read_s or config.timeout_read_s,
        max_tokens=prompt.max_tokens,
        options={"temperature": config.temperature},
    )
    started_at = time.perf_counter()
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
                        progress.text += event.content
                        yield Token(event.content)
                    if event.finish_reason is not None:
                        _sign(progress, backend, event)
    progress.timings_ms["generate"] = _ms_since(started_at)
    if not progress.text.strip():
        raise LlmError(backend.name, "empty_answer", machine=backend.machine)


def _sign(progress: Progress, backend: Backend, last: Delta) -> None:
    """The byline: our own record of who was called, and what its server says it has loaded."""
    progress.usage = last.usage
    progress.byline = Byline(
        backend=backend.name,
        machine=backend.machine,
        model_requested=backend.model,
        model_loaded=last.served.model_loaded if last.served else None,
        verified=last.served.verified if last.served else False,
        note=last.served.note if last.served else "the server was not asked what it has loaded",
    )


def _number(found: SearchResult) -> tuple[Source, ...]:
    return tuple(
        Source(
            n=n,
            passage_id=hit.passage_id,
            document_id=hit.document_id,
            name=hit.name,
            title=hit.title,
            page=hit.page,
            heading=hit.heading,
            start=hit.start,
            end=hit.end,
            text=hit.text,
            score=hit.score,
            also_in=hit.also_in,
        )
        for n, hit in enumerate(found.hits, start=1)
    )


@contextmanager
def _timed(progress: Progress, part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    progress.timings_ms[part] = _ms_since(begun)


def _ms_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
