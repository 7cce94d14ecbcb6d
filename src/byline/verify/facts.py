"""The facts of a text that must be exact: numbers, amounts, dates, times, codes. Pure.

`facts_in` finds them, `has_fact` says whether a text has one, by value: `May 1, 2024` is
`2024년 5월 1일`, `₩1,234` is `1,234원`, `24 months` is `two years`, and 5 km is never 5 miles.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from byline.verify.dates import Clock, Date, Day, find_clocks, find_dates
from byline.verify.quantities import Code, Quantity, find_codes, find_quantities
from byline.verify.units import DIMENSIONS, compatible

Fact = Quantity | Date | Clock | Code

_INVISIBLE: Final = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MARKUP: Final = re.compile(r"</?[a-zA-Z][^<>\n]{0,80}>|[*`]+|(?<!\w)_+|_+(?!\w)|~~")
_DIGITS: Final = re.compile("[0-9]")
_DIGIT: Final = re.compile(r"[^\W\D]")
_IGNORED_ALONE: Final = frozenset([Decimal(1)])
_LIST_NUMBER: Final = re.compile(r"^\s*(?:[-*•·○●□■]\s*)?(?:\(?\d{1,3}[.)]|[①-⑳])\s+")


def fold(text: str) -> str:
    """NFKC and case-folded, with ASCII digits; markup and what cannot be seen are gone."""
    return plain(text).casefold()


def plain(text: str) -> str:
    """As `fold`, but with its capitals."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    text = text.replace("−", "-").replace("’", "'")
    if not text.isascii():
        text = _DIGIT.sub(lambda match: str(unicodedata.decimal(match.group(), "")), text)
    return " ".join(_MARKUP.sub("", text).split())


def facts_in(text: str) -> list[Fact]:
    """The facts of a folded text, in order; a list's own number is none."""
    listed = _LIST_NUMBER.match(text)
    rest = _blank(text, *listed.span()) if listed else text
    found: list[Fact] = []
    for date, end in find_dates(rest):
        found.append(date)
        rest = _blank(rest, date.start, end)
    if _DIGITS.search(rest):
        for clock, end in find_clocks(rest):
            found.append(clock)
            rest = _blank(rest, clock.start, end)
        for code in find_codes(rest):
            found.append(code)
            rest = _blank(rest, code.start, code.start + len(code.text))
    found.extend(find_quantities(rest))
    return sorted(found, key=lambda fact: fact.start)


def has_fact(fact: Fact, facts: Sequence[Fact]) -> bool:
    """Whether one of `facts` is `fact`, or says more (`May 1, 2024` says `May 2024`)."""
    match fact:
        case Quantity():
            return any(_is_quantity(fact, other) for other in facts)
        case Date():
            return any(_has_day(day, facts) for day in fact.readings)
        case Clock():
            return any(isinstance(f, Clock) and f.minutes & fact.minutes for f in facts)
        case Code():
            return any(isinstance(f, Code) and f.key == fact.key for f in facts)


def is_idle(fact: Fact) -> bool:
    """Whether a fact may stand without a source: "one" and "first" are mostly no numbers."""
    return isinstance(fact, Quantity) and fact.spelled and fact.values == _IGNORED_ALONE


def rivals(fact: Fact, facts: Iterable[Fact], claimed: Sequence[Fact]) -> list[Fact]:
    """What a source says where the claim says `fact`: of its kind, and nowhere in the claim."""
    others = [other for other in facts if not is_idle(other) and not has_fact(other, claimed)]
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
        case Clock():
            return "time"
        case Code():
            return "code"


def _is_quantity(claim: Quantity, other: Fact) -> bool:
    match other:
        case Quantity():
            if not compatible(claim.unit, other.unit):
                return False
            if claim.values & other.values:
                return True
            return claim.hedged and any(
                _rounds_to(theirs, ours) for theirs in other.values for ours in claim.values
            )
        case Date():
            parts = {part for day in other.readings for part in day if part is not None}
            return not claim.unit and any(value in parts for value in claim.values)
        case Clock():
            return not claim.unit and any(
                value in (m // 60, m % 60) for value in claim.values for m in other.minutes
            )
        case Code():
            return False


def _rounds_to(exact: Decimal, rounded: Decimal) -> bool:
    """Whether `rounded`, at the digits it has, may stand for `exact` ("about 3 million")."""
    if not exact or not rounded:
        return False
    step = Decimal(1).scaleb(_trailing_exponent(rounded))
    return abs(exact - rounded) < step


def _trailing_exponent(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _has_day(day: Day, facts: Sequence[Fact]) -> bool:
    """Every part that is said must be there, in one date or with its year elsewhere."""
    year, month, dom = day
    numbers = {value for f in facts if isinstance(f, Quantity) for value in f.values}
    days = [other for f in facts if isinstance(f, Date) for other in f.readings]
    years = {other[0] for other in days if other[0] is not None}
    if month is None:
        return year in years or Decimal(year or 0) in numbers
    for other_year, other_month, other_dom in days:
        if other_month != month or (dom and other_dom and dom != other_dom):
            continue
        if dom and not other_dom and Decimal(dom) not in numbers:
            continue
        if year is None or other_year == year:
            return True
        if other_year is None and (year in years or Decimal(year) in numbers):
            return True
    return False


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]
