"""Conversations: asks that refer to the ones before them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of `turns` asks. `title` is the first question until it is renamed."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    turns: int


@dataclass(frozen=True, slots=True)
class PastTurn:
    """An earlier question that a later one may refer to, the query it was searched by (if that was
    not the question), and its answer, if there was one."""

    question: str
    searched_for: str | None
    answer: str | None
