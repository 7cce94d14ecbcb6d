"""Which words of a text are listed for prefixes, and by which term each is found."""

from __future__ import annotations

import pytest

from byline.search.index.vocabulary import written_words
from byline.text.terms import terms, whole_term


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Invoices, INVOICED; it is", {"the", "invoices", "invoiced"}),
        ("ＡＢＣ－1234 e-mail", {"abc-1234", "abc", "1234", "e-mail", "mail"}),
        ("on 2024-05-01", {"2024-05-01", "2024"}),
        ("café हिन्दी Straße", {"café", "हिन्दी", "strasse"}),
        ("임대차 보증금은 契約書 ノート invoice를 발행", {"invoice"}),
        ("x" * 41 + " " + "y" * 40, {"y" * 40}),
        ("snake_case_words /usr/lib", {"snake", "case", "words", "usr", "lib"}),
        ("", set()),
    ],
)
def test_words_of_scripts_with_spaces_are_listed(text: str, words: set[str]) -> None:
    assert written_words(text) == words


@pytest.mark.parametrize(
    "word", ["invoices", "abc-1234", "mp3", "café", "e-mail", "2024-05-01", "2024-05", "हिन्दी"]
)
def test_a_listed_word_is_found_by_one_term_that_its_text_has(word: str) -> None:
    assert word in written_words(f"of {word}!")
    assert whole_term(word) in terms(f"of {word}!")
    assert whole_term(word) not in terms("abc 1234 mp 3 mail 2024 cafeteria")


def test_what_has_too_many_parts_has_no_term_of_its_own() -> None:
    assert whole_term("a1b2c3d4e5") is None
    assert whole_term("-") is None
