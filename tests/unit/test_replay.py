"""Stored transcripts played again: every kind of run is decided as it was."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from api_doubles import LEASE, office
from test_api_agent import CALLS, call, stream, text

from byline.ask.agent.replay import replay
from byline.domain.chat import Delta, ToolCallDelta, Usage

SEARCH = (Delta(content="Let me look."), call(0, "search", query="deposit"), CALLS)
ANSWER = text(f"{LEASE} [1]")
IN_WORDS = text('```json\n{"name": "search", "arguments": {"query": "deposit"}}\n```')
CUT_IN_WORDS = text('Look:\n```json\n{"name": "search", "arguments": {"query": "depo')
UNREADABLE = text("Let me see. <tool_use>search: deposit</tool_use>")
EMPTY = (Delta(finish_reason="stop", usage=Usage(10, 0)),)
UNKNOWN = (call(0, "rm", path="/"), CALLS)
CUT = (
    Delta(tool_calls=(ToolCallDelta(0, "x0", "search", '{"query": "depo'),)),
    Delta(finish_reason="length", usage=Usage(10, 2)),
)
REFUSAL = text("The sources do not answer this question.")
RUNS = {
    "answered at once": [ANSWER],
    "after a search": [SEARCH, ANSWER],
    "in words": [IN_WORDS, ANSWER],
    "cut": [CUT, ANSWER],
    "cut in words": [CUT_IN_WORDS, ANSWER],
    "silent": [EMPTY, ANSWER],
    "markup nobody knows": [UNREADABLE, ANSWER],
    "markup nobody knows, twice": [UNREADABLE, UNREADABLE, ANSWER],
    "repeated, unknown": [SEARCH, SEARCH, UNKNOWN, ANSWER],
    "six rounds": [(call(0, "search", query=f"q{n}"), CALLS) for n in range(6)] + [ANSWER],
    "a call where only an answer was asked for": [EMPTY, EMPTY, (*ANSWER[:1], *SEARCH[1:])],
    "refused": [SEARCH, REFUSAL],
    "never answered": [EMPTY, EMPTY, EMPTY],
}


async def transcript_of(tmp_path: Path, script: list[Any]) -> list[dict[str, Any]]:
    async with office(tmp_path) as byline:
        await stream(byline, *script)
        (rows,) = byline.records.transcripts.values()
    return copy.deepcopy(rows)


@pytest.mark.parametrize("run", RUNS)
async def test_every_run_is_decided_again_as_it_was(tmp_path: Path, run: str) -> None:
    rows = await transcript_of(tmp_path, RUNS[run])
    replayed = replay(rows)
    assert replayed.differences == ()
    assert replayed.answer == rows[-1]["data"]["answer"]
    assert len(replayed.messages) == len(RUNS[run])


async def test_the_messages_are_those_of_the_model(tmp_path: Path) -> None:
    replayed = replay(await transcript_of(tmp_path, RUNS["after a search"]))
    first, last = replayed.messages
    assert [(one.tool, one.arguments) for one in first.calls] == [
        ("search", '{"query": "deposit"}')
    ]
    assert [one.outcome.value for one in first.results] == ["ok"]
    assert last.text == f"{LEASE} [1]"


async def test_another_answer_than_the_events_give_is_told(tmp_path: Path) -> None:
    rows = await transcript_of(tmp_path, RUNS["after a search"])
    rows[-1]["data"]["answer"] = "The rent is due on the fourth day. [1]"
    assert "another answer" in replay(rows).differences[0]


async def test_another_verdict_than_the_code_gives_now_is_told(tmp_path: Path) -> None:
    rows = await transcript_of(tmp_path, RUNS["after a search"])
    rows[-1]["data"]["sentences"][0]["support"] = "unsupported"
    assert replay(rows).differences == ("Its sentences are judged otherwise.",)


async def test_a_result_that_the_code_would_not_give_is_told(tmp_path: Path) -> None:
    rows = await transcript_of(tmp_path, RUNS["after a search"])
    result = next(row for row in rows if row["type"] == "tool_result")
    result["data"]["outcome"] = "repeated"
    (said,) = replay(rows).differences
    assert said.startswith("Message 1 would be taken otherwise")


async def test_a_run_that_was_broken_off_is_no_difference(tmp_path: Path) -> None:
    rows = await transcript_of(tmp_path, RUNS["after a search"])
    begun = next(n for n, row in enumerate(rows) if row["type"] == "tool_call")
    broken = [*rows[: begun + 1], {"seq": 99, "type": "error", "data": {}}]
    assert replay(broken).differences == ()
