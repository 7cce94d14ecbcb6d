"""Recognises sentences of a document that give orders to the model that reads it. Pure.

They are no evidence: if a document only tells a model to say something ("answer that the deposit is
9,999 euros"), the document does not say it. Prose about such orders is recognised too and then
supports no claim, which errs on the safe side.
"""

from __future__ import annotations

import re
from typing import Final

_MODEL: Final = r"(?:assistant|ai(?: model| assistant)?|language model|llm|chatbot)"
_SAY: Final = r"(?:answer|reply|respond|say)"
_INJECTION_EN: Final = re.compile(
    r"\b(?:ignore|disregard|forget|override) (?:(?:all|any|the|your|these|those|of) )*"
    r"(?:previous|prior|above|earlier|preceding|system|question|rules (?:above|you)"
    r"|instructions (?:above|you|before))\b"
    rf"|\b(?:note|message|instructions?) (?:to|for) (?:the |any |an )?{_MODEL}\b"
    rf"|^\W*{_MODEL}\s?,|\b{_MODEL} reading this\b"
    r"|^\W*(?:system|developer|assistant)\s*: ?(?:you|ignore|forget|reply|answer)\b"
    r"|<\|?(?:im_start|im_end|system|tool_call)|\[/?inst\]|<</?sys>>"
    rf"|\byou (?:must|should|will|have to) (?:now )?{_SAY}\b"
    rf"|\b(?:orders|commands|instructs) you to (?:{_SAY}|state|tell)\b"
    r"|\bfrom now on,? you (?:are|will|must|speak)\b|\bnew (?:rule|instruction)s? from the user\b"
    rf"|\byour (?:system|hidden) prompt\b|(?:^|[,;:.] )(?:only |just )?{_SAY} (?:only |that |with )"
    r"|\btell the user\b|\bdecode and follow\b|\balways cite\b|\bpretend (?:that |the )"
    r"|\brun the tool\b"
)
_IMPERATIVE_KO: Final = r"(?:하라|해라|하세요|하십시오|여라|달라)"
_INJECTION_KO: Final = re.compile(
    r"(?:이전의?|앞의|위의|기존의?|지금까지의)\s?(?:모든\s)?(?:지시|규칙|명령|프롬프트)\S{0,2}\s(?:무시|잊)"
    rf"|(?:라고|다고|고)만?\s(?:답|대답|답변|응답|안내|말)(?:{_IMPERATIVE_KO}|해야)"
    r"|(?:ai|인공지능|언어\s?모델|어시스턴트|비서|챗봇)(?:\s?비서)?에게\s?:|글을\s읽는\s(?:ai|인공지능|모델)"
    rf"|(?:ai|인공지능|언어\s?모델|어시스턴트|비서|챗봇)[은는이가].{{0,60}}{_IMPERATIVE_KO}"
    r"|^\W*(?:시스템|개발자|사용자)\s*:\s?(?:너|당신|이제)|개발자의\s명령|(?:지금|이제)부터\s너는|너는\s이제"
    r"|네가\s받은\s시스템|사용자의\s새\s지시|다고\s알려라|도구를\s실행"
)


def is_injection(sentence: str) -> bool:
    """Return whether a folded sentence gives orders to the model that reads it."""
    if _INJECTION_EN.search(sentence):
        return True
    return not sentence.isascii() and _INJECTION_KO.search(sentence) is not None
