"""Sentences of an answer that need no source, because they claim nothing. Pure.

1. code blocks, rules, table heads and headings;
2. lines that only introduce what follows ("Here is what I found:");
3. greetings, politenesses and questions put back;
4. saying that the sources do not answer;
5. lines that only name a source, as lists of references do.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from byline.verify.facts import fold
from byline.verify.refusal import is_refusing

INTRODUCTION_CHARS_MAX: Final = 160

_FURNITURE: Final = re.compile(r"^(?:```|~~~|#{1,6}\s|[-=*_|:\s]+$)")
_BOLD_LINE: Final = re.compile(r"^(?:\*\*|__)[^*_\n]{1,80}(?:\*\*|__):?$")
_DIGIT: Final = re.compile(r"\d")
_COURTESY: Final = re.compile(
    r"^(?:hi|hello|hey|sure|certainly|of course|absolutely|great question|good question"
    r"|thank you|thanks"
    r"|you're welcome|i hope (?:this|that)|let me know|feel free|if you have (?:any )?(?:more"
    r"|other|further)"
    r"|please let me|please (?:note|see) the|is there anything|here (?:is|are|'s)|here's"
    r"|below (?:is|are)"
    r"|based on the (?:provided |given )?(?:sources|documents|passages|context)\W*$"
    r"|in summary\W*$|to summari[sz]e\W*$"
    r"|answer\W*$|sources?\W*$|references?\W*$|summary\W*$|conclusion\W*$|note\W*$)",
)
_COURTESY_KO: Final = re.compile(
    r"^(?:안녕하세요|안녕하십니까|네|예|물론입니다|감사합니다|고맙습니다|좋은 질문|도움이 되"
    r"|더 궁금한|추가로 궁금|궁금한 (?:점|사항)"
    r"|다음과 같습니다|다음은|아래는|아래와 같습니다|요약하면\W*$|정리하면\W*$|답변\W*$"
    r"|출처\W*$|참고\W*$|참고 자료\W*$|요약\W*$)"
)
_FOLLOWS: Final = re.compile(r"[:：]\s*(?:\*\*)?$|(?:다음과|아래와) 같(?:습니다|다)\W*$")


def needs_no_source(sentence: str, source_names: Collection[str]) -> bool:
    """`sentence` without citations, as the model wrote it; `source_names` folded."""
    written = sentence.strip()
    if _FURNITURE.match(written) or _BOLD_LINE.match(written):
        return True  # 1
    folded = fold(written).strip()
    if not any(c.isalnum() for c in folded):
        return True  # 1
    if _FOLLOWS.search(written) and len(folded) <= INTRODUCTION_CHARS_MAX:
        return not _DIGIT.search(folded)  # 2
    if _COURTESY.match(folded) or _COURTESY_KO.match(folded):
        return len(folded) <= INTRODUCTION_CHARS_MAX and not _DIGIT.search(folded)  # 3
    if folded.endswith(("?", "？")) or is_refusing(folded):
        return True  # 3, 4
    return folded.strip(" .-*•:") in source_names  # 5
