"""Numbers of lists and notes as word processors print them, by the names that Office Open XML has
for the forms: `decimal`, `upperRoman`, `ganada`, `decimalEnclosedCircle` … Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

_NUMBER_MAX: Final = 32_767
"""Beyond this a number is printed in digits, whatever its form; no counter of Word goes further."""
_LETTERS_MAX: Final = 30
_ROMAN: Final = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
    *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
_ONES: Final = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS: Final = (
    *("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
)
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def numeral(number: int, form: str) -> str:
    """`number` in one of the forms; digits where the form is unknown or does not reach so far.

    "" for the form `none`, and for `bullet`, which counts nothing.
    """
    if form in ("none", "bullet"):
        return ""
    if 0 <= number <= _NUMBER_MAX and (write := _FORMS.get(form)):
        return write(number) or str(number)
    return str(number)


def custom_numeral(number: int, pattern: str) -> str:
    """`number` in a form given by its first numerals: `001, 002, 003, ...`, `α, β, γ, ...`."""
    first = [one.strip() for one in pattern.split(",")]
    if first[0].isdecimal():
        return str(number).zfill(min(len(first[0]), 9))
    for form in ("lowerGreek", "upperGreek"):
        if first[0] == numeral(1, form):
            return numeral(number, form)
    return str(number)


def letters(number: int, alphabet: str) -> str:
    """a, b … z, aa, bb: behind the last letter all are said once more; "" far behind it."""
    times, place = divmod(number - 1, len(alphabet))
    return alphabet[place] * (times + 1) if number and times < _LETTERS_MAX else ""


def letters_by_place(number: int, alphabet: str) -> str:
    """a, b … z, aa, ab, ac: as the columns of a sheet are named."""
    text = ""
    while number:
        number, place = divmod(number - 1, len(alphabet))
        text = alphabet[place] + text
    return text


def roman(number: int) -> str:
    """I, II, III, IV …"""
    text = ""
    for value, sign in _ROMAN:
        text += sign * (number // value)
        number %= value
    return text


def signs(row: str) -> Callable[[int], str]:
    """Signs that are not repeated: behind the last one there are none."""
    return lambda number: row[number - 1] if 0 < number <= len(row) else ""


def cycle(alphabet: str) -> Callable[[int], str]:
    """Signs that are doubled behind the last one, as `letters` says."""
    return lambda number: letters(number, alphabet)


def _digits(row: str) -> Callable[[int], str]:
    """A sign for each digit: 二〇二四."""
    return lambda number: "".join(row[int(digit)] for digit in str(number))


def counted(
    digits: str, units: str, zero: str, *, says_one: bool, gap: str = ""
) -> Callable[[int], str]:
    """As it is counted in East Asia: 十二, 이백삼. `says_one`: 一百, not 百; `gap`: 一百零三."""

    def group(number: int) -> str:
        text, is_gap = "", False
        for place in (3, 2, 1, 0):
            digit = number // 10**place % 10
            if not digit:
                is_gap = bool(text)
                continue
            text += gap if is_gap else ""
            is_gap = False
            unit = units[place - 1] if place else ""
            says = not unit or digit > 1 or (says_one and not (place == 1 and not text))
            text += (digits[digit - 1] if says else "") + unit
        return text

    def write(number: int) -> str:
        high, low = divmod(number, 10_000)
        between = gap if high and 0 < low < 1000 else ""
        return (group(high) + units[3] + between if high else "") + group(low) or zero

    return write


def _korean_legal(number: int) -> str:
    """하나, 둘 … 아흔아홉."""
    tens, ones = divmod(number, 10)
    if not 0 < number < 100:
        return ""
    high = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")[tens]
    return high + ("", "하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉")[ones]


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number}" + ("th" if teens else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th"))


def _words(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    for value, name in ((1000, "thousand"), (100, "hundred")):
        if number >= value:
            high, rest = divmod(number, value)
            return f"{_words(high)} {name} {_words(rest)}".strip()
    raise AssertionError(number)


def _ordinal_words(number: int) -> str:
    if not number:
        return ""
    words = _words(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    said = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return words[:cut] + said


def _circled(number: int) -> str:
    return "⓪" if number == 0 else signs(CIRCLED)(number) or f"({number})"


def _pairs(number: int) -> str:
    """甲子, 乙丑 …: the cycle of sixty."""
    return _STEMS[(number - 1) % 10] + _BRANCHES[(number - 1) % 12] if number else ""


def sign_row(first: str, count: int) -> str:
    """Signs that follow one another in Unicode."""
    return "".join(chr(ord(first) + place) for place in range(count))


CIRCLED: Final = sign_row("①", 20) + sign_row("㉑", 15) + sign_row("㊱", 15)
_STEMS: Final = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES: Final = "子丑寅卯辰巳午未申酉戌亥"
_LATIN: Final = sign_row("a", 26)
_GREEK: Final = "αβγδεζηθικλμνξοπρστυφχψω"
_RUSSIAN: Final = "абвгдежзиклмнопрстуфхцчшщыэюя"
_GOJUON: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
_IROHA: Final = (
    "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
    "ン"
)
KANJI: Final = "一二三四五六七八九"

_japanese = counted(KANJI, "十百千万", "〇", says_one=False)
_chinese = counted(KANJI, "十百千万", "〇", says_one=True, gap="〇")
_FORMS: Final[Mapping[str, Callable[[int], str]]] = {
    "decimal": str,
    "decimalHalfWidth": str,
    "decimalZero": lambda number: f"{number:02}",
    "decimalFullWidth": _digits("０１２３４５６７８９"),
    "decimalFullWidth2": _digits("０１２３４５６７８９"),
    "hindiNumbers": _digits("०१२३४५६७८९"),
    "thaiNumbers": _digits("๐๑๒๓๔๕๖๗๘๙"),
    "numberInDash": lambda number: f"- {number} -",
    "hex": lambda number: f"{number:X}",
    "ordinal": _ordinal,
    "cardinalText": lambda number: _words(number).capitalize(),
    "ordinalText": lambda number: _ordinal_words(number).capitalize(),
    "upperRoman": roman,
    "lowerRoman": lambda number: roman(number).lower(),
    "upperLetter": cycle(_LATIN.upper()),
    "lowerLetter": cycle(_LATIN),
    "upperGreek": cycle(_GREEK.upper()),
    "lowerGreek": cycle(_GREEK),
    "russianUpper": cycle(_RUSSIAN.upper()),
    "russianLower": cycle(_RUSSIAN),
    "hebrew2": cycle("אבגדהוזחטיכלמנסעפצקרשת"),
    "arabicAlpha": cycle("أبتثجحخدذرزسشصضطظعغفقكلمنهوي"),
    "arabicAbjad": cycle("أبجدهوزحطيكلمنسعفصقرشتثخذضظغ"),
    "thaiLetters": cycle("กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"),
    "chicago": cycle("*†‡§"),
    "ganada": cycle("가나다라마바사아자차카타파하"),
    "chosung": cycle("ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"),
    "aiueo": cycle(_GOJUON),
    "aiueoFullWidth": cycle(_GOJUON),
    "iroha": cycle(_IROHA),
    "irohaFullWidth": cycle(_IROHA),
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalEnclosedFullstop": lambda number: signs(sign_row("⒈", 20))(number) or f"{number}.",
    "decimalEnclosedParen": lambda number: signs(sign_row("⑴", 20))(number) or f"({number})",
    "ideographEnclosedCircle": lambda number: signs(sign_row("㊀", 10))(number) or _circled(number),
    "ideographTraditional": signs(_STEMS),
    "ideographZodiac": signs(_BRANCHES),
    "ideographZodiacTraditional": _pairs,
    "ideographDigital": _digits("〇" + KANJI),
    "japaneseDigitalTenThousand": _digits("〇" + KANJI),
    "taiwaneseDigital": _digits("○" + KANJI),
    "koreanDigital": _digits("영일이삼사오육칠팔구"),
    "koreanDigital2": _digits("零" + KANJI),
    "koreanCounting": counted("일이삼사오육칠팔구", "십백천만", "영", says_one=False),
    "koreanLegal": _korean_legal,
    "japaneseCounting": _japanese,
    "japaneseLegal": counted("壱弐参四伍六七八九", "拾百阡萬", "零", says_one=True),
    "chineseCounting": _chinese,
    "chineseCountingThousand": _chinese,
    "taiwaneseCounting": _chinese,
    "taiwaneseCountingThousand": _chinese,
    "chineseLegalSimplified": counted(
        "壹贰叁肆伍陆柒捌玖", "拾佰仟万", "零", says_one=True, gap="零"
    ),
    "ideographLegalTraditional": counted(
        "壹貳參肆伍陸柒捌玖", "拾佰仟萬", "零", says_one=True, gap="零"
    ),
}
