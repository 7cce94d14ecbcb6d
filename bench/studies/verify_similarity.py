"""Whether the similarity of meaning (e5-small) should decide what words leave open in the check.

    python -m bench.studies.verify_similarity

Statements of which words decide nothing (`some_words`, `other_language`) are compared with the
sentences of the source that are aligned with them. Two cosines are fitted on the development halves
of the sets of `verify_ablation.py` (from the upper one on `supported`, up to the lower one
`unsupported`) and applied to the halves held back.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from bench.retrieval import DEFAULT_DATA
from bench.studies.verify_ablation import Analysed, Statement, balanced, statement_sets
from byline.domain.asks import Support
from byline.domain.reasons import CheckReason
from byline.vectors.embedders.e5_model import E5Model
from byline.vectors.embedders.e5_weights import bundled_file

UNDECIDED: Final = (CheckReason.SOME_WORDS, CheckReason.OTHER_LANGUAGE)
AT_ONCE: Final = 32
UPPER: Final = [round(0.84 + 0.01 * n, 2) for n in range(17)]
LOWER: Final = [round(0.70 + 0.01 * n, 2) for n in range(21)]


class Judged(NamedTuple):
    """A verdict by words; `cosine` is None where words decide."""

    kind: str
    support: Support
    cosine: float | None


def main() -> None:
    path = bundled_file()
    if path is None:
        sys.exit("e5-small is not installed.")
    model = E5Model(path)
    halves = [
        {
            name: judged(some, model)
            for name, some in statement_sets(DEFAULT_DATA, held_back=held).items()
        }
        for held in (False, True)
    ]
    upper, lower = max(product(UPPER, LOWER), key=lambda bounds: _mean(halves[0], *bounds))
    sys.stdout.write(f"fitted: supported from {upper}, unsupported to {lower}\n")
    for name, half in zip(("development", "held back"), halves, strict=True):
        for told, bounds in (
            ("words alone", (9.0, -9.0)),
            ("0.88 and 0.80", (0.88, 0.80)),
            ("fitted", (upper, lower)),
        ):
            scores = ", ".join(f"{key} {_score(some, *bounds):.2f}" for key, some in half.items())
            sys.stdout.write(f"{name}, {told}: mean {_mean(half, *bounds):.2f}; {scores}\n")
        undecided = {key: sum(j.cosine is not None for j in some) for key, some in half.items()}
        sys.stdout.write(f"{name}, undecided: {undecided}\n")


def judged(some: Sequence[Statement], model: E5Model) -> list[Judged]:
    """The verdicts by words, and the cosine of each that is undecided."""
    analysed = Analysed()
    found: list[Judged] = []
    open_: list[tuple[int, str, str]] = []
    for at, one in enumerate(some):
        verdict = analysed.verdict(one)
        found.append(Judged(one.kind, verdict.support, None))
        if verdict.reason in UNDECIDED:
            said = " ".join(sentence.plain for _, sentence in verdict.aligned.sentences)
            open_.append((at, one.text, said))
    for begin in range(0, len(open_), AT_ONCE):
        part = open_[begin : begin + AT_ONCE]
        ours = model.embed([text for _, text, _ in part], "query: ")
        theirs = model.embed([text for _, _, text in part], "query: ")
        for (at, _, _), cosine in zip(part, np.sum(ours * theirs, axis=1), strict=True):
            found[at] = found[at]._replace(cosine=float(cosine))
    return found


def _mean(half: Mapping[str, Sequence[Judged]], upper: float, lower: float) -> float:
    return sum(_score(some, upper, lower) for some in half.values()) / len(half)


def _score(some: Sequence[Judged], upper: float, lower: float) -> float:
    kinds: dict[str, list[Support]] = {}
    for one in some:
        kinds.setdefault(one.kind, []).append(_decided(one, upper, lower))
    return 100 * balanced(kinds)


def _decided(one: Judged, upper: float, lower: float) -> Support:
    if one.cosine is None or lower < one.cosine < upper:
        return one.support
    return Support.SUPPORTED if one.cosine >= upper else Support.UNSUPPORTED


if __name__ == "__main__":
    main()
