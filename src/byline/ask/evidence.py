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

OTHERS: Final = (-5.7, 3.12, 80.0)
"""Intercept, coverage and standing of the passages in other languages than the question's. Its
words say nothing there, so a coverage of 0 counts for nothing; what is covered are names, numbers
and codes."""

OWN_COVERAGE: Final = 0.4
"""A passage with this share of the question's words may answer it, whatever other languages say."""

CODE_FOUND: Final = 0.5
"""How likely an answer is at least where a passage has a code of the question (`INV-2024-0312`)."""


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
    likely = likelihood_of(found)
    if likely < evidence_min:
        shares = {"coverage_percent": found.coverage, "likelihood_percent": likely}
        percent = {name: round(share * 100) for name, share in shares.items()}
        return Refusal(RefusalReason.LOW_EVIDENCE, percent)
    return None


def likelihood_of(found: SearchResult) -> float:
    """Return how likely the documents answer: the likeliest of each language by itself."""
    likely = [_likelihood_in_own_language(found), _likelihood_in_others(found)]
    if found.has_code:
        likely.append(CODE_FOUND)
    return max(likely)


def is_likelier_in_others(found: SearchResult) -> bool:
    """Whether an answer is likelier in another language than the question's, of whose words its own
    language has few."""
    if found.others is None or found.others.own_coverage >= OWN_COVERAGE:
        return False
    return _likelihood_in_others(found) > _likelihood_in_own_language(found)


def _likelihood_in_others(found: SearchResult) -> float:
    if found.others is None or found.embedder != FINGERPRINT:
        return 0.0
    intercept, of_coverage, of_standing = OTHERS
    of_words = of_coverage * found.others.coverage
    return _logistic(intercept + of_words + of_standing * found.others.standing)


def _likelihood_in_own_language(found: SearchResult) -> float:
    asked = question_language(found.query)
    coverage, nearest, others = found.coverage, found.nearest, found.others
    if others is not None:
        coverage, nearest = others.own_coverage, others.own_nearest
    fit = KOREAN if asked is Language.KOREAN and _is_korean(found) else GENERAL
    if others is not None and nearest is None:
        return 0.0
    if found.embedder != FINGERPRINT or nearest is None:
        return likelihood(coverage, None, fit)
    both = likelihood(coverage, nearest, fit)
    if found.legs.get("dense", "ok") != "ok":
        # Partly embedded: the passage that answers may have no vector yet.
        return max(likelihood(coverage, None, fit), both)
    return both


def _is_korean(found: SearchResult) -> bool:
    """Whether the passages in the question's language, which is Korean, are Korean indeed."""
    if found.others is not None:
        return True
    nearest = max(found.hits, key=lambda hit: hit.legs.get("dense", -1.0))
    return question_language(nearest.text) is Language.KOREAN


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))
