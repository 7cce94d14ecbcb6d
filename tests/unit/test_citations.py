"""Every `[n]` of an answer is checked against the source it names."""

from __future__ import annotations

import pytest

from byline.domain.asks import Grounding, Source, Support
from byline.verify import citations
from byline.verify.citations import AnswerCheck, check_answer, normalise_markers
from byline.verify.sentences import settled_sentences


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
        ("a [2024-05-01].", "a [2024-05-01]."),
        ("a [2024].", "a [2024]."),
        ("a ［1］.", "a [1]."),
        ("a (1).", "a (1)."),
        ("a [source 1].", "a [1]."),
        ("a [Source 1, Source 2].", "a [1][2]."),
        ("a [출처 1, 출처 3].", "a [1][3]."),
        ("a [출처 2].", "a [2]."),
        ("a [[1]].", "a [1]."),
        ("a [1, 1].", "a [1]."),
        ("a [3-1].", "a."),
        ("a 【1†lease.md】.", "a [1]."),
        ("a [1](#source-1).", "a [1]."),
        ("see `x[1]` [2].", "see `x[1]` [2]."),
        ("a [2번].", "a [2]."),
        ("a [1번 자료, 3번 자료].", "a [1][3]."),
        ("a [①].", "a [1]."),
        ("a [②③].", "a [2][3]."),
        ("a (출처: 2).", "a [2]."),
        ("a (자료 1, 3 참조).", "a [1][3]."),
        ("a (Source 1).", "a [1]."),
        ("a (see [1] and [3]).", "a [1][3]."),
        ("a ([2]).", "a [2]."),
        ("a \\[1\\].", "a [1]."),
        ("a [#1].", "a [1]."),
        ("a [**1**].", "a [1]."),
        ("a [1/2].", "a [1][2]."),
        ("a [Doc 3].", "a [3]."),
        ("a [citation: 1].", "a [1]."),
        ("a [1, p. 4].", "a [1]."),
        ("a [2, 14쪽].", "a [2]."),
        ("a [1: Lease of the flat].", "a [1]."),
        ("a [references 1; references 2].", "a [1][2]."),
        ("euros[1][2].", "euros[1][2]."),
        ("a (출처: 2024).", "a (출처: 2024)."),
        ("a [page 1].", "a [page 1]."),
        ("a (doc 1).", "a (doc 1)."),
        ("[1/2] Lease", "[1/2] Lease"),
        ("half, p = [1/2].", "half, p = [1/2]."),
        ("a third [7/9].", "a third [7/9]."),
        ("the [1/2] of it", "the [1/2] of it"),
        ("arr[1] and arr[9]", "arr[1] and arr[9]"),
        ("x[0], my_rows[2][1]", "x[0], my_rows[2][1]"),
        ("items[7] = 5, items[8].pop()", "items[7] = 5, items[8].pop()"),
    ],
)
def test_markers_are_normalised_and_unknown_numbers_dropped(written: str, normal: str) -> None:
    assert normalise_markers(written, {1: "", 2: "", 3: ""}) == normal


@pytest.mark.parametrize(
    "spelt", ["[1번]", "(출처: 1)", "\\[1\\]", "[①]", "(see [1])", "[1, p. 4]"]
)
@pytest.mark.parametrize(
    "where", ["The deposit is 1,800 euros {}.", "The deposit is 1,800 euros. {}"]
)
def test_however_a_citation_is_spelt_its_sentence_is_held_against_the_source(
    spelt: str, where: str
) -> None:
    checked = check_answer(where.format(spelt), [source(1, LEASE)])
    [sentence] = checked.sentences
    assert (sentence.citations, sentence.support) == ((1,), Support.SUPPORTED)
    assert checked.answer == where.format("[1]")


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


def test_the_counts_of_grounding_are_those_of_the_cited_sentences() -> None:
    answer = "The deposit is 1,800 euros [1]. The deposit is 9 euros [1]. Nice flat."
    checked = check_answer(answer, [source(1, LEASE)])
    assert checked.grounding == Grounding(supported=1, weak=0, unsupported=1, uncited=1)


def test_a_sentence_without_an_end_is_not_looked_through_at_every_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []

    def looking(text: str, at: int) -> list[tuple[int, int]]:
        looked.append(len(text) - at)
        return settled_sentences(text, at)

    monkeypatch.setattr(citations, "settled_sentences", looking)
    check = AnswerCheck(())
    for _ in range(2_000):
        check.feed("word" * 5)
    assert sum(looked) < 20 * len(check.written)
