"""Every `[n]` of an answer is checked against the source it names."""

from __future__ import annotations

import pytest

from byline.domain.asking import Grounding, Source, Support
from byline.verify.citations import check_answer, normalise_markers
from byline.verify.support import check_support, numbers_in


def source(n: int, text: str, start: int = 0) -> Source:
    return Source(n, n, f"doc-{n}", "lease.md", "Lease", 4, "", start, start + len(text), text, 1.0)


LEASE = "The lease runs for two years. The deposit is 1,800 euros. Mrs Lindqvist keeps the keys."


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("a [1, 2].", "a [1][2]."),
        ("a [1-3].", "a [1][2][3]."),
        ("a 【1】.", "a [1]."),
        ("a [99].", "a."),
        ("a [1][99].", "a [1]."),
        ("a [1–2; 3].", "a [1][2][3]."),
        ("a [2024-05-01].", "a."),
    ],
)
def test_markers_are_normalised_and_unknown_numbers_dropped(written: str, normal: str) -> None:
    assert normalise_markers(written, {1: "", 2: "", 3: ""}) == normal


def test_a_cited_sentence_gets_the_exact_words_and_their_place_in_the_document() -> None:
    checked = check_answer("The deposit is 1800 euros [1].", [source(1, LEASE, start=500)])
    [citation] = checked.citations
    assert citation.quote == "The deposit is 1,800 euros."
    assert (citation.start, citation.end) == (530, 557)
    assert (citation.n, citation.document_id, citation.page) == (1, "doc-1", 4)


def test_sentence_offsets_are_those_of_the_answer_that_is_sent() -> None:
    checked = check_answer("It runs two years [1]. The moon is far [7].", [source(1, LEASE)])
    first, second = checked.sentences
    assert checked.answer[first.start : first.end] == "It runs two years [1]."
    assert checked.answer[second.start : second.end] == "The moon is far."
    assert second.support is Support.UNCITED


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The deposit is 1,800 euros.", Support.SUPPORTED),
        ("The deposit is 1800 euros.", Support.SUPPORTED),
        ("The lease runs for 2 years.", Support.SUPPORTED),
        ("The lease runs for 3 years.", Support.UNSUPPORTED),
        ("The deposit is 2,800 euros.", Support.UNSUPPORTED),
        ("Then Mrs Bergman keeps the keys.", Support.UNSUPPORTED),
        ("Elephants migrate across wide rivers every summer.", Support.UNSUPPORTED),
        ("Yes.", Support.WEAK),
    ],
)
def test_support_is_decided_by_numbers_names_and_words(sentence: str, expected: Support) -> None:
    verdict = check_support(sentence, [LEASE])
    assert verdict.support is expected
    assert verdict.why


def test_korean_sentences_are_checked_the_same_way() -> None:
    text = "세탁기 보증 기간은 구입일로부터 2년입니다."
    assert check_support("보증 기간은 2년입니다.", [text]).support is Support.SUPPORTED
    assert check_support("보증 기간은 3년입니다.", [text]).support is Support.UNSUPPORTED


def test_numbers_compare_by_value() -> None:
    assert numbers_in("1,000 and 2.50 and 007") == {"1000", "2.5", "7"}


def test_the_counts_of_grounding_are_those_of_the_cited_sentences() -> None:
    answer = "The deposit is 1,800 euros [1]. The deposit is 9 euros [1]. Nice flat."
    checked = check_answer(answer, [source(1, LEASE)])
    assert checked.grounding == Grounding(supported=1, weak=0, unsupported=1)
