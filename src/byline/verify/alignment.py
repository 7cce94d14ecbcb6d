"""Aligns a claim with the few sentences of its sources that share its words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from byline.verify.checked_source import AnalysedSource, AnalysedText, SourceSentence, count_letters
from byline.verify.facts.exact_facts import Facts
from byline.verify.weighted_terms import TermWeights, overlap

SENTENCES_MAX: Final = 3
GAIN_MIN: Final = 0.15
"""A further sentence is aligned only if it adds at least this share of the claim's content."""
CONTEXT_WEIGHT: Final = 0.5
FACTS_COUNTED_MAX: Final = 24
VERBATIM_CHARS_MIN: Final = 8


@dataclass(frozen=True)
class Alignment:
    """The sentences of the sources that share a claim's words, best first, each as (index of its
    source, sentence); `recall` is the share of the claim's content in them."""

    sentences: tuple[tuple[int, SourceSentence], ...]
    recall: float
    verbatim: bool
    other_language: bool

    @cached_property
    def facts(self) -> Facts:
        return Facts(fact for _, sentence in self.sentences for fact in sentence.facts)


def align(claim: AnalysedText, sources: Sequence[AnalysedSource]) -> Alignment:
    """Align `claim` with the sentences of `sources`."""
    candidates = [(n, s) for n, source in enumerate(sources) for s in source.evidence]
    for candidate in candidates:
        if (
            len(claim.alphanumerics) >= VERBATIM_CHARS_MIN
            and candidate[1].alphanumerics == claim.alphanumerics
        ):
            return Alignment((candidate,), 1.0, verbatim=True, other_language=False)
    chosen = _choose_sentences(claim, candidates)
    total = claim.weights.total
    found = overlap(claim.weights, *(sentence.terms for _, sentence in chosen))
    contexts = (sources[n].context.terms for n, _ in chosen)
    around = overlap(claim.weights.without(found), *contexts)
    recall = (found.total + CONTEXT_WEIGHT * around.total) / total if total else 1.0
    written = count_letters(claim.folded), *(source.letters for source in sources)
    other = bool(chosen) and _main_script(written[:1]) != _main_script(written[1:])
    return Alignment(tuple(chosen), recall, verbatim=False, other_language=other)


def _choose_sentences(
    claim: AnalysedText, candidates: Sequence[tuple[int, SourceSentence]]
) -> list[tuple[int, SourceSentence]]:
    """Choose sentences that together have most of the claim's content, each adding to those
    before."""
    total = claim.weights.total or 1.0
    left = claim.weights
    chosen: list[tuple[int, SourceSentence]] = []
    while len(chosen) < SENTENCES_MAX:
        scored = [
            (_gain(claim, left, sentence, chosen), -place, n, sentence)
            for place, (n, sentence) in enumerate(candidates)
            if all(sentence is not other for _, other in chosen)
        ]
        if not scored:
            break
        gain, _, n, sentence = max(scored, key=lambda entry: entry[:2])
        if gain <= 0 or (chosen and gain < GAIN_MIN * total):
            break
        chosen.append((n, sentence))
        left = left.without(overlap(left, sentence.terms))
    return chosen


def _gain(
    claim: AnalysedText,
    left: TermWeights,
    sentence: SourceSentence,
    chosen: Sequence[tuple[int, SourceSentence]],
) -> float:
    gain = overlap(left, sentence.terms).total
    if not chosen:  # of two similar sentences, the one with the claim's facts
        facts = islice(claim.facts, FACTS_COUNTED_MAX)
        gain += 0.3 * sum(sentence.facts.contains(fact) for fact in facts)
    return gain


def _main_script(written: Sequence[tuple[int, int]]) -> str:
    hangul, latin = map(sum, zip(*written, strict=True))
    return "hangul" if hangul * 3 > latin else "latin"
