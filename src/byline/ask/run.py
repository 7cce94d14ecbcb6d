"""Runs one ask from the resolved question to the checked answer, on one screen.

    rewrite a follow-up → retrieve → enough evidence? → machine up?
        → quote, or: build the prompt → gate → stream, or: rounds of tools (`agent`)
        → byline → check the citations → done

`service` resolves the backend before and stores the ask after. Any error ends the ask: no path
leads from one backend to another.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager

from byline.ask.agent.agent_run import run_agent
from byline.ask.answer_check import AnswerChecker
from byline.ask.answer_text import answer_text, says_something
from byline.ask.ask_parts import AskParts
from byline.ask.ask_progress import AskProgress
from byline.ask.evidence import NOTHING_FOUND, is_likelier_in_others, judge_evidence
from byline.ask.merge_adjacent import merge_adjacent, numbered_source
from byline.ask.model_call import ms_since, stream_message
from byline.ask.prompt.prompt_budget import TokenBudget
from byline.ask.prompt.prompt_builder import build_prompt
from byline.ask.prompt.server_token_count import count_tight_prompt
from byline.ask.query_rewrite import history_messages
from byline.ask.query_rewriter import rewrite_follow_up
from byline.ask.quotes import Quoting
from byline.config import schema
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import (
    AskDone,
    AskEvent,
    AskMode,
    AskNote,
    AskRequest,
    AskStarted,
    Byline,
    Refusal,
    Source,
    SourcesFound,
    Token,
    ToolCalled,
)
from byline.domain.chat import ChatRequest, Delta
from byline.domain.gates import AskedBy, Asker
from byline.domain.reasons import RefusalReason
from byline.domain.searches import QueryForm, SearchRequest, SearchResult
from byline.text.question_language import question_language


async def run_ask(
    request: AskRequest, backend: Backend, progress: AskProgress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    """Answer `request` on `backend` and on no other; the last event is `AskDone`.

    Raises any `BylineError`; `progress` then still holds what was found so far.
    """
    model = backend.model
    backend.try_connect()  # a backend known to be down is tried while the search runs
    calibration = parts.calibrations.of(backend.name, backend.model_requested)
    async with aclosing(rewrite_follow_up(request, backend, progress, calibration)) as events:
        async for event in events:
            yield event
    backend.try_connect()  # the same if the call that rewrote the question found it down
    with _timed(progress, "retrieve"):
        found = await parts.searcher.search(
            SearchRequest(
                progress.searched_for or request.question,
                parts.config.sources_max,
                request.filters,
                QueryForm.QUESTION,
            )
        )
    places = {hit.passage_id: hit.place for hit in found.hits if hit.place is not None}
    progress.sources = merge_adjacent(
        _numbered_sources(found),
        places,
        context_tokens=model.context_tokens if model is not None else 0,
        calibration=calibration,
    )
    yield SourcesFound(tuple(progress.sources), progress.ask_id)

    refusal = await _refusal(request, backend, found, parts)
    refusal = refusal or await _find_quotes(backend, progress, parts, found)
    if refusal is not None:
        yield AskDone(progress.refused(refusal))
        return

    await backend.refuse_unless_back()
    if model is not None:
        await count_tight_prompt(request.question, progress.sources, backend, parts.calibrations)

    checker = AnswerChecker(progress)
    async with aclosing(_answer(request, backend, progress, parts)) as events:
        async for event in events:
            yield event
            match event:
                case Token(text):
                    for checked in checker.feed(text):
                        yield checked
                case ToolCalled() | AskNote():  # the text before was no part of the answer
                    checker = AnswerChecker(progress)
    if model is not None and not says_something(progress.text):
        raise backend.empty_answer()
    if not progress.sources:  # an agent that found nothing answers from its own knowledge
        yield AskDone(progress.refused(NOTHING_FOUND))
        return
    for checked in checker.finish():
        yield checked
    yield AskDone(checker.outcome())


async def _refusal(
    request: AskRequest, backend: Backend, found: SearchResult, parts: AskParts
) -> Refusal | None:
    """Return the refusal that keeps the model from being called, or None. If forced, only a search
    that found nothing refuses. In agent mode only an empty library does: the agent may find what
    the first search missed."""
    if request.mode is AskMode.RAG:
        quotes = backend.config if isinstance(backend.config, schema.QuotesBackend) else None
        least = quotes.evidence_min if quotes else parts.config.evidence_min
        return judge_evidence(found, evidence_min=0.0 if request.force else least)
    if found.hits or (await parts.reader.documents(request.filters, limit=1))[1]:
        return None
    return Refusal(RefusalReason.NO_DOCUMENTS)


def _answer(
    request: AskRequest, backend: Backend, progress: AskProgress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    if backend.model is None:
        return _quote(backend, progress)
    if request.mode is AskMode.AGENT:
        return run_agent(request, backend, progress, parts)
    return _generate(request, backend, progress, parts)


async def _find_quotes(
    backend: Backend, progress: AskProgress, parts: AskParts, found: SearchResult
) -> Refusal | None:
    """Make the quotes the text of the ask if the backend has no model, or return why there are
    none."""
    if backend.model is not None:
        return None
    assert isinstance(backend.config, schema.QuotesBackend)
    question = progress.searched_for or progress.question
    with _timed(progress, "generate"):
        quoting = Quoting(question, _quotable_sources(question, progress.sources, found))
        near = await parts.searcher.similarities(found, quoting.to_compare())
        answer = quoting.answer(backend.config.sentences_max, near)
    if isinstance(answer, Refusal):
        return answer
    progress.text = answer
    return None


def _quotable_sources(
    question: str, sources: Sequence[Source], found: SearchResult
) -> Sequence[Source]:
    """The sources to quote from: where an answer is likelier in another language, those in it. A
    sentence in the question's own language would win by a word it shares by chance."""
    if not is_likelier_in_others(found):
        return sources
    asked = question_language(question)
    return [one for one in sources if question_language(one.text) is not asked] or sources


