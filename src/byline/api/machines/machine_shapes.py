"""What `/api/machines` sends, described."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from byline.ask.ask_shapes import Moment, Rounded1, Shape
from byline.domain.connection_tests import StepState
from byline.domain.gates import Asker, BackendState, Priority


def _within(part: str, name: str) -> AliasChoices:
    """The field `name` of the part `part` of a domain value."""
    return AliasChoices(AliasPath(part, name), name)


def _first_token(value: object) -> object:
    return {"at": value[0], "ms": value[1]} if isinstance(value, tuple) else value


PriorityName = Annotated[
    str, BeforeValidator(lambda given: given.name.lower() if isinstance(given, Priority) else given)
]


class GateCallShape(Shape):
    """A call at a gate. `position`, `ahead` and `eta_s` are null for one that runs; `for_s` is how
    long it has run or waited. `ask_id` is null where it is part of no ask."""

    backend: str
    priority: str = Field(examples=["foreground", "background"])
    asked_by: Asker
    ask_id: str | None
    for_s: float
    waited_s: float
    preemptions: int
    position: int | None
    ahead: int | None
    eta_s: float | None


class GateShape(Shape):
    """A machine's gate. `waiting` has the first of `waiting_count`."""

    capacity: int
    running: list[GateCallShape]
    waiting: list[GateCallShape]
    waiting_count: int


class BackgroundShape(Shape):
    """Whether background work rests on a machine, and since when."""

    paused: bool
    since: Moment | None


class StateSpanShape(Shape):
    """A state a backend was in; between two spans nobody looked."""

    state: BackendState
    reason: str | None
    began_at: Moment
    seen_until: Moment


class FirstTokenShape(Shape):
    """One answer: when its call came, and how long its first token took from the grant."""

    at: Moment
    ms: Rounded1


class FirstTokensShape(Shape):
    """First tokens of the last day; `newest` has the latest, newest first."""

    count: int
    median_ms: Rounded1 | None
    p90_ms: Rounded1 | None
    newest: list[Annotated[FirstTokenShape, BeforeValidator(_first_token)]]


class MachineBackendShape(Shape):
    """One backend of a machine and its last day."""

    name: str
    kind: str
    model: str | None
    address: str | None
    default: bool
    state: BackendState = Field(validation_alias=_within("health", "state"))
    since: Moment = Field(validation_alias=_within("health", "since"))
    reason: str | None = Field(validation_alias=_within("health", "reason"))
    last_error: str | None = Field(validation_alias=_within("health", "last_error"))
    states: list[StateSpanShape]
    first_tokens: FirstTokensShape


class MachineCallShape(Shape):
    """A call that has ended. `outcome` is `completed`, `cancelled`, or an error's code."""

    at: Moment = Field(validation_alias=AliasChoices("came_at", "at"))
    backend: str
    priority: PriorityName
    asked_by: Asker = Field(
        validation_alias=AliasChoices(AliasPath("asked_by", "asker"), "asked_by")
    )
    ask_id: str | None = Field(validation_alias=_within("asked_by", "ask_id"))
    queued_ms: Rounded1
    first_token_ms: Rounded1 | None
    total_ms: Rounded1
    outcome: str
    reason: str | None


class MachineShape(Shape):
    """One machine; Byline itself, which quotes, has no gate."""

    name: str
    gate: GateShape | None
    background: BackgroundShape | None
    backends: list[MachineBackendShape]
    calls: list[MachineCallShape] = Field(description="The latest, newest first.")


class MachinesShape(Shape):
    """Every machine, in the configuration's order, Byline itself last."""

    machines: list[MachineShape]


class TrialStepShape(Shape):
    """One step. `reason` is a word of the fixed vocabulary, null where it did not fail."""

    name: str = Field(examples=["connect", "server", "answer", "tools"])
    state: StepState
    said: str
    took_ms: Rounded1
    reason: str | None
    remedy: str


class ProposalShape(Shape):
    """The TOML to add to `file`; `faults` says what would be wrong with that file then."""

    text: str
    file: str
    faults: list[str]


class TrialShape(Shape):
    """What a test of an address found out; null where it did not come so far."""

    base_url: str
    kind: str | None
    models: list[str]
    model: str | None
    context_tokens: int | None
    tools: bool | None
    first_token_ms: float | None
    tokens_per_s: float | None
    steps: list[TrialStepShape]
    proposal: ProposalShape | None
