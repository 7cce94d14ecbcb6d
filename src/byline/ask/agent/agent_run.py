"""Performs what `step` decides: calls the model through its gate, runs tools, yields the events.

The gate is held only while the model writes. If the run ends early, `progress` holds the sources
found so far.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from byline.ask.agent.agent_messages import (
    RunOpening,
    messages_for_answer,
    messages_with_tools,
)
from byline.ask.agent.step import (
    AgentEffect,
    AgentState,
    CallForAnswer,
    CallWithTools,
    Fail,
    Finish,
    ModelMessage,
    Publish,
    RequestedCall,
    RunTools,
    SearchDone,
    ToolsRan,
    step,
)
from byline.ask.agent.text_tool_calls import CallHoldback
from byline.ask.agent.toolbox import Toolbox
from byline.ask.agent.tools import tool_schemas
from byline.ask.answer_text import StreamFilter, answer_text
from byline.ask.ask_parts import AskParts
from byline.ask.ask_progress import AskProgress
from byline.ask.model_call import byline_after, call_events
from byline.ask.prompt.prompt_budget import SOURCE_TOKENS, TokenBudget
from byline.ask.prompt.token_calibration import Calibration
from byline.ask.query_rewrite import history_messages
from byline.backend.decode import assemble_message
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import (
    REPETITION,
    AskEvent,
    AskQueued,
    AskRequest,
    AskStarted,
    Source,
    Token,
)
from byline.domain.chat import ChatRequest, Delta, Message, Usage
from byline.domain.gates import AskedBy, Asker, Priority, Queued, Started
from byline.errors import LlmError


async def run_agent(
    request: AskRequest, backend: Backend, progress: AskProgress, parts: AskParts
) -> AsyncGenerator[AskEvent, None]:
    """Answer `request` in rounds of tool calls. `progress.sources` holds the first search's result.

    At the end `progress.text` is the answer and `progress.sources` every passage the model saw.
    Raises what a call raises, and `LlmError` (`empty_answer`) if the model never answers.
    """
    run = _AgentCalls(request, backend, progress, parts)
    state, effects = step(AgentState(), SearchDone())
    pending: deque[AgentEffect] = deque(effects)
    while pending:
        effect = pending.popleft()
        match effect:
            case Publish(event):
                yield event
            case CallWithTools() | CallForAnswer():
                async with aclosing(run.call(effect)) as events:
                    async for event in events:
                        yield event
                state, effects = step(state, run.message)
                pending.extend(effects)
                run.discard_text_unless_answered(effects)
            case RunTools(calls):
                begun = time.perf_counter()
                results = await run.toolbox.run(calls)
                progress.sources = run.toolbox.sources
                run.add_time("tools", begun)
                state, effects = step(state, ToolsRan(results))
                pending.extend(effects)
            case Finish(text):
                if rest := run.not_yet_shown(text):
                    yield Token(rest)
                progress.text = text
            case Fail(text):
                raise LlmError(backend.name, "empty_answer", machine=backend.machine, text=text)


class _AgentCalls:
    """The model calls of one run: what they share, and the latest `message` of the model."""

    def __init__(
        self, request: AskRequest, backend: Backend, progress: AskProgress, parts: AskParts
    ) -> None:
        self._backend = backend
        self._progress = progress
        self._calibrations = parts.calibrations
        # Kept for the whole run: the beginning of the messages must not change between rounds.
        self._calibration = parts.calibrations.of(backend.name, backend.model)
        self._budget = TokenBudget(backend.context_tokens, backend.max_tokens, self._calibration)
        self._options = {"temperature": parts.config.temperature}
        self._timeout_read_s = request.timeout_read_s or parts.config.timeout_read_s
        self._holdback = CallHoldback()
        self.message = ModelMessage("")
        self.toolbox = Toolbox(
            parts.searcher,
            parts.reader,
            request.filters,
            self._budget.result_tokens,
            self._calibration,
        )
        found = tuple(progress.sources)
        shown = _sources_that_fit(found, backend.context_tokens // 3, self._calibration)
        self.toolbox.seed(found, shown)
        progress.sources = shown
        history = history_messages(progress.turns, backend.context_tokens // 6, self._calibration)
        self._opening = RunOpening(request.question, shown, history)

    async def call(self, effect: CallWithTools | CallForAnswer) -> AsyncGenerator[AskEvent, None]:
        """Yield the events of one model call; the message is in `self.message` afterwards."""
        deltas: list[Delta] = []
        try:
            async with aclosing(self._stream(effect, deltas)) as events:
                async for event in events:
                    yield event
        except LlmError as error:
            self.message = _model_message(deltas, finish="length")
            if error.reason != "bad_response" or not self.message.calls:
                raise
        else:
            repeats = self._progress.finish_reason == REPETITION
            self.message = _model_message(deltas, finish="length" if repeats else "")

    async def _stream(
        self, effect: CallWithTools | CallForAnswer, deltas: list[Delta]
    ) -> AsyncGenerator[AskEvent, None]:
        """Yield the events of one call and append its deltas to `deltas`."""
        backend, progress = self._backend, self._progress
        self._holdback = CallHoldback()
        stream = StreamFilter(progress)
        begun = time.perf_counter()
        request = self._request(effect)
        events = call_events(backend, request, Priority.FOREGROUND)
        async with aclosing(events):
            async for event in events:
                match event:
                    case Queued():
                        yield AskQueued(event)
                    case Started(queue_ms):
                        begun = time.perf_counter()
                        timings = progress.timings_ms
                        timings["queue"] = timings.get("queue", 0.0) + queue_ms
                        yield AskStarted(backend.name, backend.machine, backend.model, queue_ms)
                    case Delta():
                        progress.byline = byline_after(
                            backend, event, progress.byline if deltas else None
                        )
                        deltas.append(event)
                        if shown := self._holdback.feed(event.content):
                            progress.timings_ms.setdefault("first_token", _ms_since(begun))
                            for told in stream.feed(shown):
                                yield told
                        progress.finish_reason = event.finish_reason
                        if stream.repeats_itself():
                            progress.finish_reason = REPETITION
                            break
        self.add_time("generate", begun)
        usage = deltas[-1].usage
        progress.usage = _usage_sum(progress.usage, usage)
        # A call with tools teaches nothing: some templates write the tools out, some omit them.
        if usage and usage.prompt_tokens and not request.tools:
            plain = self._calibration.plain(request.messages)
            self._calibrations.learn(backend.name, backend.model, plain, usage.prompt_tokens)

    def discard_text_unless_answered(self, effects: tuple[AgentEffect, ...]) -> None:
        """Clear the streamed text unless it was the answer: text beside a tool call is no part of
        one."""
        if not any(isinstance(effect, Finish) for effect in effects):
            self._progress.text = ""

    def not_yet_shown(self, answer: str) -> str:
        """Return the end of the answer that was held back from the stream."""
        shown = self._progress.text
        return answer[len(shown) :] if answer.startswith(shown) else ""

    def add_time(self, part: str, begun: float) -> None:
        """Add the time since `begun` to `timings_ms[part]`."""
        timings = self._progress.timings_ms
        timings[part] = timings.get(part, 0.0) + _ms_since(begun)

    def _request(self, effect: CallWithTools | CallForAnswer) -> ChatRequest:
        messages: tuple[Message, ...]
        if isinstance(effect, CallWithTools):
            messages = messages_with_tools(self._opening, effect.turns, self._budget)
            offered: dict[str, Any] = {"tools": tool_schemas(), "tool_choice": "auto"}
        else:
            messages = messages_for_answer(self._opening, effect.turns, self._budget)
            offered = {"tool_choice": "none"}
        return ChatRequest(
            messages,
            timeout_read_s=self._timeout_read_s,
            max_tokens=self._budget.answer_min,
            options=self._options,
            asked_by=AskedBy(Asker.AGENT, self._progress.ask_id),
            **offered,
        )


def _model_message(deltas: list[Delta], finish: str = "") -> ModelMessage:
    """Return the message in `deltas`. `finish` overrides the finish reason, for streams that broke
    off: the server could not read the tool call, or the model repeated itself."""
    message = assemble_message(deltas)
    calls = tuple(
        RequestedCall(call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    )
    return ModelMessage(
        answer_text(message["content"] or ""), calls, finish or deltas[-1].finish_reason or "stop"
    )


def _sources_that_fit(
    sources: tuple[Source, ...], tokens: int, calibration: Calibration
) -> tuple[Source, ...]:
    """Return the sources from the first on that fit into `tokens`; the first one always."""
    for count, source in enumerate(sources):
        tokens -= SOURCE_TOKENS + calibration.tokens(source.text + source.title)
        if tokens < 0 and count:
            return sources[:count]
    return sources


def _usage_sum(one: Usage | None, other: Usage | None) -> Usage | None:
    if one is None or other is None:
        return one or other
    return Usage(
        _optional_sum(one.prompt_tokens, other.prompt_tokens),
        _optional_sum(one.completion_tokens, other.completion_tokens),
        _optional_sum(one.cached_tokens, other.cached_tokens),
    )


def _optional_sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _ms_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
