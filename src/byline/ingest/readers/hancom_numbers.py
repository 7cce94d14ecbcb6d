"""Automatic numbers as Hancom's word processor prints them: "제1장", "1.1", "가.", "①". Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from byline.ingest.readers.hancom_document import (
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
_JAMO: Final = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_INITIALS: Final = (0, 2, 3, 5, 6, 7, 9, 11, 12, 14, 15, 16, 17, 18)
_VOWELS: Final = (0, 4, 8, 13, 18, 20)
_SYLLABLES: Final = "".join(
    chr(0xAC00 + (initial * 21 + vowel) * 28) for vowel in _VOWELS for initial in _INITIALS
)
"""가나다…하, 거너더…허, and so on."""
_PHONETIC: Final = ("일이삼사오육칠팔구", "십백천")
_IDEOGRAPHS: Final = ("一二三四五六七八九", "十百千")
_REFERENCE: Final = re.compile(r"\^(10|[1-9nN])")
_BULLET: Final = "•"
_PRIVATE: Final = re.compile(r"[\x00-\x20\ue000-\uf8ff\ufffd]")


def number_text(number: int, form: str) -> str:
    """`number` in one of the `NUMBER_FORMS`; what a form does not reach is printed in digits."""
    if not 0 < number <= _NUMBER_MAX:
        return str(number)
    match form.replace("CAPTION", "CAPITAL"):  # a slip in the format's own list of names
        case "CIRCLED_DIGIT":
            return _circled_digit(number)
        case "ROMAN_CAPITAL":
            return _roman(number)
        case "ROMAN_SMALL":
            return _roman(number).lower()
        case "LATIN_CAPITAL":
            return _latin(number)
        case "LATIN_SMALL":
            return _latin(number).lower()
        case "CIRCLED_LATIN_CAPITAL":
            return chr(0x24B5 + number) if number <= 26 else f"({_latin(number)})"
        case "CIRCLED_LATIN_SMALL":
            return chr(0x24CF + number) if number <= 26 else f"({_latin(number).lower()})"
        case "HANGUL_SYLLABLE":
            return _one_of(_SYLLABLES, number)
        case "CIRCLED_HANGUL_SYLLABLE":
            return chr(0x326D + number) if number <= 14 else f"({_one_of(_SYLLABLES, number)})"
        case "HANGUL_JAMO":
            return _one_of(_JAMO, number)
        case "CIRCLED_HANGUL_JAMO":
            return chr(0x325F + number) if number <= 14 else f"({number})"
        case "HANGUL_PHONETIC":
            return _counted(number, *_PHONETIC)
        case "IDEOGRAPH":
            return _counted(number, *_IDEOGRAPHS)
        case "CIRCLED_IDEOGRAPH":
            counted = _counted(number, *_IDEOGRAPHS)
            return chr(0x327F + number) if number <= 10 else f"({counted})"
        case "DECAGON_CIRCLE":
            return _one_of("갑을병정무기경신임계", number)
        case "DECAGON_CIRCLE_HANJA":
            return _one_of("甲乙丙丁戊己庚辛壬癸", number)
        case _:
            return str(number)


def circled(text: str) -> str:
    """What a circle around `text` makes of it: ① of "1", "(갑)" of "갑"; a sign stays as it is."""
    if text.isascii() and text.isdigit() and len(text) <= 2 and 0 < int(text) <= 50:
        return _circled_digit(int(text))
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


def _circled_digit(number: int) -> str:
    if number <= 20:
        return chr(0x245F + number)
    if number <= 35:
        return chr(0x3251 + number - 21)
    return chr(0x32B1 + number - 36) if number <= 50 else f"({number})"


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


def _one_of(signs: str, number: int) -> str:
    return signs[number - 1] if number <= len(signs) else str(number)


def _counted(number: int, digits: str, units: str) -> str:
    """A number as it is counted in Korean: 십이, 二十三."""
    text = ""
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            unit = units[place - 1] if place else ""
            text += unit if digit == 1 and unit else digits[digit - 1] + unit
    return text
