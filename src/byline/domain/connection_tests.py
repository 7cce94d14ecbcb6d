"""The test of an address at which a model server may listen: its steps and their results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ConnectionTestRequest:
    """What to test. `model` None means the one the server has loaded, else the first it lists."""

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
    """One step: `connect`, `server`, `answer` or `tools`. `said` is a sentence on its result. If it
    failed, `reason` is a word of the fixed vocabulary and `remedy` what to do."""

    name: str
    state: StepState
    said: str = ""
    took_ms: float = 0.0
    reason: str | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class AnswerSpeed:
    """The speed of one short answer: the time from the request to the first token, and the tokens a
    second after that (None if too few came)."""

    first_token_ms: float
    tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """What is known of the server. `kind` None: it does not tell; `tools` None: not tested."""

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
        """Whether the model has written anything."""
        return self.speed is not None


@dataclass(frozen=True, slots=True)
class ConfigurationProposal:
    """The text to add to the configuration in `file`, and the faults the file would then have, one
    a line."""

    text: str
    file: Path
    faults: tuple[str, ...] = ()
