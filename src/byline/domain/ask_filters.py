"""The filters of the history of asks, and an ask as a list shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from byline.domain.asks import AskStatus


@dataclass(frozen=True, slots=True)
class AskFilters:
    """Which asks to list. An empty field does not filter; the values of one field are alternatives.

    All of `words` must be in the question or the answer. `asked_from` is included, `asked_until` is
    not. `cites` is the id of a document that the answer cites. The statuses `queued` and `running`
    both match every unfinished ask.
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
    """An ask as a list shows it: who answered, or why nobody did, and an excerpt of the answer.

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
