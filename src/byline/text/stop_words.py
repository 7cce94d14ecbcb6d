"""The closed word lists of the analysis, English and Korean: stop words, particles, endings."""

from __future__ import annotations

import re
from typing import Final

_STOP_WORDS_EN_TEXT: Final = """
    a an and are as at be been being but by can could did do does for from had has have how i if in
    into is it its me my of on or our should so than that the their them then there these they this
    those to was we were what when where which who whom whose why will with would you your
"""
STOP_WORDS_EN: Final = frozenset(_STOP_WORDS_EN_TEXT.split())
"""Left out of queries, kept in passages. nDCG@10 with them left out of neither / of questions /
of both: 0.907 / 0.909 / 0.908 on squad2_en, 0.671 / 0.684 / 0.679 on multihop_en. `us` and other
words that are also names are not here."""

STOP_WORDS_KO: Final = re.compile(
    "(?:무엇|뭐|무슨|언제|어디|누구|누가|왜|어떻게|어떤|어느|얼마나?|몇|며칠)"
    "(?:은|는|이|가|을|를|에|에서|의|로|까지|부터|인|인가|인가요|인지|입니까|이에요|예요|에요|죠|야|니|나요)*"
    "|수|(?:있|없|하|되)(?:나요|는가|는지|습니까|어요)|해야|(?:합|됩|입)니까|인가요?"
    "|(?:알려|설명해|보여)(?:줘|주세요)"
)
"""Korean stop words: question words with their particles, and the verbs that make a question."""

_PARTICLES_TEXT: Final = """
    은 는 이 가 을 를 에 의 로 와 과 도 만
    에서 에는 에게 으로 까지 부터 이나 이란 처럼 보다 마다
"""
PARTICLES_KO: Final = frozenset(_PARTICLES_TEXT.split())
"""Particles that follow a noun; after a single syllable they show that it is a noun."""

_AFTER_NOUNS_TEXT: Final = """
    나 랑 께 란 에도 밖에 조차 마저 라도 하고 이랑 이라도 에서는 에서도 으로는 까지는 부터는 에게는
    입니까 입니다 인가 인가요 인지 이에요 예요 이죠
"""
ENDINGS_OF_NOUNS_KO: Final = frozenset((_PARTICLES_TEXT + _AFTER_NOUNS_TEXT).split())
"""Endings that may follow a name, or a code in any letters."""

_OF_VERBS_TEXT: Final = """
    하다 한다 하는 하면 하여 해서 하기 하려면 하려고 합니다 합니까 하나요 한가요 했나요 했습니까
    하는지 해야 해요 하지 한 할 해 되다 된다 되는 되고 되면 되어 돼서 됩니다 됩니까 되나요 됐나요
    되었나요 된 될 려면 으려면 려고 으려고 나요 는가 는가요 은가요 을까요 는지 은지 습니까 습니다
    었나요 았나요 였나요 어요 아요 세요 으세요 면 으면 기 고 어서 아서 어야 아야 던 며 으며 지만
"""
_ENDINGS: Final = (_PARTICLES_TEXT + _AFTER_NOUNS_TEXT + _OF_VERBS_TEXT).split()
INFLECTED_KO: Final = re.compile(f"([\uac00-\ud7a3]+?)({'|'.join(_ENDINGS)})")
"""Splits a Korean word into its stem and its longest ending: a particle, or a verb's ending."""

CONTRACTIONS_EN: Final = frozenset(("t", "d", "m", "ll", "re", "ve"))
"""Letters after an apostrophe that belong to the word before it (`don't`); not the possessive."""
