"""Passages analysed in one process are indexed in another as if they had been analysed there."""

from __future__ import annotations

import numpy as np
import pytest

from byline.search.index import bm25
from byline.search.index.analysed_passages import AnalysedPassages, analysed, context_terms
from byline.search.index.term_columns import TermColumns
from byline.search.index.vocabulary import written_words
from byline.search.near_duplicates import fingerprint
from byline.text.terms import terms

PASSAGES = [
    ("The lease ends in May; the landlord keeps the deposit.", "Lease > End"),
    ("… — 😀", ""),
    ("임대차 계약 기간은 2년이며 보증금은 계약이 끝나면 돌려받는다.", "계약"),
    (" ".join(f"w{n}x" for n in range(20_000)), "Lease > End"),
    ("again " * 70_000, ""),
]


def sent(passages: list[tuple[str, str]], at_once: int = 512) -> list[AnalysedPassages]:
    blocks = analysed(passages, title="Papers", at_once=at_once)
    return [AnalysedPassages.from_bytes(block.to_bytes()) for block in blocks]


def sent_at_once(passages: list[tuple[str, str]]) -> AnalysedPassages:
    [arrived] = sent(passages)
    return arrived


@pytest.mark.parametrize("at", range(4))
def test_terms_and_fingerprints_arrive_as_they_were_worked_out(at: int) -> None:
    text, heading = PASSAGES[at]
    expected = bm25.passage_terms(terms(text), context_terms("Papers", heading))

    arrived = sent_at_once(PASSAGES)

    assert len(arrived) == len(PASSAGES)
    assert arrived.columns.terms(at) == expected
    assert arrived.fingerprints[at] == fingerprint(terms(text))


def test_a_word_repeated_more_often_than_can_be_told_counts_as_often_as_can_be() -> None:
    arrived = sent_at_once(PASSAGES)
    [again] = terms("again")
    told = arrived.columns.terms(4)
    assert told.occurrences[told.ids.index(again)] == 65_535
    assert told.length == 70_000


def test_a_document_without_passages_has_nothing_to_tell() -> None:
    assert sent([]) == []


def test_passages_of_many_blocks_stay_apart() -> None:
    passages = [(f"passage {n} of {n % 7} mp{n}", f"Part {n // 100}") for n in range(1_300)]
    blocks = sent(passages)
    assert [len(block) for block in blocks] == [512, 512, 276]
    arrived = [(block, place) for block in blocks for place in range(len(block))]
    for (text, heading), (block, at) in zip(passages, arrived, strict=True):
        expected = bm25.passage_terms(terms(text), context_terms("Papers", heading))
        assert block.columns.terms(at) == expected
        assert block.fingerprints[at] == fingerprint(terms(text))


def test_the_words_of_passages_and_of_what_stands_above_them_arrive_once_each() -> None:
    passages = [("Deposits, deposits: ABC-1234 보증금", "Über Lease"), ("", "Lease > End")]
    written = " ".join(("Papers", *passages[0], *passages[1]))
    arrived = sent_at_once(passages)
    assert sorted(arrived.words) == sorted(written_words(written))
    assert "deposits" in arrived.words


@pytest.mark.parametrize(
    ("passages", "blocks"),
    [(1, [1]), (512, [512]), (767, [767]), (768, [512, 256]), (1_279, [512, 767])],
)
def test_a_few_passages_more_are_no_block_of_their_own(passages: int, blocks: list[int]) -> None:
    assert [len(block) for block in sent([("a", "")] * passages)] == blocks


def test_the_words_of_many_blocks_arrive_once_each_and_with_the_first_that_has_them() -> None:
    passages = [("one fish-hook", "Sea"), ("two (fish) hook", "Sea"), ("red, two", "Lake")]
    arrived = [set(block.words) for block in sent(passages, at_once=1)]
    assert arrived == [
        {"papers", "sea", "one", "fish-hook", "fish", "hook"},
        {"two"},
        {"red", "lake"},
    ]


def test_columns_are_the_same_counted_at_once_or_one_by_one() -> None:
    counted = [bm25.passage_terms(terms(text), context_terms("Papers", h)) for text, h in PASSAGES]
    one_by_one, at_once = TermColumns.of(counted), sent_at_once(PASSAGES).columns
    assert np.array_equal(one_by_one.ids, at_once.ids)
    assert np.array_equal(one_by_one.ends, at_once.ends)
    assert np.array_equal(one_by_one.occurrences, at_once.occurrences)
    assert np.array_equal(one_by_one.lengths, at_once.lengths)
