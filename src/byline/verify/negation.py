"""Finds what a sentence denies: the words in the scope of a negation. Pure.

In English the scope is the words behind the negation in its clause; in Korean (않다, 없다, 안, 못),
where verbs come last, it is the clause before. "Not only", "뿐만 아니라" and the like deny nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from byline.verify.claim_words import (
    NEGATIONS_EN,
    NEGATIONS_KO,
    NO_NEGATIONS_EN,
    NO_NEGATIONS_KO,
)

T = TypeVar("T")

_DENIALS_MAX: Final = 24
"""The most negations that are read in one sentence: each is compared with each of another
sentence."""
_REACH_WORDS: Final = 3
_CLAUSE_END: Final = re.compile(r"[,;:.!?()]|\b(?:but|and|or|although|while|because|which|that)\b")
_CLAUSE_END_KO: Final = re.compile(r"[,;.!?]\s|(?:며|고|지만|는데|으나|거나|면)\s(?=\S)")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def denials_in(text: str) -> tuple[tuple[int, int], ...]:
    """Return the spans that a folded sentence denies."""
    english = _masked(text, NO_NEGATIONS_EN)
    spans = [_scope_behind(english, m.end()) for m in _first(NEGATIONS_EN.finditer(english))]
    if not text.isascii():
        korean = _masked(text, NO_NEGATIONS_KO)
        found = _merged([m.span() for m in NEGATIONS_KO.finditer(korean)])
        clauses = _clause_starts(korean)
        spans += [_scope_around(korean, clauses, *span) for span in _first(found)]
    return tuple(spans)


def _first(found: Iterable[T]) -> Iterator[T]:
    return islice(found, _DENIALS_MAX)


def _masked(text: str, pattern: re.Pattern[str]) -> str:
    return pattern.sub(lambda match: " " * len(match.group()), text)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _scope_behind(text: str, at: int) -> tuple[int, int]:
    reach = _end_of_words(text, at, len(text))
    clause = _CLAUSE_END.search(text, at, reach + 1)
    return at, _end_of_words(text, at, clause.start()) if clause else reach


def _end_of_words(text: str, at: int, limit: int) -> int:
    """Return the end of the last word in reach, or `at` if there is none before `limit`."""
    words = islice(_WORD.finditer(text, at, limit), _REACH_WORDS)
    return max((word.end() for word in words), default=at)


def _clause_starts(text: str) -> list[int]:
    return [0, *(boundary.end() for boundary in _CLAUSE_END_KO.finditer(text))]


def _scope_around(text: str, clauses: Sequence[int], start: int, end: int) -> tuple[int, int]:
    reach = start
    if text[start] in "안못":  # the verb follows
        behind = _WORD.search(text, end)
        reach = behind.end() if behind else end
    clause = bisect_right(clauses, start) - 1
    if clause > 0 and clauses[clause] == start and text[start - 2] not in ",;.!?":
        clause -= 1  # the ending belongs to the negation: 는데 없다
    return clauses[clause], max(reach, start)
