"""Where a passage may end inside a paragraph: behind a sentence, in English, Korean and CJK. Pure.

A cut needs one sure end in a stretch of text, not all of them: what may be an abbreviation, an
initial, a date (`2024. 5. 1.`) or a quotation that goes on (`"…다." 라고`) is passed over.
"""

from __future__ import annotations

import re
from typing import Final

_END: Final = re.compile(r"[.!?…][\"'”’)\]*_]*(?=\s)|[。！？｡][」』”’）]*")
_ABBREVIATED: Final = re.compile(
    r"(?:^|[\s(\"'“‘\[])(?:[^\W\d_]|Mrs?|Ms|Dr|Prof|St|Jr|Sr|No|Nos|vs|etc|e\.g|i\.e|cf|ca|approx|Gen"
    r"|Col|Capt|Lt|Sgt|Rev|Hon|Gov|Sen|Rep|Mt|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Inc|Ltd"
    r"|Co|Corp|Figs?|Eqs?|Sec|Ch|Vol|Art|pp?|al|[^\W\d_](?:\.[^\W\d_])+)\.$"
)
_NUMBERED: Final = re.compile(r"(?:^|\n)[ \t]*(?:\(?\d{1,3}|[가-힣])\.$")
_GOES_ON: Final = re.compile(r"\s+(?:[a-z]|(?:이?라고|이?라는|고|며|하고)\s)")
_NEXT_DIGIT: Final = re.compile(r"\s{1,2}\d")
_LOOK_BACK: Final = 16


def last_sentence_end(text: str, least: int, reach: int) -> int | None:
    """The last place in `text[least:reach]` that is surely behind a sentence."""
    for found in reversed(list(_END.finditer(text, least, reach))):
        if not _is_inside(text, found.start(), found.end()):
            return found.end()
    return None


def _is_inside(text: str, dot: int, end: int) -> bool:
    if _GOES_ON.match(text, end):
        return True
    if text[dot] != "." or end > dot + 1:
        return False
    before = text[max(0, dot - _LOOK_BACK) : dot + 1]
    if _ABBREVIATED.search(before) or _NUMBERED.search(before):
        return True
    return before[-2:-1].isdigit() and _NEXT_DIGIT.match(text, end) is not None
