"""Recognises sentences of an answer that need no source because they claim nothing. Pure.

1. code blocks, horizontal rules, table heads and headings;
2. lines that only introduce what follows ("Here is what I found:");
3. greetings, polite phrases and questions to the user;
4. statements that the sources do not answer;
5. lines that only name a source, as in lists of references.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from byline.verify.facts.exact_facts import fold
from byline.verify.refusal_lines import is_refusing, is_refusing_with_citations

INTRODUCTION_CHARS_MAX: Final = 160

_FURNITURE: Final = re.compile(r"^(?:```|~~~|#{1,6}\s|[-=*_|:\s]+$)")
_BOLD_LINE: Final = re.compile(r"^(?:\*\*|__)[^*_\n]{1,80}(?:\*\*|__):?$")
_DIGIT: Final = re.compile(r"\d")
_COURTESY: Final = re.compile(
    r"(?:hi|hello|hey|sure|certainly|of course|absolutely|great question|good question|yes|no"
    r"|thank you|thanks|you're welcome|answer|sources?|references?|summary|conclusion|note"
    r"|in summary|to summari[sz]e)(?: (?:there|you|very much|so much|thing))?\W*$"
    r"|(?:(?:sure|certainly|of course)\W+)?(?:here (?:is|are)|here's|below (?:is|are)) .{0,60}$"
    r"|i hope (?:this|that)\b|(?:please )?let me know\b|(?:please )?feel free\b"
    r"|if you have (?:any )?(?:more|other|further)\b|is there anything\b"
    r"|thank you for (?:your|the) question"
)
_COURTESY_KO: Final = re.compile(
    r"(?:안녕하세요|안녕하십니까|네|예|아니요|물론입니다|감사합니다|고맙습니다|좋은 질문입니다"
    r"|답변|출처|참고|참고 자료|요약|결론|다음과 같습니다|아래와 같습니다|요약하면|정리하면)\W*$"
    r"|도움이 되(?:었|셨|시|길|기)|(?:더|추가로) 궁금한|궁금한 (?:점|사항)이"
)
_FOLLOWS: Final = re.compile(r"[:：]\s*(?:\*\*)?$|(?:다음과|아래와) 같(?:습니다|다)\W*$")


def needs_no_source(
    sentence: str, source_names: Collection[str], cited: Collection[int] = ()
) -> bool:
    """Return whether a sentence claims nothing. `sentence` is as the model wrote it, without its
    citations; `cited` are their numbers; `source_names` are folded."""
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
    if folded.endswith(("?", "？")):
        return True  # 3
    if is_refusing_with_citations(folded) if cited else is_refusing(folded):
        return True  # 4
    return folded.strip(" .-*•:") in source_names  # 5
