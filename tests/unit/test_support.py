"""What a source must say for a sentence to be called supported: facts, names and denials exactly,
the rest in like words."""

from __future__ import annotations

import pytest

from byline.domain.asks import Support
from byline.verify.checked_source import AnalysedSource
from byline.verify.facts.exact_facts import Facts, facts_in, fold
from byline.verify.support import SupportVerdict, check_support

LEASE = (
    "The lease runs for two years from 1 May 2024. The deposit is 1,800 euros. Mrs Lindqvist keeps "
    "the keys. Pets are not allowed in the flat. The garden has an area of 120 m²."
)
KOREAN = (
    "세탁기 보증 기간은 구입일로부터 2년입니다. 수리비는 3만 5천 원이며 2024년 5월 1일부터"
    " 적용됩니다. "
    "담당자는 김민수 과장입니다. 개봉한 제품은 환불되지 않습니다."
)


def verdict(sentence: str, *texts: str) -> SupportVerdict:
    return check_support(sentence, [AnalysedSource(text) for text in texts])


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The deposit is 1,800 euros.", Support.SUPPORTED),
        ("The deposit is 1800 euros.", Support.SUPPORTED),
        ("The deposit is €1,800.", Support.SUPPORTED),
        ("The lease runs for 2 years.", Support.SUPPORTED),
        ("The lease runs for 24 months.", Support.SUPPORTED),
        ("The lease runs from May 1, 2024.", Support.SUPPORTED),
        ("The lease runs from 2024-05-01.", Support.SUPPORTED),
        ("Pets are not allowed.", Support.SUPPORTED),
        ("Elephants migrate across wide rivers every summer.", Support.UNSUPPORTED),
    ],
)
def test_a_sentence_is_supported_by_its_facts_and_words(sentence: str, expected: Support) -> None:
    assert verdict(sentence, LEASE).support is expected


@pytest.mark.parametrize(
    ("sentence", "reason", "arguments"),
    [
        ("The lease runs for 3 years.", "number_mismatch", ("two years", "3 years")),
        ("The deposit is 2,800 euros.", "amount_mismatch", ("1,800 euros", "2,800 euros")),
        ("The deposit is $1,800.", "amount_mismatch", ("1,800 euros", "$1,800")),
        ("The lease runs from May 1, 2021.", "date_mismatch", ("1 may 2024", "may 1, 2021")),
        ("The garden has an area of 120 acres.", "number_mismatch", ("120 m2", "120 acres")),
        ("Mrs Bergman keeps the keys.", "name_mismatch", ("Lindqvist", "Bergman")),
        ("The keys are kept by Bergman.", "name_mismatch", ("Lindqvist", "Bergman")),
        ("Pets are allowed in the flat.", "negation_missing", ()),
        ("Mrs Lindqvist does not keep the keys.", "negation_added", ()),
    ],
)
def test_what_differs_is_named_by_a_code_and_its_arguments(
    sentence: str, reason: str, arguments: tuple[str, ...]
) -> None:
    found = verdict(sentence, LEASE)
    assert (found.support, found.reason) == (Support.UNSUPPORTED, reason)
    assert found.arguments == dict(zip(("source", "answer"), arguments, strict=False))


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("보증 기간은 2년입니다.", "words_found"),
        ("보증 기간은 24개월입니다.", "words_found"),
        ("보증 기간은 3년입니다.", "number_mismatch"),
        ("수리비는 35,000원입니다.", "words_found"),
        ("수리비는 4만 5천 원입니다.", "amount_mismatch"),
        ("수리비는 2024-05-01부터 적용됩니다.", "words_found"),
        ("수리비는 2024년 6월 1일부터 적용됩니다.", "date_mismatch"),
        ("담당자는 김민수 과장입니다.", "verbatim"),
        ("담당자는 박지훈 과장입니다.", "name_mismatch"),
        ("개봉한 제품은 환불됩니다.", "negation_missing"),
        ("세탁기 보증 기간은 구입일로부터 2년이 아닙니다.", "negation_added"),
    ],
)
def test_korean_is_checked_the_same_way(sentence: str, expected: str) -> None:
    assert verdict(sentence, KOREAN).reason == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000", "1000"),
        ("2.50", "2.5"),
        ("3.5 million people", "3,500,000 people"),
        ("₩1,234", "1,234원"),
        ("3만 5천 원", "35,000원"),
        ("1억 2,000만 원", "120,000,000원"),
        ("삼백만 원", "300만 원"),
        ("두 달", "2개월"),
        ("5kg", "5 kg"),
        ("5 km", "5,000 m"),
        ("90 minutes", "1.5 hours"),
        ("50%", "50 percent"),
        ("50퍼센트", "50 %"),
        ("May 1, 2024", "2024년 5월 1일"),
        ("the 1st of May 2024", "2024. 5. 1."),
        ("05/01/2024", "2024-05-01"),
        ("May 2024", "May 1, 2024"),
        ("3:30 pm", "오후 3시 반"),
        ("15:30", "3:30 pm"),
        ("the 19th century", "19세기"),
        ("the 1990s", "1990년대"),
        ("twenty-five", "25"),
        ("1.234,50 euros", "1,234.50 euros"),
        ("about 3 million", "2,987,000"),
        ("٢٠٢٤", "2024"),
        ("**1932**", "1932"),
        ("\u200f1932\u200e", "1932"),
    ],
)
def test_facts_are_the_same_however_they_are_written(one: str, other: str) -> None:
    (claim,) = facts_in(fold(one))
    assert Facts(facts_in(fold(other))).contains(claim)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 km", "5 miles"),
        ("$1,234", "1,234원"),
        ("50%", "50 kg"),
        ("May 1, 2024", "May 2, 2024"),
        ("May 1, 2024", "1 May"),
        ("2년", "2개월"),
        ("in the 1990s", "in 1990"),
        ("3:30 pm", "3:30 am"),
        ("W7", "W8"),
        ("제3조", "3조 원"),
        ("2,987,000", "about 3 million"),
    ],
)
def test_facts_that_differ_are_told_apart(one: str, other: str) -> None:
    (claim,) = facts_in(fold(one))
    assert not Facts(facts_in(fold(other))).contains(claim)


