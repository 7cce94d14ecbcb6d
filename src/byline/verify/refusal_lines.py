"""Holds the line a model is to write if the sources do not answer, and recognises refusals. Pure.

An answer is a refusal if, without its repetitions, citations and markup,
 1. it is short,
 2. at least one sentence says that the sources do not answer, in the words of the fixed line or
    other usual ones, and adds nothing ("… but the deposit is 1,800 euros" is an answer); if it
    cites a source, it must be about the answer ("The documents have no signatures [1]" is itself an
    answer), and
 3. every other sentence is a polite phrase or an offer and claims nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from byline.verify.citation_markers import strip_markers
from byline.verify.facts.exact_facts import fold
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
_LOOKED: Final = (
    r"(?:answer(?:ed)?|information|mention(?:ed)?|details?|evidence|data|reference|anything|found"
    r"|stated|given|specified|provided|covered|addressed|discussed|contained|included|available)"
)
_DENIES: Final = (
    r"(?:do|does|did)(?: not|n't) (?:\w+ )?(?:(?:answer|contain|mention|say|state|provide|include"
    r"|specify|address|cover|give|discuss|indicate|describe|reveal|tell|offer|explain|speak)\b"
    rf"|have (?:\w+ ){{0,4}}?{_LOOKED}\b)"
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
        rf"|명시|적혀|언급되|찾을|확인할|알(?=\s?수))\S{{0,8}}\s?"
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
_REFUSES_WHOLE: Final = re.compile(
    r"(?:(?:there is |i have )?no (?:relevant |specific |further )?(?:answer|information|data"
    r"|details?|mention|match(?:es)?|results?)"
    r"(?: (?:was |is |were )?(?:found|available|given|provided))?"
    r"|n/?a|(?:not|nothing)(?: (?:was|is))? (?:found|answered|specified|mentioned|stated|given"
    r"|provided|known|available)|unknown|(?:i )?(?:do not|don't) know|i'm not sure"
    r"|i (?:can ?not|can't|am unable to|am not able to|won't) (?:help|assist|comply|provide|do"
    r"|share)(?: you)?(?: (?:with )?(?:that|this|it|your|the)(?: \w+){0,3})?"
    r"|i'm (?:unable|not able) to (?:help|assist|comply|provide)(?: \w+){0,5}"
    r"|(?:(?:해당|관련|그런)\s)?(?:정보|답변?|내용|자료)?\s?(?:없음|불가|확인 불가)|해당 없음"
    r"|(?:저는 |저도 )?(?:잘 )?(?:모르겠습니다|모릅니다|모르겠어요|모름)"
    r"|(?:(?:해당|관련|이|그) )?(?:(?:정보|내용|답변?|요청)(?:[은는을를이가])? )?"
    r"(?:찾을|확인할|도와드릴|도울|답할|답변할|제공할|처리할|수행할|알려드릴)"
    r" 수 (?:없습니다|없어요|없다)"
    r")(?:,? (?:죄송합니다|sorry))?"
)
"""Matches a whole sentence that cites nothing."""
_REFUSES_OTHER_LANGUAGE: Final = tuple(
    map(
        re.compile,
        (
            r".{0,30}(?:資料|文書|情報源|ソース|出典|文脈|コンテキスト).{0,40}(?:答え|回答|記載|情報"
            r"|言及|記述|含ま|見つ).{0,20}(?:ありません|ない|ません|なかった)$",
            r".{0,30}質問.{0,12}(?:答え|回答).{0,16}(?:ません|できない|ない)$|(?:分|わ)かりません$",
            r".{0,30}(?:资料|資料|文档|文檔|文件|来源|來源|上下文|材料).{0,40}(?:没有|沒有|未|无法|無法"
            r"|不能|并不|並不|不).{0,12}(?:回答|答案|提及|提到|说明|說明|信息|資訊|记载|記載|涉及|找到)",
            r".{0,40}(?:无法|無法|不能)(?:回答|找到|确定|確定)|(?:我)?不知道$",
            r".{0,40}\b(?:sources|documents|passages|textes|informations) (?:\w+ ){0,2}ne (?:me )?"
            r"(?:r[eé]pondent|contiennent|mentionnent|pr[eé]cisent|fournissent|donnent|permettent|disent)"
            r" (?:pas|aucun|rien)|je ne (?:sais|peux) pas\b",
            r".{0,40}\b(?:quellen|dokumenten?|passagen|texten?|unterlagen)\b.{0,80}\b(?:beantwort\w+"
            r"|antwort\w*|enth\w+|erw\w+|nenn\w+|information\w*|angab\w+|hervor)\b.{0,40}\b(?:nicht"
            r"|keine?n?)\b|.{0,40}\b(?:quellen|dokumenten?|unterlagen)\b.{0,60}\b(?:nicht|keine?n?)\b"
            r".{0,30}(?:beantwortet|antwort|information\w*|angab\w+|erw\w+|hervor)",
            r".{0,40}\b(?:fuentes|documentos|pasajes|textos) (?:\w+ ){0,2}no (?:responden|contienen"
            r"|mencionan|especifican|proporcionan|indican|dicen)\b|no (?:lo )?s[eé]$",
        ),
    )
)
"""The fixed line as models translate it: Japanese, Chinese, French, German, Spanish."""
_OF_THE_ANSWER: Final = re.compile(
    r"\b(?:answer|mention|speci(?:fy|fied)|address|discuss|indicat|stat(?:e|ed)\b|say|said|tell"
    r"|information|details?\b|know|determine|find|found|nothing|anything|evidence)"
    r"|답|질문|언급|찾을|찾지|알 수"
)
_LACKS_SOMETHING: Final = re.compile(
    rf"{_LEAD}(?:none of )?{_MATERIAL} (?:do|does|did)(?: not|n't) (?:\w+ )?(?:have|contain|provide"
    rf"|include|cover|give|offer)\b(?! (?:\w+ ){{0,4}}?{_LOOKED}\b)"
)
_ADDS_AN_ANSWER: Final = re.compile(
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
    """Return whether an answer says only that the sources do not answer the question."""
    sentences: dict[str, bool] = {}
    chars = 0
    for sentence, cites in _sentences(answer):
        if sentence not in sentences:
            chars += len(sentence)
        sentences[sentence] = sentences.get(sentence, False) or cites
        if chars > REFUSAL_CHARS_MAX:
            return False
    refusing = [
        sentence
        for sentence, cites in sentences.items()
        if (is_refusing_with_citations if cites else is_refusing)(sentence)
    ]
    others = sentences.keys() - refusing
    return bool(refusing) and all(_POLITE.search(s) and not _DIGIT.search(s) for s in others)


def is_refusing(sentence: str) -> bool:
    """Return whether a folded sentence that cites nothing says that the sources do not answer."""
    said = _bare_sentence(sentence)
    return (
        _is_fixed_line(said)
        or _refuses(said)
        or bool(_REFUSES_WHOLE.fullmatch(_without_sorry(said)))
        or _refuses_in_other_language(said)
    )


def is_refusing_with_citations(sentence: str) -> bool:
    """Return whether a folded sentence that cites sources says that they do not answer: it must be
    about the missing answer, not about something else that documents do not have."""
    said = _bare_sentence(sentence)
    if _is_fixed_line(said):
        return True
    of_the_answer = _OF_THE_ANSWER.search(said) is not None and not _LACKS_SOMETHING.match(said)
    return of_the_answer and _refuses(said)


def _bare_sentence(sentence: str) -> str:
    said = sentence.strip(" .!。！\"'“”>-:")
    return said.removeprefix("answer:").removeprefix("답변:").strip()


def _is_fixed_line(said: str) -> bool:
    return any(_is_alike(said, fold(line).rstrip(".")) for line in (REFUSAL_EN, REFUSAL_KO))


def _refuses(said: str) -> bool:
    if _ADDS_AN_ANSWER.search(_without_sorry(said)):
        return False
    return any(pattern.match(said) for pattern in (*_REFUSES_EN, *_REFUSES_KO))


def _refuses_in_other_language(said: str) -> bool:
    return not _DIGIT.search(said) and any(
        pattern.match(said) for pattern in _REFUSES_OTHER_LANGUAGE
    )


def _without_sorry(said: str) -> str:
    return _SORRY_KO.sub("", re.sub(rf"^{_SORRY}[,;.!]? ?(?:but )?", "", said)).strip(" ,")


def _sentences(answer: str) -> Iterator[tuple[str, bool]]:
    """Yield each sentence, folded and without citations, and whether it had any."""
    for start, end in split_sentences(answer):
        written = answer[start:end]
        bare = strip_markers(written)
        folded = fold(bare).strip(" .")
        if any(c.isalnum() for c in folded):
            yield folded, bare != written


def _is_alike(said: str, line: str) -> bool:
    if abs(len(said) - len(line)) > len(line) // 2:
        return False
    return SequenceMatcher(None, said, line, autojunk=False).ratio() >= _ALIKE_MIN
