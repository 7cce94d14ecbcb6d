"""How a query is read: what is a mark, what only looks like one, and what a passage must hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.search.query_syntax import ParsedQuery, as_words, parse_query
from byline.text.terms import terms


@pytest.mark.parametrize(
    ("query", "phrases", "excluded"),
    [
        ('"rent is due"', ("rent is due",), ()),
        ('rent "in May" -garage', ("in May",), ("garage",)),
        ("“in May” „am Montag“", ("in May", "am Montag"), ()),
        ('-"in May" rent', (), ("in May",)),
        ("보증금 -세탁기", (), ("세탁기",)),
        ('"보증금은 계약" 임대차', ("보증금은 계약",), ()),
        ('"ABC-1234".', ("ABC-1234",), ()),
        ("rent -ABC-1234", (), ("ABC-1234",)),
        (
            '"a phrase may have as many words as it likes and stays a phrase"',
            ("a phrase may have as many words as it likes and stays a phrase",),
            (),
        ),
    ],
)
def test_phrases_and_exclusions_are_understood(
    query: str, phrases: tuple[str, ...], excluded: tuple[str, ...]
) -> None:
    reading = parse_query(query)
    assert (reading.phrases, reading.excluded + reading.excluded_phrases) == (phrases, excluded)
    left_out = {term for words in excluded for term in terms(words)}
    assert not left_out & set(terms(reading.words))
    assert {term for words in phrases for term in terms(words)} <= set(terms(reading.words))


@pytest.mark.parametrize(
    "query",
    [
        "What is e-mail?",
        "Did 10-20 people come?",
        "at -5 degrees",
        "Paris - the capital",
        "Paris -the capital- of France",
        "the --verbose option",
        "a – b — c",
        '"',
        '"lone quote',
        'a 5" pipe and a 6" bolt',
        '""  " "  "…"',
        "-",
        "*",
        "**bold** 2*3",
        "-kimchi",
        '-"only this"',
        "foo & !bar <-> (baz | *)",
        "Robert'); DROP TABLE passages; --",
        'Who said "what?',
        "몇 명이 - 왔나요?",
        'Who wrote the song "Hello Love"?',
        "「계약」과 “보증금” 중 무엇이 먼저인가요？",
        'the year in which the singer of the song "Hello Love" was born -Texas',
    ],
)
def test_what_only_looks_like_a_mark_is_words(query: str) -> None:
    assert parse_query(query) == as_words(query)


@pytest.mark.parametrize(
    ("query", "words", "prefixes"),
    [
        ("inv*", "", ("inv",)),
        ("rent INV* lease", "rent lease", ("inv",)),
        ("Ｉｎｖ*, due*", ",", ("inv", "due")),
        ("inv* inv*", "", ("inv",)),
        ("ABC-123*", "", ("abc-123",)),
        ("2024*", "", ("2024",)),
        ("café*", "", ("café",)),
        ("हिन्दी*", "", ("हिन्दी",)),
        ("보증금 lea*", "보증금", ("lea",)),
    ],
)
def test_a_star_behind_a_word_makes_a_prefix(
    query: str, words: str, prefixes: tuple[str, ...]
) -> None:
    reading = parse_query(query)
    assert (" ".join(reading.words.split()), reading.prefixes) == (words, prefixes)
    assert reading.is_plain


@pytest.mark.parametrize(
    "query",
    [
        *("**bold**", "*bold*", "bold** text", "100*3", "foo*bar", "*", "a * b", "in*", "AB-12*"),
        *("보증*", "A4용지*", "契約*", "/usr/lib*", "snake_case*", "what is inv*?", "-invoice* "),
    ],
)
def test_other_stars_are_text(query: str) -> None:
    assert parse_query(query).prefixes == ()


@given(st.text(st.sampled_from("ab가 \"“”-*5.\n(&|!:'"), max_size=40))
def test_nothing_is_an_error_and_something_is_always_looked_for(query: str) -> None:
    reading = parse_query(query)
    assert bool(terms(reading.words) or reading.prefixes) == bool(terms(query))
    reading.matches(query, "", "ab")
    if reading.is_plain and not reading.prefixes:
        assert reading == as_words(query)


@given(st.text(max_size=60))
def test_a_passage_holds_what_is_copied_out_of_it_as_a_phrase(text: str) -> None:
    words = text.split()
    if words and terms(words[0]):
        assert ParsedQuery("", phrases=(words[0],)).matches(text)


@pytest.mark.parametrize(
    ("query", "passage", "is_admitted"),
    [
        ('"art of war"', "The Art\n  of WAR.", True),
        ('"art of war"', "the start of war", False),
        ('"art of war"', "art of warfare", False),
        ('"router"', "routers", False),
        ('"ＡＢＣ-1234"', "order abc-1234.", True),
        ('"don\'t panic"', "Don’t panic!", True),
        ('"2024-05"', "on 2024-05-01", True),
        ('"보증금"', "임대차보증금은", True),
        ('"보증 기간"', "보증기간", False),
        ('"2년"', "보증 기간은 2년입니다", True),
        ('"2년"', "보증 기간은 12년입니다", False),
        ('"TV"', "삼성TV를", True),
        ('"May 1"', "in May 1,000 came", False),
        ('"May 1"', "on May 1, 1999", True),
        ('"東京"', "東京都", True),
        ("a -router", "two Routers", False),
        ("a -router", "a route", True),
        ("a -보증금", "보증금을 돌려받는다", False),
        ("a -보증금", "보증 기간의 잔금", True),
        ('a -"two years"', "for two years", False),
        ('a -"two years"', "years: two", True),
    ],
)
def test_a_passage_is_found_if_it_holds_the_phrases_and_nothing_excluded(
    query: str, passage: str, is_admitted: bool
) -> None:
    assert parse_query(query).matches(passage) is is_admitted


def test_heading_and_title_count_but_no_phrase_runs_from_one_into_the_other() -> None:
    reading = parse_query('"rent in May"')
    assert reading.matches("text", "Rent in May", "Lease")
    assert not reading.matches("in May", "", "rent")
    assert not parse_query("a -lease").matches("text", "", "The lease")


@pytest.mark.parametrize(
    ("phrase", "passage"),
    [
        ("ABC-1234", "order ABC-1234 was"),
        ("2024-05", "on 2024-05-01"),
        ("물이", "맑은 물이다"),
        ("e-mail server", "an e-mail server"),
        ("mail server", "an e-mail server"),
        ("1,234", "1,234원"),
        ("$1,000.50", "for $1,000.50 each"),
        ("the landlord's", "the landlord’s house"),
        ("don't", "we don’t know"),
        ("보증금은 계약", "보증금은 계약이 끝나면"),
        ("U.S.A.", "in the U.S.A. then"),
        ("3.14", "it is 3.14 or so"),
        ("5월 1일", "2024년 5월 1일에"),
    ],
)
def test_a_passage_has_the_terms_by_which_a_phrase_is_looked_up(phrase: str, passage: str) -> None:
    """Else the index would not offer it, and it would not be found as written."""
    assert set(parse_query(f'"{phrase}"').required_terms) <= set(terms(passage))
