"""Finds and compares the facts of a text that must be exact: numbers, amounts, dates, times, codes.
Pure.

`facts_in` finds them; `Facts.contains` compares them by value: `May 1, 2024` is `2024년 5월 1일`,
`₩1,234` is `1,234원`, `24 months` is `two years`, and 5 km is never 5 miles.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Final

from byline.verify.facts.calendar_dates import Date, Day, TimeOfDay, find_dates, find_times
from byline.verify.facts.quantities import Code, Quantity, find_codes, find_quantities
from byline.verify.facts.units import DIMENSIONS, compatible

Fact = Quantity | Date | TimeOfDay | Code

_INVISIBLE: Final = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MARKUP: Final = re.compile(r"</?[a-zA-Z][^<>\n]{0,80}>|[*`]+|(?<!\w)_+|_+(?!\w)|~~")
_DIGITS: Final = re.compile("[0-9]")
_DIGIT: Final = re.compile(r"[^\W\D]")
_IGNORED_ALONE: Final = frozenset([Decimal(1)])
_LIST_NUMBER: Final = re.compile(r"^\s*(?:[-*•·○●□■]\s*)?(?:\(?\d{1,3}[.)]|[①-⑳])\s+")


def fold(text: str) -> str:
    """Return `text` in NFKC, case-folded, with ASCII digits, without markup and invisible
    characters."""
    return plain(text).casefold()


def plain(text: str) -> str:
    """Return `text` as `fold` does, but not case-folded."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    text = text.replace("−", "-").replace("’", "'")
    if not text.isascii():
        text = _DIGIT.sub(lambda match: str(unicodedata.decimal(match.group(), "")), text)
    return " ".join(_MARKUP.sub("", text).split())


def facts_in(text: str) -> list[Fact]:
    """Return the facts of a folded text, in order; the number of a list item is none."""
    listed = _LIST_NUMBER.match(text)
    rest = _blank(text, [listed.span()]) if listed else text
    dates = list(find_dates(rest))
    found: list[Fact] = [date for date, _ in dates]
    rest = _blank(rest, [(date.start, end) for date, end in dates])
    if _DIGITS.search(rest):
        clocks = list(find_times(rest))
        found += [clock for clock, _ in clocks]
        rest = _blank(rest, [(clock.start, end) for clock, end in clocks])
        codes = list(find_codes(rest))
        found += codes
        rest = _blank(rest, [(code.start, code.start + len(code.text)) for code in codes])
    found.extend(find_quantities(rest))
    return sorted(found, key=lambda fact: fact.start)


class Facts:
    """The facts of a text, indexed by value: a text may have hundreds, and so may a claim."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._facts = tuple(facts)
        self._units: dict[Decimal, set[str]] = {}
        self._parts: set[Decimal] = set()  # the numbers in dates and times, without their units
        self._minutes: set[int] = set()
        self._codes: set[str] = set()
        self._days: dict[int | None, set[Day]] = {}
        self._years: set[int] = set()
        for fact in self._facts:
            self._add(fact)

    def __iter__(self) -> Iterator[Fact]:
        return iter(self._facts)

    def __bool__(self) -> bool:
        return bool(self._facts)

    def contains(self, fact: Fact) -> bool:
        """Return whether one equals `fact` or is more precise (`May 1, 2024` for `May 2024`)."""
        match fact:
            case Quantity():
                return self._contains_quantity(fact)
            case Date():
                return any(self._contains_day(day) for day in fact.readings)
            case TimeOfDay():
                return not self._minutes.isdisjoint(fact.minutes)
            case Code():
                return fact.key in self._codes

    def _add(self, fact: Fact) -> None:
        match fact:
            case Quantity():
                for value in fact.values:
                    self._units.setdefault(value, set()).add(fact.unit)
            case Date():
                for day in fact.readings:
                    self._days.setdefault(day[1], set()).add(day)
                    self._parts.update(Decimal(part) for part in day if part is not None)
                    if day[0] is not None:
                        self._years.add(day[0])
            case TimeOfDay():
                self._minutes |= fact.minutes
                self._parts.update(Decimal(part) for m in fact.minutes for part in divmod(m, 60))
            case Code():
                self._codes.add(fact.key)

    def _contains_quantity(self, claim: Quantity) -> bool:
        if not claim.unit and not self._parts.isdisjoint(claim.values):
            return True
        units = (unit for value in claim.values for unit in self._units.get(value, ()))
        if any(compatible(claim.unit, unit) for unit in units):
            return True
        return claim.hedged and any(
            _rounds_to_one_of(values, ours)
            for unit, values in self._values.items()
            if compatible(claim.unit, unit)
            for ours in claim.values
        )

    @cached_property
    def _values(self) -> dict[str, list[Decimal]]:
        values: dict[str, list[Decimal]] = {}
        for value in sorted(self._units):
            for unit in self._units[value]:
                values.setdefault(unit, []).append(value)
        return values

    def _contains_day(self, day: Day) -> bool:
        """Return whether every part of `day` is in one date, or in one with its year elsewhere."""
        year, month, dom = day
        if month is None:
            return year in self._years or Decimal(year or 0) in self._units
        year_elsewhere = year is None or year in self._years or Decimal(year) in self._units
        for other_year, _, other_dom in self._days.get(month, ()):
            if dom and other_dom and dom != other_dom:
                continue
            if dom and not other_dom and Decimal(dom) not in self._units:
                continue
            if year is None or other_year == year or (other_year is None and year_elsewhere):
                return True
        return False


def is_spelled_one(fact: Fact) -> bool:
    """Return whether a fact is a spelled-out "one" or "first": these are mostly no numbers and need
    no source."""
    return isinstance(fact, Quantity) and fact.spelled and fact.values == _IGNORED_ALONE


def competing_facts(fact: Fact, others: Sequence[Fact]) -> list[Fact]:
    """Return what a source says in place of the claim's `fact`: the facts of its kind among
    `others`, which the source has and the claim has not."""
    alike = [other for other in others if _kind(other) == _kind(fact)]
    if alike or not isinstance(fact, Quantity) or fact.is_year:
        return alike
    return [
        other
        for other in others
        if isinstance(other, Quantity) and not other.is_year and "" in (other.unit, fact.unit)
    ]


def _kind(fact: Fact) -> str:
    match fact:
        case Quantity():
            return "date" if fact.is_year else DIMENSIONS.get(fact.unit, f"number {fact.unit}")
        case Date():
            return "date"
        case TimeOfDay():
            return "time"
        case Code():
            return "code"


def _rounds_to_one_of(values: Sequence[Decimal], rounded: Decimal) -> bool:
    """Return whether one of the sorted `values` may round to `rounded` ("about 3 million")."""
    if not rounded:
        return False
    step = Decimal(1).scaleb(_trailing_exponent(rounded))
    first = bisect_right(values, rounded - step)
    return any(0 != value < rounded + step for value in values[first : first + 2])


def _trailing_exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _blank(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return `text` with blanks in place of `spans`, which do not overlap."""
    kept: list[str] = []
    at = 0
    for start, end in sorted(spans):
        kept += (text[at:start], " " * (end - start))
        at = end
    return "".join((*kept, text[at:]))
