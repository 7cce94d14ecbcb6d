"""Asks the server's tokenizer to count a prompt that may not fit the context.

Most prompts fit however wrong their estimate is. They are not counted, which saves the request.
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
"""A prompt estimated at less than this share of the space fits, whatever its script."""


async def count_tight_prompt(
    question: str, sources: Sequence[Source], backend: Backend, calibrations: Calibrations
) -> None:
    """Calibrate the estimates of `backend` by a count of the next prompt, if that is tight."""
    model = backend.model_to_call()
    calibration = calibrations.of(backend.name, model.name)
    parts = (*(f"{fenced(source)}\n" for source in sources), question)
    plain = sum(map(calibration.plain_text, parts), TokenCount())
    budget = TokenBudget(model.context_tokens, model.max_tokens, calibration)
    left = budget.prompt_space - calibration.tokens(SYSTEM)
    if calibration.corrected(plain) < SURE_SHARE * left:
        return
    if counted := await backend.count_tokens("".join(parts)):
        calibrations.measure(backend.name, model.name, plain, counted)
