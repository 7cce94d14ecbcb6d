"""Finds dates and times of day in English and Korean texts. Pure.

`2024-05-01`, `May 1, 2024`, `1st of May`, `2024년 5월 1일`, `2024. 5. 1.` and `05/01/2024` (read
both ways) are dates; missing parts are None. `3:30 pm` and `오후 3시 반` are times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Day = tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Date:
    """A date. `readings` are its possible (year, month, day)."""

    readings: frozenset[Day]
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time of day. `minutes` are since midnight; there are two readings if the text does not tell
    morning from evening."""

    minutes: frozenset[int]
    text: str
    start: int


_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH: Final = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_ORDINAL: Final = r"(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>(?:1\d|20)\d\d)"
_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<![\d.])(?P<year>\d{4})(?P<sep>[-/.])\s?(?P<m>\d{1,2})(?P=sep)\s?(?P<d>\d{1,2})(?!\d)\.?",
        r"(?:(?P<year>\d{4})년\s?)?(?<!\d)(?P<m>\d{1,2})월(?:\s?(?P<d>\d{1,2})일)?",
        r"(?<!\d)(?P<year>\d{4})년(?!대|간)",
        rf"\b{_MONTH}\s(?P<d>\d{{1,2}}){_ORDINAL}\b(?!:)(?:,?\s{_YEAR}\b)?",
        rf"(?<![\d.,])(?P<d>\d{{1,2}}){_ORDINAL}\s(?:of\s)?{_MONTH}(?:,?\s{_YEAR}\b)?",
        rf"\b{_MONTH},?\s(?:of\s)?{_YEAR}\b",
        r"(?<![\d.])(?P<a>\d{1,2})(?P<sep>[/.])(?P<b>\d{1,2})(?P=sep)(?P<year>\d{4})(?!\d)",
        r"\b(?P<month>january|february|april|june|july|august|september|october|november"
        r"|december)\b"
        r"|(?<=\bin )(?P<may>may|march)\b",
    )
)
_TIMES: Final = (
    re.compile(r"(?<![\d:])(?P<h>\d{1,2}):(?P<min>\d{2})(?!\d)(?:\s?(?P<half>[ap])\.?\s?m\b\.?)?"),
    re.compile(r"(?<![\d:.])(?P<h>\d{1,2})\s?(?P<half>[ap])\.?\s?m\b\.?"),
    re.compile(
        r"(?:(?P<part>오전|오후|아침|저녁|밤|낮)\s?)?(?<!\d)(?P<h>\d{1,2})시(?!간|[가-힣]?즌)"
        r"(?:\s?(?P<min>\d{1,2})분|\s?(?P<thirty>반))?"
    ),
)


def find_dates(text: str) -> Iterator[tuple[Date, int]]:
    """Yield the dates of a folded text, each with its end; none overlaps another."""
    taken = bytearray(len(text))
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if taken.find(1, *match.span()) >= 0:
                continue
            readings = frozenset(_days(match))
            if readings:
                taken[slice(*match.span())] = b"\1" * len(match.group())
                yield Date(readings, match.group().strip(), match.start()), match.end()


def find_times(text: str) -> Iterator[tuple[TimeOfDay, int]]:
    """Yield the times of day of a folded text, each with its end. Its dates must be blanked."""
    taken = bytearray(len(text))
    for pattern in _TIMES:
        for match in pattern.finditer(text):
            if taken.find(1, *match.span()) >= 0:
                continue
            minutes = _minutes(match.groupdict())
            if minutes:
                taken[slice(*match.span())] = b"\1" * len(match.group())
                yield TimeOfDay(minutes, match.group().strip(), match.start()), match.end()


def _days(match: re.Match[str]) -> Iterator[Day]:
    said = match.groupdict()
    year = int(said["year"]) if said.get("year") else None
    if said.get("a"):
        a, b = int(said["a"]), int(said["b"])
        for month, day in ((a, b), (b, a)):
            if _is_day(month, day):
                yield year, month, day
        return
    named = said.get("month") or said.get("may")
    month_said = _MONTHS[named] if named else int(said["m"]) if said.get("m") else None
    day_said = int(said["d"]) if said.get("d") else None
    if _is_day(month_said or 1, day_said or 1):
        yield year, month_said, day_said


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31


def _minutes(said: dict[str, str | None]) -> frozenset[int]:
    hour = int(said["h"] or 0)
    minute = 30 if said.get("thirty") else int(said.get("min") or 0)
    if hour > 24 or minute > 59:
        return frozenset()
    morning = said.get("half") == "a" or said.get("part") in ("오전", "아침")
    evening = said.get("half") == "p" or said.get("part") in ("오후", "저녁", "밤", "낮")
    if morning or evening:
        return frozenset([hour % 12 * 60 + minute + (720 if evening else 0)])
    return frozenset({hour * 60 + minute} | ({(hour + 12) * 60 + minute} if hour < 12 else set()))
