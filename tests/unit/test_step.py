"""The agent's step machine: its decision tree, and what holds whatever a model does."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from byline.ask.agent.agent_messages import Opening, room_of, talk_for_answer, talk_with_tools
from byline.ask.agent.step import (
    BARREN_MAX,
    CALLS_A_MESSAGE_MAX,
    ROUNDS_MAX,
    Answer,
    AskForAnswer,
    AskWithTools,
    Begin,
    CheckedCall,
    Effect,
    Fail,
    MadeCall,
    Phase,
    Ran,
    RunTools,
    Said,
    State,
    Tell,
    step,
)
from byline.ask.agent.tools import TOOL_NAMES, read_arguments
from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import Noted, ToolCalled, ToolOutcome, ToolReturned

SEARCH = MadeCall("search", '{"query": "rent"}')


def search(query: str) -> MadeCall:
    return MadeCall("search", json.dumps({"query": query}))


def begun() -> State:
    return step(State(), Begin())[0]


def told(effects: tuple[Effect, ...]) -> list[object]:
    return [effect.event for effect in effects if isinstance(effect, Tell)]


def outcomes(effects: tuple[Effect, ...]) -> list[ToolOutcome]:
    return [event.outcome for event in told(effects) if isinstance(event, ToolReturned)]


def codes(effects: tuple[Effect, ...]) -> list[str]:
    return [event.code for event in told(effects) if isinstance(event, Noted)]


def results_of(calls: tuple[CheckedCall, ...]) -> Ran:
    return Ran(
        tuple(
            ToolReturned(c.round, c.call_id, c.tool, ToolOutcome.OK, f"found {c.call_id}")
            for c in calls
        )
    )


def test_a_run_begins_with_the_model_and_its_tools() -> None:
    state, effects = step(State(), Begin())
    assert (state.phase, effects) == (Phase.MESSAGE, (AskWithTools(()),))


def test_text_without_calls_is_the_answer() -> None:
    state, effects = step(begun(), Said("Rent is due on the 3rd [1]."))
    assert (state.phase, effects) == (Phase.END, (Answer("Rent is due on the 3rd [1]."),))


def test_a_good_call_is_run_and_its_result_goes_back() -> None:
    state, effects = step(begun(), Said("Let me look.", (SEARCH,), "tool_calls"))
    called, run = told(effects)[0], effects[-1]
    assert called == ToolCalled(1, "call01000", "search", '{"query": "rent"}', "Let me look.")
    assert isinstance(run, RunTools)
    state, effects = step(state, results_of(run.calls))
    assert outcomes(effects) == [ToolOutcome.OK]
    (turn,) = state.turns
    assert effects[-1] == AskWithTools((turn,))
    assert turn.results[0].text == "found call01000"


def test_several_calls_of_one_message_run_together_and_answer_in_their_order() -> None:
    bad = MadeCall("search", "{}")
    said = Said("", (search("a"), bad, search("b")), "tool_calls")
    state, effects = step(begun(), said)
    run = effects[-1]
    assert isinstance(run, RunTools)
    assert [c.call_id for c in run.calls] == ["call01000", "call01002"]
    state, _ = step(state, results_of(run.calls))
    assert [r.call_id for r in state.turns[0].results] == ["call01000", "call01001", "call01002"]


@pytest.mark.parametrize(
    ("call", "outcome", "says"),
    [
        (MadeCall("google_search", "{}"), ToolOutcome.UNKNOWN_TOOL, "search, read_document"),
        (MadeCall("", "{}"), ToolOutcome.UNKNOWN_TOOL, "There is no tool ''"),
        (MadeCall("search", "{}"), ToolOutcome.BAD_ARGUMENTS, '"query" is missing'),
        (MadeCall("search", '["rent"]'), ToolOutcome.BAD_ARGUMENTS, "must be a JSON object"),
        (MadeCall("search", "rent"), ToolOutcome.BAD_ARGUMENTS, "not JSON"),
        (MadeCall("search", '{"query": 7}'), ToolOutcome.BAD_ARGUMENTS, '"query"'),
        (MadeCall("search", '{"query": " "}'), ToolOutcome.BAD_ARGUMENTS, '"query"'),
        (MadeCall("search", '{"query": "a", "shell": "rm"}'), ToolOutcome.BAD_ARGUMENTS, '"shell"'),
    ],
)
def test_a_call_that_is_wrong_is_not_run_and_the_model_is_told_why(
    call: MadeCall, outcome: ToolOutcome, says: str
) -> None:
    state, effects = step(begun(), Said("", (call,), "tool_calls"))
    assert not any(isinstance(effect, RunTools) for effect in effects)
    assert outcomes(effects) == [outcome]
    assert says in state.turns[0].results[0].text
    assert isinstance(effects[-1], AskWithTools)


def test_the_same_call_again_is_not_run_again_whatever_its_spelling() -> None:
    state, effects = step(begun(), Said("", (search("The  Rent"),)))
    assert isinstance(effects[-1], RunTools)
    state, _ = step(state, results_of(effects[-1].calls))
    _, effects = step(state, Said("", (MadeCall("search", '{"limit": 5, "query":"the rent "}'),)))
    assert outcomes(effects) == [ToolOutcome.REPEATED]


def test_a_message_runs_only_so_many_calls() -> None:
    calls = tuple(search(str(n)) for n in range(CALLS_A_MESSAGE_MAX + 2))
    _, effects = step(begun(), Said("", calls))
    assert isinstance(effects[-1], RunTools)
    assert len(effects[-1].calls) == CALLS_A_MESSAGE_MAX
    assert outcomes(effects) == [ToolOutcome.TOO_MANY] * 2


@pytest.mark.parametrize(
    "said",
    [
        Said("", (SEARCH,), "length"),
        Said("", (search("a"), MadeCall("search", '{"query": "ren')), "tool_calls"),
        Said("", (MadeCall("search", '{"query": "rent"'),), "stop"),
    ],
)
def test_a_message_that_was_cut_off_never_runs_its_tools(said: Said) -> None:
    _, effects = step(begun(), said)
    assert not any(isinstance(effect, RunTools) for effect in effects)
    assert codes(effects) == ["message_cut"]
    assert set(outcomes(effects)) == {ToolOutcome.CUT}
    assert isinstance(effects[-1], AskWithTools)


def test_a_call_in_words_that_breaks_off_is_not_taken_for_an_answer() -> None:
    _, effects = step(begun(), Said('```json\n{"name": "search", "argum', (), "length"))
    assert codes(effects) == ["message_cut"]
    assert isinstance(effects[-1], AskWithTools)


def test_an_answer_cut_by_the_token_limit_is_still_the_answer() -> None:
    _, effects = step(begun(), Said("Rent is due on", (), "length"))
    assert effects == (Answer("Rent is due on"),)


def test_an_empty_message_is_asked_to_go_on_and_two_of_them_for_the_answer() -> None:
    state, effects = step(begun(), Said(" \n"))
    assert codes(effects) == ["empty_message"]
    assert isinstance(effects[-1], AskWithTools)
    state, effects = step(state, Said(""))
    assert codes(effects) == ["empty_message", "no_progress"]
    assert isinstance(effects[-1], AskForAnswer)


def test_a_call_written_as_text_is_taken_as_one() -> None:
    said = Said('I will search.\n```json\n{"name": "search", "arguments": {"query": "rent"}}\n```')
    state, effects = step(begun(), said)
    assert codes(effects) == ["call_in_words"]
    assert isinstance(effects[-1], RunTools)
    assert effects[-1].calls[0].arguments == read_arguments("search", '{"query": "rent"}')
    state, _ = step(state, results_of(effects[-1].calls))
    assert state.turns[0].in_words
    assert state.turns[0].content == "I will search."


def at_last_message() -> State:
    state = begun()
    for n in range(ROUNDS_MAX):
        state, effects = step(state, Said("", (search(str(n)),)))
        assert isinstance(effects[-1], RunTools)
        state, effects = step(state, results_of(effects[-1].calls))
    assert isinstance(effects[-1], AskForAnswer)
    assert codes(effects) == ["last_round"]
    return state


def test_after_six_rounds_only_an_answer_is_asked_for() -> None:
    state, effects = step(at_last_message(), Said("Nothing says so."))
    assert (state.phase, effects) == (Phase.END, (Answer("Nothing says so."),))


@pytest.mark.parametrize(
    "said",
    [
        Said("", (SEARCH,), "tool_calls"),
        Said('{"name": "search", "arguments": {"query": "rent"}}'),
        Said('<tool_call>{"name": "search", "argum', (), "length"),
        Said("  "),
    ],
)
def test_a_call_after_the_last_round_is_not_run_and_is_no_answer(said: Said) -> None:
    state, effects = step(at_last_message(), said)
    assert state.phase is Phase.END
    assert isinstance(effects[-1], Fail)


def test_text_beside_a_call_after_the_last_round_is_the_answer() -> None:
    said = Said('Rent is due [1].\n```json\n{"name": "search", "arguments": {}}\n```')
    _, effects = step(at_last_message(), said)
    assert codes(effects) == ["call_after_last_round"]
    assert effects[-1] == Answer("Rent is due [1].")


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
made_calls = st.builds(MadeCall, names, raw_arguments)
in_words = st.builds(
    lambda frame, call: frame % json.dumps({"name": call.name, "arguments": call.arguments}),
    st.sampled_from(["%s", "```json\n%s\n```", "<tool_call>%s</tool_call>", "```\n%s"]),
    made_calls,
)
contents = st.one_of(st.just(""), st.text(max_size=30), in_words, in_words.map(lambda t: t[:-4]))
messages = st.builds(
    Said,
    contents,
    st.lists(made_calls, max_size=6).map(tuple),
    st.sampled_from(["stop", "length", "tool_calls", "", "content_filter"]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(messages, min_size=ROUNDS_MAX + 1, max_size=ROUNDS_MAX + 1), st.integers(2000, 4000)
)
@example([Said("")] * (ROUNDS_MAX + 1), 2000)
@example([Said("", (SEARCH,))] * (ROUNDS_MAX + 1), 2000)
def test_whatever_the_model_says_the_run_ends_and_runs_nothing_unchecked(
    script: list[Said], context_tokens: int
) -> None:
    opening, room = Opening("When?", ()), room_of(context_tokens, 100, Calibration())
    state, effects = step(State(), Begin())
    with_tools = finals = 0
    said = iter(script)
    called: dict[str, ToolCalled] = {}
    returned: dict[str, ToolReturned] = {}
    run: set[str] = set()
    while state.phase is not Phase.END:
        for event in told(effects):
            if isinstance(event, ToolCalled):
                called[event.call_id] = event
            if isinstance(event, ToolReturned):
                assert event.call_id not in returned
                returned[event.call_id] = event
        match effects[-1]:
            case AskWithTools(turns):
                with_tools += 1
                assert talk_with_tools(opening, turns, room)[0]["role"] == "system"
                event = next(said)
            case AskForAnswer(turns):
                finals += 1
                assert "Question: When?" in talk_for_answer(opening, turns, room)[1]["content"]
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
    assert isinstance(effects[-1], Answer | Fail)
    assert returned.keys() == called.keys()
    assert {i for i, one in returned.items() if one.outcome is ToolOutcome.OK} == run
    barren = [turn for turn in state.turns if not any(r.outcome == "ok" for r in turn.results)]
    assert len(barren) <= ROUNDS_MAX
    assert BARREN_MAX < ROUNDS_MAX
