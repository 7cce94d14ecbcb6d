"""Decides whether sources support a sentence: a verdict with a reason. Pure.

The sentence is checked against the whole of the sources it cites, where its facts and names must
be, and against the few sentences of them that share most of its words, the *aligned* ones. The
decision, in order:

 1. a sentence with nothing to check                                           → weak
 2. the same words as a sentence of a source                                   → supported
 3. a number, amount, date, time or code that no cited source has              → unsupported
 4. such a fact elsewhere in a source, but another in the aligned sentences    → unsupported
 5. a name that no cited source has                                            → unsupported
 6. a denial of what the aligned sentences say, or a claim of what they deny   → unsupported
 7. another language than the sources'                                         → other_language
 8. share of the content found in the aligned sentences ≥ SUPPORTED_MIN        → supported
 9. … ≥ WEAK_MIN                                                               → weak
10. otherwise                                                                  → unsupported
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from byline.domain.asks import Support
from byline.domain.reasons import Arguments, CheckReason
from byline.verify.alignment import Alignment, align
from byline.verify.checked_source import AnalysedSource, AnalysedText
from byline.verify.contradictions import (
    conflicting_denial,
    conflicting_fact,
    conflicting_name,
)

SUPPORTED_MIN: Final = 0.55
WEAK_MIN: Final = 0.35

NONE: Final[Arguments] = {}


@dataclass(frozen=True, slots=True)
class SupportVerdict:
    """A verdict with its reason; `aligned` are the source's sentences on it. `content` is the
    number of words with content, `recall` the share of them found."""

    support: Support
    reason: CheckReason
    arguments: Arguments
    recall: float
    content: float
    aligned: Alignment


def check_support(sentence: str, sources: Sequence[AnalysedSource]) -> SupportVerdict:
    """Check `sentence` against the sources it cites, as if they were one."""
    return check_claim(AnalysedText(sentence), sources)


def check_claim(claim: AnalysedText, sources: Sequence[AnalysedSource]) -> SupportVerdict:
    """Check a sentence that is already analysed; else as `check_support`."""
    aligned = align(claim, sources)

    def verdict(
        support: Support, reason: CheckReason, arguments: Arguments = NONE
    ) -> SupportVerdict:
        content = claim.weights.total
        return SupportVerdict(support, reason, arguments, aligned.recall, content, aligned)

    if not (claim.weights or claim.facts):
        return verdict(Support.WEAK, CheckReason.NOTHING_TO_CHECK)  # 1
    if aligned.verbatim:
        return verdict(Support.SUPPORTED, CheckReason.VERBATIM)  # 2
    for conflict in (
        conflicting_fact(claim, aligned, sources),  # 3, 4
        conflicting_name(claim, aligned, sources),  # 5
        conflicting_denial(claim, aligned),  # 6
    ):
        if conflict is not None:
            return verdict(Support.UNSUPPORTED, conflict.reason, conflict.arguments)
    if aligned.other_language:
        return verdict(Support.OTHER_LANGUAGE, CheckReason.OTHER_LANGUAGE)  # 7
    if aligned.recall >= SUPPORTED_MIN:
        return verdict(Support.SUPPORTED, CheckReason.WORDS_FOUND)  # 8
    if aligned.recall >= WEAK_MIN:
        return verdict(Support.WEAK, CheckReason.SOME_WORDS)  # 9
    return verdict(Support.UNSUPPORTED, CheckReason.WORDS_MISSING)  # 10
