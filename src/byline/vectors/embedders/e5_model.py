"""multilingual-e5-small in numpy: texts to vectors of 384 numbers and length 1.

A BERT encoder, then the mean over its pieces. The pieces of several texts stand one below the
other, so that each weight is read once for all of them; only attention goes text by text. Some
1,700 pieces a second on one core of a server of 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from byline.vectors.embedders.e5_weights import E5Weights, Floats
from byline.vectors.embedders.unigram_tokenizer import UnigramTokenizer

_PIECES_AT_ONCE: Final = 1024
"""More would only leave the caches: the rate stays the same from 200 on."""

_GELU: Final = np.float32(0.7978845608), np.float32(0.044715)


@dataclass(frozen=True, slots=True)
class _LayerNorm:
    weight: Floats
    bias: Floats
    epsilon: float

    def apply(self, x: Floats) -> None:
        """Layer normalisation of each row, in place."""
        x -= x.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x) / x.shape[1]
        x *= (1 / np.sqrt(variance + self.epsilon))[:, None]
        x *= self.weight
        x += self.bias


@dataclass(frozen=True, slots=True)
class _Linear:
    weight: Floats
    bias: Floats

    def of(self, x: Floats) -> Floats:
        y: Floats = x @ self.weight
        y += self.bias
        return y


@dataclass(frozen=True, slots=True)
class _Layer:
    query_key_value: _Linear
    attention_out: _Linear
    attention_norm: _LayerNorm
    widen: _Linear
    narrow: _Linear
    norm: _LayerNorm


class E5Model:
    """The model, in memory (85 MB beside the mapped file). For one thread."""

    def __init__(self, path: Path) -> None:
        weights = E5Weights(path)
        self.dimensions: int = weights.width
        self._weights = weights
        self._tokenizer = UnigramTokenizer(weights.vocabulary)
        self._places = weights.vector("emb.pos").reshape(weights.positions, weights.width)
        self._places = self._places + weights.vector("emb.type")[: weights.width]
        self._norm = _norm(weights, "emb.ln")
        self._layers = [_layer(weights, f"l{number}.") for number in range(weights.layers)]

    def embed(self, texts: Sequence[str], prefix: str) -> Floats:
        """The vectors of `texts`, each read with `prefix` before it: texts × dimensions."""
        pieces_max = self._weights.positions - 2
        cut = [self._tokenizer.tokenize(prefix + text, pieces_max) for text in texts]
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        some: list[int] = []
        for number in sorted(range(len(cut)), key=lambda n: len(cut[n])):
            if some and sum(len(cut[n]) for n in some) + len(cut[number]) > _PIECES_AT_ONCE:
                vectors[some] = self._encode([cut[n] for n in some])
                some = []
            some.append(number)
        if some:
            vectors[some] = self._encode([cut[n] for n in some])
        return vectors

    def _encode(self, texts: Sequence[Sequence[int]]) -> Floats:
        ends = np.cumsum([len(text) for text in texts])
        spans = [slice(end - len(text), end) for end, text in zip(ends, texts, strict=True)]
        x = self._weights.pieces(np.concatenate([np.asarray(text) for text in texts]))
        for span in spans:
            x[span] += self._places[: span.stop - span.start]
        self._norm.apply(x)
        for layer in self._layers:
            x += layer.attention_out.of(self._attend(layer.query_key_value.of(x), spans))
            layer.attention_norm.apply(x)
            x += layer.narrow.of(_gelu(layer.widen.of(x)))
            layer.norm.apply(x)
        pooled: Floats = np.stack([x[span].mean(axis=0) for span in spans])
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled

    def _attend(self, all_: Floats, spans: Sequence[slice]) -> Floats:
        heads, width = self._weights.heads, self._weights.width
        context = np.empty((len(all_), width), np.float32)
        for span in spans:
            apart = all_[span].reshape(-1, 3, heads, width // heads)
            query, key, value = apart.transpose(1, 2, 0, 3)
            scores = query @ key.transpose(0, 2, 1)
            scores *= np.float32((width // heads) ** -0.5)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            context[span] = (scores @ value).transpose(1, 0, 2).reshape(-1, width)
        return context


def _norm(weights: E5Weights, name: str) -> _LayerNorm:
    return _LayerNorm(weights.vector(f"{name}.w"), weights.vector(f"{name}.b"), weights.epsilon)


def _layer(weights: E5Weights, name: str) -> _Layer:
    width, inner = weights.width, weights.inner

    def linear(part: str, outputs: int) -> _Linear:
        return _Linear(
            weights.matrix(f"{name}{part}.w", outputs), weights.vector(f"{name}{part}.b")
        )

    parts = [linear(part, width) for part in ("q", "k", "v")]
    return _Layer(
        query_key_value=_Linear(
            np.concatenate([part.weight for part in parts], axis=1),
            np.concatenate([part.bias for part in parts]),
        ),
        attention_out=linear("ao", width),
        attention_norm=_norm(weights, f"{name}aln"),
        widen=linear("fi", inner),
        narrow=linear("fo", width),
        norm=_norm(weights, f"{name}oln"),
    )


def _gelu(x: Floats) -> Floats:
    """By tanh, which numpy has; with erf the vectors' cosine changes in the sixth place."""
    root, cube = _GELU
    y = x * x
    y *= cube
    y += 1
    y *= x
    y *= root
    np.tanh(y, out=y)
    y += 1
    y *= x
    y *= np.float32(0.5)
    return y
