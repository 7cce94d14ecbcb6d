"""Tells the language of a question, in which it is to be answered, by its letters. Pure.

1. words in quotation marks do not count: the question is about them
2. Hangul                → Korean, unless an English question surrounds it
3. Kana                  → Japanese, likewise
4. Han                   → Chinese, likewise
5. Latin without accents → English, if it has a word that only English has
6. anything else         → not told: the model is asked for the language of the question
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """The languages that the prompt can name to the model."""

    ENGLISH = "en"
    KOREAN = "ko"
    JAPANESE = "ja"
    CHINESE = "zh"


_QUOTED: Final = re.compile(
    r"\"[^\"]*\"|“[^”]*”|‘[^’]*’|「[^」]*」|『[^』]*』|«[^»]*»|`[^`]*`|(?<!\w)'[^']*'(?!\w)"
)
_SCRIPTS: Final = (
    (Language.KOREAN, re.compile(r"[가-힣]")),
    (Language.JAPANESE, re.compile(r"[ぁ-ゖァ-ヺ]")),
    (Language.CHINESE, re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")),
)
_OTHER_LETTER: Final = re.compile(r"[^\W\d_A-Za-z]")
_ENGLISH: Final = re.compile(
    r"\b(?:what|when|where|which|who|whom|whose|why|how|are|were|does|did|can|could|should|would"
    r"|the|our|your|tell|give|show|explain|summari[sz]e|much|and|about|means?|there|with|from)\b",
    re.IGNORECASE,
)
"""Words of nearly every English question that no other European language has."""
_ENGLISH_AROUND_MIN: Final = 2
"""In "VPN and MFA 설정은?" one English word is no English question."""


def question_language(question: str) -> Language | None:
    """The language of `question`; None if its letters do not tell."""
    text = _QUOTED.sub(" ", question)
    if not re.search(r"[^\W\d_]", text):
        text = question
    english = len(_ENGLISH.findall(text))
    for language, letter in _SCRIPTS:
        if letter.search(text):
            return Language.ENGLISH if english >= _ENGLISH_AROUND_MIN else language
    return Language.ENGLISH if english and not _OTHER_LETTER.search(text) else None
