"""Word lists of the check, in English and Korean: words without a claim, words that begin
sentences, negations. Tables only."""

from __future__ import annotations

import re
from typing import Final

_FUNCTION_TEXT: Final = """
    a about above according after again against all along also although always am among an and any
    are around as at away be became because become been before being below between both but by came
    can come could did do does doing done down during each either else even ever every few first for
    from further get gets given go goes had has have having he hence her here hers herself him
    himself
    his how however i if in indeed instead into is it its itself just last later least less like
    likely made mainly make makes many may me meanwhile might more moreover most mostly much must my
    neither next no nor not now of off often on once one only onto or other others otherwise our out
    over own part per perhaps put quite rather said same say says several shall she should since so
    some such than that the their them themselves then there thereby therefore these they this those
    though through throughout thus to together too toward towards two under unlike until up upon us
    used using usually very via was we well were what when where whereas whether which while who
    whom whose why will with within without would yes yet you your
    cannot can't don't doesn't didn't isn't aren't wasn't weren't won't never
    called known named
"""
FUNCTION_EN: Final = frozenset(_FUNCTION_TEXT.split())
"""Words that carry no claim: their absence from a source means nothing."""

_OPENER_TEXT: Final = """
    additionally afterwards although among another anyone approximately because besides both certain
    consequently currently despite due each early eventually every everyone examples finally founded
    furthermore generally having historically however importantly including initially known located
    many meanwhile moreover most nearly no nobody none not notably nothing once originally other
    over
    overall people previously prior recently several similarly since some someone sometimes
    specifically
    subsequently such thanks therefore throughout thus today together typically unlike until usually
    various whereas while yes according based born built called created designed developed
    established
    given named opened published released signed used written construction production research
    scientists experts researchers members students residents tenants employees customers companies
    beyond among amid across behind beside beneath following near outside inside per via apart
    please note answer question source sources document documents passage text
"""
OPENERS_EN: Final = frozenset(_OPENER_TEXT.split()) | FUNCTION_EN
"""Words that are capitalised at the beginning of a sentence without being names."""

NOT_NAMES: Final = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "prof",
        "sir",
        "lord",
        "lady",
        "president",
        "king",
        "queen",
        "prince",
        "princess",
        "emperor",
        "pope",
        "saint",
        "st",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "ad",
        "bc",
        "bce",
        "ce",
        "am",
        "pm",
        "tv",
        "ok",
        "i",
        "ii",
        "iii",
        "iv",
        "vi",
        "north",
        "south",
        "east",
        "west",
        "northern",
        "southern",
        "eastern",
        "western",
        "central",
    ]
)
"""Capitalised words that do not tell whom or what a sentence names."""

NEGATIONS_EN: Final = re.compile(
    r"\b(?:not|never|no|none|nobody|nothing|neither|nor|without|cannot|nowhere|no longer)\b|n't\b"
)
NO_NEGATIONS_EN: Final = re.compile(
    r"\bnot (?:only|just|merely|simply|until|least|to mention)\b|\bno (?:later|more|less"
    r"|fewer) than\b"
    r"|\bno doubt\b|\bwhether or not\b|\bif not\b|\bno\.\s?\d|\bwhy not\b|\bno \d|\bnothing but\b"
    r"|\bnot un\w+"
)
NEGATIONS_KO: Final = re.compile(
    r"(?<![가-힣])안\s(?=[가-힣])|(?<![가-힣])안(?=되|됩|돼|된|될|했|한다|합)"
    r"|(?<![가-힣])못(?=\s|하|한|했|합)"
    r"|지\s?(?:는|도|를|를\s)?\s?(?:않|못)|않|못하|못한|못했|못합|없|(?<![가-힣])아니(?!요|오"
    r"|면)|(?<![가-힣])아닌"
    r"|(?<![가-힣])아닙"
)
NO_NEGATIONS_KO: Final = re.compile(
    r"뿐만?\s?아니라|지\s?않아도|끊임없|틀림없|수없이|변함없|어김없|어쩔\s?수\s?없|않으면\s?안"
    r"|지\s?않을\s?수\s?없|못지\s?않"
    r"|상관없|관계없|빠짐없|하지\s?않는\s?한|밖에\s?없|(?<![가-힣])[가-힣]+(?:가|이)\s?아니라"
)
