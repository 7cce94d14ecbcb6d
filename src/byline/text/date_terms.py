"""Finds days in a text; each is one term, however it is written. Pure.

`2024-05-01`, `2024.5.1`, `2024년 5월 1일`, `2024年5月1日`, `May 1, 2024`, `1 May 2024`
and `the 1st of May 2024` are `day 2024-05-01`; with or without a year all of them are `day 05-01`
too, so that `5월 1일` finds them. `5/1/2024` is left alone: half the world reads it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_MONTH: Final = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
# Begins with one digit, which the engine looks for much faster than for anything else in here.
_DATE: Final = re.compile(
    r"[0-9](?:"
    r"[0-9]{3}(?:\s?[-./]\s?|\s?[년年]\s?)[0-9]{1,2}(?:\s?[-./]\s?|\s?[월月]\s?)[0-9]{1,2}(?![0-9])"
    r"|[0-9]?\s?[월月]\s?[0-9]{1,2}\s?[일日]"
    rf"|[0-9]?(?:st|nd|rd|th)?\s(?:of\s)?(?:{_MONTH})\b\.?(?:,?\s[0-9]{{4}}(?![0-9]))?"
    r"|[0-9]?(?:st|nd|rd|th)?(?![0-9a-z]|[.,][0-9])(?:,?\s[0-9]{4}(?![0-9]))?"
    r"|[0-9]+)"
)
_MONTH_BEFORE: Final = re.compile(rf"(?:^|\W)({_MONTH})\.?\s$")
_MONTH_WITHIN: Final = re.compile(f"({_MONTH})")
_NUMBERS: Final = re.compile("[0-9]+")
_MONTHS_END_IN: Final = frozenset("nbrylgtpvceh.")
_MONTH_CHARS_MAX: Final = len(" september. ")


def days(text: str) -> Iterator[str]:
    """The days in a case-folded text, as terms, in order."""
    for found in _DATE.finditer(text):
        if _cannot_be_a_day(text, found.start(), found[0]):
            continue
        day = _day(text, found)
        if day is None:
            continue
        year, month, number = day
        if year:
            yield f"day {year:04}-{month:02}-{number:02}"
        yield f"day {month:02}-{number:02}"


def _cannot_be_a_day(text: str, start: int, date: str) -> bool:
    """Whether a number is surely no day: it has three digits or more, or follows a word that is no
    month's name. Most numbers are ruled out here."""
    if not date.isdecimal():
        return start > 0 and text[start - 1] in ".,-/"
    return len(date) > 2 or start < 4 or text[start - 2] not in _MONTHS_END_IN


def _day(text: str, found: re.Match[str]) -> tuple[int, int, int] | None:
    """(year, month, day), with year 0 if there is none; None if the match is no day."""
    numbers = [int(number) for number in _NUMBERS.findall(found[0])]
    named = _MONTH_WITHIN.search(found[0])
    if named is None and len(numbers) < 3 and not _is_numbered(found[0]):
        place = found.start()
        named = _MONTH_BEFORE.search(text, max(0, place - _MONTH_CHARS_MAX), place)
        if named is None:
            return None
    if named is not None:
        month, day, year = _MONTHS.index(named[1][:3]) + 1, numbers[0], [*numbers, 0][1]
    else:
        year, month, day = numbers if len(numbers) == 3 else [0, *numbers]
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def _is_numbered(date: str) -> bool:
    return date[-1] in "일日"
