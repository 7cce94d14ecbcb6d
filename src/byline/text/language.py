"""Detects the language of a document's text with chardet, which also detects encodings.

Runs in the worker process: loading its model takes a tenth of a second. The language to answer a
question in is told by its letters: see `question_language.py`.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_SAMPLES: Final = 3
_SAMPLE_CHARS: Final = 1_500
_LETTERS_MIN: Final = 24
"""A text with fewer letters has no language: `WLAN 2024` may be in any of ten."""
_DENSE_LETTERS_MIN: Final = 6
"""The same for letters of Hangul, Han or Kana, each of which says more."""
_DECISIVE: Final = (("\x80", "\u0250", 0.04), ("\u0250", "\U0010ffff", 0.2))
"""For accented Latin letters, and for other scripts: the least share of the words that must have
them for those words to count."""


def language_of(text: str) -> str | None:
    """The language (ISO 639-1) of most of a text; None if it cannot be told."""
    import chardet

    sample = _letters(text)
    dense = sum(char >= "\u2e80" for char in sample)
    if dense < _DENSE_LETTERS_MIN and len(sample.replace(" ", "")) < _LETTERS_MIN:
        return None
    language = chardet.detect(sample.encode()).get("language")
    return language if language and len(language) == 2 else None


def _letters(text: str) -> str:
    """A sample of words, letters only, from the beginning, the middle and the end of a text.

    A single dash, accented name or word in another script would decide the language of thousands of
    plain letters, so such words are left out where they are few.
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
