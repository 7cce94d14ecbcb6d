"""Which languages are others to a query, and how their passages are merged with its own."""

from __future__ import annotations

import pytest

from byline.domain.searches import SearchHit
from byline.search.across_languages import merge, other_languages
from byline.search.exact_words import exact_words
from byline.search.passage_reader import FoundPassage


def passages(side: str, *scores: float) -> list[FoundPassage]:
    return [
        FoundPassage(
            SearchHit(n, "d", f"{side}{n}", "", None, "", 0, 1, "x", score, {"dense": 0.8}), 0.0
        )
        for n, score in enumerate(scores, start=1)
    ]


@pytest.mark.parametrize(
    ("query", "among", "not_among"),
    [
        ("월세가 얼마야?", "en", "ko"),
        ("VPN 설정 방법", "en", "ko"),
        ("When is rent due?", "ko", "en"),
        ("take home pay in october", "ko", "de"),
        ("Wie hoch ist die Miete?", "ko", "en"),
        ("いつ払いますか", "ko", "ja"),
    ],
)
def test_the_others_are_the_languages_in_other_letters(
    query: str, among: str, not_among: str
) -> None:
    others = other_languages(query)
    assert among in others
    assert not_among not in others


@pytest.mark.parametrize("query", ["2024", "Когда платить?", "…"])
def test_a_query_whose_letters_do_not_tell_has_no_others(query: str) -> None:
    assert other_languages(query) == frozenset()


def test_the_side_that_stands_lower_has_every_third_place_from_the_second_on() -> None:
    own, others = passages("own", 3, 2, 1, 0, -1), passages("other", 2, 1)
    merged = [each.hit.name for each in merge(own, others, others_lead=False)]
    assert merged == ["own1", "other1", "own2", "own3", "other2", "own4", "own5"]
    merged = [each.hit.name for each in merge(own, others, others_lead=True)]
    assert merged == ["other1", "own1", "other2", "own2", "own3", "own4", "own5"]


def test_either_side_may_be_empty_and_scores_never_rise() -> None:
    own, others = passages("own", 1, 0.5), passages("other", 3, 2)
    scores = [each.hit.score for each in merge(own, others, others_lead=False)]
    assert scores == sorted(scores, reverse=True)
    assert [each.hit.name for each in merge([], others, others_lead=False)] == ["other1", "other2"]
    assert [each.hit.name for each in merge(own, [], others_lead=True)] == ["own1", "own2"]


@pytest.mark.parametrize("code", ["INV-2024-0312", "F03", "anna@mill.example"])
def test_a_code_is_told_from_a_year_and_a_measure(code: str) -> None:
    assert any(word.is_code for word in exact_words(f"Where is {code} now?"))
    assert not any(word.is_code for word in exact_words("Who won in 1998, and ran 4500km?"))
