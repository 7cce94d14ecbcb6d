"""Tells what kind of answer a question wants, from its words. Pure.

- a date, a number, a person, a place, a share: a text that has one is likelier to answer
- what is not so ("what is not covered", "쓸 수 없는"): a text that denies something
- a phone number or an e-mail address: a text without one does not answer at all
- the latest state ("지금", "current"): the newest document by its own date
- years, months, days: a text of others is about something else
- several things ("both", "각각"): more than one text
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from byline.domain.asks import Source
from byline.text.date_terms import days
from byline.text.terms import folded
from byline.verify.negation import denials_in

OWN_DATE_CHARS: Final = 120
"""A document says its own date in its first line, or in one that begins with `Date:`."""

_DATE: Final = (
    r"\b(?:1\d|20)\d\d\b|\d\s*[년월일시]|\d{1,2}[:.]\d\d\b|\b\d{1,2}(?:st|nd|rd|th)\b|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tues|wednes|thurs|fri|satur|sun)"
)
_CUES: Final = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(has, re.IGNORECASE))
    for asked, has in (
        (r"\bwhen\b|\bwhat (?:date|day|time|year)\b|언제|며칠|몇\s*시|날짜|기한", _DATE),
        (
            r"\bhow (?:much|many|long|far|old|often|big|large|tall|heavy)\b|얼마|몇|며칠|금액|비용",
            r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|sixty"
            r"|ninety|hundred)\b|하루|이틀|사흘|나흘|닷새|엿새|이레|열흘|보름",
        ),
        (
            r"\bhow much\b|\bcosts?\b|\bprice\b|얼마(?!나)|금액|비용|요금|단가|가격",
            r"[$€£₩]|\d\s*(?:[천만억]?\s?원|won\b|pounds?\b|dollars?\b|euros?\b|usd\b|krw\b)",
        ),
        (
            r"\bwho(?:m|se)?\b|누가|누구|담당자",
            r"(?<=\w\s)[A-Z][a-z]+|[가-힣]{2,4}\s?(?:씨|님|대리|과장|팀장|부장|사원)",
        ),
        (
            r"\bwhere\b|어디|위치|장소",
            r"\b(?:in|at|on|near)\s+(?:the\s+)?[A-Z]|[가-힣]+(?:에서|에|층|동|로|역)\b",
        ),
        (
            r"\bdecid|\bdecision|\bagreed?\b|결정|정했|정해|합의",
            r"\bdecid|\bdecision|\bagreed?\b|\bresolved\b|결정|정했|정해|합의|확정",
        ),
        (r"\bpercent|비율|퍼센트|몇\s*%", r"%|percent|퍼센트"),
    )
)
_EXACT: Final = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(has))
    for asked, has in (
        (
            r"\b(?:tele)?phone number|\b(?:mobile|fax) number|(?:전화|휴대폰|핸드폰|팩스)\s?번호",
            r"\d{2,}[-.\s)/]{1,2}\d{3,}|\d{7,}",
        ),
        (r"\be-?mail address|이?메일\s?주소", r"\w@\w"),
    )
)
"""Things with a form of their own: what is asked for, and how it looks."""
_DENIED: Final = re.compile(
    r"\b(?:not|never|cannot|can't|isn't|aren't|don't|doesn't|won't|excluded?|except|forbidden"
    r"|prohibited)\b|없[는어나을다]|안\s?(?:되|돼)|아닌|못\s?(?:하|쓰|가|먹)|금지|제외|[지]\s?(?:않|못|말)",
    re.IGNORECASE,
)
_DENIES: Final = re.compile(
    r"\b(?:exclud\w+|except|forbidden|prohibited|only|void)\b|금지|제외|불가|없[는다음]|아니|않|못",
    re.IGNORECASE,
)
_LATEST: Final = re.compile(
    r"\b(?:latest|newest|current(?:ly)?|now|most recent|these days|last (?:meeting|time|review))\b"
    r"|지금|현재|최신|최근|요즘|요새|이번|마지막|올해",
    re.IGNORECASE,
)
_SEVERAL: Final = re.compile(
    r"\b(?:both|each|respectively|all|list|every|compare|difference|differ|and (?:what|who|when"
    r"|where|how|which)|which .{1,40}\bare|who are|what are)\b"
    r"|각각|각자|모두|전부|모든|목록|둘\s?다|비교|차이|들[은이을]\s|누구누구|뭐뭐|[와과]\s.{1,20}(?:얼마|언제|누구|몇)",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(
    r"(?<![\w.,$£€₩-])((?:19|20)\d\d)(?=년|\b(?![-,]?\d{3}))"
    r"(?!\s?(?:원|개|명|won\b|dollars?\b|pounds?\b|euros?\b|people\b|kg\b|km\b|m\b))"
)
_RELATIVE: Final = re.compile(
    r"\b(?:since|before|after|by|until|till|from|between)\s+(?:\w+\s+){0,3}(?:19|20)\d\d"
    r"|(?:19|20)\d\d년?\s?(?:이후|이전|이래|부터|까지|전|후)",
    re.IGNORECASE,
)
"""What happened before or after a year is told by texts of other years."""
_MONTH_NAMES: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_MONTH: Final = re.compile(
    r"\b(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
    r"|(?<!\d)(1[0-2]|0?[1-9])\s?월|(?<=\d{4}[-./])(1[0-2]|0[1-9])(?!\d)"
)
_YEAR_WITHIN: Final = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_DATED_NAME: Final = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:[-_. ]?(0[1-9]|1[0-2])(?:[-_. ]?([0-2]\d|3[01]))?)?(?!\d)"
)
_DATE_LINE: Final = re.compile(
    r"^(?:date|dated|날짜|일자|일시|작성일|시행일|보낸\s?날짜)\s?[:：].*",
    re.IGNORECASE | re.MULTILINE,
)
_FULL_DAY: Final = re.compile(r"day (\d{4})-(\d\d)-(\d\d)")

OwnDate = tuple[int, int, int]
UNDATED: Final[OwnDate] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class QuestionAims:
    """What a question wants: `cues` and `exact` match the kinds of things it asks for; `years`,
    `months` and `days` are those it is about, empty for any."""

    cues: tuple[re.Pattern[str], ...]
    exact: tuple[re.Pattern[str], ...]
    years: frozenset[int]
    months: frozenset[int]
    days: frozenset[str]
    wants_latest: bool
    wants_several: bool
    wants_denial: bool

    def cue_count(self, text: str) -> int:
        """Return how many of the kinds of things asked for a text has."""
        return sum(bool(cue.search(text)) for cue in self.cues)

    def is_missed_by(self, text: str) -> bool:
        """Return whether a text lacks something of a form of its own that is asked for."""
        return not all(form.search(text) for form in self.exact)

    def is_of_other_days(self, text: str) -> bool:
        """Return whether a text names months or days, and none that are asked about."""
        return bool(
            (self.days and (held := _days_in(text)) and not held & self.days)
            or (self.months and (named := _months_in(text)) and not named & self.months)
        )


def aims_of(question: str) -> QuestionAims:
    """Return what kind of answer `question` wants."""
    years = frozenset(int(found[1]) for found in _YEAR.finditer(question))
    return QuestionAims(
        tuple(has for asked, has in _CUES if asked.search(question)),
        tuple(form for asked, form in _EXACT if asked.search(question)),
        frozenset() if _RELATIVE.search(question) else years,
        _months_in(question),
        _days_in(question),
        bool(_LATEST.search(question)),
        bool(_SEVERAL.search(question)),
        bool(_DENIED.search(question)),
    )


def denies(text: str) -> bool:
    """Return whether a text denies or excludes something."""
    return bool(_DENIES.search(text) or denials_in(folded(text)))


def years_in(text: str) -> frozenset[int]:
    """Return the years that a text names."""
    return frozenset(int(found[1]) for found in _YEAR_WITHIN.finditer(text))


def _months_in(text: str) -> frozenset[int]:
    return frozenset(
        _MONTH_NAMES.index(found[1][:3]) // 3 + 1 if found[1] else int(found[2] or found[3])
        for found in _MONTH.finditer(text)
    )


def _days_in(text: str) -> frozenset[str]:
    """Return the days of a text without their years."""
    return frozenset(day for day in days(folded(text)) if not _FULL_DAY.fullmatch(day))


def own_date(source: Source) -> OwnDate:
    """Return the date (year, month, day; 0 where not known) that a document gives itself: in its
    name, its title or heading, or at the top of its text."""
    readings: tuple[Callable[[str], OwnDate], ...] = (_day_in, _dated)
    for place in (source.name, source.title, source.heading):
        for reading in readings:
            if (found := reading(place)) != UNDATED:
                return found
    top = source.text.lstrip()
    lines = (top.partition("\n")[0], *_DATE_LINE.findall(top))
    found_days = (_day_in(line[:OWN_DATE_CHARS]) for line in lines)
    return next((day for day in found_days if day != UNDATED), UNDATED)


def _day_in(text: str) -> OwnDate:
    for day in days(folded(text)):
        if found := _FULL_DAY.fullmatch(day):
            return int(found[1]), int(found[2]), int(found[3])
    return UNDATED


def _dated(name: str) -> OwnDate:
    found = _DATED_NAME.search(name)
    return (int(found[1]), int(found[2] or 0), int(found[3] or 0)) if found else UNDATED
