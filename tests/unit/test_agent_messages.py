"""The messages of an agent's run: their shapes, and what goes first when they grow too long."""

from __future__ import annotations

import json
from typing import Any

import pytest

from byline.ask.agent.agent_messages import (
    ANSWER_NOW,
    DROPPED,
    RunOpening,
    messages_for_answer,
    messages_with_tools,
)
from byline.ask.agent.step import AgentTurn
from byline.ask.agent.tools import tool_schemas
from byline.ask.prompt.prompt_budget import TokenBudget
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import Source, ToolCalled, ToolOutcome, ToolReturned
from byline.errors import ContextTooLong

PLAIN = Calibration()
ROOMY = TokenBudget(32_768, 4096, PLAIN)


def source(n: int, text: str = "Rent is due.") -> Source:
    return Source(n, n, "d", "lease.md", "Lease", None, "", 0, len(text), text, 1.0)


def turn(n: int, text: str = "found", arguments: str = '{"query": "a"}', **more: Any) -> AgentTurn:
    call = ToolCalled(n, f"call{n:02}000", "search", arguments, "Let me look.")
    result = ToolReturned(n, call.call_id, "search", ToolOutcome.OK, text)
    return AgentTurn("Let me look.", (call,), (result,), **more)


def size(messages: Any) -> int:
    return PLAIN.tokens(json.dumps(messages, ensure_ascii=False))


def test_calls_go_back_as_calls_and_results_as_results() -> None:
    messages = messages_with_tools(RunOpening("When?", (source(1),)), [turn(1)], ROOMY)
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "tool"]
    assert "Question: When?" in messages[1]["content"]
    assert '<source number="1"' in messages[1]["content"]
    (call,) = messages[2]["tool_calls"]
    assert call["id"] == messages[3]["tool_call_id"] == "call01000"
    assert call["function"] == {"name": "search", "arguments": '{"query": "a"}'}
    assert messages[3]["content"] == "found"


@pytest.mark.parametrize("arguments", ["{cut", "[1]", '"text"', "", "null", "x" * 9000])
def test_arguments_that_servers_break_at_are_not_sent_back(arguments: str) -> None:
    messages = messages_with_tools(RunOpening("When?", ()), [turn(1, arguments=arguments)], ROOMY)
    assert messages[2]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_model_that_writes_its_calls_is_answered_in_words_and_in_turns() -> None:
    turns = [turn(1, as_text=True), AgentTurn("", reply="Say something.")]
    messages = messages_for_answer(RunOpening("When?", ()), turns, ROOMY)
    roles = [m["role"] for m in messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "Result of search:\nfound" in messages[3]["content"]
    assert messages[5]["content"] == f"Say something.\n\n{ANSWER_NOW}"


def test_the_last_message_asks_for_the_answer() -> None:
    messages = messages_for_answer(RunOpening("When?", ()), [turn(1)], ROOMY)
    assert messages[-1] == {"role": "user", "content": ANSWER_NOW}


def test_the_oldest_results_are_dropped_first_then_sources_and_never_the_question() -> None:
    opening = RunOpening(
        "When is the rent due?", tuple(source(n, "rent " * 100) for n in (1, 2, 3))
    )
    turns = [turn(n, "word " * 300) for n in (1, 2, 3)]
    dropped_before = -1
    sources_before = 4
    for context_tokens in range(6000, 1500, -250):
        budget = TokenBudget(context_tokens, 200, PLAIN)
        messages = messages_with_tools(opening, turns, budget)
        tools = PLAIN.tokens(json.dumps(tool_schemas()))
        assert size(messages) * 0.9 <= context_tokens - 200 - tools + 100
        assert "Question: When is the rent due?" in messages[1]["content"]
        results = [m["content"] for m in messages if m["role"] == "tool"]
        dropped = results.count(DROPPED)
        assert results[:dropped] == [DROPPED] * dropped
        assert dropped >= dropped_before or len(results) < 3
        sources = messages[1]["content"].count("<source ")
        assert sources <= sources_before
        assert sources == 3 or dropped == len(results)
        dropped_before, sources_before = dropped, sources


def test_a_model_whose_prices_are_known_is_shown_more_than_one_nobody_knows() -> None:
    """Gemma takes half as many tokens for Korean as the dearest model does."""
    korean = "보증금은 석 달 치 월세이며 이사 뒤 삼십 일 안에 돌려받습니다. " * 10
    opening = RunOpening("보증금은?", tuple(source(n, korean) for n in range(1, 9)))
    shown = {
        family: messages_with_tools(opening, [], TokenBudget(4096, 512, Calibration(family)))[1][
            "content"
        ].count("<source ")
        for family in ("gemma", "unknown")
    }
    assert shown["gemma"] > shown["unknown"] >= 1


def test_a_question_longer_than_the_context_is_refused() -> None:
    with pytest.raises(ContextTooLong):
        messages_with_tools(RunOpening("why " * 9000, ()), [], TokenBudget(8192, 4096, PLAIN))


def test_the_beginning_stays_the_same_from_round_to_round() -> None:
    opening = RunOpening("When?", (source(1),))
    first = messages_with_tools(opening, [turn(1)], ROOMY)
    second = messages_with_tools(opening, [turn(1), turn(2)], ROOMY)
    assert second[: len(first)] == first


def test_the_schemas_are_what_small_servers_can_read() -> None:
    for tool in tool_schemas():
        parameters = tool["function"]["parameters"]
        assert "anyOf" not in json.dumps(parameters)
        assert "$ref" not in json.dumps(parameters)
        assert set(parameters["required"]) <= set(parameters["properties"])
        assert tool["function"]["description"]
