"""Shows the value of a spreadsheet cell as the sheet displays it, by its number format code. Pure.

A format code has up to four sections, separated by semicolons: for positive numbers, negative ones,
zero and text (ECMA-376 part 1, 18.8.31). Three things are not taken over from the display, because
they hide what the cell holds and no reader of the text could undo it: a scientific format (the
number is written out), the rounding of `General` to the width of the column, and dates in the order
of the reader's own country, which are written year first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Final

GENERAL: Final = "General"

_ISO_DATE: Final = "yyyy-mm-dd"
_ISO_TIME: Final = "yyyy-mm-dd hh:mm"
BUILT_IN: Final[dict[int, str]] = {
    **{0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%"},
    **{11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: _ISO_DATE, 15: "d-mmm-yy", 16: "d-mmm"},
    **{17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss"},
    **{22: _ISO_TIME, 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@"},
    **{5: '"$"#,##0', 6: '"$"#,##0', 7: '"$"#,##0.00', 8: '"$"#,##0.00'},
    **{37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00"},
    **{41: "#,##0", 42: '"$"#,##0', 43: "#,##0.00", 44: '"$"#,##0.00'},
    # Dates and times of East Asian versions; which order they have depends on the reader's country.
    **dict.fromkeys((27, 28, 29, 30, 31, 36), _ISO_DATE),
    **dict.fromkeys(range(50, 59), _ISO_DATE),
    **{32: "h:mm", 33: "h:mm:ss", 34: "h:mm", 35: "h:mm:ss"},
}
"""The format codes that a file names by number alone. Amounts in the currency of the reader's
country are given the dollar that the standard gives them."""

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|[_*](?P<skipped>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<halves>AM/PM|am/pm|A/P|a/p|上午/下午|오전/오후)|(?P<general>[Gg][Ee][Nn][Ee][Rr][Aa][Ll])"
    r"|(?P<date>[yY]+|[mM]+|[dD]+|[hH]+|[sS]+(?:\.0+)?|[eE](?![+-])|g+|[aA]{3,4}|[bB]{2,4})"
    r"|(?P<exponent>[Ee][+-])|(?P<digits>[0#?]+)|(?P<other>.)",
    re.DOTALL,
)
_ELAPSED: Final = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CONDITION: Final = re.compile(r"(<=|>=|<>|=|<|>)(-?[0-9.]+(?:[Ee][+-]?[0-9]+)?)")
# fmt: off
_MONTHS_EN: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)
_DAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# fmt: on
_DAYS_KO, _DAYS_JA = "월화수목금토일", "月火水木金土日"
_KOREAN, _JAPANESE = 0x12, 0x11
"""The primary language in the last byte of a locale's number."""

_EPOCH_1900: Final = datetime(1899, 12, 30)
_EPOCH_1904: Final = datetime(1904, 1, 1)
_SERIAL_MAX: Final = 2_958_466
"""The first day number after the year 9999."""
_LEAP_1900: Final = 60
"""Below this day number the days of 1900 are one off: Excel believes in 29 February 1900."""
_DIGITS_MAX: Final = 15
"""Digits that a number of a sheet is precise to."""
_ULP: Final = 2.0**-52
_PLANNED_MAX: Final = 1e13
_FORMATTED_MAX: Final = 1e21
_SIMPLE: Final = re.compile(r"L*(?P<whole>(?:#,##|#+)?0)(?:\.(?P<decimals>0+))?(?:L*%?L*)")


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of a section: `kind` is a group of `_TOKEN`, `text` what it matched."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """A simple section, such as `"₩"#,##0.00`, as a format specification of Python's."""

    before: str
    spec: str
    percents: int
    after: str

    def show(self, value: float) -> str:
        # A few units in the last place more, so that a decimal half is rounded up as sheets do.
        shown = format(value * (100**self.percents) * (1 + 4 * _ULP), self.spec)
        if shown[0] == "-":
            shown = shown[1:]
            sign = "-" if any(c in "123456789" for c in shown) else ""
            return f"{sign}{self.before}{shown}{self.after}".strip()
        return f"{self.before}{shown}{self.after}".strip()


