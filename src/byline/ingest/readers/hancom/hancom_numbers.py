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
_ROMAN: Final = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
    *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
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


def _roman(number: int) -> str:
    text = ""
    for value, sign in _ROMAN:
        text += sign * (number // value)
        number %= value
    return text


def _latin(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _counted(number: int, digits: str, units: str) -> str:
    """A number as it is counted in Korean: 십이, 二十三."""
    text = ""
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            unit = units[place - 1] if place else ""
            text += unit if digit == 1 and unit else digits[digit - 1] + unit
    return text


def _row(first: str, count: int) -> str:
    """Signs that follow one another in Unicode."""
    return "".join(chr(ord(first) + place) for place in range(count))


_SIGNS: Final = {
    "CIRCLED_DIGIT": _row("①", 20) + _row("㉑", 15) + _row("㊱", 15),
    "CIRCLED_LATIN_CAPITAL": _row("Ⓐ", 26),
    "CIRCLED_LATIN_SMALL": _row("ⓐ", 26),
    "HANGUL_SYLLABLE": _SYLLABLES,
    "CIRCLED_HANGUL_SYLLABLE": _row("㉮", 14),
    "HANGUL_JAMO": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "CIRCLED_HANGUL_JAMO": _row("㉠", 14),
    "CIRCLED_IDEOGRAPH": _row("㊀", 10),
    "DECAGON_CIRCLE": "갑을병정무기경신임계",
    "DECAGON_CIRCLE_HANJA": "甲乙丙丁戊己庚辛壬癸",
}
_COUNTS: Final[Mapping[str, Callable[[int], str]]] = {
    "ROMAN_CAPITAL": _roman,
    "ROMAN_SMALL": lambda number: _roman(number).lower(),
    "LATIN_CAPITAL": _latin,
    "LATIN_SMALL": lambda number: _latin(number).lower(),
    "HANGUL_PHONETIC": lambda number: _counted(number, "일이삼사오육칠팔구", "십백천"),
    "IDEOGRAPH": lambda number: _counted(number, "一二三四五六七八九", "十百千"),
}
