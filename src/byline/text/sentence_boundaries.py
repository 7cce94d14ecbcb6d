"""Finds the ends of sentences in English, Korean and other scripts, for all that splits text. Pure.

A terminator (`.`, `!`, `?`, `…`, their forms in other scripts) with the quotes, brackets and
emphasis that close there is
 1. no end: before a quotation's "he said" (`"…" 라고`), before a small letter where it is a dot,
    and where the dot is an abbreviation's, an initial's, a date's (`2024. 5. 1.`) or the number's
    of a list item or an article;
 2. a likely end: one that only the words around it tell from 1 (`the U.S. He left`, a wrapped line
    that ends in `Mr.`);
 3. a sure end otherwise.

To split into sentences, take likely and sure ends; to find one good place to cut, take sure ones.
A boundary depends only on LOOK_BACK_CHARS before it and LOOK_AHEAD_CHARS behind it, so it is the
same whatever comes later, and costs the same at any place.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

LOOK_BACK_CHARS: Final = 24
LOOK_AHEAD_CHARS: Final = 16


class Boundary(IntEnum):
    """How surely a sentence ends behind a terminator."""

    NONE = 0
    LIKELY = 1
    SURE = 2


_TERMINATORS: Final = ".!?…।؟۔"
_CLOSERS: Final = "\"'”’»」』)]*_"
_IN_CLASS: Final = re.escape(_CLOSERS)
_OPENS_CITATION: Final = ("[", "［", "【", "〔")
TERMINATOR: Final = re.compile(
    rf"(?<![{_TERMINATORS}])[{_TERMINATORS}]++[{_IN_CLASS}]*+(?=\s|$|[\[［【〔]\s?(?:\d|\^|[sS출자]))"
    rf"|[。！？｡]++[”’」』）\)]*+|(?<=[다요죠까])\.(?=[가-힣](?!고\s))"
)
"""A terminator with the quotes and brackets it closes, before white space, the end of the text or a
citation; a CJK terminator, or a dot behind the ending of a Korean verb, before anything."""

_BEFORE_WORD: Final = r"(?:^|[\s(\"“‘\[*_]|(?<!\w)')"  # the apostrophe of `Ann's` begins none
_ABBREVIATION: Final = re.compile(
    rf"{_BEFORE_WORD}(?:Mrs?|Ms|Dr|Prof|St|vs|e\.g|i\.e|cf|approx|Gen|Col|Capt|Lt|Sgt|Rev|Hon"
    r"|Gov|Sen|Rep|Mt|Ft|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Figs?|Eqs?|Vol|Nos|pp?)\.$"
)
_MAY_END: Final = re.compile(
    rf"{_BEFORE_WORD}(?:[^\W\d_가-힣]|etc|Inc|Ltd|Co|Corp|Jr|Sr|No|ca|al|Sec|Ch|[ap]\.m"
    r"|Ph\.D|[^\W\d_](?:\.[^\W\d_])+)\.$"
)
_OPENER: Final = re.compile(
    r"(?:The|He|She|It|They|This|That|These|Those|There|In|On|At|An?|We|You|I|But|And|However|His"
    r"|Her|Its|Their|After|Before|When|For|As|If|By|From|Then)\b"
)
_BEFORE_NUMBERS: Final = re.compile(
    r"\b(?:no|nr|art|tel|ext|ca|c|pp?|sec|ch|vol)\.$", re.IGNORECASE
)
_LIST_NUMBER: Final = re.compile(r"(?:^|\n)[ \t]*(?:[-*•][ \t]+)?\(?(?:\d{1,3}|[가-힣])\.$")
_LIST_LETTER: Final = re.compile(r"\s[가나다라마바사아자차카타파하]\.$")
_ARTICLE: Final = re.compile(r"제\s?\d+(?:조|항|장|절|호)(?:의\s?\d+)?\.$")
_DATE_HEAD: Final = re.compile(r"(?:^|\D)(?:\d{4}|\d{4}\.\s?\d{1,2})\.$")
_DATE_TAIL: Final = re.compile(r"\d{4}\.\s?\d{1,2}\.\s?\d{1,2}\.$")
_SAYS: Final = re.compile(r"(?:이?라고|이?라며|이?라는|하고|라면서|는|고|며)(?:\s|$)")


def boundary(text: str, match: re.Match[str]) -> Boundary:
    """How surely a sentence ends at `match`, a match of `TERMINATOR` in `text`."""
    terminators = match.group().rstrip(_CLOSERS)
    closed = terminators != match.group()
    before = text[max(0, match.start() - LOOK_BACK_CHARS) : match.start() + 1]
    behind = text[match.end() : match.end() + LOOK_AHEAD_CHARS]
    if _goes_on(terminators, before, behind.lstrip(" \t"), closed=closed):
        return Boundary.NONE  # 1
    lone_dot = terminators == "." and not closed
    if behind[:1] in _OPENS_CITATION or (lone_dot and _may_be_inside(before, behind.lstrip())):
        return Boundary.LIKELY  # 2
    following = behind.lstrip() if behind[:1].isspace() else ""
    if "a" <= following[:1] <= "z" or _SAYS.match(following):
        return Boundary.LIKELY  # 2
    return Boundary.SURE  # 3


def last_sure_end(text: str, least: int, reach: int) -> int | None:
    """The last sure end of a sentence in `text[least:reach]`; None if there is none."""
    for match in reversed(list(TERMINATOR.finditer(text, least, reach))):
        # What stands behind `reach` was not looked at; only these need nothing behind them.
        told = match.end() < reach or match.group()[0] in "。！？｡"
        if told and boundary(text, match) is Boundary.SURE:
            return match.end()
    return None


def _goes_on(terminators: str, before: str, behind: str, *, closed: bool) -> bool:
    if closed and (behind[:1].islower() or _SAYS.match(behind)):
        return True
    if terminators[0] not in ".…" or behind.startswith("\n"):
        return False
    if behind[:1].islower():
        return True
    return terminators == "." and _is_inside(before, behind)


def _is_inside(before: str, behind: str) -> bool:
    if _LIST_NUMBER.search(before) or _ABBREVIATION.search(before) or _ARTICLE.search(before):
        return True
    if _DATE_TAIL.search(before):
        return bool(behind) and not behind[0].isupper()
    if behind[:1].isdigit():
        return bool(_BEFORE_NUMBERS.search(before) or _DATE_HEAD.search(before))
    return bool(_MAY_END.search(before) and behind and not _OPENER.match(behind))


def _may_be_inside(before: str, following: str) -> bool:
    if before[-2:-1].isdigit() and following[:1].isdigit():
        return True
    return any(
        pattern.search(before) for pattern in (_ABBREVIATION, _MAY_END, _LIST_NUMBER, _LIST_LETTER)
    )
