"""Passages analysed in one process are indexed in another as if they had been analysed there."""

from __future__ import annotations

import pytest

from byline.search import bm25
from byline.search.analyse import terms
from byline.search.analysed import AnalysedPassages, context_terms
from byline.search.duplicates import fingerprint

PASSAGES = [
    ("The lease ends in May; the landlord keeps the deposit.", "Lease > End"),
    ("… — 😀", ""),
    ("임대차 계약 기간은 2년이며 보증금은 계약이 끝나면 돌려받는다.", "계약"),
    (" ".join(f"w{n}x" for n in range(20_000)), "Lease > End"),
    ("again " * 70_000, ""),
]


def sent(passages: list[tuple[str, str]]) -> AnalysedPassages:
    analysed = AnalysedPassages()
    for text, heading in passages:
        analysed.add(text, title="Papers", heading=heading)
    return AnalysedPassages.from_bytes(analysed.to_bytes())


@pytest.mark.parametrize("at", range(4))
def test_terms_and_fingerprints_arrive_as_they_were_worked_out(at: int) -> None:
    text, heading = PASSAGES[at]
    expected = bm25.passage_terms(terms(text), context_terms("Papers", heading))

    arrived = sent(PASSAGES)

    assert len(arrived) == len(PASSAGES)
    assert arrived.terms(at) == expected
    assert arrived.fingerprint(at) == fingerprint(terms(text))


def test_a_word_repeated_more_often_than_can_be_told_counts_as_often_as_can_be() -> None:
    arrived = sent(PASSAGES)
    [again] = terms("again")
    told = arrived.terms(4)
    assert told.occurrences[told.ids.index(again)] == 65_535
    assert told.length == 70_000


def test_a_document_without_passages_has_nothing_to_tell() -> None:
    assert len(sent([])) == 0
