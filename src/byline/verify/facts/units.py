"""The units of measure and currencies, in English and Korean, as a table.

Units that convert exactly share a base (24 months are two years). Others do not (nobody writes a
mile as a number of kilometres).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_TABLE: Final = """
    g 0.001: mg milligram milligrams 밀리그램
    g 1: g gram grams gramme grammes 그램
    g 1000: kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes 킬로그램 킬로
    g 1000000: tonne tonnes 톤
    ton 1: ton tons
    lb 1: lb lbs
    pound 1: pound pounds 파운드
    oz 1: oz ounce ounces 온스
    m 0.001: mm millimetre millimetres millimeter millimeters 밀리미터
    m 0.01: cm centimetre centimetres centimeter centimeters 센티미터 센티
    m 1: m metre metres meter meters 미터
    m 1000: km kms kilometre kilometres kilometer kilometers 킬로미터
    mile 1: mi mile miles 마일
    foot 1: ft foot feet 피트
    inch 1: inch inches 인치
    yard 1: yd yard yards 야드
    m2 1: m2 제곱미터
    m2 10000: ha hectare hectares 헥타르
    m2 1000000: km2 제곱킬로미터
    acre 1: acre acres 에이커
    pyeong 1: 평
    l 0.001: ml millilitre millilitres milliliter milliliters 밀리리터
    l 1: l litre litres liter liters 리터
    gallon 1: gal gallon gallons 갤런
    km/h 1: km/h kph
    mph 1: mph
    °c 1: °c
    °f 1: °f
    ° 1: degree degrees °
    % 1: % percent 퍼센트 프로
    s 1: s sec secs second seconds 초
    s 60: min mins minute minutes 분
    s 3600: h hr hrs hour hours 시간
    s 86400: day days 일
    s 604800: week weeks 주 주일 주간
    month 1: month months 개월 달
    month 12: year years yr yrs 년
    month 120: decade decades
    century 1: century centuries 세기
    decade-of 1: 년대
    byte 1000: kb 킬로바이트
    byte 1000000: mb megabyte megabytes 메가바이트
    byte 1000000000: gb gigabyte gigabytes 기가바이트
    byte 1000000000000: tb terabyte terabytes 테라바이트
    w 1: w watt watts 와트
    w 1000: kw kilowatt kilowatts 킬로와트
    w 1000000: mw megawatt megawatts 메가와트
    v 1: v volt volts 볼트
    hz 1: hz hertz 헤르츠
    usd 1: usd dollar dollars 달러
    krw 1: krw won 원
    eur 1: eur euro euros 유로
    gbp 1: gbp
    jpy 1: jpy yen 엔
    cny 1: cny yuan renminbi 위안
    cent 1: cent cents 센트
"""
UNITS: Final[dict[str, tuple[str, Decimal]]] = {
    name: (base, Decimal(factor))
    for line in _TABLE.strip().splitlines()
    for head, _, names in [line.strip().partition(": ")]
    for base, factor in [head.split()]
    for name in names.split()
}
"""A unit as written, folded → (its base, its size in the base)."""

DIMENSIONS: Final = {
    base: dimension
    for dimension, bases in {
        "mass": "g ton lb oz",
        "length": "m mile foot inch yard",
        "area": "m2 acre pyeong",
        "volume": "l gallon",
        "money": "usd krw eur gbp jpy cny cent pound",
        "speed": "km/h mph",
        "temperature": "°c °f °",
        "time": "s month",
        "era": "century decade-of",
    }.items()
    for base in bases.split()
}
"""What a base measures: 5 km and 5 miles may be said of the same thing."""

CURRENCY_SIGNS: Final = {
    "$": "usd",
    "us$": "usd",
    "usd": "usd",
    "€": "eur",
    "eur": "eur",
    "£": "gbp",
    "gbp": "gbp",
    "¥": "jpy",
    "₩": "krw",
    "krw": "krw",
}

_HANGUL_NOT_BEFORE: Final = {
    "분": "기의야류",
    "일": "본반부정",
    "주": "년택민요",
    "달": "러성",
    "원": "칙인본",
    "초": "등기반",
    "년": "생차",
    "평": "가균",
    "프로": "그젝",
}


def unit_pattern() -> str:
    """Return a regular expression that matches every unit as written behind a number."""
    latin = sorted((u for u in UNITS if u[0].isascii()), key=len, reverse=True)
    hangul = sorted((u for u in UNITS if u[0] >= "가"), key=len, reverse=True)
    spelt = "|".join(
        re.escape(u) + (f"(?![{_HANGUL_NOT_BEFORE[u]}])" if u in _HANGUL_NOT_BEFORE else "")
        for u in hangul
    )
    return rf"(?:(?:{'|'.join(map(re.escape, latin))}|°[cf]?)(?![a-z])|{spelt})"


def compatible(one: str, other: str) -> bool:
    """Return whether amounts in two bases may be equal; a number without a unit fits every base but
    a decade's."""
    if one == other:
        return True
    pair = {one, other}
    if "decade-of" in pair:
        return False
    return "" in pair or pair in ({"pound", "lb"}, {"pound", "gbp"}, {"°", "°c"}, {"°", "°f"})