@dataclass(frozen=True, slots=True)
class _Section:
    tokens: tuple[_Token, ...]
    is_date: bool
    language: int = 0
    condition: tuple[str, float] | None = None
    plan: _Plan | None = None


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A parsed format code; `number_format` makes it."""

    sections: tuple[_Section, ...] = ()
    text: _Section | None = None

    def show_number(self, value: float, *, since_1904: bool = False) -> str:
        """Return what a cell with the number shows; dates count from 1900 or 1904."""
        if not self.sections:
            return general(value)
        section, magnitude = self._section(value)
        if section.is_date:
            return _date(section, value, since_1904)
        if section.plan is not None and abs(magnitude) < _PLANNED_MAX:
            return section.plan.show(magnitude)
        return _number(section, magnitude)

    def show_text(self, value: str) -> str:
        """Return what a cell with the text shows."""
        if self.text is None:
            return value
        return "".join(
            value if token.text == "@" else _literal(token) for token in self.text.tokens
        )

    def _section(self, value: float) -> tuple[_Section, float]:
        """The section for a value, and the value without the sign that the section stands for."""
        sections = self.sections
        for number, section in enumerate(sections):
            if section.condition is not None and _holds(section.condition, value):
                return section, value if number == 0 else abs(value)
        plain = [one for one in sections if one.condition is None] or [sections[-1]]
        if len(plain) != len(sections):
            return plain[0], value
        if value < 0 and len(plain) > 1:
            return plain[1], -value
        if value == 0 and len(plain) > 2:
            return plain[2], value
        return plain[0], value


def _holds(condition: tuple[str, float], value: float) -> bool:
    sign, bound = condition
    return {
        "<": value < bound,
        "<=": value <= bound,
        ">": value > bound,
        ">=": value >= bound,
        "=": value == bound,
        "<>": value != bound,
    }[sign]


@lru_cache(maxsize=1_024)
def number_format(code: str) -> NumberFormat:
    """Return the parsed format code."""
    parts = [_section(part) for part in _split(code)]
    # A code without any letter or digit to put a value in shows the value in full.
    if code.strip().lower() in ("", "general"):
        return NumberFormat()
    text = next((one for one in parts if any(t.text == "@" for t in one.tokens)), None)
    numbers = tuple(one for one in parts if one is not text)[:3]
    return NumberFormat(numbers, text)


def _split(code: str) -> list[str]:
    parts, begun = [], 0
    for found in _TOKEN.finditer(code):
        if found["other"] == ";":
            parts.append(code[begun : found.start()])
            begun = found.end()
    return [*parts, code[begun:]]


def _section(code: str) -> _Section:
    tokens: list[_Token] = []
    language, condition = 0, None
    for found in _TOKEN.finditer(code):
        kind = str(found.lastgroup)
        text = found[kind]
        if kind == "bracket":
            if text.startswith("$"):
                currency, _, locale = text[1:].partition("-")
                tokens.append(_Token("quoted", currency))
                language = int(locale, 16) & 0xFF if re.fullmatch("[0-9A-Fa-f]+", locale) else 0
            elif stated := _CONDITION.fullmatch(text):
                condition = (stated[1], float(stated[2]))
            elif _ELAPSED.fullmatch(text):
                tokens.append(_Token("elapsed", text))
            continue  # the rest are colours
        if kind == "skipped":
            # `_x` leaves the room of x, `* ` fills with it: room between words, nothing at an end
            tokens.append(_Token("quoted", " " if found[0][0] == "_" else ""))
            continue
        tokens.append(_Token(kind, text))
    is_date = any(token.kind in ("date", "elapsed", "halves") for token in tokens) and not any(
        token.kind in ("exponent", "general") for token in tokens
    )
    plan = None if is_date else _plan(tokens)
    return _Section(tuple(tokens), is_date, language, condition, plan)


def _plan(tokens: Sequence[_Token]) -> _Plan | None:
    """The plan of a section with one number of at most one leading zero and fixed decimals."""
    marks = "".join(
        token.text
        if token.kind == "digits" or (token.kind == "other" and token.text in ".,%")
        else "L"
        if token.kind in ("quoted", "escaped", "other")
        else "X"
        for token in tokens
    )
    found = _SIMPLE.fullmatch(marks)
    if found is None:
        return None
    first = next(n for n, token in enumerate(tokens) if token.kind == "digits")
    last = max(n for n, token in enumerate(tokens) if token.kind == "digits")
    before = "".join(map(_literal, tokens[:first]))
    after = "".join(map(_literal, tokens[last + 1 :]))
    grouping = "," if "," in found["whole"] else ""
    return _Plan(before, f"{grouping}.{len(found['decimals'] or '')}f", marks.count("%"), after)


def _literal(token: _Token) -> str:
    return token.text if token.kind in ("quoted", "escaped", "other", "date", "halves") else ""


def general(value: float) -> str:
    """Return a number as a cell without a format shows it, but never in powers of ten and never
    with fewer digits before the point than it has."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    rounded = f"{value:.{10 if abs(value) < 1e10 else _DIGITS_MAX}g}"
    plain = f"{Decimal(rounded):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


