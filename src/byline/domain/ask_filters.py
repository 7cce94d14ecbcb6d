"""The history of asks: which of them are meant, and what a list tells of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from byline.domain.asks import AskStatus


@dataclass(frozen=True, slots=True)
class AskFilters:
    """Which asks are meant. What is empty is not asked; several values of one are alternatives.

    `words` are looked for in questions and answers: all of them must be there. `asked_from` is
    included, `asked_until` is not. `cites` is the id of a document that the answer cites. A waiting
    and a running ask are both unfinished: who looks for one finds the other.
    """

    words: str = ""
    backends: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    statuses: tuple[AskStatus, ...] = ()
    conversation_id: str | None = None
    asked_from: datetime | None = None
    asked_until: datetime | None = None
    cites: str | None = None


EVERY_ASK: Final = AskFilters()


@dataclass(frozen=True, slots=True)
class ListedAsk:
    """An ask as a list shows it: who answered, or why nobody did, and how the answer begins.

    `byline` and `refusal` are those of the `done` JSON; `error` is the message of its error.
    """

    id: str
    question: str
    backend: str
    machine: str
    mode: str
    status: AskStatus
    created_at: datetime
    finished_at: datetime | None
    conversation_id: str | None = None
    excerpt: str = ""
    byline: Mapping[str, Any] | None = None
    refusal: Mapping[str, Any] | None = None
    error: str | None = None
    error_reason: str | None = None
    reason: str | None = None