def test_half_of_the_words_are_neither_support_nor_the_lack_of_it() -> None:
    half = "The deposit has to be paid before the keys are handed over."
    assert (verdict(half, LEASE).support, verdict(half, LEASE).reason) == (
        Support.WEAK,
        "some_words",
    )


def test_another_language_is_not_held_against_the_words() -> None:
    neutral = verdict("The warranty runs for 2 years.", KOREAN)
    assert (neutral.support, neutral.reason) == (Support.OTHER_LANGUAGE, "other_language")
    assert verdict("The warranty runs for 4 years.", KOREAN).reason == "number_missing"


def test_a_name_spelled_otherwise_is_another_name() -> None:
    found = verdict("Mrs Lindquist keeps the keys.", LEASE)
    assert (found.support, found.reason) == (Support.UNSUPPORTED, "name_mismatch")
    assert found.arguments == {"source": "Lindqvist", "answer": "Lindquist"}


@pytest.mark.parametrize("sentence", ["Yes.", "It is.", "That was so."])
def test_a_sentence_of_no_content_has_nothing_to_check(sentence: str) -> None:
    found = verdict(sentence, LEASE)
    assert (found.support, found.reason) == (Support.WEAK, "nothing_to_check")


def test_a_name_may_be_written_together_or_apart() -> None:
    text = "AppleTalk let networks be set up without a central router."
    found = verdict("Networks were set up with Apple Talk without a central router.", text)
    assert found.support is Support.SUPPORTED


def test_two_names_of_one_passage_are_told_apart_where_the_sentences_run_alike() -> None:
    text = "The city of Kassel lies in Hesse. The city of Weimar lies in Thuringia."
    assert verdict("The city of Kassel lies in Thuringia.", text).reason == "name_elsewhere"
    assert verdict("The city of Kassel lies in Hesse.", text).support is Support.SUPPORTED
