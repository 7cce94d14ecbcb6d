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
from byline.ask.answer_text import answer_text
from byline.ask.ask_parts import AskParts
from byline.ask.ask_progress import AskProgress
from byline.ask.model_call import ms_since, stream_message
from byline.ask.prompt.prompt_budget import SOURCE_TOKENS, TokenBudget
from byline.ask.prompt.token_calibration import Calibration
from byline.ask.query_rewrite import history_messages
from byline.backend.decode import assemble_message
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import (
    REPETITION,
    AskEvent,
    AskRequest,
    Source,
    Token,
)
from byline.domain.chat import ChatRequest, Delta, Message, Usage
from byline.domain.gates import AskedBy, Asker
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
                progress.add_ms("tools", ms_since(begun))
                state, effects = step(state, ToolsRan(results))
                pending.extend(effects)
            case Finish(text):
                if rest := run.not_yet_shown(text):
                    yield Token(rest)
                progress.text = text
            case Fail(text):
                raise backend.empty_answer(text)


class _AgentCalls:
    """The model calls of one run: what they share, and the latest `message` of the model."""

    def __init__(
        self, request: AskRequest, backend: Backend, progress: AskProgress, parts: AskParts
    ) -> None:
        self._backend, self._model = backend, backend.model_to_call()
        context_tokens, max_tokens = self._model.context_tokens, self._model.max_tokens
        self._progress = progress
        self._calibrations = parts.calibrations
        # Kept for the whole run: the beginning of the messages must not change between rounds.
        self._calibration = parts.calibrations.of(backend.name, self._model.name)
        self._budget = TokenBudget(context_tokens, max_tokens, self._calibration)
        self._options = {"temperature": parts.config.temperature}
        self._timeout_read_s = (
            request.timeout_read_s or backend.timeout_read_s or parts.config.timeout_read_s
        )
        self.message = ModelMessage("")
        self.toolbox = Toolbox(
            parts.searcher,
            parts.reader,
            request.filters,
            self._budget.result_tokens,
            self._calibration,
        )
        found = tuple(progress.sources)
        shown = _sources_that_fit(found, context_tokens // 3, self._calibration)
        self.toolbox.seed(found, shown)
        progress.sources = shown
        history = history_messages(progress.turns, context_tokens // 6, self._calibration)
        self._opening = RunOpening(request.question, shown, history)

    async def call(self, effect: CallWithTools | CallForAnswer) -> AsyncGenerator[AskEvent, None]:
        """Yield the events of one model call; the message is in `self.message` afterwards."""
        backend, progress, request = self._backend, self._progress, self._request(effect)
        deltas: list[Delta] = []
        told = stream_message(backend, request, progress, deltas, CallHoldback().feed)
        try:
            async with aclosing(told) as events:
                async for event in events:
                    yield event
        except LlmError as error:
            self.message = _model_message(deltas, finish="length")
            if error.reason != "bad_response" or not self.message.calls:
                raise
        else:
            usage = deltas[-1].usage
            progress.usage = _usage_sum(progress.usage, usage)
            # A call with tools teaches nothing: some templates write the tools out, some omit them.
            if usage and usage.prompt_tokens and not request.tools:
                plain = self._calibration.plain(request.messages)
                self._calibrations.learn(backend.name, self._model.name, plain, usage.prompt_tokens)
            repeats = progress.finish_reason == REPETITION
            self.message = _model_message(deltas, finish="length" if repeats else "")

    def discard_text_unless_answered(self, effects: tuple[AgentEffect, ...]) -> None:
        """Clear the streamed text unless it was the answer: text beside a tool call is no part of
        one."""
        if not any(isinstance(effect, Finish) for effect in effects):
            self._progress.text = ""

    def not_yet_shown(self, answer: str) -> str:
        """Return the end of the answer that was held back from the stream."""
        shown = self._progress.text
        return answer[len(shown) :] if answer.startswith(shown) else ""

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
