"""The line a model is to write when the sources do not answer, and how it is recognised. Pure.

An answer is a refusal when, its repetitions, citations and markup apart,
 1. it is short,
 2. at least one sentence says that the sources do not answer, in the fixed line's words or the
    usual others, and adds nothing ("… but the deposit is 1,800 euros" is an answer), and
 3. every other sentence is a politeness or an offer: it claims nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from byline.verify.facts import fold
from byline.verify.markers import strip_markers
from byline.verify.sentences import split_sentences

REFUSAL_EN: Final = "The sources do not answer this question."
REFUSAL_KO: Final = "자료에는 이 질문에 대한 답이 없습니다."

REFUSAL_CHARS_MAX: Final = 600
_ALIKE_MIN: Final = 0.82
_DIGIT: Final = re.compile(r"\d")

_MATERIAL: Final = (
    r"(?:(?:the|these|those|your|any of the|all of the|my|given|numbered) )?"
    r"(?:(?:provided|given|available|supplied|retrieved|numbered|above|cited|attached) )*"
    r"(?:sources?|documents?|contexts?|passages?|texts?|information|materials?|excerpts?"
    r"|documentation)"
    r"(?: (?:provided|given|available|supplied|above|you provided|i have|at hand))?"
)
_DENIES: Final = (
    r"(?:do|does|did)(?: not|n't) (?:\w+ )?(?:answer|contain|mention|say|state|provide|include"
    r"|specify|have(?! to\b)"
    r"|address|cover|give|discuss|indicate|describe|reveal|tell|offer|explain|speak)\b"
)
_LOOKED: Final = (
    r"(?:answer(?:ed)?|information|mention(?:ed)?|details?|evidence|data|reference|anything|found"
    r"|stated|given|specified|provided|covered|addressed|discussed|contained|included|available)"
)
_SORRY: Final = (
    r"(?:(?:i am|i'm) (?:very )?(?:sorry|afraid)|sorry|unfortunately|apologies|i apologi[sz]e)"
)
_LEAD: Final = (
    rf"(?:{_SORRY}[,;.!]? ?(?:but )?(?:that )?"
    rf"|(?:based on|according to|from|in|within) {_MATERIAL},? )*"
)
_REFUSES_EN: Final = tuple(
    re.compile(_LEAD + pattern)
    for pattern in (
        rf"(?:none of )?{_MATERIAL} {_DENIES}",
        rf"(?:none of|neither of) {_MATERIAL} (?:answers?|contains?|mentions?|says?|states?"
        rf"|provides?)\b",
        r"(?:there is|there's|there are|i (?:see|find|found|have)) (?:no|not any|not enough"
        rf"|insufficient) (?:\w+ ){{0,3}}{_LOOKED}(?: (?:about|on|regarding|concerning|in|within"
        r"|for|that|of|to|as|whether|provided|available|given)\b|$)",
        rf"(?:no|not enough|insufficient) .{{0,30}}{_LOOKED}.{{0,60}}\b(?:in|by|from"
        rf"|within) {_MATERIAL}",
        r"(?:i|we) (?:can ?not|can't|could not|couldn't|am unable to|are unable to"
        r"|was unable to|do not"
        r" have enough \w+ to) (?:answer|find|determine|locate|tell|provide an answer)\b",
        r"i'm (?:unable to|not able to) (?:answer|find|determine|locate|tell)\b",
        r"(?:i|we) (?:do not|don't) know(?: the answer)?(?:$|,? (?:based on|from|as) )",
        r"(?:i|we) (?:found|find|see) nothing (?:about|on|regarding|in|that|to)\b",
        rf"nothing in {_MATERIAL} (?:answers?|mentions?|says?|states?|tells?|speaks?|covers?)\b",
        r"there (?:is not|isn't|are not|aren't) (?:any|enough|sufficient) (?:\w+ ){0,3}"
        rf"{_LOOKED}(?: (?:about|on|regarding|concerning|in|within|for|to|as)\b|$)",
        r"(?:the answer|this information|this|it) (?:is|was)(?: not|n't) (?:in|within)"
        rf" {_MATERIAL}$",
        rf"(?:this|that|it|the answer|the question|this question|the requested information"
        rf"|this information)"
        rf" (?:is|was|can(?:not| not)) (?:not )?(?:be )?{_LOOKED} (?:in|by|from|within"
        rf"|using) {_MATERIAL}",
    )
)
_MATERIAL_KO: Final = (
    r"(?:(?:제공된|주어진|제시된|해당|위|이|그|현재|첨부된|검색된)\s?)*"
    r"(?:자료|문서|출처|문맥|내용|본문|텍스트|정보|소스|지문)(?:들)?"
)
_REFUSES_KO: Final = tuple(
    re.compile(r"(?:죄송하지만|죄송합니다만|아쉽게도|안타깝게도|유감스럽게도)?,?\s?" + pattern)
    for pattern in (
        rf"{_MATERIAL_KO}\S{{0,6}}\s.{{0,60}}(?:답|답변|정보|내용|언급|설명|근거|기록|나와|포함"
        rf"|명시|적혀|언급되|찾을|확인할|알)\S{{0,8}}\s?"
        r"(?:\S{1,8}\s)?(?:없|않|아니|못)",
        r".{0,60}(?:에 대한|에 관한|의)\s?(?:답|답변|정보|내용|언급)\S{0,4}\s.{0,30}(?:없습니다"
        r"|없다|없어요|않습니다|못했습니다)",
        r".{0,40}(?:답변|대답|답)\S{0,3}\s?(?:드릴|할|찾을)\s?수\s?없",
        r"(?:(?:해당|관련|이|그|그런|이러한)\s)?(?:내용|정보|답|답변)\S{0,2}\s"
        rf"{_MATERIAL_KO}(?:에|에는|에서)\s"
        r".{0,12}(?:없|않|못)",
        r"(?:정확히\s)?알\s?수\s?없(?:습니다|다|어요)$",
        r"(?:이|그|해당)?\s?질문\S{0,3}\s.{0,20}(?:답할|답변할|답변드릴|대답할|알)\s?수\s?없",
    )
)
_TURNS: Final = re.compile(
    r"\b(?:but|however|although|though|except|nevertheless|only that|it does|they do say|instead)\b"
    r"|[;:](?= \w)|(?:지만|으나|는데|다만|그러나|대신)(?=[\s,])"
)
_SORRY_KO: Final = re.compile(r"^(?:죄송하지만|죄송합니다만|아쉽지만|유감스럽지만|안타깝지만)")
_POLITE: Final = re.compile(
    rf"^(?:{_SORRY}|please|let me know|if you (?:have|can|could|need|would|share|provide|want)"
    rf"|feel free"
    r"|you (?:may|might|could|can) (?:want|need|try|check|consult|ask|add|provide|contact|look)"
    r"|i(?:'d| would| will|'ll) be happy|i can help|i hope|thank|would you|could you|can you"
    r"|try|consider"
    r"|more (?:information|documents?|context) |additional |to answer (?:this|that|it|your))\b"
    r"|^(?:죄송|감사|추가|다른|더|필요|궁금|자세한|도움|관련|혹시|문서를|자료를).{0,80}(?:세요"
    r"|시오|니다|습니까|까요|주시|드립니다)"
    r"|(?:바랍니다|주세요|주십시오|주시겠|드리겠습니다|문의하)"
)


def is_refusal(answer: str) -> bool:
    """Whether a whole answer says only that the sources do not answer the question."""
    sentences: dict[str, None] = {}
    chars = 0
    for sentence in _sentences(answer):
        if sentence not in sentences:
            sentences[sentence] = None
            chars += len(sentence)
        if chars > REFUSAL_CHARS_MAX:
            return False
    refusing = [sentence for sentence in sentences if is_refusing(sentence)]
    others = sentences.keys() - refusing
    return bool(refusing) and all(_POLITE.search(s) and not _DIGIT.search(s) for s in others)


def is_refusing(sentence: str) -> bool:
    """Whether a folded sentence, without citations, says that the sources do not answer."""
    said = sentence.strip(" .!\"'“”>-:").removeprefix("answer:").removeprefix("답변:").strip()
    if any(_alike(said, fold(line).rstrip(".")) for line in (REFUSAL_EN, REFUSAL_KO)):
        return True
    rest = _SORRY_KO.sub("", re.sub(rf"^{_SORRY}[,;.!]? ?(?:but )?", "", said))
    if _TURNS.search(rest):
        return False
    return any(pattern.match(said) for pattern in (*_REFUSES_EN, *_REFUSES_KO))


def _sentences(answer: str) -> Iterator[str]:
    for start, end in split_sentences(answer):
        folded = fold(strip_markers(answer[start:end])).strip(" .")
        if any(c.isalnum() for c in folded):
            yield folded


def _alike(said: str, line: str) -> bool:
    if abs(len(said) - len(line)) > len(line) // 2:
        return False
    return SequenceMatcher(None, said, line, autojunk=False).ratio() >= _ALIKE_MIN
