"""Finds numbers with their units, amounts and codes in English and Korean texts. Pure.

`1,234`, `3.5 million`, `₩1,234`, `3만 5천 원`, `두 달`, `twenty-five`, `10th`, `1990s`, `5kg`. A
number that can be read in two ways (`1.234`) has both readings. Texts must be folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from byline.verify.facts.units import CURRENCY_SIGNS, UNITS, unit_pattern


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit. `values` are its possible readings in `unit` (a base of `units`, ""
    for none, `ordinal` for 3rd). `spelled`: written as a word; `hedged`: behind "about" and the
    like."""

    values: frozenset[Decimal]
    unit: str
    text: str
    start: int
    spelled: bool = False
    hedged: bool = False

    @property
    def is_year(self) -> bool:
        return not self.unit and bool(re.fullmatch(r"(?:1\d|20)\d\d", self.text))


@dataclass(frozen=True, slots=True)
class Code:
    """A code with digits: `W7`, `COVID-19`, `02-123-4567`. `key` is without separators."""

    key: str
    text: str
    start: int


_ONES: Final = dict(
    zip(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
        range(1, 20),
        strict=True,
    )
)
_TENS: Final = dict(
    zip(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
        range(20, 100, 10),
        strict=True,
    )
)
_ORDINALS: Final = dict(
    zip(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        range(1, 21),
        strict=True,
    )
)
_SCALES: Final = {
    "hundred": 100,
    "thousand": 1_000,
    "k": 1_000,
    "million": 10**6,
    "m": 10**6,
    "billion": 10**9,
    "bn": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
_NATIVE: Final = {
    **{"한": 1, "두": 2, "세": 3, "석": 3, "네": 4, "넉": 4, "다섯": 5, "여섯": 6, "일곱": 7},
    **{
        "여덟": 8,
        "아홉": 9,
        "열": 10,
        "열한": 11,
        "열두": 12,
        "열세": 13,
        "열네": 14,
        "열다섯": 15,
    },
    **{"스무": 20, "스물": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60},
}
_SINO_DIGITS: Final = dict(zip("일이삼사오육칠팔구", range(1, 10), strict=True))
_SINO_SCALES: Final = {"십": 10, "백": 100, "천": 1_000}
_MYRIADS: Final = {"만": 10**4, "억": 10**8, "조": 10**12}
NUMBER_WORDS: Final = frozenset([*_ONES, *_TENS, *_ORDINALS, *(s for s in _SCALES if len(s) > 2)])
"""The English words that `find_quantities` reads as numbers or as parts of numbers."""

_NUM: Final = r"\d+(?:[.,]\d+)*"
_HANGUL_NUM: Final = (
    rf"(?:(?:{_NUM}\s?[십백천]?[조억만]|{_NUM}\s?[백천])\s?)+(?:{_NUM}(?!\s?[-.:/]))?"
)
_UNIT: Final = rf"(?:[\s-]?(?P<unit>{unit_pattern()}))?"
_COUNTERS: Final = "명개번살가지곳대권장마리사람해배차례잔병그루채층회"
_HEDGE: Final = re.compile(
    r"(?:about|around|approximately|roughly|nearly|almost|over|under|more than|less than|up to|some"
    r"|circa|c\.|약|대략|거의|무려)\s?(?:us)?[$€£₩]?\s?$"
)
_NUMERAL_AT: Final = re.compile(r"\d")
_ARTICLE: Final = re.compile(r"제\s?(?P<n>\d{1,5})\s?(?:조|항|장|절|호|차|회|권|편|과|급|종)")
_HOURS_AND_MINUTES: Final = re.compile(
    r"(?P<h>\d{1,3})\s?(?:시간|hours?|hrs?|h)(?: and)?\s?(?P<m>\d{1,2})\s?(?:분|minutes?|mins?"
    r"|m)(?![a-z])"
)
_NUMERAL: Final = re.compile(
    rf"(?P<sign>(?:us\$|[$€£¥₩]|\b(?:usd|krw|eur|gbp))\s?)?"
    rf"(?P<number>{_HANGUL_NUM}|{_NUM})"
    r"(?:(?P<ordinal>st|nd|rd|th)\b|(?P<decade>'?s)\b|(?P<th>번째|차례|주년))?"
    r"(?P<scale>[\s-]?(?:hundred|thousand|million|billion|trillion|dozen)\b"
    r"|(?<=\d)(?:bn|k|m)\b)?" + _UNIT
)
_SPELLED: Final = re.compile(
    rf"\b(?P<word>(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_ONES)}))?"
    rf"|{'|'.join(reversed(_ONES))})\b"
    rf"(?P<scale>(?:[\s-](?:{'|'.join(s for s in _SCALES if len(s) > 2)})\b)*)" + _UNIT
)
_SPELLED_ORDINAL: Final = re.compile(rf"\b(?P<word>{'|'.join(_ORDINALS)})\b" + _UNIT)
_SPELLED_NATIVE: Final = re.compile(
    rf"(?<![가-힣])(?P<word>{'|'.join(sorted(_NATIVE, key=len, reverse=True))})\s?"
    rf"(?:(?P<unit>시간|달|주|해(?![가-힣]))|(?=[{_COUNTERS}]))"
)
_SPELLED_SINO: Final = re.compile(
    r"(?<![가-힣])(?P<word>[일이삼사오육칠팔구십백천만억]{1,12})\s?"
    r"(?P<unit>개월|퍼센트|프로|달러|유로|세기|원|년|분|초|일|주)(?=$|[\s.,)]"
    r"|[은는이가을를에의간로으도])"
)
_CODE: Final = re.compile(
    r"(?<![\w$])(?:[a-z][a-z]{0,9}-?\d[\da-z]*(?:-[\da-z]+)*|\d+(?:-\d+){2,}|\d+(?:\.\d+){2,}"
    r"|0\d{1,2}-\d{3,4}|\d{2,}-\d{4,5})(?![\w%])"
)
_NOT_CODES: Final = re.compile(r"(?:usd|krw|eur|gbp)\d+|(?:1\d|20)\d\d-(?:1\d|20)\d\d")


def find_codes(text: str) -> Iterator[Code]:
    """Yield the codes of a folded text, in order."""
    for match in _CODE.finditer(text):
        if match.group() not in UNITS and not _NOT_CODES.fullmatch(match.group()):
            yield Code(re.sub(r"[-.]", "", match.group()), match.group(), match.start())


def find_quantities(text: str) -> Iterator[Quantity]:
    """Yield the quantities of a folded text. Its dates, times and codes must be blanked."""
    if _NUMERAL_AT.search(text):
        for match in _ARTICLE.finditer(text):
            yield Quantity(
                frozenset([Decimal(match["n"])]), "ordinal", match.group(), match.start()
            )
        for match in _HOURS_AND_MINUTES.finditer(text):
            seconds = Decimal(3600 * int(match["h"]) + 60 * int(match["m"]))
            yield Quantity(frozenset([seconds]), "s", match.group(), match.start())
        text = _HOURS_AND_MINUTES.sub(lambda m: " " * len(m.group()), text)
        for match in _NUMERAL.finditer(_ARTICLE.sub(lambda m: " " * len(m.group()), text)):
            yield _numeral(text, match)
    for match in _SPELLED.finditer(text):
        yield _spelled(match, _english(match["word"], match["scale"]), match["unit"])
    for match in _SPELLED_ORDINAL.finditer(text):
        unit = match["unit"] if match["unit"] in ("century", "centuries") else None
        yield _spelled(match, Decimal(_ORDINALS[match["word"]]), unit, otherwise="ordinal")
    if text.isascii():
        return
    for match in _SPELLED_NATIVE.finditer(text):
        unit = "년" if match["unit"] == "해" else match["unit"]
        yield _spelled(match, Decimal(_NATIVE[match["word"]]), unit)
    for match in _SPELLED_SINO.finditer(text):
        if (value := _sino(match["word"])) is not None and len(match["word"]) > 1:
            yield _spelled(match, value, match["unit"])


def _spelled(
    match: re.Match[str], value: Decimal, unit: str | None, otherwise: str = ""
) -> Quantity:
    base, factor = UNITS[unit] if unit else (otherwise, Decimal(1))
    return Quantity(
        frozenset([value * factor]), base, match.group().strip(), match.start(), spelled=True
    )


def _numeral(text: str, match: re.Match[str]) -> Quantity:
    sign, unit, scale = match["sign"], match["unit"], (match["scale"] or "").strip(" -")
    base, factor = UNITS[unit] if unit else ("", Decimal(1))
    if sign:
        base, factor = CURRENCY_SIGNS[sign.strip()], Decimal(1)
    elif scale == "m":  # `5m` is five metres, unless it is money
        base, factor, scale = "m", Decimal(1), ""
    if match["decade"]:
        base = "decade-of"
    elif (match["ordinal"] or match["th"]) and not base:
        base = "ordinal"
    values = _readings(match["number"])
    factor *= _SCALES.get(scale, 1)
    return Quantity(
        frozenset(value * factor for value in values),
        base,
        match.group().strip(" -"),
        match.start(),
        hedged=bool(_HEDGE.search(text[max(0, match.start() - 16) : match.start()])),
    )


def _readings(number: str) -> set[Decimal]:
    if any(c in "십백천만억조" for c in number):
        return {_mixed(number)}
    if "," in number and "." in number:
        decimal = max(number.rfind(","), number.rfind("."))
        return {Decimal(re.sub("[.,]", "", number[:decimal]) + "." + number[decimal + 1 :])}
    separator = "," if "," in number else "."
    parts = number.split(separator)
    if len(parts) == 1:
        return {Decimal(number)}
    grouped = all(len(part) == 3 for part in parts[1:]) and parts[0] not in ("0", "")
    readings = {Decimal("".join(parts))} if grouped else set()
    if len(parts) == 2:
        readings.add(Decimal(".".join(parts)))
    return readings or {Decimal("".join(parts))}


def _mixed(number: str) -> Decimal:
    """`3만 5천`, `1억 2,000만`, `5천만`."""
    total = part = Decimal(0)
    for digits, scale in re.findall(r"([\d.,]+)|([십백천만억조])", number):
        if digits:
            total += part if part else 0
            whole, _, rest = digits.replace(",", "").rstrip(".").partition(".")
            part = Decimal(f"{whole or 0}.{rest.replace('.', '') or 0}")
        elif scale in _SINO_SCALES:
            part *= _SINO_SCALES[scale]
        else:
            total, part = total + part * _MYRIADS[scale], Decimal(0)
    return total + part


def _sino(word: str) -> Decimal | None:
    total = part = digit = 0
    for c in word:
        if c in _SINO_DIGITS:
            if digit:
                return None  # two digits in a row are a word, not a number
            digit = _SINO_DIGITS[c]
        elif c in _SINO_SCALES:
            part, digit = part + (digit or 1) * _SINO_SCALES[c], 0
        else:
            total, part, digit = total + ((part + digit) or 1) * _MYRIADS[c], 0, 0
    return Decimal(total + part + digit)


def _english(word: str, scale: str) -> Decimal:
    parts = re.split("[ -]", word)
    value = Decimal(sum(_TENS.get(part, 0) + _ONES.get(part, 0) for part in parts))
    for name in re.split(r"[\s-]+", scale.strip(" -")):
        value *= _SCALES.get(name, 1)
    return value