# --- numbers -----------------------------------------------------------------------------------


def _number(section: _Section, value: float) -> str:
    tokens = section.tokens
    if any(token.kind == "general" for token in tokens):
        return _joined(general(value) if t.kind == "general" else _literal(t) for t in tokens)
    if abs(value) >= _FORMATTED_MAX or any(token.kind == "exponent" for token in tokens):
        return general(value)
    slots = [number for number, token in enumerate(tokens) if token.kind == "digits"]
    if not slots:
        return _joined(map(_literal, tokens))
    if any(token.text == "/" for token in tokens[slots[0] :]):
        return _fraction(value, tokens)
    return _decimal(value, tokens, slots)


def _joined(pieces: Iterable[str]) -> str:
    return "".join(pieces).strip()


def _decimal(value: float, tokens: Sequence[_Token], slots: Sequence[int]) -> str:
    percents = sum(token.text == "%" and token.kind == "other" for token in tokens)
    point = next(
        (
            n
            for n, t in enumerate(tokens)
            if t.text == "." and t.kind == "other" and n >= slots[0] - 1
        ),
        len(tokens),
    )
    whole = [n for n in slots if n < point]
    decimals = [n for n in slots if n > point]
    commas = [n for n, t in enumerate(tokens) if t.text == "," and t.kind == "other"]
    last = whole[-1] if whole else point
    grouped = bool(whole) and any(whole[0] < n < last for n in commas)
    scaling = {n for end in {last, slots[-1]} for n in _commas_behind(tokens, end)}
    width = sum(len(tokens[n].text) for n in decimals)
    with localcontext() as context:
        context.prec = 40
        exact = Decimal(repr(value)) * 100**percents / 1000 ** len(scaling)
        rounded = abs(exact).quantize(Decimal(1).scaleb(-width), ROUND_HALF_UP)
    integer, _, fraction = f"{rounded:f}".partition(".")
    integer = integer.lstrip("0")
    negative = exact < 0 and rounded != 0

    filled = _whole_digits(integer, "".join(tokens[n].text for n in whole), grouped=grouped)
    shown = dict(zip(whole, _dealt(filled, [len(tokens[n].text) for n in whole]), strict=True))
    at = 0
    places = "".join(tokens[n].text for n in decimals)
    kept = _kept_decimals(fraction, places)
    for n in decimals:
        shown[n] = kept[at : at + len(tokens[n].text)]
        at += len(tokens[n].text)
    pieces = []
    for n, token in enumerate(tokens):
        if n in shown:
            pieces.append(shown[n])
        elif n == point:
            pieces.append("." if kept else "")
        elif n in scaling or (n in commas and whole and whole[0] < n < last):
            continue
        else:
            pieces.append(_literal(token))
    first = next((k for k, piece in enumerate(pieces) if piece.strip()), 0)
    if negative:
        pieces.insert(first, "-")
    return _joined(pieces)


def _commas_behind(tokens: Sequence[_Token], place: int) -> list[int]:
    """The commas right behind a place: each divides the number by a thousand."""
    found = []
    for n in range(place + 1, len(tokens)):
        if tokens[n].text != "," or tokens[n].kind != "other":
            break
        found.append(n)
    return found


def _whole_digits(integer: str, places: str, *, grouped: bool) -> str:
    """The digits before the point, filled up to the zeros of the format."""
    zeros = len(places) - places.find("0") if "0" in places else 0
    digits = integer.rjust(zeros, "0")
    return f"{int(digits):,}" if grouped and digits and len(digits) == len(integer) else digits


def _dealt(digits: str, widths: Sequence[int]) -> list[str]:
    """The digits dealt to groups of places from the right; the first group takes all that is left:
    0101234567 in 000-0000-0000 is 010-1234-5678."""
    dealt: list[str] = []
    for width in reversed(widths[1:]):
        cut = max(0, len(digits) - width)
        dealt.append(digits[cut:])
        digits = digits[:cut]
    return [digits, *reversed(dealt)] if widths else []


def _kept_decimals(fraction: str, places: str) -> str:
    kept = fraction[: len(places)].ljust(len(places), "0")
    while kept and kept[-1] == "0" and places[len(kept) - 1] != "0":
        kept = kept[:-1]
    return kept


