"""What a text is findable by, in English, Korean and what stands between them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.text.terms import (
    TERM_IDS_MAX,
    content_terms,
    ending_terms,
    query_terms,
    term_strings,
    terms,
)

WHAT_A_TEXT_IS_FINDABLE_BY = [
    # words
    ("The warranties expired", "the warranti expir"),
    ("dog's dogs' dog’s", "dog dog dog"),
    ("don't we'll", "dont well"),
    ("O'Brien", "brien obrien"),
    ("café CAFÉ cafe", "cafe cafe cafe"),
    ("Straße", "strass"),
    ("e-mail email e‑mails", "mail email email mail email"),
    ("U.S.A. U.S.", "usa us"),
    ("AT&T", "at att"),
    ("snake_case", "snake case snakecas"),
    # numbers as written
    ("1,000,000 1000000", "1000000 1000000"),
    ("3.14 pi", "3 14 3.14 pi"),
    ("10:30", "10 30 10:30"),
    ("1939–1945 1939-1945", "1939 1945 1939-1945 1939 1945 1939-1945"),
    ("2024-05-01 2024.05.01", "2024 5 1 20240501 2024 5 1 20240501"),
    ("010-1234-5678", "010 1234 5678 01012345678"),
    ("in 1999,200 people", "in 1999 200 peopl"),
    ("٣٤", "34"),
    # codes: the whole and the parts
    ("ABC-1234", "abc 1234 abc1234"),
    ("ABC1234", "abc 1234 abc1234"),
    ("mp3 5kg 1990s", "mp 3 mp3 5 kg 5kg 1990 1990s"),
    # Korean: pairs of syllables, a single one alone
    ("임대차 계약", "임대 대차 계약"),
    ("집", "집"),
    ("물을 물이", "물을 물 물이 물"),
    ("2024년 5월에 제12조", "2024 2024년 5 5월 월에 월 제 12 12조"),
    ("1,000원", "1000 1000원"),
    ("LG전자", "lg 전자"),
    # Japanese, Chinese, and scripts whose marks stand inside words
    ("東京タワーで", "東京 京タ タワ ワー ーで"),
    ("データ・ベース", "デー ータ ベー ース"),
    ("北京", "北京"),
    ("हिन्दी भाषा", "हिन्दी भाषा"),
    ("العَرَبِيَّة العربية", "العربية العربية"),
    ("Привет", "привет"),
    # what is not seen, and what is written otherwise but is the same
    ("ＡＢＣ １２３ ﬁne", "abc 123 fine"),
    ("한국", "한국"),
    ("ze\u200bro so\u00adft \ufeffmark", "zero soft mark"),
    ("ｶﾀｶﾅ", "カタ タカ カナ"),
    # nothing to find
    ("", ""),
    (" \t\n\u3000", ""),
    ("😀 ☎️ 👩‍👩‍👧", ""),
    ("… — !? *** _", ""),
]


@pytest.mark.parametrize(("text", "expected"), WHAT_A_TEXT_IS_FINDABLE_BY)
def test_a_text_is_findable_by(text: str, expected: str) -> None:
    words = [term for term in term_strings(text) if " " not in term]  # days: test_date_terms.py
    assert words == expected.split()


def test_ids_follow_the_terms_one_to_one() -> None:
    text = "ABC-1234 임대차 the dog the dog"
    by_term = dict(zip(term_strings(text), terms(text), strict=True))

    assert [by_term[term] for term in term_strings(text)] == terms(text)
    assert len(set(by_term.values())) == len(by_term)


def test_ids_are_the_same_in_every_process() -> None:
    program = "from byline.text.terms import terms; print(terms('Warranty 보증 ABC-1234'))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    # Written down: an index made by an earlier version must still be found in.
    assert printed == {"[506099865, 727506621, 891568579, 615402662, 443445343]"}


def test_long_chunks_give_the_same_ids_as_short_ones() -> None:
    long = "대한민국임대차보호법" * 5
    assert terms(f"dog {long}") == [*terms("dog"), *terms(long)]
    assert len(set(terms(long))) == len(set(term_strings(long)))


def test_a_long_text_without_a_space_is_read_in_linear_time() -> None:
    assert len(terms("x" * 100_000)) == 1
    assert len(terms("1," * 50_000)) == 50_000
    assert len(terms("한" * 100_000)) == 99_999


def test_words_that_only_ask_are_left_out_of_a_question() -> None:
    assert query_terms("What is the warranty of the router?") == terms("warranty router")
    assert query_terms("보증 기간은 얼마인가요?") == terms("보증 기간은")
    assert query_terms("계약은 언제입니까") == terms("계약은")


def test_a_question_of_nothing_but_such_words_keeps_them() -> None:
    assert query_terms("To be or not to be") == terms("not")
    assert query_terms("What is this?") == terms("What is this?")
    assert query_terms("무엇인가요?") == terms("무엇인가요?")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("김치찌개를 끓이려면 무엇이 필요한가요?", "김치찌개 끓이 필요"),
        ("임대차 보증금은 언제까지 돌려받나요", "임대차 보증금 돌려받"),
        ("두부는 몇 모 넣나요?", "두부 모"),
        ("집에서 일할 수 있나요?", "집 일할"),
        ("회의는 언제인가요", "회의"),
        ("ABC-1234를 고치는 the repairs", "ABC-1234를 고치 repairs"),
    ],
)
def test_what_a_question_is_about_is_its_words_without_endings(
    question: str, expected: str
) -> None:
    assert content_terms(question) == terms(expected)


def test_the_terms_of_endings_are_those_that_only_they_bring() -> None:
    brought = set(terms("판매자가")) - set(terms("판매자"))
    assert len(brought) == 1
    assert ending_terms("판매자가 내는 warranty") == brought
    assert ending_terms("판매자가 자가 수리") == frozenset()  # 자가 is a word here, too
    assert ending_terms("refund of the router, 2024-05-01") == frozenset()


@given(st.text())
def test_any_text_gives_ids_within_bounds_and_the_same_ones_again(text: str) -> None:
    found = terms(text)

    assert all(0 < term < TERM_IDS_MAX for term in found)
    assert terms(text) == found
    assert len(term_strings(text)) == len(found)
    assert set(query_terms(text)) <= set(found)


@given(st.text(alphabet=st.sampled_from("aZé1٣가월の東ำ,.-'’/_&@:+ \u0301\u200d፩²Ⅷ"), max_size=30))
def test_any_mixture_of_scripts_and_separators_gives_terms(text: str) -> None:
    assert all(term_strings(text))
    assert len(term_strings(text)) == len(terms(text))


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_texts_side_by_side_give_the_terms_of_both(one: str, other: str) -> None:
    assert terms(f"{one} {other}") == terms(one) + terms(other)
