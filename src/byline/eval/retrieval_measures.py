"""The measures of retrieval, as `ir-measures` defines them, and two of our own. Pure.

They have their usual names: `nDCG@10`, `R@10` (recall), `RR` (reciprocal rank; its mean is MRR),
`P@1`. All are shares from 0 to 1, 1 is best.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

Scores = dict[str, float]
"""Name of a measure → its value."""

RESAMPLES: Final = 2_000
_SEED: Final = 7


class MeasuresMissing(Exception):
    """`ir-measures` is not installed."""

    remedy = "In Byline's own folder: make setup. Else: pip install 'ir-measures>=0.4.3,<0.5'."


def measure_names(depth: int) -> tuple[str, ...]:
    """The names of the measures of the first `depth` hits, the leading one first."""
    return (f"nDCG@{depth}", f"R@{depth}", "RR", "P@1")


def score_rankings(
    expected: Mapping[str, Iterable[str]], found: Mapping[str, Sequence[str]], depth: int
) -> dict[str, Scores]:
    """The scores of each question. `expected` are the right keys of each question, `found` its
    ranking, best first. A question that found nothing scores 0. Raises `MeasuresMissing`."""
    if not expected:
        return {}
    ir = _library()
    measures = {name: ir.parse_measure(name) for name in measure_names(depth)}
    judged = [ir.Qrel(question, key, 1) for question, keys in expected.items() for key in keys]
    ranked = [
        ir.ScoredDoc(question, key, -float(rank))
        for question in expected
        for rank, key in enumerate(found.get(question, ())[:depth], start=1)
    ]
    scores: dict[str, Scores] = {question: dict.fromkeys(measures, 0.0) for question in expected}
    for value in ir.iter_calc(list(measures.values()), judged, ranked):
        scores[value.query_id][str(value.measure)] = float(value.value)
    return scores


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """The mean of each measure over questions; empty where there are none."""
    rows = list(scores)
    return {name: fmean(row[name] for row in rows) for name in rows[0]} if rows else {}


def roc_auc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """The chance that one of `positives` scores above one of `negatives` (ties count half): the
    area under the ROC curve. None where either is empty."""
    if not positives or not negatives:
        return None
    ranked = sorted([*((v, 1) for v in positives), *((v, 0) for v in negatives)])
    rank_sum, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        rank_sum += (at + end + 1) / 2 * sum(label for _, label in ranked[at:end])
        at = end
    wins = rank_sum - len(positives) * (len(positives) + 1) / 2
    return wins / (len(positives) * len(negatives))


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The mean of paired differences and its 95 % interval (bootstrap over questions)."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0, so that the difference is more than scatter."""
        return self.low > 0 or self.high < 0


def paired_difference(differences: Sequence[float]) -> PairedDifference | None:
    """The mean of paired differences with its interval; None if there are none. The resampling is
    seeded: the same figures give the same interval."""
    if not differences:
        return None
    count, draw = len(differences), random.Random(_SEED)
    means = sorted(fmean(draw.choices(differences, k=count)) for _ in range(RESAMPLES))
    low, high = means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]
    return PairedDifference(fmean(differences), low, high, count)


def _library() -> Any:
    try:
        import ir_measures
    except ImportError as error:
        raise MeasuresMissing(
            "Judging retrieval needs ir-measures, which is not installed here."
        ) from error
    return ir_measures
