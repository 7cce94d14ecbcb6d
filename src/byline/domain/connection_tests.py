"""A test of an address somebody thinks a model server is at: what was tried and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ConnectionTestRequest:
    """What is to be tested. `model` None: whichever the server has loaded, else lists first."""

    base_url: str
    model: str | None = None
    api_key_env: str | None = None


class StepState(StrEnum):
    """What came of a step; `skipped`: one before it failed."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ConnectionTestStep:
    """One step: `connect`, `server`, `answer` or `tools`. `said` is a sentence; `reason` a word of
    the fixed vocabulary and `remedy` what to do, where it failed."""

    name: str
    state: StepState
    said: str = ""
    took_ms: float = 0.0
    reason: str | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class AnswerSpeed:
    """How quick one short answer was: its first token from the request, and tokens a second after
    that (None: too few came)."""

    first_token_ms: float
    tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """What is known of the server. `kind` None: one that does not tell; `tools` None: not tried."""

    base_url: str
    steps: tuple[ConnectionTestStep, ...]
    kind: str | None = None
    models: tuple[str, ...] = ()
    model: str | None = None
    context_tokens: int | None = None
    speed: AnswerSpeed | None = None
    tools: bool | None = None

    @property
    def answered(self) -> bool:
        """Whether its model has said something."""
        return self.speed is not None


@dataclass(frozen=True, slots=True)
class ConfigurationProposal:
    """The text to add to the configuration in `file`, and what would be wrong with the file then,
    a line each."""

    text: str
    file: Path
    faults: tuple[str, ...] = ()
