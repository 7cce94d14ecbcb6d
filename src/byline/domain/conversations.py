"""Asks that follow one another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """`turns` counts its asks; `title` is the first question until it is renamed."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    turns: int


@dataclass(frozen=True, slots=True)
class PastTurn:
    """What a later question may refer to: an earlier one, what was searched for it (where that was
    something else), and the answer if there was one."""

    question: str
    searched_for: str | None
    answer: str | None
