"""Decides what the agent does next: state and event in, new state and effects out. Pure.

The server makes the first search before the agent starts, so no answer is written without sources.
The model may then call tools in `ROUNDS_MAX` messages. If it has not answered by then, it writes
one last message, in which it can only answer.

    the search is done           1  call the model, with tools
    a message, tools offered     2  its end is cut off (token limit, JSON without an end)
                                    2a  and it calls tools        → run none, say so, go on at 6
                                    2b  and it is text            → that is the answer
                                 3  it calls tools, as calls or as text; each call
                                    3a  names an unknown tool     → refuse, list the tools
                                    3b  has wrong arguments       → refuse, say what is wrong
                                    3c  was run before            → refuse, say so
                                    3d  exceeds CALLS_A_MESSAGE_MAX → refuse, say so
                                    3e  else                      → run it
                                    none to run                   → go on at 6
                                 4a it is text                    → that is the answer
                                 4b its text is the markup of a call in an unknown dialect
                                                                  → "that was no answer", go on at 6
                                 5  it is empty (a call the server dropped) → say so, go on at 6
    the tools' results           go on at 6
    go on                        6a after ROUNDS_MAX messages, or FRUITLESS_MAX in a row that ran
                                    no tool                       → call for the answer, no tools
                                 6b else                          → call the model, with tools
    a message, no tools offered  7a it has text, no markup        → that is the answer, less calls
                                 7b it has none                   → fail: empty_answer

So a run calls the model at most `ROUNDS_MAX` + 1 times, whatever the model does, and runs no tool
call that was not checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from json import JSONDecodeError, loads
from typing import Final

from byline.ask.agent.call_dialects import plain_tool_name
from byline.ask.agent.text_tool_calls import ends_early, read_text_calls
from byline.ask.agent.tools import (
    TOOL_NAMES,
    Arguments,
    InvalidArguments,
    call_key,
    read_arguments,
)
from byline.dispatch.empty_answer import NO_TEXT, how_it_ended
from byline.domain.asks import AskEvent, AskNote, ToolCalled, ToolOutcome, ToolReturned
from byline.domain.reasons import NoteCode

ROUNDS_MAX: Final = 6
FRUITLESS_MAX: Final = 2
CALLS_A_MESSAGE_MAX: Final = 4

CUT: Final = "Your message was cut off by its length limit, so nothing was run. Write less."
EMPTY: Final = (
    "Your message was empty. Call one tool with valid JSON arguments, or answer the question."
)

NO_ANSWER: Final = (
    "That was no answer, and no call that can be read. Call one tool as JSON, "
    'like {"name": "search", "arguments": {"query": "…"}}, or answer the question in plain text.'
)


class AgentPhase(StrEnum):
    """What a run waits for."""

    START = "start"
    MESSAGE = "message"
    RESULTS = "results"
    ANSWER = "answer"
    END = "end"


@dataclass(frozen=True, slots=True)
class RequestedCall:
    """A tool call of a message, unchecked: `arguments` is the JSON string as it came."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class SearchDone:
    """The first search has ended."""


@dataclass(frozen=True, slots=True)
class ModelMessage:
    """A whole message of the model."""

    content: str
    calls: tuple[RequestedCall, ...] = ()
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class ToolsRan:
    """The results of the tools, in the order of `RunTools.calls`."""

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
    """A message of the model that was no answer, and what it was sent back.

    That is `results`, in the order of `calls`, or the text `reply` if the message made no calls.
    `as_text`: the model wrote its calls as text, so the results are sent as text too.
    """

    content: str
    calls: tuple[ToolCalled, ...] = ()
    results: tuple[ToolReturned, ...] = ()
    reply: str = ""
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class AgentState:
    """The state of a run. `rounds` counts the model's messages, `fruitless` the latest ones in a
    row that ran no tool; `run_keys` are the keys (`call_key`) of the calls that were run, and
    `running` is the turn whose calls are being run."""

    phase: AgentPhase = AgentPhase.START
    rounds: int = 0
    fruitless: int = 0
    run_keys: frozenset[str] = frozenset()
    turns: tuple[AgentTurn, ...] = ()
    running: AgentTurn | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """Effect: publish an event of the ask."""

    event: AskEvent


@dataclass(frozen=True, slots=True)
class CallWithTools:
    """Effect: call the model with the `turns` so far and offer the tools."""

    turns: tuple[AgentTurn, ...]


