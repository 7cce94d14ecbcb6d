"""What is embedded of a passage, and which vectors are believed."""

from __future__ import annotations

import math

import pytest

from byline.backend.embeddings_client import vectors_in_order
from byline.errors import EmbedderUnavailable
from byline.vectors.embedders.embedder import INPUT_CHARS_MAX, checked_vector, passage_input


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Lease", "Deposit > Return", "Lease > Deposit > Return\ntext"),
        ("Lease", "Lease > Deposit", "Lease > Deposit\ntext"),
        ("Lease", "", "Lease\ntext"),
        ("", "Deposit", "Deposit\ntext"),
        ("", "", "text"),
    ],
)
def test_a_passage_is_embedded_with_where_it_stands(
    title: str, heading: str, expected: str
) -> None:
    assert passage_input(title, heading, "text") == expected


def test_no_passage_is_longer_than_a_model_will_look_at() -> None:
    assert len(passage_input("t", "h", "x" * 100_000)) == INPUT_CHARS_MAX


def test_a_vector_is_brought_to_length_one() -> None:
    assert list(checked_vector([3, 0, 4], 3)) == pytest.approx([0.6, 0, 0.8])


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ([1.0, math.nan], "bad_response"),
        ([1.0, math.inf], "bad_response"),
        ([1e38, 1e39], "bad_response"),
        ([0.0, 0.0], "bad_response"),
        ([None, 1.0], "bad_response"),
        (["a", "b"], "bad_response"),
        ([1.0], "wrong_dimension"),
        ([1.0, 1.0, 1.0], "wrong_dimension"),
    ],
)
def test_numbers_that_are_no_vector_are_refused_with_a_reason(
    numbers: list[float], reason: str
) -> None:
    with pytest.raises(EmbedderUnavailable) as refused:
        checked_vector(numbers, 2)
    assert refused.value.reason == reason


@pytest.mark.parametrize("count", [0, 4001])
def test_vectors_that_cannot_be_stored_are_refused_before_there_is_a_table(count: int) -> None:
    with pytest.raises(EmbedderUnavailable):
        checked_vector([1.0] * count, None)


def test_vectors_are_put_in_the_order_of_their_texts() -> None:
    data = [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [0]}]
    assert vectors_in_order({"data": data}, 2) == [[0], [1]]
    assert vectors_in_order({"data": [{"embedding": [5]}]}, 1) == [[5]]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": ["x", "y"]},
        {"data": [{"index": 0, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}] * 2},
        {"data": [{"index": n, "embedding": [1]} for n in (1, 2)]},
        {"data": [{"index": 0, "embedding": "AAAA"}, {"index": 1, "embedding": [1]}]},
        {"data": [{"index": "0", "embedding": [1]}, {"index": "1", "embedding": [1]}]},
    ],
)
def test_an_answer_without_a_vector_for_each_text_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        vectors_in_order(answer, 2)