async def _quote(backend: Backend, progress: AskProgress) -> AsyncGenerator[AskEvent, None]:
    """Answer without a model. Byline itself is the machine, which has no gate."""
    name = backend.model_requested
    yield AskStarted(backend.name, backend.machine, name, queue_ms=0.0)
    progress.byline = Byline(backend.name, backend.machine, name, name, verified=True)
    yield Token(progress.text)


async def _generate(
    request: AskRequest, backend: Backend, progress: AskProgress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    """Answer with the backend's model, through the gate of its machine."""
    model = backend.model_to_call()
    calibration = parts.calibrations.of(backend.name, backend.model_requested)
    prompt = build_prompt(
        request.question,
        progress.sources,
        TokenBudget(model.context_tokens, model.max_tokens, calibration),
        history_messages(progress.turns, model.context_tokens // 4, calibration),
    )
    progress.sources = prompt.sources
    call = ChatRequest(
        messages=prompt.messages,
        timeout_read_s=request.timeout_read_s
        or backend.timeout_read_s
        or parts.config.timeout_read_s,
        max_tokens=prompt.max_tokens,
        options={"temperature": parts.config.temperature},
        asked_by=AskedBy(Asker.ASK, progress.ask_id),
    )
    deltas: list[Delta] = []
    async with aclosing(stream_message(backend, call, progress, deltas)) as events:
        async for event in events:
            yield event
    progress.usage = deltas[-1].usage
    if progress.usage and (counted := progress.usage.prompt_tokens):
        parts.calibrations.learn(backend.name, model.name, prompt.plain, counted)
    progress.text = answer_text(progress.text)


def _numbered_sources(found: SearchResult) -> tuple[Source, ...]:
    return tuple(numbered_source(hit, n) for n, hit in enumerate(found.hits, start=1))


@contextmanager
def _timed(progress: AskProgress, part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    progress.timings_ms[part] = ms_since(begun)
