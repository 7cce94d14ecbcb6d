"""What the agent does next: a pure step machine. State and event in, new state and effects out.

The first search is made by the server before the machine starts, so no answer comes from nowhere.
Then the model may call tools for `ROUNDS_MAX` messages; whatever it does, one last message follows
in which it can only answer.

    begin                        1  ask the model, with tools
    a message, tools offered     2  its end is cut off (token limit, JSON without an end)
                                    2a  and it calls tools        → run none, say so, go on at 6
                                    2b  and it is text            → that is the answer
                                 3  it calls tools, as calls or in words; each call is
                                    3a  of no tool there is       → told which there are
                                    3b  wrong in its arguments    → told what is wrong
                                    3c  one that was run before   → told so
                                    3d  beyond CALLS_A_MESSAGE_MAX → told so
                                    3e  else to be run
                                    some to be run → run them;  none → go on at 6
                                 4  it is text                    → that is the answer
                                 5  it is empty (a call the server dropped) → say so, go on at 6
    results                      go on at 6
    go on                        6a ROUNDS_MAX messages had, or BARREN_MAX in a row ran nothing
                                                                  → ask for the answer, no tools
                                 6b else                          → ask the model, with tools
    a message, no tools offered  7a it has text                   → that is the answer, calls apart
                                 7b it has none                   → fail: empty_answer

So a run is at most `ROUNDS_MAX` + 1 calls of the model, whatever the model does, and nothing that
was not checked is ever run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from json import JSONDecodeError, loads
from typing import Final

from byline.ask.agent.text_tool_calls import ends_early, read_text_calls
from byline.ask.agent.tools import (
    TOOL_NAMES,
    Arguments,
    InvalidArguments,
    call_key,
    read_arguments,
)
from byline.domain.asks import AskEvent, AskNote, ToolCalled, ToolOutcome, ToolReturned

ROUNDS_MAX: Final = 6
FRUITLESS_MAX: Final = 2
CALLS_A_MESSAGE_MAX: Final = 4

CUT: Final = "Your message was cut off by its length limit, so nothing was run. Write less."
EMPTY: Final = (
    "Your message was empty. Call one tool with valid JSON arguments, or answer the question."
)


class AgentPhase(StrEnum):
    """What is waited for."""

    START = "start"
    MESSAGE = "message"
    RESULTS = "results"
    ANSWER = "answer"
    END = "end"


@dataclass(frozen=True, slots=True)
class RequestedCall:
    """A tool call of a message: `arguments` is the JSON string as it came."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class SearchDone:
    """The first search is done."""


@dataclass(frozen=True, slots=True)
class ModelMessage:
    """A whole message of the model."""

    content: str
    calls: tuple[RequestedCall, ...] = ()
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class ToolsRan:
    """What the tools returned, in the order of `RunTools.calls`."""

    results: tuple[ToolReturned, ...]


AgentEvent = SearchDone | ModelMessage | ToolsRan


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """A call that may be run."""

    round: int
    call_id: str
    tool: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class AgentTurn:
    """A message of the model that was no answer, and what it was told: the results of its calls in
    their order, or, where it made none, `told`. `in_words`: the calls were text, so are the
    results."""

    content: str
    calls: tuple[ToolCalled, ...] = ()
    results: tuple[ToolReturned, ...] = ()
    told: str = ""
    in_words: bool = False


