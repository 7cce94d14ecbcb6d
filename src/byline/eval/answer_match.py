"""Tells whether an answer contains what was expected, and whether it refuses. Pure.

Answer and expectation are normalised alike: NFKC, case folded, white space collapsed, quotation
marks and dashes made plain, separators in numbers (`1,800`, `1 800` with a narrow space) left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_THOUSANDS: Final = re.compile(r"(?<=\d)[,'’\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_MARKER: Final = re.compile(r"(?<!\s)\s*\[\d{1,3}\]")
_PLAIN: Final = str.maketrans("‘’‚‛“”„‟«»‐‑‒–—―−", '\'\'\'\'""""""-------')
_OUTER: Final = " .,;:!?\"'()[]{}…。、！？"
_UNSPACED: Final = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")
"""Scripts in which white space is no part of a word: Hangul, Kana, Han."""

_SAYS_NO: Final = re.compile(
    r"(?:\bnot|n't|\bcannot|\bunable to) (?:\w+ ){0,2}(?:answer|say|tell|know|find|determine"
    r"|mention|state|contain|specify|provide|give|confirm|speak|cover)\w*"
    r"|\b(?:nothing|nowhere|not|never) (?:\w+ ){0,2}(?:stated|mentioned|specified|given|known"
    r"|provided|said|found|available|answered|clear|there)\b"
    r"|\bno (?:\w+ ){0,3}(?:information|answer|mention|evidence|details?)\b|\bunanswerable\b"
    r"|(?:내용|정보|언급|답|근거|기록|자료|문서|설명)\S*.{0,40}(?:없|않|못)"
    r"|모르|알 수 없|찾을 수 없"
)
"""A denial of something in the world is none: "The English did not take Florida."."""


def normalised(text: str) -> str:
    """The form of `text` in which answers are compared."""
    whole = _THOUSANDS.sub("", text)
    whole = unicodedata.normalize("NFKC", whole).translate(_PLAIN)
    whole = _THOUSANDS.sub("", whole)
    return " ".join(whole.casefold().split())


def contains_answer(text: str, expected: Iterable[str]) -> bool:
    """Whether `text` contains one of the `expected` answers as whole words: `35` is not in `1935`.
    Korean, Chinese and Japanese are compared without white space, and particles may follow."""
    said = normalised(_MARKER.sub("", text))
    closed = said.replace(" ", "")
    for answer in expected:
        wanted = normalised(answer).strip(_OUTER)
        if not wanted:
            continue
        if _UNSPACED.search(wanted):
            wanted, there = wanted.replace(" ", ""), closed
        else:
            there = said
        if _bounded(wanted).search(there):
            return True
    return False


def says_no(answer: str, citations: int) -> bool:
    """Whether a model refused in words: it cites nothing and says that there is no answer."""
    return citations == 0 and _SAYS_NO.search(normalised(answer)) is not None


def _bounded(wanted: str) -> re.Pattern[str]:
    return re.compile(_before(wanted[0]) + re.escape(wanted) + _after(wanted[-1]))


def _before(first: str) -> str:
    if first.isdigit():
        return r"(?<!\d)(?<!\d[.,])"
    return r"(?<![^\W\d_])" if first.isalpha() and not _UNSPACED.match(first) else ""


def _after(last: str) -> str:
    if last.isdigit():
        return r"(?!\d)(?![.,]\d)"
    if last.isalpha() and not _UNSPACED.match(last):
        # A Korean particle follows a Latin word without a space: `IBM은`.
        return r"(?![^\W\d_\u3130-\u318f\uac00-\ud7af])"
    return ""
