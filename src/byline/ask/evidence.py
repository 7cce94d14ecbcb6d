"""Is there enough in the documents to ask a model at all? Decided from retrieval alone. Pure.

Two signs tell: how much of what the question is about one passage covers (by words, each weighing
its rarity), and how near the nearest passage is (by meaning). Their weights were fitted by logistic
regression on questions whose answer was in the library and on questions whose answer was not
(`bench/evidence.py`, which also fits them anew). They tell questions whose matter the documents do
not treat at all; that a passage on the matter leaves the very question open, only a reader tells.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from byline.domain.asks import Refusal
from byline.domain.searches import SearchResult
from byline.text.question_language import Language, question_language
from byline.vectors.embedders.e5_embedder import FINGERPRINT

NOTHING_FOUND: Final = Refusal(
    "no_match", "No passage of your documents has the words of the question."
)


class EvidenceWeights(NamedTuple):
    """What the signs weigh. `words`: intercept, coverage; where there are no vectors, or ones
    nobody has fitted. `both`: intercept, coverage, the nearest passage's cosine (`e5-small`)."""

    words: tuple[float, float]
    both: tuple[float, float, float]


GENERAL: Final = EvidenceWeights((-4.2, 7.57), (-48.29, 3.12, 55.6))
"""Fitted in English, and taken for every language that has no fit of its own."""

KOREAN: Final = EvidenceWeights((-4.33, *GENERAL.words[1:]), (-50.25, *GENERAL.both[1:]))
"""Of a Korean question and Korean passages: anything is nearer to anything there, and pairs of
syllables are covered by chance. The slopes are those fitted in English: Korean questions at hand
were written with their paragraph's words, and would have those rule."""

ACROSS_LANGUAGES: Final = 0.4
"""Where the nearest passage is in another language than the question, words tell nothing: the
coverage is then taken to be at least this."""


def likelihood(coverage: float, nearest: float | None, fit: EvidenceWeights = GENERAL) -> float:
    """How likely (0 to 1) the documents answer a question; `nearest` None: by words alone."""
    if nearest is None:
        intercept, of_coverage = fit.words
        return _logistic(intercept + of_coverage * coverage)
    intercept, of_coverage, of_nearest = fit.both
    return _logistic(intercept + of_coverage * coverage + of_nearest * nearest)


def judge_evidence(found: SearchResult, *, evidence_min: float) -> Refusal | None:
    """None when the sources may answer; otherwise why not.

    1. nothing was found                                            → `no_match`
    2. it is less likely than `evidence_min` that the documents
       answer the question                                          → `low_evidence`
    """
    if not found.hits and found.notes:
        return Refusal("no_match", " ".join(found.notes))
    if not found.hits:
        return NOTHING_FOUND
    likely = _likelihood_of(found)
    if likely < evidence_min:
        return Refusal(
            "low_evidence",
            "Your documents hardly speak of this: the nearest passages cover "
            f"{found.coverage:.0%} of what the question asks about, and an answer in them is "
            f"{likely:.0%} likely.",
        )
    return None


def _likelihood_of(found: SearchResult) -> float:
    nearest = max(found.hits, key=lambda hit: hit.legs.get("dense", -1.0))
    asked, answered = question_language(found.query), question_language(nearest.text)
    is_across = asked is not None and answered is not None and asked is not answered
    fit = KOREAN if asked is answered is Language.KOREAN else GENERAL
    if found.embedder != FINGERPRINT or found.nearest is None:
        return likelihood(found.coverage, None, fit)
    both = likelihood(found.coverage, found.nearest, fit)
    if found.legs.get("dense", "ok") != "ok":
        # Partly embedded: the passage that answers may be one whose nearness is not known yet.
        return max(likelihood(found.coverage, None, fit), both)
    if is_across:
        return likelihood(max(found.coverage, ACROSS_LANGUAGES), found.nearest)
    return both


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))
