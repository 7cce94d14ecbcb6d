"""The closed lists of words the analysis treats by name, in English and Korean."""

from __future__ import annotations

import re
from typing import Final

_ASKING_EN_TEXT: Final = """
    a an and are as at be been being but by can could did do does for from had has have how i if in
    into is it its me my of on or our should so than that the their them then there these they this
    those to was we were what when where which who whom whose why will with would you your
"""
ASKING_EN: Final = frozenset(_ASKING_EN_TEXT.split())
"""Left out of questions, kept in passages. nDCG@10 with them left out of neither / of questions /
of both: 0.907 / 0.909 / 0.908 on squad2_en, 0.671 / 0.684 / 0.679 on multihop_en. `us` and other
words that are also names are not here."""

ASKING_KO: Final = re.compile(
    "(?:무엇|뭐|무슨|언제|어디|누구|누가|왜|어떻게|어떤|어느|얼마나?|몇)"
    "(?:은|는|이|가|을|를|에|에서|의|로|까지|부터|인|인가|인가요|인지|입니까|이에요|예요|에요|죠|야|니|나요)?"
    "|(?:있|없|하|되)(?:나요|는가|는지|습니까)|(?:합|됩|입)니까|인가요?|(?:알려|설명해)(?:줘|주세요)"
)
"""The same in Korean: question words with their particles, and the verbs that make a question."""

_PARTICLES_TEXT: Final = """
    은 는 이 가 을 를 에 의 로 와 과 도 만
    에서 에는 에게 으로 까지 부터 이나 이란 처럼 보다 마다
"""
PARTICLES_KO: Final = frozenset(_PARTICLES_TEXT.split())
"""What may follow a noun; after a single syllable it tells that the syllable is one."""

CONTRACTIONS_EN: Final = frozenset(("t", "d", "m", "ll", "re", "ve"))
"""What may follow an apostrophe as part of the word before it (`don't`), the possessive apart."""