def _fraction(value: float, tokens: Sequence[_Token]) -> str:
    slash = next(n for n, token in enumerate(tokens) if token.text == "/")
    below = next((token.text for token in tokens[slash + 1 :] if token.text.strip()), "?")
    exact = Fraction(repr(abs(value)))
    if below.isdigit() and int(below) > 0:
        numerator, denominator = round(exact * int(below)), int(below)
    else:
        near = exact.limit_denominator(10 ** min(len(below), 5) - 1)
        numerator, denominator = near.numerator, near.denominator
    sign = "-" if value < 0 else ""
    mixed = sum(token.kind == "digits" for token in tokens[:slash]) > 1
    whole, rest = divmod(numerator, denominator) if mixed else (0, numerator)
    if not rest and mixed:
        return f"{sign}{whole}"
    return f"{sign}{f'{whole} ' if whole else ''}{rest}/{denominator}"


# --- dates and times ---------------------------------------------------------------------------


def _date(section: _Section, value: float, since_1904: bool) -> str:
    if not 0 <= value < _SERIAL_MAX:
        return general(value)  # the sheet shows a row of number signs
    pieces = _tokens_of_time(section.tokens)
    fine = any(t.kind == "date" and t.text[0] in "sS" and "." in t.text for t in pieces)
    coarse = not any(t.kind in ("date", "elapsed") and t.text[0] in "sS" for t in pieces)
    seconds = round(value * 86_400, 3 if fine else 0)
    if coarse:
        seconds = (seconds + 1e-6) // 60 * 60
    epoch = _EPOCH_1904 if since_1904 else _EPOCH_1900
    days = timedelta(seconds=seconds)
    if not since_1904 and value < _LEAP_1900:
        days += timedelta(days=1)
    at = epoch + days
    has_halves = any(token.kind == "halves" for token in pieces)
    return _joined(_time_piece(t, at, seconds, section.language, has_halves) for t in pieces)


def _tokens_of_time(tokens: Sequence[_Token]) -> list[_Token]:
    """The tokens with `m` beside hours or seconds told apart, as kind `minute`."""
    told = list(tokens)
    times = [n for n, t in enumerate(told) if t.kind in ("date", "elapsed")]
    for at, n in enumerate(times):
        token = told[n]
        if token.kind != "date" or token.text[0] not in "mM" or len(token.text) > 2:
            continue
        before = told[times[at - 1]].text[0].lower() if at else ""
        after = told[times[at + 1]].text[0].lower() if at + 1 < len(times) else ""
        if before == "h" or after == "s":
            told[n] = _Token("minute", token.text)
    return told


def _time_piece(
    token: _Token, at: datetime, seconds: float, language: int, has_halves: bool
) -> str:
    if token.kind == "minute":
        return f"{at.minute:0{len(token.text)}d}"
    if token.kind == "elapsed":
        per = {"h": 3_600, "m": 60, "s": 1}[token.text[0].lower()]
        return f"{int((seconds + 1e-6) // per):0{len(token.text)}d}"
    if token.kind == "halves":
        before, after = token.text.split("/")
        if language == _KOREAN:
            before, after = "오전", "오후"
        return before if at.hour < 12 else after
    if token.kind != "date":
        return "" if token.kind in ("general", "exponent") else token.text
    return _date_piece(token.text, at, language, has_halves)


def _date_piece(text: str, at: datetime, language: int, has_halves: bool) -> str:
    letter, width = text[0].lower(), len(text)
    match letter:
        case "y" | "e":
            return f"{at.year % 100:02d}" if letter == "y" and width < 3 else f"{at.year:04d}"
        case "m":
            return _month(at, width, language)
        case "d" if width > 2:
            return _weekday(at, width, language)
        case "d":
            return f"{at.day:0{width}d}"
        case "a":
            return _weekday(at, width, language or _KOREAN)
        case "h":
            hour = (at.hour % 12 or 12) if has_halves else at.hour
            return f"{hour:0{min(width, 2)}d}"
        case "s":
            whole, _, parts = text.partition(".")
            fraction = f".{at.microsecond:06d}"[: len(parts) + 1] if parts else ""
            return f"{at.second:0{min(len(whole), 2)}d}{fraction}"
        case _:
            return ""  # eras and Buddhist years


def _month(at: datetime, width: int, language: int) -> str:
    if width < 3:
        return f"{at.month:0{width}d}"
    if language in (_KOREAN, _JAPANESE):
        return f"{at.month}{'월' if language == _KOREAN else '月'}"
    name = _MONTHS_EN[at.month - 1]
    return name[:1] if width == 5 else name if width == 4 else name[:3]


def _weekday(at: datetime, width: int, language: int) -> str:
    day = at.weekday()
    if language in (_KOREAN, _JAPANESE):
        short = (_DAYS_KO if language == _KOREAN else _DAYS_JA)[day]
        return short if width == 3 else short + ("요일" if language == _KOREAN else "曜日")
    return _DAYS_EN[day] if width == 4 else _DAYS_EN[day][:3]
