"""Performs what `step` decides: calls the model through its gate, runs the tools, tells of both.

The gate is held while the model writes and at no other time. Whatever ends the run early, the
sources found so far are in `progress`.
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
    """Answer `request` in rounds of tool calls; `progress.sources` is the first search's.

    Ends with the answer in `progress.text` and every passage shown in `progress.sources`. Raises
    what a call raises, and `LlmError` (`empty_answer`) where the model never answers.
    """
    run = _AgentCalls(request, backend, progress, parts)
    state, effects = step(AgentState(), SearchDone())
    waiting: deque[AgentEffect] = deque(effects)
    while waiting:
        effect = waiting.popleft()
        match effect:
            case Publish(event):
                yield event
            case CallWithTools() | CallForAnswer():
                async with aclosing(run.call(effect)) as events:
                    async for event in events:
                        yield event
                state, effects = step(state, run.said)
                waiting.extend(effects)
                run.take_back_unless_answered(effects)
            case RunTools(calls):
                begun = time.perf_counter()
                results = await run.toolbox.run(calls)
                progress.sources = run.toolbox.sources
                run.took("tools", begun)
                state, effects = step(state, ToolsRan(results))
                waiting.extend(effects)
            case Finish(text):
                if rest := run.not_yet_shown(text):
                    yield Token(rest)
                progress.text = text
            case Fail(text):
                raise LlmError(backend.name, "empty_answer", machine=backend.machine, text=text)


class _AgentCalls:
    """What the calls of one run have in common, and what the latest of them said."""

    def __init__(
        self, request: AskRequest, backend: Backend, progress: AskProgress, parts: AskParts
    ) -> None:
        self._backend = backend
        self._progress = progress
        self._calibrations = parts.calibrations
        # The same to the end: from round to round the messages' beginning must not change.
        self._calibration = parts.calibrations.of(backend.name, backend.model)
        self._budget = TokenBudget(backend.context_tokens, backend.max_tokens, self._calibration)
        self._options = {"temperature": parts.config.temperature}
        self._timeout_read_s = request.timeout_read_s or parts.config.timeout_read_s
        self._holdback = CallHoldback()
        self.said = ModelMessage("")
        self.toolbox = Toolbox(
            parts.searcher,
            parts.reader,
            request.where,
            self._budget.result_tokens,
            self._calibration,
        )
        found = tuple(progress.sources)
        shown = _fitting(found, backend.context_tokens // 3, self._calibration)
        self.toolbox.open_with(found, shown)
        progress.sources = shown
        history = history_messages(progress.turns, backend.context_tokens // 6, self._calibration)
        self._opening = RunOpening(request.question, shown, history)

    async def call(self, effect: CallWithTools | CallForAnswer) -> AsyncGenerator[AskEvent, None]:
        """One message of the model, streamed; then it is `said`."""
        deltas: list[Delta] = []
        try:
            async with aclosing(self._stream(effect, deltas)) as events:
                async for event in events:
                    yield event
        except LlmError as error:
            self.said = _model_message(deltas, finish="length")
            if error.reason != "bad_response" or not self.said.calls:
                raise
        else:
            repeats = self._progress.finish_reason == REPETITION
            self.said = _model_message(deltas, finish="length" if repeats else "")

    async def _stream(
        self, effect: CallWithTools | CallForAnswer, deltas: list[Delta]
    ) -> AsyncGenerator[AskEvent, None]:
        """The events of one call, whose deltas are added to `deltas`."""
        backend, progress = self._backend, self._progress
        self._holdback = CallHoldback()
        listening = StreamFilter(progress)
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
                            for told in listening.took(shown):
                                yield told
                        progress.finish_reason = event.finish_reason
                        if listening.repeats_itself():
                            progress.finish_reason = REPETITION
                            break
        self.took("generate", begun)
        usage = deltas[-1].usage
        progress.usage = _usage_sum(progress.usage, usage)
        # What a template makes of tools nobody knows: some write them out, some leave them out.
        if usage and usage.prompt_tokens and not request.tools:
            plain = self._calibration.plain(request.messages)
            self._calibrations.learn(backend.name, backend.model, plain, usage.prompt_tokens)

    def take_back_unless_answered(self, effects: tuple[AgentEffect, ...]) -> None:
        """The text beside a tool call is no part of an answer."""
        if not any(isinstance(effect, Finish) for effect in effects):
            self._progress.text = ""

    def not_yet_shown(self, answer: str) -> str:
        """What of the answer was held back while it was streamed."""
        shown = self._progress.text
        return answer[len(shown) :] if answer.startswith(shown) else ""

    def took(self, part: str, begun: float) -> None:
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
    """The message in `deltas`; `finish` is why it ended, where its server could not read the tool
    call in it and broke off with that."""
    message = assemble_message(deltas)
    calls = tuple(
        RequestedCall(call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    )
    return ModelMessage(
        answer_text(message["content"] or ""), calls, finish or deltas[-1].finish_reason or "stop"
    )


def _fitting(
    sources: tuple[Source, ...], tokens: int, calibration: Calibration
) -> tuple[Source, ...]:
    """Sources from the top while they fit, the first in any case."""
    for count, source in enumerate(sources):
        tokens -= SOURCE_TOKENS + calibration.tokens(source.text + source.title)
        if tokens < 0 and count:
            return sources[:count]
    return sources


def _usage_sum(one: Usage | None, other: Usage | None) -> Usage | None:
    if one is None or other is None:
        return one or other
    return Usage(
        _added(one.prompt_tokens, other.prompt_tokens),
        _added(one.completion_tokens, other.completion_tokens),
        _added(one.cached_tokens, other.cached_tokens),
    )


def _added(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _ms_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
