"""The agent's step machine: its decision tree, and what holds whatever a model does."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from byline.ask.agent.agent_messages import (
    RunOpening,
    messages_for_answer,
    messages_with_tools,
)
from byline.ask.agent.step import (
    CALLS_A_MESSAGE_MAX,
    FRUITLESS_MAX,
    ROUNDS_MAX,
    AgentEffect,
    AgentPhase,
    AgentState,
    CallForAnswer,
    CallWithTools,
    CheckedCall,
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
from byline.ask.agent.tools import TOOL_NAMES, read_arguments
from byline.ask.prompt.prompt_budget import TokenBudget
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import AskNote, ToolCalled, ToolOutcome, ToolReturned

SEARCH = RequestedCall("search", '{"query": "rent"}')


def search(query: str) -> RequestedCall:
    return RequestedCall("search", json.dumps({"query": query}))


def begun() -> AgentState:
    return step(AgentState(), SearchDone())[0]


def told(effects: tuple[AgentEffect, ...]) -> list[object]:
    return [effect.event for effect in effects if isinstance(effect, Publish)]


def outcomes(effects: tuple[AgentEffect, ...]) -> list[ToolOutcome]:
    return [event.outcome for event in told(effects) if isinstance(event, ToolReturned)]


def codes(effects: tuple[AgentEffect, ...]) -> list[str]:
    return [event.code for event in told(effects) if isinstance(event, AskNote)]


def results_of(calls: tuple[CheckedCall, ...]) -> ToolsRan:
    return ToolsRan(
        tuple(
            ToolReturned(c.round, c.call_id, c.tool, ToolOutcome.OK, f"found {c.call_id}")
            for c in calls
        )
    )


def test_a_run_begins_with_the_model_and_its_tools() -> None:
    state, effects = step(AgentState(), SearchDone())
    assert (state.phase, effects) == (AgentPhase.MESSAGE, (CallWithTools(()),))


def test_text_without_calls_is_the_answer() -> None:
    state, effects = step(begun(), ModelMessage("Rent is due on the 3rd [1]."))
    assert (state.phase, effects) == (AgentPhase.END, (Finish("Rent is due on the 3rd [1]."),))


def test_a_good_call_is_run_and_its_result_goes_back() -> None:
    state, effects = step(begun(), ModelMessage("Let me look.", (SEARCH,), "tool_calls"))
    called, run = told(effects)[0], effects[-1]
    assert called == ToolCalled(1, "call01000", "search", '{"query": "rent"}', "Let me look.")
    assert isinstance(run, RunTools)
    state, effects = step(state, results_of(run.calls))
    assert outcomes(effects) == [ToolOutcome.OK]
    (turn,) = state.turns
    assert effects[-1] == CallWithTools((turn,))
    assert turn.results[0].text == "found call01000"


def test_several_calls_of_one_message_run_together_and_answer_in_their_order() -> None:
    bad = RequestedCall("search", "{}")
    said = ModelMessage("", (search("a"), bad, search("b")), "tool_calls")
    state, effects = step(begun(), said)
    run = effects[-1]
    assert isinstance(run, RunTools)
    assert [c.call_id for c in run.calls] == ["call01000", "call01002"]
    state, _ = step(state, results_of(run.calls))
    assert [r.call_id for r in state.turns[0].results] == ["call01000", "call01001", "call01002"]


@pytest.mark.parametrize(
    ("call", "outcome", "says"),
    [
        (RequestedCall("google_search", "{}"), ToolOutcome.UNKNOWN_TOOL, "search, read_document"),
        (RequestedCall("", "{}"), ToolOutcome.UNKNOWN_TOOL, "There is no tool ''"),
        (RequestedCall("search", "{}"), ToolOutcome.BAD_ARGUMENTS, '"query" is missing'),
        (RequestedCall("search", '["rent"]'), ToolOutcome.BAD_ARGUMENTS, "must be a JSON object"),
        (RequestedCall("search", "rent"), ToolOutcome.BAD_ARGUMENTS, "not JSON"),
        (RequestedCall("search", '{"query": 7}'), ToolOutcome.BAD_ARGUMENTS, '"query"'),
        (RequestedCall("search", '{"query": " "}'), ToolOutcome.BAD_ARGUMENTS, '"query"'),
        (
            RequestedCall("search", '{"query": "a", "shell": "rm"}'),
            ToolOutcome.BAD_ARGUMENTS,
            '"shell"',
        ),
    ],
)
def test_a_call_that_is_wrong_is_not_run_and_the_model_is_told_why(
    call: RequestedCall, outcome: ToolOutcome, says: str
) -> None:
    state, effects = step(begun(), ModelMessage("", (call,), "tool_calls"))
    assert not any(isinstance(effect, RunTools) for effect in effects)
    assert outcomes(effects) == [outcome]
    assert says in state.turns[0].results[0].text
    assert isinstance(effects[-1], CallWithTools)


def test_the_same_call_again_is_not_run_again_whatever_its_spelling() -> None:
    state, effects = step(begun(), ModelMessage("", (search("The  Rent"),)))
    assert isinstance(effects[-1], RunTools)
    state, _ = step(state, results_of(effects[-1].calls))
    _, effects = step(
        state, ModelMessage("", (RequestedCall("search", '{"limit": 5, "query":"the rent "}'),))
    )
    assert outcomes(effects) == [ToolOutcome.REPEATED]


def test_a_message_runs_only_so_many_calls() -> None:
    calls = tuple(search(str(n)) for n in range(CALLS_A_MESSAGE_MAX + 2))
    _, effects = step(begun(), ModelMessage("", calls))
    assert isinstance(effects[-1], RunTools)
    assert len(effects[-1].calls) == CALLS_A_MESSAGE_MAX
    assert outcomes(effects) == [ToolOutcome.TOO_MANY] * 2


@pytest.mark.parametrize(
    "said",
    [
        ModelMessage("", (SEARCH,), "length"),
        ModelMessage("", (search("a"), RequestedCall("search", '{"query": "ren')), "tool_calls"),
        ModelMessage("", (RequestedCall("search", '{"query": "rent"'),), "stop"),
    ],
)
def test_a_message_that_was_cut_off_never_runs_its_tools(said: ModelMessage) -> None:
    _, effects = step(begun(), said)
    assert not any(isinstance(effect, RunTools) for effect in effects)
    assert codes(effects) == ["message_cut"]
    assert set(outcomes(effects)) == {ToolOutcome.CUT}
    assert isinstance(effects[-1], CallWithTools)


def test_a_call_in_words_that_breaks_off_is_not_taken_for_an_answer() -> None:
    _, effects = step(begun(), ModelMessage('```json\n{"name": "search", "argum', (), "length"))
    assert codes(effects) == ["message_cut"]
    assert isinstance(effects[-1], CallWithTools)


def test_an_answer_cut_by_the_token_limit_is_still_the_answer() -> None:
    _, effects = step(begun(), ModelMessage("Rent is due on", (), "length"))
    assert effects == (Finish("Rent is due on"),)


def test_an_empty_message_is_asked_to_go_on_and_two_of_them_for_the_answer() -> None:
    state, effects = step(begun(), ModelMessage(" \n"))
    assert codes(effects) == ["empty_message"]
    assert isinstance(effects[-1], CallWithTools)
    state, effects = step(state, ModelMessage(""))
    assert codes(effects) == ["empty_message", "no_progress"]
    assert isinstance(effects[-1], CallForAnswer)


def test_markup_of_a_call_that_nobody_can_read_is_no_answer() -> None:
    said = ModelMessage("<tool_use>search rent</tool_use>")
    state, effects = step(begun(), said)
    assert codes(effects) == ["unreadable_call"]
    assert isinstance(effects[-1], CallWithTools)
    assert state.turns[-1].reply
    state, effects = step(state, said)
    assert isinstance(effects[-1], CallForAnswer)
    _, effects = step(state, said)
    assert isinstance(effects[-1], Fail)


def test_a_call_written_as_text_is_taken_as_one() -> None:
    said = ModelMessage(
        'I will search.\n```json\n{"name": "search", "arguments": {"query": "rent"}}\n```'
    )
    state, effects = step(begun(), said)
    assert codes(effects) == ["call_in_words"]
    assert isinstance(effects[-1], RunTools)
    assert effects[-1].calls[0].arguments == read_arguments("search", '{"query": "rent"}')
    state, _ = step(state, results_of(effects[-1].calls))
    assert state.turns[0].as_text
    assert state.turns[0].content == "I will search."


def at_last_message() -> AgentState:
    state = begun()
    for n in range(ROUNDS_MAX):
        state, effects = step(state, ModelMessage("", (search(str(n)),)))
        assert isinstance(effects[-1], RunTools)
        state, effects = step(state, results_of(effects[-1].calls))
    assert isinstance(effects[-1], CallForAnswer)
    assert codes(effects) == ["last_round"]
    return state


def test_after_six_rounds_only_an_answer_is_asked_for() -> None:
    state, effects = step(at_last_message(), ModelMessage("Nothing says so."))
    assert (state.phase, effects) == (AgentPhase.END, (Finish("Nothing says so."),))


@pytest.mark.parametrize(
    "said",
    [
        ModelMessage("", (SEARCH,), "tool_calls"),
        ModelMessage('{"name": "search", "arguments": {"query": "rent"}}'),
        ModelMessage('<tool_call>{"name": "search", "argum', (), "length"),
        ModelMessage("  "),
    ],
)
def test_a_call_after_the_last_round_is_not_run_and_is_no_answer(said: ModelMessage) -> None:
    state, effects = step(at_last_message(), said)
    assert state.phase is AgentPhase.END
    assert isinstance(effects[-1], Fail)


def test_text_beside_a_call_after_the_last_round_is_the_answer() -> None:
    said = ModelMessage('Rent is due [1].\n```json\n{"name": "search", "arguments": {}}\n```')
    _, effects = step(at_last_message(), said)
    assert codes(effects) == ["call_after_last_round"]
    assert effects[-1] == Finish("Rent is due [1].")


# Whatever a model does

names = st.one_of(st.sampled_from([*TOOL_NAMES, "google_search", "", "shell"]), st.text(max_size=5))
raw_arguments = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "{}", "null", '{"query": "a', '{"query": "b"}', '"{\\"query\\": \\"c\\"}"']
    ),
    st.dictionaries(
        st.sampled_from(["query", "limit", "document", "text", "page", "x"]),
        st.one_of(st.none(), st.integers(-2, 12), st.text(max_size=4), st.lists(st.none())),
        max_size=4,
    ).map(json.dumps),
)
made_calls = st.builds(RequestedCall, names, raw_arguments)
in_words = st.builds(
    lambda frame, call: frame % json.dumps({"name": call.name, "arguments": call.arguments}),
    st.sampled_from(["%s", "```json\n%s\n```", "<tool_call>%s</tool_call>", "```\n%s"]),
    made_calls,
)
contents = st.one_of(st.just(""), st.text(max_size=30), in_words, in_words.map(lambda t: t[:-4]))
messages = st.builds(
    ModelMessage,
    contents,
    st.lists(made_calls, max_size=6).map(tuple),
    st.sampled_from(["stop", "length", "tool_calls", "", "content_filter"]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(messages, min_size=ROUNDS_MAX + 1, max_size=ROUNDS_MAX + 1), st.integers(2000, 4000)
)
@example([ModelMessage("")] * (ROUNDS_MAX + 1), 2000)
@example([ModelMessage("", (SEARCH,))] * (ROUNDS_MAX + 1), 2000)
def test_whatever_the_model_says_the_run_ends_and_runs_nothing_unchecked(
    script: list[ModelMessage], context_tokens: int
) -> None:
    opening, budget = RunOpening("When?", ()), TokenBudget(context_tokens, 100, Calibration())
    state, effects = step(AgentState(), SearchDone())
    with_tools = finals = 0
    said = iter(script)
    called: dict[str, ToolCalled] = {}
    returned: dict[str, ToolReturned] = {}
    run: set[str] = set()
    while state.phase is not AgentPhase.END:
        for event in told(effects):
            if isinstance(event, ToolCalled):
                called[event.call_id] = event
            if isinstance(event, ToolReturned):
                assert event.call_id not in returned
                returned[event.call_id] = event
        match effects[-1]:
            case CallWithTools(turns):
                with_tools += 1
                assert messages_with_tools(opening, turns, budget)[0]["role"] == "system"
                event = next(said)
            case CallForAnswer(turns):
                finals += 1
                assert (
                    "Question: When?" in messages_for_answer(opening, turns, budget)[1]["content"]
                )
                event = next(said)
            case RunTools(calls):
                assert 0 < len(calls) <= CALLS_A_MESSAGE_MAX
                for call in calls:
                    assert call.call_id not in run
                    run.add(call.call_id)
                    assert call.tool in TOOL_NAMES
                    raw = called[call.call_id].arguments
                    assert call.arguments == read_arguments(call.tool, raw)
                event = results_of(calls)
        state, effects = step(state, event)
    assert with_tools <= ROUNDS_MAX
    assert finals <= 1
    assert isinstance(effects[-1], Finish | Fail)
    assert returned.keys() == called.keys()
    assert {i for i, one in returned.items() if one.outcome is ToolOutcome.OK} == run
    barren = [turn for turn in state.turns if not any(r.outcome == "ok" for r in turn.results)]
    assert len(barren) <= ROUNDS_MAX
    assert FRUITLESS_MAX < ROUNDS_MAX
