"""Passages analysed in one process are indexed in another as if they had been analysed there."""

from __future__ import annotations

import numpy as np
import pytest

from byline.search import bm25
from byline.search.analyse import terms
from byline.search.analysed import AnalysedPassages, context_terms
from byline.search.columns import TermColumns
from byline.search.duplicates import fingerprint
from byline.search.vocabulary import written_words

PASSAGES = [
    ("The lease ends in May; the landlord keeps the deposit.", "Lease > End"),
    ("… — 😀", ""),
    ("임대차 계약 기간은 2년이며 보증금은 계약이 끝나면 돌려받는다.", "계약"),
    (" ".join(f"w{n}x" for n in range(20_000)), "Lease > End"),
    ("again " * 70_000, ""),
]


def sent(passages: list[tuple[str, str]]) -> AnalysedPassages:
    analysed = AnalysedPassages.of(passages, title="Papers")
    return AnalysedPassages.from_bytes(analysed.to_bytes())


@pytest.mark.parametrize("at", range(4))
def test_terms_and_fingerprints_arrive_as_they_were_worked_out(at: int) -> None:
    text, heading = PASSAGES[at]
    expected = bm25.passage_terms(terms(text), context_terms("Papers", heading))

    arrived = sent(PASSAGES)

    assert len(arrived) == len(PASSAGES)
    assert arrived.columns.terms(at) == expected
    assert arrived.fingerprint(at) == fingerprint(terms(text))


def test_a_word_repeated_more_often_than_can_be_told_counts_as_often_as_can_be() -> None:
    arrived = sent(PASSAGES)
    [again] = terms("again")
    told = arrived.columns.terms(4)
    assert told.occurrences[told.ids.index(again)] == 65_535
    assert told.length == 70_000


def test_a_document_without_passages_has_nothing_to_tell() -> None:
    assert len(sent([])) == 0


def test_passages_of_many_blocks_stay_apart() -> None:
    passages = [(f"passage {n} of {n % 7} mp{n}", f"Part {n // 100}") for n in range(1_300)]
    arrived = sent(passages)
    for at, (text, heading) in enumerate(passages):
        expected = bm25.passage_terms(terms(text), context_terms("Papers", heading))
        assert arrived.columns.terms(at) == expected
        assert arrived.fingerprint(at) == fingerprint(terms(text))


def test_the_words_of_passages_and_of_what_stands_above_them_arrive_once_each() -> None:
    passages = [("Deposits, deposits: ABC-1234 보증금", "Über Lease"), ("", "Lease > End")]
    written = " ".join(("Papers", *passages[0], *passages[1]))
    arrived = sent(passages)
    assert sorted(arrived.words) == sorted(written_words(written))
    assert "deposits" in arrived.words


def test_columns_are_the_same_counted_at_once_or_one_by_one() -> None:
    counted = [bm25.passage_terms(terms(text), context_terms("Papers", h)) for text, h in PASSAGES]
    one_by_one, at_once = TermColumns.of(counted), sent(PASSAGES).columns
    assert np.array_equal(one_by_one.ids, at_once.ids)
    assert np.array_equal(one_by_one.ends, at_once.ends)
    assert np.array_equal(one_by_one.occurrences, at_once.occurrences)
    assert np.array_equal(one_by_one.lengths, at_once.lengths)
