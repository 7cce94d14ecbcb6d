"""Decides from retrieval alone whether the documents may answer a question. Pure.

Two signals decide: how much of the question's words one passage covers (each weighted by its
rarity), and how near the nearest passage is in meaning. Their weights were fitted by logistic
regression on questions with and without an answer in the library (`bench/studies/evidence.py`,
which also fits them again). They recognise questions on subjects that the documents do not treat at
all. That a passage on the subject leaves the question itself open, only a reader can tell.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from byline.domain.asks import Refusal
from byline.domain.reasons import RefusalReason
from byline.domain.searches import SearchResult
from byline.text.question_language import Language, question_language
from byline.vectors.embedders.e5_embedder import FINGERPRINT

NOTHING_FOUND: Final = Refusal(RefusalReason.NO_MATCH)


class EvidenceWeights(NamedTuple):
    """The weights of the signals. `words`: intercept, coverage; used without vectors or with those
    of an embedder that was not fitted. `both`: intercept, coverage, and the cosine of the nearest
    passage (`e5-small`)."""

    words: tuple[float, float]
    both: tuple[float, float, float]


GENERAL: Final = EvidenceWeights((-4.2, 7.57), (-48.29, 3.12, 55.6))
"""Fitted on English, and used for every language without weights of its own."""

KOREAN: Final = EvidenceWeights((-4.33, *GENERAL.words[1:]), (-50.25, *GENERAL.both[1:]))
"""For a Korean question and Korean passages: all cosines are higher there, and pairs of syllables
are covered by chance. The slopes are those of English: the Korean questions at hand were written in
the words of their paragraphs, so a fit on them would overrate words."""

ACROSS_LANGUAGES: Final = 0.4
"""The coverage is taken to be at least this where the nearest passage is in another language than
the question: words tell nothing then."""


def likelihood(coverage: float, nearest: float | None, fit: EvidenceWeights = GENERAL) -> float:
    """Return how likely (0 to 1) the documents answer a question; by words alone if `nearest` is
    None."""
    if nearest is None:
        intercept, of_coverage = fit.words
        return _logistic(intercept + of_coverage * coverage)
    intercept, of_coverage, of_nearest = fit.both
    return _logistic(intercept + of_coverage * coverage + of_nearest * nearest)


def judge_evidence(found: SearchResult, *, evidence_min: float) -> Refusal | None:
    """Return why the documents do not answer, or None if they may.

    1. nothing was found                                            → `no_match`
    2. the likelihood of an answer is below `evidence_min`          → `low_evidence`
    """
    if not found.hits and found.notes:
        return Refusal(RefusalReason.NO_MATCH, notes=found.notes)
    if not found.hits:
        return NOTHING_FOUND
    likely = _likelihood_of(found)
    if likely < evidence_min:
        shares = {"coverage_percent": found.coverage, "likelihood_percent": likely}
        percent = {name: round(share * 100) for name, share in shares.items()}
        return Refusal(RefusalReason.LOW_EVIDENCE, percent)
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
        # Partly embedded: the passage that answers may have no vector yet.
        return max(likelihood(found.coverage, None, fit), both)
    if is_across:
        return likelihood(max(found.coverage, ACROSS_LANGUAGES), found.nearest)
    return both


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))
