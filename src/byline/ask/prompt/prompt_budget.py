"""Which sources fit a model's context, and how long the answer may be. Pure.

A server that is sent too much refuses, or cuts the prompt without a word; so the sum is made here,
on the safe side by what the estimate may be off (`Calibration.margin`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MESSAGE_TOKENS: Final = 6
"""What a chat template adds around one message."""
SOURCE_TOKENS: Final = 30
"""What the fence around one source takes, its title apart."""
ANSWER_SHARE: Final = 0.25
"""Share of the context that sources may never take from the answer, nor the question."""


@dataclass(frozen=True, slots=True)
class Room:
    """A context and the longest answer allowed in it, in tokens; the estimate's margin, a share."""

    context_tokens: int
    max_tokens: int
    margin: float

    @property
    def answer_min(self) -> int:
        """Tokens kept for the answer whatever else there is."""
        return max(1, min(self.max_tokens, int(self.context_tokens * ANSWER_SHARE)))

    @property
    def prompt_max(self) -> int:
        """The largest estimate of a prompt that surely leaves room for the answer."""
        return int((self.context_tokens - self.answer_min) / (1 + self.margin))

    def answer_max(self, prompt_tokens: int) -> int:
        """The longest answer that surely fits behind a prompt estimated at `prompt_tokens`."""
        left = self.context_tokens - math.ceil(prompt_tokens * (1 + self.margin))
        return max(1, min(self.max_tokens, left))


def how_many_fit(source_tokens: Sequence[int], fixed_tokens: int, room: Room) -> int:
    """How many sources fit, from the top and whole, beside what the prompt takes without any."""
    left = room.prompt_max - fixed_tokens
    for kept, needed in enumerate(source_tokens):
        left -= needed
        if left < 0:
            return kept
    return len(source_tokens)
