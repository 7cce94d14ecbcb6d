"""Has a prompt that is tight counted by its server's own tokenizer, where that has one.

Most prompts fit however wrong an estimate is; they are not counted, and cost nobody anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from byline.ask.prompt.prompt_budget import TokenBudget
from byline.ask.prompt.prompt_builder import SYSTEM
from byline.ask.prompt.source_fence import fenced
from byline.ask.prompt.token_calibration import Calibrations
from byline.ask.prompt.token_estimate import TokenCount
from byline.dispatch.dispatcher import Backend
from byline.domain.asks import Source

SURE_SHARE: Final = 0.7
"""Of the room that the rules leave: what is estimated at less fits, whatever it is written in."""


async def count_tight_prompt(
    question: str, sources: Sequence[Source], backend: Backend, calibrations: Calibrations
) -> None:
    """Measure the estimates of `backend` by what the next prompt is made of, if it matters."""
    calibration = calibrations.of(backend.name, backend.model)
    parts = (*(f"{fenced(source)}\n" for source in sources), question)
    plain = sum(map(calibration.plain_text, parts), TokenCount())
    budget = TokenBudget(backend.context_tokens, backend.max_tokens, calibration)
    left = budget.prompt_space - calibration.tokens(SYSTEM)
    if calibration.corrected(plain) < SURE_SHARE * left:
        return
    if counted := await backend.count_tokens("".join(parts)):
        calibrations.measure(backend.name, backend.model, plain, counted)
