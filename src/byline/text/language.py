"""Which language a text is written in, by the library that also tells encodings apart.

Runs in the worker process: loading its model takes a tenth of a second.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_SAMPLES: Final = 3
_SAMPLE_CHARS: Final = 1_500
_LETTERS_MIN: Final = 24
"""Fewer letters than this tell nothing: any of ten languages may be in `WLAN 2024`."""
_DENSE_LETTERS_MIN: Final = 6
"""Of Hangul, Han or Kana, which hold more each."""
_DECISIVE: Final = (("\x80", "\u0250", 0.04), ("\u0250", "\U0010ffff", 0.2))
"""Accented Latin letters, other scripts: in at least which share of the words they decide."""


def language_of(text: str) -> str | None:
    """The language (ISO 639-1) most of a text is in; None where it does not tell."""
    import chardet

    sample = _letters(text)
    dense = sum(char >= "\u2e80" for char in sample)
    if dense < _DENSE_LETTERS_MIN and len(sample.replace(" ", "")) < _LETTERS_MIN:
        return None
    language = chardet.detect(sample.encode()).get("language")
    return language if language and len(language) == 2 else None


def _letters(text: str) -> str:
    """The words of the beginning, the middle and near the end of a text, without signs.

    A dash, a name with an accent or a word in another script would decide for their language at
    once, in a text of thousands of plain letters; so words with few of their kind are left out.
    """
    step = max(1, (len(text) - _SAMPLE_CHARS) // max(1, _SAMPLES - 1))
    starts = range(0, max(1, len(text) - _SAMPLE_CHARS + 1), step)
    some = " ".join(text[start : start + _SAMPLE_CHARS] for start in list(starts)[:_SAMPLES])
    composed = unicodedata.normalize("NFC", some)
    words = "".join(c if c.isalpha() else " " for c in composed).split()
    for first, after, share_min in _DECISIVE:
        strange = [any(first <= c < after for c in word) for word in words]
        if sum(strange) < share_min * len(words):
            words = [
                word for word, is_strange in zip(words, strange, strict=True) if not is_strange
            ]
    return " ".join(words)
