"""Reads the content of a sentence as weighted terms: stems, and bigrams of Korean stems. Pure.

Words without a claim are left out, and so are numbers, which are facts. Every word weighs one in
any script: the bigrams of a Korean word share its weight. Rarity does not count, since a check must
not depend on the collection.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Container
from functools import cached_property
from typing import Final

from byline.text.stop_words import INFLECTED_KO, PARTICLES_KO, STOP_WORDS_KO
from byline.text.terms import term_strings
from byline.verify.claim_words import FUNCTION_EN
from byline.verify.facts.quantities import NUMBER_WORDS
from byline.verify.facts.units import UNITS

_CHUNK: Final = re.compile(r"[^\s,;:()\[\]{}\"“”‘’«»「」『』…!?|]+")
_DIGIT: Final = re.compile("[0-9]")
_HANGUL_WORD: Final = re.compile(r"[가-힣]+")
_EMPTY_KO: Final = frozenset(
    [
        "것",
        "수",
        "등",
        "및",
        "또는",
        "그리고",
        "그러나",
        "하지만",
        "따라서",
        "즉",
        "또한",
        "이",
        "그",
        "저",
        "이것",
        "그것",
        "있",
        "하",
        "되",
        "합니다",
        "입니다",
        "있습니다",
        "됩니다",
        "했습니다",
        "있다",
        "한다",
        "된다",
        "이다",
        "했다",
        "됐다",
        "였다",
        "이며",
        "하며",
        "위해",
        "위한",
        "대한",
        "대해",
        "통해",
        "따라",
        "따르면",
        "경우",
        "때",
        "후",
        "전",
        "중",
        "더",
        "매우",
        "모두",
        "각",
        "약",
        "해당",
        "관련",
        "관한",
        "가능",
        "필요",
        "때문",
        "것은",
        "것이",
        "것을",
        "것입니다",
        "수도",
        "수는",
        "있는",
        "하는",
        "되는",
        "않습니다",
        "않는다",
        "없습니다",
        "없다",
        "아닙니다",
        "아니다",
    ]
)
_PREFIX_CHARS_MIN: Final = 5
_ALIKE: Final = 0.8
_KO_TAIL: Final = re.compile(
    r"(?:하였습니다|되었습니다|하십시오|했습니다|됐습니다|하였다|되었다|합니다|됩니다|입니다"
    r"|습니다|였습니다|이었습니다|한다"
    r"|된다|이다|였다|했다|됐다|하는|되는|하고|되고|하며|되며|하여|되어|해야|하면|되면|하기"
    r"|하지|되지|인|할|될|한|된|이며|이고|으로서|로서|에게서)$"
)


def content_terms(text: str) -> TermWeights:
    """Return the terms of a folded text with their weights."""
    found = TermWeights()
    for chunk in _CHUNK.findall(text):
        word = chunk.strip(".'’-–—*_#")
        if word in FUNCTION_EN or word in NUMBER_WORDS or word in UNITS or _DIGIT.search(word):
            continue  # numbers and their units are compared as facts, by value
        terms = _terms_of(word) if word else []
        for term in terms:
            found[term] = max(found.get(term, 0.0), 1 / len(terms))
    return found


def stem_ko(word: str) -> str:
    """Return a Korean word without its particle or verb ending, or unchanged if nothing would be
    left."""
    bare = _KO_TAIL.sub("", word)
    if len(bare) < len(word) and len(bare) > 1:
        return bare
    inflected = INFLECTED_KO.fullmatch(word)
    if inflected and (len(inflected[1]) > 1 or inflected[2] in PARTICLES_KO):
        return str(inflected[1])
    return word


class TermSet(frozenset[str]):
    """The terms of a text, in which other terms are looked up."""

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """The beginnings of the longer terms."""
        return frozenset(t[:_PREFIX_CHARS_MIN] for t in self if len(t) >= _PREFIX_CHARS_MIN)


class TermWeights(dict[str, float]):
    """The weight of each term."""

    @cached_property
    def by_beginning(self) -> dict[str, list[str]]:
        """The words that another word may match by its beginning, grouped by their beginnings."""
        found: dict[str, list[str]] = {}
        for term in self:
            if len(term) >= _PREFIX_CHARS_MIN and term.isascii() and term.isalpha():
                found.setdefault(term[:_PREFIX_CHARS_MIN], []).append(term)
        return found

    @property
    def total(self) -> float:
        """The sum of all weights, independent of their order."""
        return math.fsum(self.values())

    def without(self, found: Container[str]) -> TermWeights:
        """Return the terms that are not in `found`, with their weights."""
        return TermWeights((term, weight) for term, weight in self.items() if term not in found)


def overlap(wanted: TermWeights, *among: TermSet) -> TermWeights:
    """Return the terms of `wanted` that are in `among`: each with its weight, or with most of it if
    only another term with the same beginning is there (`invest`, `investor`)."""
    found = TermWeights()
    for terms in among:  # the intersection looks the smaller set up in the larger
        for start in wanted.by_beginning.keys() & terms.beginnings:
            found.update((term, _ALIKE * wanted[term]) for term in wanted.by_beginning[start])
    for terms in among:
        found.update((term, wanted[term]) for term in wanted.keys() & terms)
    return found


def _terms_of(word: str) -> list[str]:
    if not _HANGUL_WORD.fullmatch(word):
        return term_strings(word)
    stem = stem_ko(word)
    if _KO_TAIL.sub("", word) in UNITS:
        return []  # 원입니다
    if word in _EMPTY_KO or stem in _EMPTY_KO or stem in UNITS or STOP_WORDS_KO.fullmatch(word):
        return []
    return [a + b for a, b in itertools.pairwise(stem)] or [stem]
