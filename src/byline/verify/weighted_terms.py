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
from typing import Final

from byline.text.stop_words import INFLECTED_KO, PARTICLES_KO, STOP_WORDS_KO
from byline.text.terms import term_strings
from byline.verify.claim_words import FUNCTION_EN
from byline.verify.facts.quantities import NUMBER_WORDS
from byline.verify.facts.units import UNITS

_CHUNK: Final = re.compile(r"[^\s,;:()\[\]{}\"“”‘’«»「」『』…!?|]+")
_DIGIT: Final = re.compile("[0-9]")
_HANGUL_WORD: Final = re.compile(r"[가-힣]+")
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


class TermWeights(dict[str, float]):
    """The weight of each term."""

    @property
    def total(self) -> float:
        """The sum of all weights, independent of their order."""
        return math.fsum(self.values())

    def without(self, found: Container[str]) -> TermWeights:
        """Return the terms that are not in `found`, with their weights."""
        return TermWeights((term, weight) for term, weight in self.items() if term not in found)


def overlap(wanted: TermWeights, *among: TermSet) -> TermWeights:
    """Return the terms of `wanted` that are in `among`, with their weights."""
    found = TermWeights()
    for terms in among:  # the intersection looks the smaller set up in the larger
        found.update((term, wanted[term]) for term in wanted.keys() & terms)
    return found


def _terms_of(word: str) -> list[str]:
    if not _HANGUL_WORD.fullmatch(word):
        return term_strings(word)
    stem = stem_ko(word)
    if _KO_TAIL.sub("", word) in UNITS:
        return []  # 원입니다
    if stem in UNITS or STOP_WORDS_KO.fullmatch(word):
        return []
    return [a + b for a, b in itertools.pairwise(stem)] or [stem]