@dataclass(frozen=True, slots=True)
class AgentState:
    """Where a run stands. `made` are the calls that were run, `barren` the messages in a row that
    ran nothing, `running` the turn whose calls are being run."""

    phase: AgentPhase = AgentPhase.START
    rounds: int = 0
    barren: int = 0
    made: frozenset[str] = frozenset()
    turns: tuple[AgentTurn, ...] = ()
    running: AgentTurn | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish an event."""

    event: AskEvent


@dataclass(frozen=True, slots=True)
class CallWithTools:
    """Call the model with `turns` behind it and the tools offered."""

    turns: tuple[AgentTurn, ...]


@dataclass(frozen=True, slots=True)
class CallForAnswer:
    """Call the model with `turns` behind it and no tools: it can only answer."""

    turns: tuple[AgentTurn, ...]


@dataclass(frozen=True, slots=True)
class RunTools:
    """Run these, side by side."""

    calls: tuple[CheckedCall, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over: this is the answer, unchecked."""

    text: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The run is over without an answer; `text` says what came instead."""

    text: str


AgentEffect = Publish | CallWithTools | CallForAnswer | RunTools | Finish | Fail
AgentStep = tuple[AgentState, tuple[AgentEffect, ...]]


def step(state: AgentState, event: AgentEvent) -> AgentStep:
    """The decision tree above. ValueError for an event the state does not wait for."""
    match state.phase, event:
        case AgentPhase.START, SearchDone():  # 1
            return replace(state, phase=AgentPhase.MESSAGE), (CallWithTools(()),)
        case AgentPhase.MESSAGE, ModelMessage():
            return _message(replace(state, rounds=state.rounds + 1), event)
        case AgentPhase.RESULTS, ToolsRan(results):
            return _go_on(*_with_results(state, results))
        case AgentPhase.ANSWER, ModelMessage():
            return _last_message(state, event)
    raise ValueError(f"{event} while waiting for {state.phase}")


def _message(state: AgentState, said: ModelMessage) -> AgentStep:
    spoken = read_text_calls(said.content)
    made = said.calls or tuple(RequestedCall(c.name, c.arguments) for c in spoken.calls)
    in_words = not said.calls and bool(made)
    text = spoken.rest.strip() if in_words else said.content.strip()
    turn = AgentTurn(text, in_words=in_words)
    if _is_cut(said, made) and (made or spoken.is_cut):  # 2a
        return _message_cut(state, turn, made)
    if made:  # 3
        return _message_with_calls(state, turn, made)
    if text:  # 2b, 4
        return replace(state, phase=AgentPhase.END), (Finish(said.content),)
    note = AskNote("empty_message", "The model said nothing; it was asked to go on.")  # 5
    return _go_on(_fruitless(state, replace(turn, told=EMPTY)), (Publish(note),))


def _is_cut(said: ModelMessage, made: Sequence[RequestedCall]) -> bool:
    """By the server's word, or because JSON breaks off: some servers call that `tool_calls`."""
    return said.finish_reason == "length" or not made or any(map(_breaks_off, made))


def _breaks_off(call: RequestedCall) -> bool:
    try:
        loads(call.arguments or "{}")
    except JSONDecodeError as error:
        return ends_early(error, call.arguments)
    except (ValueError, RecursionError):
        return False
    return False


def _message_cut(state: AgentState, turn: AgentTurn, made: Sequence[RequestedCall]) -> AgentStep:
    note = AskNote("message_cut", "A message of the model was cut off; its tools were not run.")
    called = _tool_calls(state, turn, made)
    results = tuple(_refused(call, ToolOutcome.CUT, CUT) for call in called)
    turn = replace(turn, calls=called, results=results, told="" if called else CUT)
    told: list[AskEvent] = [*called, note, *results]
    return _go_on(_fruitless(state, turn), [Publish(one) for one in told])


def _message_with_calls(
    state: AgentState, turn: AgentTurn, made: Sequence[RequestedCall]
) -> AgentStep:
    called = _tool_calls(state, turn, made)
    checked: list[CheckedCall] = []
    results: list[ToolReturned] = []
    keys = set(state.made)
    for call in called:
        verdict = _check(call, keys, len(checked))
        if isinstance(verdict, CheckedCall):
            checked.append(verdict)
            keys.add(call_key(verdict.tool, verdict.arguments))
        else:
            results.append(verdict)
    turn = replace(turn, calls=called, results=tuple(results))
    events: list[AskEvent] = [*called, *results]
    tells: tuple[AgentEffect, ...] = tuple(map(Publish, events))
    if turn.in_words:
        note = AskNote("call_in_words", "The model wrote a tool call as text; it was taken as one.")
        tells = (Publish(note), *tells)
    if not checked:
        return _go_on(_fruitless(state, turn), tells)
    state = replace(state, phase=AgentPhase.RESULTS, barren=0, made=frozenset(keys), running=turn)
    return state, (*tells, RunTools(tuple(checked)))


