"""What a backend's own counts teach: estimates for it, corrected by every call it has answered.

A model's name tells its family, not its exact vocabulary nor its chat template. But each answer
says how many tokens its prompt took, and we know that prompt; so the second estimate for a backend
is close whatever the first one was. Nothing is asked of a server for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from byline.ask.prompt.token_estimate import UNKNOWN, TokenCount, estimate_tokens, family_of
from byline.domain.chat import Message

MESSAGE_TOKENS: Final = 6
"""Tokens that a chat template adds around one message."""
TEMPLATE_TOKENS: Final = 4
"""Tokens it adds around all messages: the start, and the mark before the answer."""
KNOWN_BOUNDS: Final = (0.7, 1.5)
UNKNOWN_BOUNDS: Final = (0.3, 2.5)
"""How far counts may correct estimates; further off, something else is wrong than the estimate."""
FIRST_MARGIN: Final = 0.1
MARGIN: Final = 0.05
"""Share of a prompt's estimate that it may be larger: before and after a first count."""
STEP_MIN: Final = 0.3
"""Weight of the latest count, once there have been some: prompts differ more than tokenizers."""

CUT_SHARE: Final = 0.6
UNKNOWN_CUT_SHARE: Final = 0.2
"""A server that counts less than this share of what is expected has not read the whole prompt: it
has cut it to a smaller context, or counts only what its cache did not have."""

log = structlog.get_logger("byline.ask")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Token estimates for one model: its family's prices times what its counts have shown."""

    family: str = UNKNOWN
    western: float = 1.0
    other: float = 1.0
    counts: int = 0

    @property
    def margin(self) -> float:
        """Share of an estimate by which the real number may be higher, as far as is known."""
        return MARGIN if self.counts else FIRST_MARGIN

    def plain(self, messages: Iterable[Message]) -> TokenCount:
        """What a prompt of these messages takes at the family's prices, chat template included."""
        tokens = TokenCount(TEMPLATE_TOKENS)
        for message in messages:
            tokens += self.plain_text(str(message.get("content") or "")) + TokenCount(
                MESSAGE_TOKENS
            )
            if calls := message.get("tool_calls"):
                tokens += self.plain_text(json.dumps(calls, ensure_ascii=False))
        return tokens

    def plain_text(self, text: str) -> TokenCount:
        """What `text` takes at the family's prices."""
        return estimate_tokens(text, self.family)

    def tokens(self, text: str) -> int:
        """About how many tokens `text` really takes; rounded up."""
        return self.corrected(self.plain_text(text))

    def corrected(self, plain: TokenCount) -> int:
        """How many tokens that will really be, as far as is known; rounded up."""
        return math.ceil(plain.western * self.western + plain.other * self.other)

    def learnt(self, plain: TokenCount, counted: int) -> Calibration:
        """The calibration after a server has `counted` the tokens of a prompt.

        The error goes to the two parts of the text by the squares of what they take (normalised
        least mean squares): a long Korean prompt under English rules corrects the Korean.
        """
        error = counted - self.corrected(plain)
        step = max(STEP_MIN, 1 / (self.counts + 1))
        power = plain.western**2 + plain.other**2
        low, high = KNOWN_BOUNDS if self.family != UNKNOWN else UNKNOWN_BOUNDS
        return replace(
            self,
            western=min(max(self.western + step * error * plain.western / power, low), high),
            other=min(max(self.other + step * error * plain.other / power, low), high),
            counts=self.counts + 1,
        )

    def measured(self, plain: TokenCount, counted: int) -> Calibration:
        """The calibration by which a text that takes `plain` takes what a tokenizer `counted`."""
        ratio = counted / max(1.0, plain.western * self.western + plain.other * self.other)
        return replace(
            self,
            western=self.western * ratio,
            other=self.other * ratio,
            counts=max(1, self.counts),
        )


class Calibrations:
    """The calibration of each backend, for as long as the process lives."""

    def __init__(self) -> None:
        self._known: dict[str, Calibration] = {}

    def of(self, backend: str, model: str) -> Calibration:
        """What is known of `backend`, whose configured model is `model`."""
        return self._known.get(backend) or Calibration(family_of(model))

    def measure(self, backend: str, model: str, plain: TokenCount, counted: int) -> None:
        """The tokenizer of `backend` has counted a text alone: what was known before gives way."""
        self._known[backend] = self.of(backend, model).measured(plain, counted)

    def learn(self, backend: str, model: str, plain: TokenCount, counted: int) -> None:
        """`backend` has counted `counted` tokens in a prompt; `plain` is what `of` made of it."""
        before = self.of(backend, model)
        expected = before.corrected(plain)
        sure = before.counts or before.family != UNKNOWN
        if counted < (CUT_SHARE if sure else UNKNOWN_CUT_SHARE) * expected:
            log.warning(
                "a server counted far fewer tokens than its prompt has; its context may be smaller",
                backend=backend,
                counted=counted,
                expected=expected,
            )
            return
        self._known[backend] = before.learnt(plain, counted)
