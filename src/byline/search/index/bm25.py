"""BM25 as numbers: what a term weighs in a passage, and what in a query.

BM25 is a sparse inner product. The passage's side is its term counts, saturated and normalised by
its length; it is worked out once, when the passage is indexed. The query's side is the inverse
document frequency (IDF) of its terms, taken from the statistics of the moment.

The passage's side needs the average length of passages, and freezes it. It is taken anew for
every few passages indexed, over all there are then; a row keeps the one it was written with until
its document is indexed again. Nothing else recomputes it, because it hardly matters: with one
wrong by a third nDCG@10 moves by less than 0.005 on the two sets of `bench/retrieval`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import log
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Numbers = TypeVar("Numbers", float, npt.NDArray[np.float64])

K1: Final = 0.6
"""How late a repeated term stops adding: half the usual 1.2. That a passage repeats a word is also
told by the dense leg (`fuse.py`); by itself this leg is as good with either."""

B: Final = 0.6
"""How much length counts: less than the usual 0.75, since passages are cut to like sizes."""

CONTEXT_OCCURRENCES: Final = 2
"""A term of the title or heading counts as so many more occurrences."""

DISTINCT_TERMS_MAX: Final = 16_000
"""The most entries pgvector stores in a `sparsevec`; a passage's further terms are left out."""

ENDING_WEIGHT: Final = 0.5
"""The share of its weight that a term has which only the ending of a Korean word brings. nDCG@10 of
this leg by itself on 3,000 questions of KorQuAD 1.0 with it at 1 / 0.5 / 0.3 / 0: 0.9535 / 0.9579 /
0.9585 / 0.9592; with the dense leg, on 400 questions, 0.978 / 0.981 / 0.980 / 0.980. Not 0: what
looks like an ending may be none (the last syllable of 고양이)."""

QUERY_TERMS_MAX: Final = 128
"""A longer query is asked by those of its terms that weigh most."""

COVERAGE_PASSAGES_MIN: Final = 1_000
"""A smaller collection is judged as one of so many passages (see `coverage`)."""


@dataclass(frozen=True, slots=True)
class PassageTerms:
    """What a passage is indexed by: rising term ids, how often each occurs (title and heading
    counted in), and the passage's length in terms (title and heading left out)."""

    ids: list[int]
    occurrences: list[int]
    length: int


def passage_terms(body: list[int], context: Collection[int]) -> PassageTerms:
    """Count the terms of a passage's text (`body`) and of its title and heading (`context`)."""
    counts = Counter(body)
    for term in set(context):
        counts[term] += CONTEXT_OCCURRENCES
    ids = sorted(counts)[:DISTINCT_TERMS_MAX]
    return PassageTerms(ids, list(map(counts.__getitem__, ids)), len(body))


def average_length(passages: int, length: int) -> float:
    """Of `passages` passages of `length` terms together; at least 1, for passages without words."""
    return max(1.0, length / passages)


def passage_weights(terms: PassageTerms, average_length: float) -> list[float]:
    """The passage's side of the inner product, a weight for each of `terms.ids`."""
    length = float(terms.length)
    return [saturated(float(n), length, average_length) for n in terms.occurrences]


def saturated(occurrences: Numbers, length: Numbers, average_length: Numbers) -> Numbers:
    """What a term weighs that occurs so often in a passage so long, where passages are so long on
    average; or each of many."""
    norm = K1 * (1 - B + B * length / average_length)
    return occurrences * (K1 + 1) / (occurrences + norm)


def idf(passages: int, df: int) -> float:
    """What a term weighs that `df` of `passages` passages hold; most where `df` is 0."""
    return log(1 + (passages - df + 0.5) / (df + 0.5))


def query_weights(
    terms: list[int],
    df: Mapping[int, int],
    passages: int,
    endings: Collection[int] = frozenset(),
) -> dict[int, float]:
    """The query's side: its `QUERY_TERMS_MAX` heaviest terms, each with its weight, of which
    `endings` have a share.

    Terms that no passage holds are among them: they find nothing, but they were asked for.
    """
    counts = Counter(terms)
    weights = {
        term: count * idf(passages, df.get(term, 0)) * (ENDING_WEIGHT if term in endings else 1)
        for term, count in sorted(counts.items())
    }
    heaviest = sorted(weights, key=weights.__getitem__, reverse=True)[:QUERY_TERMS_MAX]
    return {term: weights[term] for term in heaviest}


def coverage(
    held: Iterable[int], asked: Iterable[int], df: Mapping[int, int], passages: int
) -> float:
    """The share (0 to 1) of the weight of the terms `asked` that lies on those a passage holds.

    Each term weighs its IDF, once. The IDF of a small collection says little: in a
    single document every word it has would weigh next to nothing, and any other word everything.
    So there are taken to be at least `COVERAGE_PASSAGES_MIN` passages.
    """
    passages = max(passages, COVERAGE_PASSAGES_MIN)
    weights = {term: idf(passages, df.get(term, 0)) for term in asked}
    total = sum(weights.values())
    return sum(weights[term] for term in held) / total if total else 0.0