def _check(call: ToolCalled, made: set[str], running: int) -> CheckedCall | ToolReturned:
    if call.tool not in TOOL_NAMES:  # 3a
        text = f"There is no tool {call.tool[:80]!r}. There are: {', '.join(TOOL_NAMES)}."
        return _refused(call, ToolOutcome.UNKNOWN_TOOL, text)
    try:
        arguments = read_arguments(call.tool, call.arguments)
    except InvalidArguments as refused:  # 3b
        return _refused(call, ToolOutcome.BAD_ARGUMENTS, str(refused))
    if call_key(call.tool, arguments) in made:  # 3c
        text = "This very call was made before; its result is above. Do something else, or answer."
        return _refused(call, ToolOutcome.REPEATED, text)
    if running == CALLS_A_MESSAGE_MAX:  # 3d
        text = f"Not run: at most {CALLS_A_MESSAGE_MAX} calls in one message."
        return _refused(call, ToolOutcome.TOO_MANY, text)
    return CheckedCall(call.round, call.call_id, call.tool, arguments)  # 3e


def _with_results(
    state: AgentState, results: Sequence[ToolReturned]
) -> tuple[AgentState, tuple[Publish, ...]]:
    assert state.running is not None
    by_id = {one.call_id: one for one in (*state.running.results, *results)}
    turn = replace(
        state.running, results=tuple(by_id[call.call_id] for call in state.running.calls)
    )
    told = tuple(Publish(one) for one in results)
    return replace(state, turns=(*state.turns, turn), running=None), told


def _go_on(state: AgentState, tells: Sequence[AgentEffect]) -> AgentStep:
    if state.rounds >= ROUNDS_MAX:  # 6a
        note = AskNote("last_round", f"After {ROUNDS_MAX} rounds the model may only answer.")
    elif state.barren >= FRUITLESS_MAX:  # 6a
        note = AskNote("no_progress", "The model got no further with tools; it may only answer.")
    else:  # 6b
        return replace(state, phase=AgentPhase.MESSAGE), (*tells, CallWithTools(state.turns))
    return replace(state, phase=AgentPhase.ANSWER), (
        *tells,
        Publish(note),
        CallForAnswer(state.turns),
    )


def _last_message(state: AgentState, said: ModelMessage) -> AgentStep:
    spoken = read_text_calls(said.content)
    state = replace(state, phase=AgentPhase.END)
    calls = len(said.calls) + len(spoken.calls)
    tells: tuple[AgentEffect, ...] = ()
    if calls or spoken.is_cut:
        note = "The model called a tool where only an answer was asked for; nothing was run."
        tells = (Publish(AskNote("call_after_last_round", note)),)
    text = spoken.rest if spoken.calls else said.content
    if text.strip() and not spoken.is_cut:  # 7a
        return state, (*tells, Finish(text))
    instead = "it only called tools" if tells else "no text came"  # 7b
    return state, (*tells, Fail(f"{instead} (finish_reason {said.finish_reason})"))


def _fruitless(state: AgentState, turn: AgentTurn) -> AgentState:
    return replace(state, barren=state.barren + 1, turns=(*state.turns, turn))


def _tool_calls(
    state: AgentState, turn: AgentTurn, made: Sequence[RequestedCall]
) -> tuple[ToolCalled, ...]:
    # Ids of our own: servers repeat theirs from message to message, and some templates want nine
    # letters and digits.
    return tuple(
        ToolCalled(
            state.rounds, f"call{state.rounds:02}{n:03}", call.name, call.arguments, turn.content
        )
        for n, call in enumerate(made[:999])
    )


def _refused(call: ToolCalled, outcome: ToolOutcome, text: str) -> ToolReturned:
    return ToolReturned(call.round, call.call_id, call.tool, outcome, text)