@dataclass(frozen=True, slots=True)
class CallForAnswer:
    """Effect: call the model with the `turns` so far and no tools, so that it can only answer."""

    turns: tuple[AgentTurn, ...]


@dataclass(frozen=True, slots=True)
class RunTools:
    """Effect: run these calls, concurrently."""

    calls: tuple[CheckedCall, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """Effect: end the run with this answer; its citations are not checked yet."""

    text: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Effect: end the run without an answer; `text` says what came instead."""

    text: str


AgentEffect = Publish | CallWithTools | CallForAnswer | RunTools | Finish | Fail
AgentStep = tuple[AgentState, tuple[AgentEffect, ...]]


def step(state: AgentState, event: AgentEvent) -> AgentStep:
    """Decide by the tree above. Raises ValueError for an event that `state` does not wait for."""
    match state.phase, event:
        case AgentPhase.START, SearchDone():  # 1
            return replace(state, phase=AgentPhase.MESSAGE), (CallWithTools(()),)
        case AgentPhase.MESSAGE, ModelMessage():
            return _after_message(replace(state, rounds=state.rounds + 1), event)
        case AgentPhase.RESULTS, ToolsRan(results):
            return _go_on(*_add_results(state, results))
        case AgentPhase.ANSWER, ModelMessage():
            return _after_last_message(state, event)
    raise ValueError(f"{event} while waiting for {state.phase}")


def _after_message(state: AgentState, message: ModelMessage) -> AgentStep:
    text_calls = read_text_calls(message.content)
    requested = message.calls or tuple(RequestedCall(c.name, c.arguments) for c in text_calls.calls)
    as_text = not message.calls and bool(requested)
    text = text_calls.rest.strip() if as_text else message.content.strip()
    turn = AgentTurn(text, as_text=as_text)
    if _is_cut(message, requested) and (requested or text_calls.is_cut):  # 2a
        return _after_cut_message(state, turn, requested)
    if requested:  # 3
        return _after_calls(state, turn, requested)
    if text_calls.is_markup:  # 4b
        note = AskNote(NoteCode.UNREADABLE_CALL)
        return _go_on(_add_fruitless_turn(state, replace(turn, reply=NO_ANSWER)), (Publish(note),))
    if text:  # 2b, 4a
        return replace(state, phase=AgentPhase.END), (Finish(message.content),)
    note = AskNote(NoteCode.EMPTY_MESSAGE)  # 5
    return _go_on(_add_fruitless_turn(state, replace(turn, reply=EMPTY)), (Publish(note),))


def _is_cut(message: ModelMessage, requested: Sequence[RequestedCall]) -> bool:
    """Return whether a message is cut off: the server says so, or the JSON of a call breaks off,
    for which some servers report `tool_calls`."""
    return message.finish_reason == "length" or not requested or any(map(_breaks_off, requested))


def _breaks_off(call: RequestedCall) -> bool:
    try:
        loads(call.arguments or "{}")
    except JSONDecodeError as error:
        return ends_early(error, call.arguments)
    except (ValueError, RecursionError):
        return False
    return False


def _after_cut_message(
    state: AgentState, turn: AgentTurn, requested: Sequence[RequestedCall]
) -> AgentStep:
    note = AskNote(NoteCode.MESSAGE_CUT)
    called = _tool_calls(state, turn, requested)
    results = tuple(_refused_call(call, ToolOutcome.CUT, CUT) for call in called)
    turn = replace(turn, calls=called, results=results, reply="" if called else CUT)
    published: list[AskEvent] = [*called, note, *results]
    return _go_on(_add_fruitless_turn(state, turn), [Publish(one) for one in published])


def _after_calls(
    state: AgentState, turn: AgentTurn, requested: Sequence[RequestedCall]
) -> AgentStep:
    called = _tool_calls(state, turn, requested)
    checked: list[CheckedCall] = []
    results: list[ToolReturned] = []
    keys = set(state.run_keys)
    for call in called:
        verdict = _check_call(call, keys, len(checked))
        if isinstance(verdict, CheckedCall):
            checked.append(verdict)
            keys.add(call_key(verdict.tool, verdict.arguments))
        else:
            results.append(verdict)
    turn = replace(turn, calls=called, results=tuple(results))
    events: list[AskEvent] = [*called, *results]
    published: tuple[AgentEffect, ...] = tuple(map(Publish, events))
    if turn.as_text:
        note = AskNote(NoteCode.CALL_IN_WORDS)
        published = (Publish(note), *published)
    if not checked:
        return _go_on(_add_fruitless_turn(state, turn), published)
    state = replace(
        state, phase=AgentPhase.RESULTS, fruitless=0, run_keys=frozenset(keys), running=turn
    )
    return state, (*published, RunTools(tuple(checked)))


def _check_call(call: ToolCalled, run_keys: set[str], running: int) -> CheckedCall | ToolReturned:
    if call.tool not in TOOL_NAMES:  # 3a
        text = f"There is no tool {call.tool[:80]!r}. There are: {', '.join(TOOL_NAMES)}."
        return _refused_call(call, ToolOutcome.UNKNOWN_TOOL, text)
    try:
        arguments = read_arguments(call.tool, call.arguments)
    except InvalidArguments as refused:  # 3b
        return _refused_call(call, ToolOutcome.BAD_ARGUMENTS, str(refused))
    if call_key(call.tool, arguments) in run_keys:  # 3c
        text = "This very call was made before; its result is above. Do something else, or answer."
        return _refused_call(call, ToolOutcome.REPEATED, text)
    if running == CALLS_A_MESSAGE_MAX:  # 3d
        text = f"Not run: at most {CALLS_A_MESSAGE_MAX} calls in one message."
        return _refused_call(call, ToolOutcome.TOO_MANY, text)
    return CheckedCall(call.round, call.call_id, call.tool, arguments)  # 3e


def _add_results(
    state: AgentState, results: Sequence[ToolReturned]
) -> tuple[AgentState, tuple[Publish, ...]]:
    assert state.running is not None
    by_id = {one.call_id: one for one in (*state.running.results, *results)}
    turn = replace(
        state.running, results=tuple(by_id[call.call_id] for call in state.running.calls)
    )
    published = tuple(Publish(one) for one in results)
    return replace(state, turns=(*state.turns, turn), running=None), published


def _go_on(state: AgentState, published: Sequence[AgentEffect]) -> AgentStep:
    if state.rounds >= ROUNDS_MAX:  # 6a
        note = AskNote(NoteCode.LAST_ROUND, {"rounds": ROUNDS_MAX})
    elif state.fruitless >= FRUITLESS_MAX:  # 6a
        note = AskNote(NoteCode.NO_PROGRESS)
    else:  # 6b
        return replace(state, phase=AgentPhase.MESSAGE), (*published, CallWithTools(state.turns))
    return replace(state, phase=AgentPhase.ANSWER), (
        *published,
        Publish(note),
        CallForAnswer(state.turns),
    )


def _after_last_message(state: AgentState, message: ModelMessage) -> AgentStep:
    text_calls = read_text_calls(message.content)
    state = replace(state, phase=AgentPhase.END)
    calls = len(message.calls) + len(text_calls.calls)
    published: tuple[AgentEffect, ...] = ()
    if calls or text_calls.is_cut or text_calls.is_markup:
        published = (Publish(AskNote(NoteCode.CALL_AFTER_LAST_ROUND)),)
    text = text_calls.rest if text_calls.calls else message.content
    if text.strip() and not (text_calls.is_cut or text_calls.is_markup):  # 7a
        return state, (*published, Finish(text))
    instead = "it only called tools" if published else NO_TEXT  # 7b
    return state, (*published, Fail(how_it_ended(message.finish_reason, instead)))


def _add_fruitless_turn(state: AgentState, turn: AgentTurn) -> AgentState:
    return replace(state, fruitless=state.fruitless + 1, turns=(*state.turns, turn))


def _tool_calls(
    state: AgentState, turn: AgentTurn, requested: Sequence[RequestedCall]
) -> tuple[ToolCalled, ...]:
    # Our own ids: servers repeat theirs from message to message, and some chat templates require
    # nine letters and digits.
    return tuple(
        ToolCalled(
            state.rounds,
            f"call{state.rounds:02}{n:03}",
            plain_tool_name(call.name),
            call.arguments,
            turn.content,
        )
        for n, call in enumerate(requested[:999])
    )


def _refused_call(call: ToolCalled, outcome: ToolOutcome, text: str) -> ToolReturned:
    return ToolReturned(call.round, call.call_id, call.tool, outcome, text)
