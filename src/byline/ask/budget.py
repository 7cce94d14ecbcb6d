"""How much of a model's context a text takes, and which sources fit. Pure.

Token counts are estimates on the safe side (a server that truncates does so silently, one that
counts refuses): Latin text runs at 3 to 5 characters a token in common vocabularies, Hangul, Han
and Kana between half a token and three tokens a character, the latter for byte-level vocabularies
that never saw them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from byline.domain.asking import Source

LATIN_TOKENS_PER_CHAR: Final = 0.34
CJK_TOKENS_PER_CHAR: Final = 1.6
MESSAGE_TOKENS: Final = 8
"""What a chat template adds around one message."""
SOURCE_TOKENS: Final = 30
"""What the fence around one source takes, its title apart."""

_CJK: Final = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Fitted:
    """The sources that fit, and the answer's limit, in tokens."""

    sources: tuple[Source, ...]
    max_tokens: int


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` takes, rather too many than too few."""
    cjk = len(_CJK.findall(text))
    return int(cjk * CJK_TOKENS_PER_CHAR + (len(text) - cjk) * LATIN_TOKENS_PER_CHAR) + 1


def fit_sources(
    sources: Sequence[Source], *, fixed_tokens: int, context_tokens: int, max_tokens: int
) -> Fitted | None:
    """Keep sources from the top while they fit, whole; None when not even the question does.

    `fixed_tokens` is what the prompt takes without sources. Up to half of the context is kept for
    the answer.
    """
    answer_tokens = min(max_tokens, context_tokens // 2)
    room = context_tokens - answer_tokens - fixed_tokens
    if room <= 0:
        return None
    kept: list[Source] = []
    for source in sources:
        room -= SOURCE_TOKENS + estimate_tokens(source.text + source.title)
        if room < 0:
            break
        kept.append(source)
    return Fitted(tuple(kept), answer_tokens) if kept else None
