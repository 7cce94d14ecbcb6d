"""Exact words: words of a query that name one thing. Pure.

Vectors say little about a code, a number or a name, and may rank a whole library before the one
document that has it. So an exact word that only one document has is in one of the first `PLACES`
hits (`exact_word_places.py` sees to that). Exact words are, the most specific first:

    1. a code: with digits (`XK-4471`, `제3조`, `F03`, but no number below 1,000 and no `2nd`),
       an address or a file's name (`anna@mill.example`, `lease_2024.pdf`), a day
    2. a name: with a capital letter that no sentence gave it
    3. any other word of a short query (`WORDS_MAX`): it may be a name in small letters, or in a
       script without capitals; of Korean words those that are no verbs. Only one of these is
       promoted, since it may be a filler.

A Korean word counts without its particle, and matches wherever a passage has its syllables in a
row; any other word matches as a whole, in its inflected forms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from byline.text.date_terms import days
from byline.text.stop_words import ENDINGS_OF_NOUNS_KO, INFLECTED_KO
from byline.text.terms import (
    COMPOUND,
    PUNCTUATION,
    UNSPACED,
    day_terms,
    folded,
    is_stop_word,
    terms,
    whole_term,
    word_terms,
)

PLACES: Final = 3
"""An exact word is in one of so many first hits."""

WORDS_MAX: Final = 6
WORDS_WITH_CAPITALS_MAX: Final = 4
"""Content words of a query that may have an exact word without any sign of one: fewer if the query
has capitals, which would most likely have marked a name."""

EXACT_MAX: Final = 6
"""Exact words of one query that are searched for."""

_READ_MAX: Final = 128
"""Only so many words of a query are read; the first ones."""

_NUMBER_DIGITS_MIN: Final = 4
_CODE_CHARS_MIN: Final = 3
_NAME_CHARS_MIN: Final = 3
_WORD_CHARS_MIN: Final = 4
_KOREAN_CHARS_MIN: Final = 2
_CHARS_MAX: Final = 64
_ENDING_CHARS_MAX: Final = max(map(len, ENDINGS_OF_NOUNS_KO))
_NOUNS_END_SO: Final = frozenset("기고면")  # 전기, 광고, 지면: as often as verbs do

_ANY_UNSPACED: Final = re.compile(f"[{UNSPACED}]")
_SPACED_RUN: Final = re.compile(f"[^{UNSPACED}]+")
_DIGIT: Final = re.compile(r"\d")
_ORDINAL: Final = re.compile(r"\d+(?:st|nd|rd|th|s)")
_DAY_ONLY: Final = re.compile(r"[\d./년월일年月日-]+")
_CODE_OR_ADDRESS: Final = re.compile(r"[a-z][\w./-]*\d|[^\s@]+@[^\s@]+$")
_ADDRESS: Final = re.compile(r"[^\W\d]{2,}\S*[@_.]\S*[^\W\d]{2,}")
_ENDS_SENTENCE: Final = (".", "!", "?", ":")


class ExactWordKind(IntEnum):
    """Why a word is exact; a smaller number is more specific."""

    CODE = 1
    NAME = 2
    WORD = 3


@dataclass(frozen=True, slots=True)
class ExactWord:
    """A case-folded word and the ids of its terms: a passage with the word has all of them. Several
    terms must stand in a row (`must_be_seen`), since each alone says less than the word."""

    text: str
    kind: ExactWordKind
    terms: tuple[int, ...]

    @property
    def must_be_seen(self) -> bool:
        """Whether the passage's text must be read to tell that it has the word."""
        return len(self.terms) > 1

    @property
    def is_code(self) -> bool:
        """Whether the word can be nothing but a code or an address: no year, no measure."""
        return self.kind is ExactWordKind.CODE and _CODE_OR_ADDRESS.match(self.text) is not None

    def stands_in(self, *parts: str) -> bool:
        """Whether one of the texts (text, heading, title) has the word's terms in a row."""
        return any(_in_a_row(self.terms, terms(part)) for part in parts if part)


def exact_words(query: str) -> tuple[ExactWord, ...]:
    """The exact words of a query, each once, the most specific first."""
    found: dict[str, ExactWord] = {}
    for each in sorted((*_days(query), *_words(query)), key=lambda one: one.kind):
        found.setdefault(each.text, each)
    return tuple(found.values())


def _days(query: str) -> Iterator[ExactWord]:
    """The days of a query; one written with its year is not searched for without it."""
    if not _DIGIT.search(query):
        return
    plain, with_year = folded(query), False
    for day, term in zip(days(plain), day_terms(plain), strict=True):
        if not with_year:
            yield ExactWord(day, ExactWordKind.CODE, (term,))
        with_year = len(day) > len("day 05-01")


