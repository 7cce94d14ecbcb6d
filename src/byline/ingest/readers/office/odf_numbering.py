"""Numbers as lists print them: 1, a, A, i, I, 가, ㄱ, 一, ① … Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_DIGITS_FROM: Final = 4_000
"""Beyond this a number is printed in digits, whatever its form."""
_ROMAN: Final = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_LATIN: Final = "abcdefghijklmnopqrstuvwxyz"
_KOREAN_SYLLABLES: Final = "가나다라마바사아자차카타파하"
_KOREAN_LETTERS: Final = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_CIRCLED: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳㉑㉒㉓㉔㉕㉖㉗㉘㉙㉚㉛㉜㉝㉞㉟㊱㊲㊳㊴㊵㊶㊷㊸㊹㊺㊻㊼㊽㊾㊿"
_KATAKANA: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
_IROHA: Final = (
    "イロハニホヘトチリヌルヲワカヨタレソツネナラム"
    "ウヰノオクヤマケフコエテアサキユメミシヱヒモセスン"
)
_NATIVE_ONES: Final = ("하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉")
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES: Final = "子丑寅卯辰巳午未申酉戌亥"


def printed_number(number: int, form: str, *, is_letter_synced: bool = False) -> str:
    """`number` in the form whose first numbers `form` names: `1`, `a`, `가`, `一, 二, 三, ...`.

    "" for the form "", which prints nothing; digits where the form is unknown or ends before.
    `is_letter_synced`: behind z comes aa, bb, not aa, ab.
    """
    if not form:
        return ""
    first = form.split(",", maxsplit=1)[0].strip()
    if form in ("a", "A"):
        text = _synced(number, _LATIN) if is_letter_synced else _by_place(number, _LATIN)
        text = text.upper() if form == "A" else text
    else:
        write = _FORMS.get(first)
        text = write(number) if write and 0 < number < _DIGITS_FROM else ""
    return text or str(number)


def _by_place(number: int, alphabet: str) -> str:
    """a … z, aa, ab: as the columns of a sheet are named."""
    text = ""
    while number > 0 and len(text) < 20:
        number, place = divmod(number - 1, len(alphabet))
        text = alphabet[place] + text
    return text


def _synced(number: int, alphabet: str) -> str:
    """a … z, aa, bb."""
    times, place = divmod(number - 1, len(alphabet))
    return alphabet[place] * (times + 1) if 0 <= times < 30 else ""


def _roman(number: int) -> str:
    text = ""
    for value, sign in _ROMAN:
        text += sign * (number // value)
        number %= value
    return text


def _counted(digits: str, units: str) -> Callable[[int], str]:
    """As it is counted in East Asia: 十二, 이십삼."""

    def write(number: int) -> str:
        text = ""
        for place in (3, 2, 1, 0):
            digit = number // 10**place % 10
            if digit:
                unit = units[place - 1] if place else ""
                text += ("" if unit and digit == 1 else digits[digit - 1]) + unit
        return text

    return write


def _signs(signs: str) -> Callable[[int], str]:
    return lambda number: signs[number - 1] if number <= len(signs) else ""


def _cycle(signs: str) -> Callable[[int], str]:
    return lambda number: _synced(number, signs)


def _korean_native(number: int) -> str:
    """하나, 둘 … 아흔아홉."""
    tens, ones = divmod(number, 10)
    if number > 99:
        return ""
    written = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")[tens]
    return written + ("", *_NATIVE_ONES)[ones]


_FORMS: Final[dict[str, Callable[[int], str]]] = {
    "1": str,
    "01": lambda number: f"{number:02}",
    "001": lambda number: f"{number:03}",
    "i": _roman,
    "I": lambda number: _roman(number).upper(),
    "가": _cycle(_KOREAN_SYLLABLES),
    "ㄱ": _cycle(_KOREAN_LETTERS),
    "ᄀ": _cycle(_KOREAN_LETTERS),
    "㉮": _signs("㉮㉯㉰㉱㉲㉳㉴㉵㉶㉷㉸㉹㉺㉻"),
    "㉠": _signs("㉠㉡㉢㉣㉤㉥㉦㉧㉨㉩㉪㉫㉬㉭"),
    "일": _counted("일이삼사오육칠팔구", "십백천"),
    "하나": _korean_native,
    "一": _counted("一二三四五六七八九", "十百千"),
    "壹": _counted("壹貳參肆伍陸柒捌玖", "拾佰仟"),
    "壱": _counted("壱弐参四伍六七八九", "拾百阡"),
    "①": _signs(_CIRCLED),
    "１": lambda number: str(number).translate({48 + n: 0xFF10 + n for n in range(10)}),
    "ア": _cycle(_KATAKANA),
    "ｱ": _cycle(_KATAKANA),
    "イ": _cycle(_IROHA),
    "ｲ": _cycle(_IROHA),
    "甲": _signs(_STEMS),
    "子": _signs(_BRANCHES),
    "α": _cycle("αβγδεζηθικλμνξοπρστυφχψω"),
    "Α": _cycle("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"),
    "а": _cycle("абвгдежзиклмнопрстуфхцчшщыэюя"),
    "А": _cycle("АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ"),
    "א": _cycle("אבגדהוזחטיכלמנסעפצקרשת"),
    "أ": _cycle("أبتثجحخدذرزسشصضطظعغفقكلمنهوي"),
    "ก": _cycle("กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"),
}
