"""Spelling correction: query words that no passage has, and the known words one edit away.

An edit is one letter too many, one missing, one wrong, or two transposed, anywhere but in the first
letter, in words of five letters or more of a script with an alphabet. Only a word that no document
has is taken to be misspelt, so other searches do not change. All corrections of a word count as one
term, as the words of a prefix do.

A word has a few hundred edits. Looking each up in the list of words needs no other index and no
extension of the database (`pg_trgm` is not everywhere).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.search.index.vocabulary import frequencies
from byline.store.statements import statements
from byline.text.terms import PUNCTUATION, folded, is_stop_word, whole_term

CHARS_MIN: Final = 5
"""A shorter word is one edit away from too many others."""

CHARS_MAX: Final = 20
WORDS_MAX: Final = 2
"""Misspelt words of one query that are corrected; the first ones."""

MEANT_MAX: Final = 3
"""Corrections of one misspelt word; those that most passages have."""

_ALPHABETS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґў",
    "αβγδεζηθικλμνξοπρστυφχψως",
)


@dataclass(frozen=True, slots=True)
class SpellingCorrection:
    """A misspelt word, its replacements (those in most passages first), and their term ids."""

    word: str
    replacements: tuple[str, ...]
    terms: frozenset[int]


def correctable_words(text: str) -> tuple[str, ...]:
    """The words of a query that can be corrected, case-folded, each once, in their order."""
    found = (chunk.strip(PUNCTUATION) for chunk in folded(text).split())
    return tuple(
        dict.fromkeys(word for word in found if _alphabet(word) and not is_stop_word(word))
    )


def single_edits(word: str) -> frozenset[str]:
    """Every text one edit away from a case-folded word; none for a word without an alphabet."""
    return frozenset(_edits(word, _alphabet(word))) - {word}


async def correct_spelling(
    connection: AsyncConnection[DictRow], collections: Set[str], words: Sequence[str]
) -> tuple[SpellingCorrection, ...]:
    """The corrections of misspelt words that passages of the collections (empty: of any) have. Two
    round trips, or none."""
    words = words[:WORDS_MAX]
    if not words:
        return ()
    around = {word: single_edits(word) for word in words}
    found = await connection.execute(
        statements("vocabulary")["written"],
        {"words": " ".join(frozenset().union(*around.values()))},
    )
    written = {row["word"] for row in await found.fetchall()}
    term_of = {word: term for word in written if (term := whole_term(word))}
    if not term_of:
        return ()
    df = await frequencies(connection, collections, term_of.values())
    corrections = (_correction(word, around[word] & term_of.keys(), term_of, df) for word in words)
    return tuple(each for each in corrections if each.replacements)


def _correction(
    word: str, near: Iterable[str], term_of: Mapping[str, int], df: Mapping[int, int]
) -> SpellingCorrection:
    held = [other for other in near if df.get(term_of[other], 0) > 0]
    held.sort(key=lambda other: (-df[term_of[other]], other))
    replacements = tuple(held[:MEANT_MAX])
    return SpellingCorrection(
        word, replacements, frozenset(term_of[other] for other in replacements)
    )


def _alphabet(word: str) -> str:
    """The alphabet of a word; empty if the word is too short, too long or not all letters."""
    if CHARS_MIN <= len(word) <= CHARS_MAX:
        letters = set(word)
        for alphabet in _ALPHABETS:
            if letters.issubset(alphabet):
                return alphabet
    return ""


def _edits(word: str, alphabet: str) -> Iterator[str]:
    for at in range(1, len(word) + 1 if alphabet else 0):
        before, after = word[:at], word[at:]
        for letter in alphabet:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
