"""Where the sources speak of what a sentence says: the few sentences that share its words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from byline.verify.facts import Facts
from byline.verify.reading import ReadSentence, ReadSource, ReadText, count_letters
from byline.verify.terms import overlap

SENTENCES_MAX: Final = 3
GAIN_MIN: Final = 0.15
"""A further sentence is looked at only if it has this share of the content that none has yet."""
CONTEXT_WEIGHT: Final = 0.5
VERBATIM_CHARS_MIN: Final = 8


@dataclass(frozen=True)
class Aligned:
    """The aligned sentences, best first, each as (index of its source, sentence)."""

    sentences: tuple[tuple[int, ReadSentence], ...]
    recall: float
    verbatim: bool
    other_language: bool

    @cached_property
    def facts(self) -> Facts:
        return Facts(fact for _, sentence in self.sentences for fact in sentence.facts)

    @property
    def text(self) -> str:
        return " ".join(sentence.plain for _, sentence in self.sentences)


def align(claim: ReadText, sources: Sequence[ReadSource]) -> Aligned:
    """Align `claim` with the sentences of `sources`."""
    candidates = [(n, s) for n, source in enumerate(sources) for s in source.said]
    for candidate in candidates:
        if len(claim.squeezed) >= VERBATIM_CHARS_MIN and candidate[1].squeezed == claim.squeezed:
            return Aligned((candidate,), 1.0, verbatim=True, other_language=False)
    chosen = _cover(claim, candidates)
    total = sum(claim.weights.values())
    found = overlap(claim.weights, *(sentence.terms for _, sentence in chosen))
    contexts = (sources[n].context.terms for n, _ in chosen)
    around = overlap({t: w for t, w in claim.weights.items() if t not in found}, *contexts)
    recall = (sum(found.values()) + CONTEXT_WEIGHT * sum(around.values())) / total if total else 1.0
    written = count_letters(claim.folded), *(source.letters for source in sources)
    other = bool(chosen) and _script(written[:1]) != _script(written[1:])
    return Aligned(tuple(chosen), recall, verbatim=False, other_language=other)


def _cover(
    claim: ReadText, candidates: Sequence[tuple[int, ReadSentence]]
) -> list[tuple[int, ReadSentence]]:
    """Sentences that together have most of the claim's content, each adding to those before."""
    total = sum(claim.weights.values()) or 1.0
    left = dict(claim.weights)
    chosen: list[tuple[int, ReadSentence]] = []
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
        had = overlap(left, sentence.terms)
        left = {t: w for t, w in left.items() if t not in had}
    return chosen


def _gain(
    claim: ReadText,
    left: dict[str, float],
    sentence: ReadSentence,
    chosen: Sequence[tuple[int, ReadSentence]],
) -> float:
    gain = sum(overlap(left, sentence.terms).values())
    if not chosen:  # between two like sentences, the one with its facts
        gain += 0.3 * sum(sentence.facts.have(fact) for fact in claim.facts)
    return gain


def _script(written: Sequence[tuple[int, int]]) -> str:
    hangul, latin = map(sum, zip(*written, strict=True))
    return "hangul" if hangul * 3 > latin else "latin"
