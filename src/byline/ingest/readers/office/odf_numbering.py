"""Numbers as OpenDocument lists print them, by the first numbers that a form names: `1`, `a`, `가`,
`一, 二, 三, ...`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from byline.ingest.readers.list_numerals import (
    CIRCLED,
    counted,
    letters,
    letters_by_place,
    numeral,
    sign_row,
    signs,
)

_DIGITS_FROM: Final = 4_000
"""Beyond this a number is printed in digits, whatever its form."""
_LATIN: Final = sign_row("a", 26)


def printed_number(number: int, form: str, *, is_letter_synced: bool = False) -> str:
    """`number` in the form whose first numbers `form` names: `1`, `a`, `가`, `一, 二, 三, ...`.

    "" for the form "", which prints nothing; digits where the form is unknown or ends before.
    `is_letter_synced`: behind z comes aa, bb, not aa, ab.
    """
    if not form:
        return ""
    first = form.split(",", maxsplit=1)[0].strip()
    if form in ("a", "A"):
        write_letters = letters if is_letter_synced else letters_by_place
        text = write_letters(number, _LATIN) if number > 0 else ""
        text = text.upper() if form == "A" else text
    elif not 0 < number < _DIGITS_FROM:
        text = ""
    elif first in _FORMS:
        text = numeral(number, _FORMS[first])
    else:
        write = _FORMS_OF_ITS_OWN.get(first)
        text = write(number) if write else ""
    return text or str(number)


_FORMS: Final = {
    "1": "decimal",
    "01": "decimalZero",
    "i": "lowerRoman",
    "I": "upperRoman",
    "가": "ganada",
    "ㄱ": "chosung",
    "ᄀ": "chosung",
    "일": "koreanCounting",
    "하나": "koreanLegal",
    "一": "japaneseCounting",
    "１": "decimalFullWidth",
    "ア": "aiueo",
    "ｱ": "aiueo",
    "イ": "iroha",
    "ｲ": "iroha",
    "甲": "ideographTraditional",
    "子": "ideographZodiac",
    "α": "lowerGreek",
    "Α": "upperGreek",
    "а": "russianLower",
    "А": "russianUpper",
    "א": "hebrew2",
    "أ": "arabicAlpha",
    "ก": "thaiLetters",
}
"""The name that Office Open XML has for a form, by its first number."""

_FORMS_OF_ITS_OWN: Final[dict[str, Callable[[int], str]]] = {
    "001": lambda number: f"{number:03}",
    "㉮": signs(sign_row("㉮", 14)),
    "㉠": signs(sign_row("㉠", 14)),
    "①": signs(CIRCLED),
    "壹": counted("壹貳參肆伍陸柒捌玖", "拾佰仟萬", "", says_one=False),
    "壱": counted("壱弐参四伍六七八九", "拾百阡萬", "", says_one=False),
}
