"""Does a source say what a sentence says? A verdict with a reason, from words alone.

The decision, in order:
 1. a sentence with nothing to check (no term at all, or a bare yes or no)      → weak
 2. a number in the sentence that no cited source has                            → unsupported
 3. a name in the sentence that no cited source has                              → unsupported
 4. share of the sentence's content terms found in the sources ≥ SUPPORTED_MIN   → supported
 5. … ≥ WEAK_MIN                                                                 → weak
 6. otherwise                                                                    → unsupported
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from byline.domain.asking import Support
from byline.search.analyse import query_terms

SUPPORTED_MIN: Final = 0.6
WEAK_MIN: Final = 0.35

_BARE: Final = frozenset(["yes", "no", "네", "예", "아니요", "아니오"])
_SPELLED: Final = {
    **{"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6"},
    **{"seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12"},
    **{"한": "1", "두": "2", "세": "3", "네": "4", "다섯": "5", "여섯": "6", "열": "10"},
}
_WORD: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME: Final = re.compile(r"\b[A-Z][\w’'-]*[a-z][\w’'-]*|\b[A-Z]{2,}\b")
_SENTENCE_START: Final = re.compile(r"^\W*")


@dataclass(frozen=True, slots=True)
class SupportVerdict:
    support: Support
    why: str


def check_support(sentence: str, sources: Sequence[str]) -> SupportVerdict:
    """Hold `sentence` (its citation markers already removed) against the texts it cites."""
    evidence = unicodedata.normalize("NFKC", "\n".join(sources))
    sentence = unicodedata.normalize("NFKC", sentence)
    wanted = set(query_terms(sentence))
    numbers = numbers_in(sentence)
    if not wanted or sentence.strip(" .,!?").casefold() in _BARE:
        return SupportVerdict(Support.WEAK, "there is nothing in the sentence to check")  # 1
    missing_numbers = numbers - numbers_in(evidence) - _spelled_numbers_in(evidence)
    if missing_numbers:
        return SupportVerdict(  # 2
            Support.UNSUPPORTED, f"the source does not have {', '.join(sorted(missing_numbers))}"
        )
    missing_names = [name for name in _names_in(sentence) if name not in evidence.casefold()]
    if missing_names:
        return SupportVerdict(  # 3
            Support.UNSUPPORTED, f"the source does not name {', '.join(missing_names)}"
        )
    recall = len(wanted & set(query_terms(evidence))) / len(wanted)
    if recall >= SUPPORTED_MIN:
        return SupportVerdict(Support.SUPPORTED, "its words are in the source")  # 4
    if recall >= WEAK_MIN:
        return SupportVerdict(Support.WEAK, "only some of its words are in the source")  # 5
    return SupportVerdict(Support.UNSUPPORTED, "its words are not in the source")  # 6


def numbers_in(text: str) -> set[str]:
    """The numbers of `text`, with grouping commas and trailing decimal zeros removed."""
    found = set()
    for match in _NUMBER.finditer(text):
        number = re.sub(r",(?=\d{3}(?:\D|$))", "", match.group())
        if "." in number and number.count(".") == 1:
            number = number.rstrip("0").rstrip(".")
        found.add(number.lstrip("0") or "0")
    return found


def _spelled_numbers_in(evidence: str) -> set[str]:
    """Small numbers written as words. Only a source is read so: in a claim, "one" is no number."""
    return {_SPELLED[word] for word in _WORD.findall(evidence.casefold()) if word in _SPELLED}


def _names_in(sentence: str) -> list[str]:
    """Capitalised words that are not merely first in the sentence, case-folded."""
    first = _SENTENCE_START.match(sentence)
    start = first.end() if first else 0
    return [m.group().casefold() for m in _NAME.finditer(sentence) if m.start() > start]
