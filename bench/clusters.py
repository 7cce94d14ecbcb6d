"""Vectors of any number that lie as an embedder's do: in clusters, and all on one side.

A vector is what all texts have in common and what its topic, its document and it alone add, each
drawn with a falling spectrum. The shares are set to look like 4,800 vectors that the bundled
embedder made of encyclopedia paragraphs and questions: mean cosine of any two 0.75 (here 0.75), of
the nearest 0.87 (0.85), the tenth 0.83 (0.83), the hundredth 0.80 (0.79); effective dimensions of
the whole 135 (140), of a neighbourhood 26 (25). Uniformly random vectors are no substitute: no
index of neighbours finds its way among those.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

DIMENSIONS: Final = 384
PASSAGES_A_DOCUMENT: Final = 20

_TOPICS: Final = 2_000
_SPECTRUM: Final = -0.3
_COMMON, _TOPIC, _DOCUMENT, _OWN, _ASKED = 0.865, 0.20, 0.20, 0.42, 0.35


class Clusters:
    """Vectors of passages, document by document, and of questions near some. The same seed gives
    the same ones in every run."""

    def __init__(self, seed: int = 3) -> None:
        self._random = np.random.default_rng(seed)
        spectrum = np.arange(1, DIMENSIONS + 1, dtype=np.float32) ** np.float32(_SPECTRUM)
        self._spectrum = spectrum / np.linalg.norm(spectrum)
        self._common = _COMMON * unit(self._random.standard_normal(DIMENSIONS, np.float32))
        self._topics = self._drawn(_TOPICS)

    def documents(self, count: int) -> Floats:
        """The vectors of `count` documents' passages: (count * PASSAGES_A_DOCUMENT, DIMENSIONS)."""
        topics = self._topics[self._random.integers(_TOPICS, size=count)]
        about = self._common + _TOPIC * topics + _DOCUMENT * self._drawn(count)
        own = _OWN * self._drawn(count * PASSAGES_A_DOCUMENT)
        return unit(np.repeat(about, PASSAGES_A_DOCUMENT, axis=0) + own)

    def questions(self, answers: Floats) -> Floats:
        """One vector near each of `answers`."""
        return unit(answers + _ASKED * self._drawn(len(answers)))

    def _drawn(self, count: int) -> Floats:
        drawn = self._random.standard_normal((count, DIMENSIONS), np.float32)
        drawn *= self._spectrum
        return drawn


def unit(vectors: Floats) -> Floats:
    """The same, of length 1."""
    lengths: Floats = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    return vectors / lengths


def nearest(vectors: NDArray[np.float16], questions: Floats, count: int) -> list[list[int]]:
    """The places of the exactly nearest vectors to each question, best first."""
    best_at = np.empty((len(questions), 0), dtype=np.int64)
    best = np.empty((len(questions), 0), dtype=np.float32)
    for first in range(0, len(vectors), 50_000):
        part = questions @ vectors[first : first + 50_000].astype(np.float32).T
        at = np.argpartition(-part, min(count, part.shape[1] - 1), axis=1)[:, :count]
        best = np.hstack([best, np.take_along_axis(part, at, axis=1)])
        best_at = np.hstack([best_at, at + first])
        order = np.argsort(-best, axis=1)[:, :count]
        best = np.take_along_axis(best, order, axis=1)
        best_at = np.take_along_axis(best_at, order, axis=1)
    return [list(map(int, row)) for row in best_at]
