"""Automatic numbers as Hancom's word processor prints them: "제1장", "1.1", "가.", "①". Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from byline.ingest.readers.hancom.hancom_document import (
    Definitions,
    HeadKind,
    NumberingLevel,
    ParagraphHead,
)
from byline.ingest.readers.list_numerals import (
    CIRCLED,
    letters_by_place,
    numeral,
    roman,
    sign_row,
)

# fmt: off
NUMBER_FORMS: Final = (
    "DIGIT", "CIRCLED_DIGIT", "ROMAN_CAPITAL", "ROMAN_SMALL", "LATIN_CAPITAL", "LATIN_SMALL",
    "CIRCLED_LATIN_CAPITAL", "CIRCLED_LATIN_SMALL", "HANGUL_SYLLABLE", "CIRCLED_HANGUL_SYLLABLE",
    "HANGUL_JAMO", "CIRCLED_HANGUL_JAMO", "HANGUL_PHONETIC", "IDEOGRAPH", "CIRCLED_IDEOGRAPH",
    "DECAGON_CIRCLE", "DECAGON_CIRCLE_HANJA",
)
# fmt: on
"""The forms of numbers by the code that HWP has for each."""

_LEVELS: Final = 10
_NUMBER_MAX: Final = 9_999
_INITIALS: Final = (0, 2, 3, 5, 6, 7, 9, 11, 12, 14, 15, 16, 17, 18)
_VOWELS: Final = (0, 4, 8, 13, 18, 20)
_SYLLABLES: Final = "".join(
    chr(0xAC00 + (initial * 21 + vowel) * 28) for vowel in _VOWELS for initial in _INITIALS
)
"""가나다…하, 거너더…허, and so on."""
_REFERENCE: Final = re.compile(r"\^(10|[1-9nN])")
_BULLET: Final = "•"
_PRIVATE: Final = re.compile(r"[\x00-\x20\ue000-\uf8ff\ufffd]")


def number_text(number: int, form: str) -> str:
    """`number` in one of the `NUMBER_FORMS`; what a form does not reach is printed in digits."""
    form = form.replace("CAPTION", "CAPITAL")  # a slip in the format's own list of names
    if not 0 < number <= _NUMBER_MAX:
        return str(number)
    signs = _SIGNS.get(form, "")
    if number <= len(signs):
        return signs[number - 1]
    if count := _COUNTS.get(form):
        return count(number)
    is_circled = form.startswith("CIRCLED_")
    return f"({number_text(number, form[8:])})" if is_circled else str(number)


def circled(text: str) -> str:
    """What a circle around `text` makes of it: ① of "1", "(갑)" of "갑"; a sign stays as it is."""
    if text.isascii() and text.isdigit() and len(text) <= 2:
        return number_text(int(text), "CIRCLED_DIGIT")
    return text if not text or unicodedata.decomposition(text[0]) else f"({text})"


def note_mark(before: str, number: str, after: str) -> str:
    """The number of a note with the signs around it. One that is only raised in print gets a
    bracket, without which it would run into the words beside it."""
    return f"{before}{number}{after}" if before or after else f"{number})"


class ParagraphNumbers:
    """ParagraphNumbers counts the numbered paragraphs of a document. Give it the head of each in
    reading order."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._counts: dict[tuple[HeadKind, int], list[int | None]] = {}

    def mark(self, head: ParagraphHead) -> str:
        """What stands before the next paragraph with this head; "" if that is nothing."""
        if head.kind is HeadKind.BULLET:
            sign = self._definitions.bullets.get(head.definition, _BULLET)
            # a sign of a symbol font, or a picture
            return _BULLET if not sign or _PRIVATE.search(sign) or ord(sign[0]) > 0xFFFF else sign
        levels = self._definitions.numberings.get(head.definition)
        if not levels or head.level >= min(len(levels), _LEVELS):
            return ""
        counts = self._counts.setdefault((head.kind, head.definition), [None] * _LEVELS)
        before = counts[head.level]
        counts[head.level] = levels[head.level].start if before is None else before + 1
        for level in range(head.level):
            if counts[level] is None:  # a level that was left out counts as begun
                counts[level] = levels[level].start
        counts[head.level + 1 :] = [None] * (_LEVELS - head.level - 1)
        return _rendered(head.level, levels, counts)


def _rendered(level: int, levels: tuple[NumberingLevel, ...], counts: list[int | None]) -> str:
    def number(reached: int) -> str:
        count = counts[reached] if reached < len(levels) else None
        return "" if count is None else number_text(count, levels[reached].form)

    def replaced(found: re.Match[str]) -> str:
        if found[1] in ("n", "N"):
            path = ".".join(number(reached) for reached in range(level + 1))
            return path + ("." if found[1] == "N" else "")
        return number(int(found[1]) - 1)

    return _REFERENCE.sub(replaced, levels[level].pattern).strip()


_SIGNS: Final = {
    "CIRCLED_DIGIT": CIRCLED,
    "CIRCLED_LATIN_CAPITAL": sign_row("Ⓐ", 26),
    "CIRCLED_LATIN_SMALL": sign_row("ⓐ", 26),
    "HANGUL_SYLLABLE": _SYLLABLES,
    "CIRCLED_HANGUL_SYLLABLE": sign_row("㉮", 14),
    "HANGUL_JAMO": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "CIRCLED_HANGUL_JAMO": sign_row("㉠", 14),
    "CIRCLED_IDEOGRAPH": sign_row("㊀", 10),
    "DECAGON_CIRCLE": "갑을병정무기경신임계",
    "DECAGON_CIRCLE_HANJA": "甲乙丙丁戊己庚辛壬癸",
}
_COUNTS: Final[Mapping[str, Callable[[int], str]]] = {
    "ROMAN_CAPITAL": roman,
    "ROMAN_SMALL": lambda number: roman(number).lower(),
    "LATIN_CAPITAL": lambda number: letters_by_place(number, sign_row("A", 26)),
    "LATIN_SMALL": lambda number: letters_by_place(number, sign_row("a", 26)),
    "HANGUL_PHONETIC": lambda number: numeral(number, "koreanCounting"),
    "IDEOGRAPH": lambda number: numeral(number, "japaneseCounting"),
}
