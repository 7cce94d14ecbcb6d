"""Corrects the token estimates of each backend by the counts that its server reports.

A model's name tells its family, but not its exact vocabulary or chat template. Each answer reports
how many tokens its prompt took, and we know that prompt, so the second estimate for a backend is
close whatever the first one was. It needs no extra request to the server.
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
"""The limits of the correction factors; a factor outside them has another cause than the
estimate."""
FIRST_MARGIN: Final = 0.1
MARGIN: Final = 0.05
"""Share by which a prompt may exceed its estimate: before and after the first count."""
STEP_MIN: Final = 0.3
"""Smallest weight of the latest count: prompts differ more than tokenizers."""

CUT_SHARE: Final = 0.6
UNKNOWN_CUT_SHARE: Final = 0.2
"""A server that counts less than this share of the expected tokens has not counted the whole
prompt: it cut it to a smaller context, or counts only what its cache did not have."""

log = structlog.get_logger("byline.ask")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The token estimates of one model: the prices of its family times factors learnt from counts
    (`western`, `other`)."""

    family: str = UNKNOWN
    western: float = 1.0
    other: float = 1.0
    counts: int = 0

    @property
    def margin(self) -> float:
        """The share by which the real number of tokens may exceed an estimate."""
        return MARGIN if self.counts else FIRST_MARGIN

    def plain(self, messages: Iterable[Message]) -> TokenCount:
        """Return the uncorrected estimate of these messages, chat template included."""
        tokens = TokenCount(TEMPLATE_TOKENS)
        for message in messages:
            tokens += self.plain_text(str(message.get("content") or "")) + TokenCount(
                MESSAGE_TOKENS
            )
            if calls := message.get("tool_calls"):
                tokens += self.plain_text(json.dumps(calls, ensure_ascii=False))
        return tokens

    def plain_text(self, text: str) -> TokenCount:
        """Return the uncorrected estimate of `text`, at the family's prices."""
        return estimate_tokens(text, self.family)

    def tokens(self, text: str) -> int:
        """Return the corrected estimate of `text`, rounded up."""
        return self.corrected(self.plain_text(text))

    def corrected(self, plain: TokenCount) -> int:
        """Return the corrected number of tokens, rounded up."""
        return math.ceil(plain.western * self.western + plain.other * self.other)

    def learnt(self, plain: TokenCount, counted: int) -> Calibration:
        """Return the calibration after a server has `counted` the tokens of a prompt.

        The error is split between the two parts of the text by the squares of their token counts
        (normalised least mean squares): a long Korean prompt under English rules corrects the
        factor of Korean.
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
        """Return the calibration that corrects `plain` to exactly the `counted` tokens."""
        ratio = counted / max(1.0, plain.western * self.western + plain.other * self.other)
        return replace(
            self,
            western=self.western * ratio,
            other=self.other * ratio,
            counts=max(1, self.counts),
        )


class Calibrations:
    """Keeps the calibration of each backend for the life of the process."""

    def __init__(self) -> None:
        self._known: dict[str, Calibration] = {}

    def of(self, backend: str, model: str) -> Calibration:
        """Return the calibration of `backend`, whose configured model is `model`."""
        return self._known.get(backend) or Calibration(family_of(model))

    def measure(self, backend: str, model: str, plain: TokenCount, counted: int) -> None:
        """Take over a count of a text without chat template by the tokenizer of `backend`; it
        replaces what was learnt before."""
        self._known[backend] = self.of(backend, model).measured(plain, counted)

    def learn(self, backend: str, model: str, plain: TokenCount, counted: int) -> None:
        """Learn from the tokens that `backend` counted in a prompt with the estimate `plain`; warn
        and learn nothing if they are far too few."""
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