def _words(query: str) -> Iterator[ExactWord]:
    written = query if query.isascii() else unicodedata.normalize("NFKC", query)
    chunks = written.split(maxsplit=_READ_MAX)[:_READ_MAX]
    plain = list(map(folded, chunks))
    tells = [not is_stop_word(chunk) for chunk in plain]
    is_shouted = query == query.upper()
    words_max = WORDS_MAX if query == query.lower() else WORDS_WITH_CAPITALS_MAX
    least = ExactWordKind.WORD if sum(tells) <= words_max else ExactWordKind.NAME
    has_sentences = not _ANY_UNSPACED.search(written)  # that begin with a capital, that is
    begins = has_sentences
    for chunk, word, tells_something in zip(chunks, plain, tells, strict=True):
        if tells_something:
            is_name = not is_shouted and _has_capital(chunk, begins)
            for kind, exact in _exact(word.strip(PUNCTUATION), is_name):
                if kind <= least and (ids := _terms(exact)):
                    yield ExactWord(exact, kind, ids)
        begins = has_sentences and chunk.endswith(_ENDS_SENTENCE)


def _has_capital(chunk: str, begins: bool) -> bool:
    """Whether a chunk has a capital letter, beside the first letter of a sentence (`begins`)."""
    if chunk == chunk.lower():
        return False
    letters = chunk.strip(PUNCTUATION)
    letters = letters[1:] if begins else letters
    return letters != letters.lower()


def _exact(plain: str, is_name: bool) -> Iterator[tuple[ExactWordKind, str]]:
    """The exact words of a case-folded chunk: its runs in scripts that put spaces between words,
    and, if it has letters of other scripts, the whole chunk without its ending."""
    if len(plain) > _CHARS_MAX or (_DAY_ONLY.fullmatch(plain) and any(days(plain))):
        return
    if plain.isascii() and plain.isalpha():  # most words of most queries
        if kind := _kind(plain, is_name):
            yield kind, plain
        return
    for run in _SPACED_RUN.findall(plain):
        word = run.strip(PUNCTUATION + "/&@+#")
        if kind := _kind(word, is_name):
            yield kind, word
    if _ANY_UNSPACED.search(plain):
        word = _without_ending(plain)
        if _DIGIT.search(word):
            if len(word) >= _CODE_CHARS_MIN:
                yield ExactWordKind.CODE, word
        elif len(word) >= _KOREAN_CHARS_MIN:
            yield (ExactWordKind.NAME if is_name else ExactWordKind.WORD), word


def _kind(word: str, is_name: bool) -> ExactWordKind | None:
    if not word.isalpha() and _DIGIT.search(word):
        if _ORDINAL.fullmatch(word) or len(word) < _CODE_CHARS_MIN:
            return None
        digits = sum(map(str.isdecimal, word))
        has_letters = any(map(str.isalpha, word))
        return ExactWordKind.CODE if has_letters or digits >= _NUMBER_DIGITS_MIN else None
    if not word.isalpha() and _ADDRESS.fullmatch(word):
        return ExactWordKind.CODE
    if is_name and len(word) >= _NAME_CHARS_MIN:
        return ExactWordKind.NAME
    return ExactWordKind.WORD if len(word) >= _WORD_CHARS_MIN else None


def _without_ending(word: str) -> str:
    """A noun without its ending; an empty string for a verb."""
    inflected = INFLECTED_KO.fullmatch(word)
    if inflected is not None and inflected[2] not in ENDINGS_OF_NOUNS_KO:
        return word if inflected[2] in _NOUNS_END_SO else ""
    for chars in range(min(_ENDING_CHARS_MAX, len(word) - 1), 0, -1):
        if word[-chars:] in ENDINGS_OF_NOUNS_KO:
            return word[:-chars]
    return word


def _terms(word: str) -> tuple[int, ...]:
    if word.isascii() and word.isalpha():
        return tuple(word_terms(word))
    is_whole = not _ANY_UNSPACED.search(word) and len(COMPOUND.findall(word)) == 1
    whole = whole_term(word) if is_whole else None
    return tuple(word_terms(word)) if whole is None else (whole,)


def _in_a_row(wanted: Sequence[int], held: Sequence[int]) -> bool:
    first, count = wanted[0], len(wanted)
    return any(
        tuple(held[place : place + count]) == wanted
        for place, term in enumerate(held)
        if term == first
    )
