"""How many tokens of a model's context the prompt may take, and the answer. Pure.

A server that is sent too much refuses, or cuts the prompt without a word. So the tokens are counted
here, with the estimate's possible error (`Calibration.margin`) on the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from byline.ask.prompt.token_calibration import Calibration

SOURCE_TOKENS: Final = 30
"""Tokens of the fence around one source, without its title."""
ANSWER_SHARE: Final = 0.25
"""Share of the context that is kept for the answer, whatever sources and question take."""
RESULT_TOKENS_MIN: Final = 200
RESULTS_IN_CONTEXT: Final = 6


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """A model's context and its longest answer, in tokens, and how its tokens are estimated."""

    context_tokens: int
    max_tokens: int
    calibration: Calibration

    @property
    def answer_min(self) -> int:
        """Tokens kept for the answer in any case."""
        return max(1, min(self.max_tokens, int(self.context_tokens * ANSWER_SHARE)))

    @property
    def prompt_space(self) -> int:
        """Tokens left for the prompt beside `answer_min`, counted and not estimated."""
        return self.context_tokens - self.answer_min

    @property
    def prompt_max(self) -> int:
        """The largest estimate of a prompt that surely leaves `answer_min` for the answer."""
        return int(self.prompt_space / (1 + self.calibration.margin))

    @property
    def result_tokens(self) -> int:
        """The most that one tool result may take: several fit into the context."""
        return max(RESULT_TOKENS_MIN, self.context_tokens // RESULTS_IN_CONTEXT)

    def answer_max(self, prompt_tokens: int) -> int:
        """The longest answer that surely fits behind a prompt estimated at `prompt_tokens`."""
        prompt_most = math.ceil(prompt_tokens * (1 + self.calibration.margin))
        return max(1, min(self.max_tokens, self.context_tokens - prompt_most))


def sources_that_fit(source_tokens: Sequence[int], fixed_tokens: int, budget: TokenBudget) -> int:
    """Return how many sources, whole and from the first on, fit beside `fixed_tokens`."""
    left = budget.prompt_max - fixed_tokens
    for kept, needed in enumerate(source_tokens):
        left -= needed
        if left < 0:
            return kept
    return len(source_tokens)
