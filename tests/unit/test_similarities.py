"""Texts are compared with a question in meaning, by whatever embedder is at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from byline.errors import EmbedderUnavailable
from byline.vectors.query_vector import similarities

QUERY = (1.0, 0.0)


class TwoDimensions:
    """Knows two directions: rent, and all else."""

    def __init__(self, error: EmbedderUnavailable | None = None) -> None:
        self.error = error

    async def embed_query(self, text: str) -> Sequence[float]:
        return [1.0, 0.0]

    async def embed_sentences(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if self.error is not None:
            raise self.error
        return [[0.6, 0.8] if "rent" in text else [0.0, 1.0] for text in texts]

    async def prepare(self) -> None:
        """There is nothing to get ready."""


def test_each_text_has_its_cosine() -> None:
    found = asyncio.run(similarities(TwoDimensions(), QUERY, ["the rent", "a dog"]))
    assert found == {"the rent": pytest.approx(0.6), "a dog": 0.0}


def test_an_embedder_that_fails_compares_nothing() -> None:
    down = TwoDimensions(EmbedderUnavailable("busy", "too many questions"))
    assert asyncio.run(similarities(down, QUERY, ["the rent"])) == {}
