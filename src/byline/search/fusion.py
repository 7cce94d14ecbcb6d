"""One ranking from two: the scores of the lexical and the dense leg, made comparable and added.

BM25 scores and cosine similarities have nothing in common but that more is better. So each leg's
scores are z-scored (less their mean, in standard deviations) over the candidates of the query: the
best passages of either leg, each scored by both. The weighted sum ranks them.

Measured on the development sets (nDCG@10 of squad2_en / multihop_en; whole paragraphs, exact
search, 100 candidates a leg): lexical alone 0.910 / 0.686, dense alone 0.861 / 0.769, z-scores at
0.4 0.942 / 0.788. Reciprocal ranks gave 0.897 on the first (they lose how far ahead the best is),
min-max 0.937. A weight per query could gain 0.01 at most, if the best of three weights were known
for each; no feature tried (its length, how far either leg's best was ahead) predicted it.
`docs/decisions` has more that did not pay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final

LEXICAL_WEIGHT: Final = 0.4
"""The lexical leg's share of the sum. 0.3 to 0.45 are within 0.006 of each other on either set."""

AGREEMENT: Final = 0.95
"""The dense z-score assumed for a passage without a vector, as a share of its lexical z-score.
With it results get better the more of a library is embedded (squad2_en: 0.908 by words alone, 0.89
to 0.90 with a tenth embedded, 0.916 with half, 0.943 with all). With 0, a passage of average
similarity, the few that have vectors crowd out the rest: 0.66 with a tenth.
"""

_SAME: Final = 1e-12
"""Scores that differ by no more than this share of their mean differ by rounding only."""

CANDIDATES: Final = 100
"""Passages each leg proposes. With 50 a set loses up to 0.001, with 200 none gains."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate's fused score and its score in each leg; `dense` is None if it has no vector."""

    score: float
    lexical: float
    dense: float | None


def fuse(lexical: Mapping[int, float], dense: Mapping[int, float]) -> dict[int, Fused]:
    """Rank the candidates, best first (ties by id): passage id → scores.

    `lexical` has every candidate (0 without a word of the query), `dense` those that have a vector.
    For the others the dense leg is assumed to agree nearly with the lexical leg (`AGREEMENT`).
    """
    lexical_z = _z_scores(lexical)
    dense_z = _z_scores(dense)
    scores = {
        key: LEXICAL_WEIGHT * score + (1 - LEXICAL_WEIGHT) * dense_z.get(key, AGREEMENT * score)
        for key, score in lexical_z.items()
    }
    return {
        key: Fused(scores[key], lexical[key], dense.get(key))
        for key in sorted(scores, key=lambda key: (-scores[key], key))
    }


def _z_scores(scores: Mapping[int, float]) -> dict[int, float]:
    """Each score less the mean, in standard deviations; all 0 where they do not differ."""
    if not scores:
        return {}
    # Plain sums: the exact ones of `statistics` take ten times as long and give the same order.
    mean = sum(scores.values()) / len(scores)
    apart = {key: score - mean for key, score in scores.items()}
    spread = sqrt(sum(each * each for each in apart.values()) / len(scores))
    if spread <= _SAME * abs(mean):
        return dict.fromkeys(scores, 0.0)
    return {key: each / spread for key, each in apart.items()}
