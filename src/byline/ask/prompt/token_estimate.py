"""Estimates how many tokens a text takes in a model's vocabulary, from its script. Pure.

A vocabulary is learnt from text, so the cost of a text depends mostly on its script: Hangul takes
four times as many tokens in one model as in another. `measure` counts what a tokenizer would see:
words, long words, digits, syllables, punctuation. A family of models has a price in tokens for each
of them (`token_prices`), fitted to its real tokenizer. A model's name tells its family.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from byline.ask.prompt.token_prices import PRICES

TEXTS_REMEMBERED_MAX: Final = 64
"""The sources of a few asks: whether they fit is computed twice, before and after a count."""

UNKNOWN: Final = "unknown"
"""The family of a model whose name tells nothing; its prices are fitted to the family in
which a text is dearest."""

_LATIN: Final = r"A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"
_CJK_MARKS: Final = r"\u3000-\u3004\u3008-\u3020\u3030\uff01-\uff20\uff3b-\uff40\uff5b-\uff65"
_HAN: Final = r"\u2e80-\u2fdf\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IN_ANY_TEXT: Final = {
    "word": rf"[{_LATIN}]+",
    "letter after the 8th": rf"(?<=[{_LATIN}]{{8}})[{_LATIN}]",
    "capital inside a word": r"(?<=[A-Za-z])[A-Z]",
    "digit": r"[0-9]",
    "three digits": r"[0-9]{1,3}",
    "space before a digit": r" (?=[0-9])",
    "mark": r"[!-/:-@\[-`{-~]",
    "run of marks": r"[!-/:-@\[-`{-~]+",
    "line end": r"\n\s*",
    "run of spaces": r" {2,}",
    "tab": r"\t",
}
_IN_VIETNAMESE: Final = {
    "accented letter in Vietnamese": r"[À-ÖØ-öø-ɏ]",
    "Vietnamese letter": r"[Ḁ-ỿơưđ]",
}
_IN_OTHER_LATIN: Final = {
    "accented letter": r"[À-ÖØ-öø-ɏ]",
    "letter of Latin Extended-A": r"[Ā-ſ]",
}
_BEYOND_ASCII: Final = {
    "Hangul word": r"[가-힣]+",
    "Hangul syllable": r"[가-힣]",
    "Hangul syllable after the 3rd": r"(?<=[가-힣]{3})[가-힣]",
    "Han character": rf"[{_HAN}]",
    "Kana": r"[ぁ-ヿㇰ-ㇿｦ-ﾟ]",
    "Kana run": r"[ぁ-ヿㇰ-ㇿｦ-ﾟ]+",
    "CJK mark": rf"[{_CJK_MARKS}]",
    "other sign": r"[\x80-\xbf×÷\u02b0-\u02ff\u2000-\u2bff\u3200-\u33ff\ufe10-\ufe6f]",
}
_IN_RARER_SCRIPTS: Final = {
    "Cyrillic word": r"[\u0400-\u052f]+",
    "Cyrillic letter": r"[\u0400-\u052f]",
    "Greek letter": r"[\u0370-\u03ff\u1f00-\u1fff]",
    "Hebrew letter": r"[\u0590-\u05ff\ufb1d-\ufb4f]",
    "Arabic letter": r"[\u0600-\u08ff\ufb50-\ufdff\ufe70-\ufefc]",
    "Devanagari letter": r"[\u0900-\u097f]",
    "Thai letter": r"[\u0e00-\u0e7f]",
    "letter of another script": (
        r"[\u0530-\u058f\u0980-\u0dff\u0e80-\u1cff\u2c00-\u2dff\u3105-\u318f\ua000-\uabff"
        r"\u0300-\u036f\ud7a4-\ud7ff\U00010000-\U0001efff]"
    ),
    "emoji": r"[\U0001f000-\U0001ffff\ufe00-\ufe0f\ue000-\uf8ff]",
}
_KINDS: Final = (_IN_ANY_TEXT, _IN_VIETNAMESE, _IN_OTHER_LATIN, _BEYOND_ASCII, _IN_RARER_SCRIPTS)
_PATTERNS: Final = tuple(tuple(map(re.compile, kind.values())) for kind in _KINDS)
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_IS_VIETNAMESE: Final = re.compile(r"[Ạ-ỹơư]")
_RARER: Final = re.compile(
    r"[\u02b0-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3100-\u318f\ua000-\uabff\ud7a4-\uf8ff"
    r"\ufb00-\ufe0f\ufe70-\ufeff\U00010000-\U0001ffff]"
)
COUNTED: Final = tuple(name for kind in _KINDS for name in kind)
"""What `measure` counts, in the order of its result and of a family's prices."""
_WESTERN: Final = sum(map(len, _KINDS[:3]))

_FAMILIES: Final = (
    ("qwen", r"distill-qwen-(1\.5|7|14|32)b|deepseek-r1[:-](1\.5|7|14|32)b"),
    ("llama3", r"distill-llama|deepseek-r1[:-](8|70)b"),
    ("qwen3.5", r"qwen-?(3\.[5-9]|[4-9])"),
    ("qwen", r"qwen|qwq"),
    ("gemma", r"gemma"),
    ("llama4", r"llama-?4"),
    ("llama3", r"llama-?3|smollm-?3"),
    ("mistral-v1", r"mixtral|mistral-7b|mistral(:7b.*|:latest)?$"),
    ("mistral", r"mistral|ministral|magistral|devstral|pixtral|voxtral"),
    ("gpt-oss", r"gpt-?oss"),
    ("smollm", r"smollm"),
    ("deepseek", r"deepseek"),
)


def family_of(model: str) -> str:
    """Return the family of a model by its name (`mlx-community/Qwen3-32B-4bit`), else `UNKNOWN`."""
    name = model.casefold().replace("_", "-")
    return next((family for family, sign in _FAMILIES if re.search(sign, name)), UNKNOWN)


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A number of tokens, split into those of Western scripts and code and those of all other
    scripts, in which models differ far more."""

    western: float = 0.0
    other: float = 0.0

    def __add__(self, more: TokenCount) -> TokenCount:
        return TokenCount(self.western + more.western, self.other + more.other)


def measure(text: str) -> list[int]:
    """Return how often each thing of `COUNTED` is in `text`."""
    # Most texts use few scripts, so they are not searched for the letters of all others.
    beyond = " ".join(_NOT_ASCII.findall(text))
    rarer = beyond if _RARER.search(beyond) else ""
    # A syllable of Vietnamese is mostly one token, whatever accents its letters have.
    latin = (beyond, "") if _IS_VIETNAMESE.search(beyond) else ("", beyond)
    parts = zip((text, *latin, beyond, rarer), _PATTERNS, strict=True)
    return [len(p.findall(part)) if part else 0 for part, kind in parts for p in kind]


@lru_cache(maxsize=TEXTS_REMEMBERED_MAX)
def estimate_tokens(text: str, family: str = UNKNOWN) -> TokenCount:
    """Return about how many tokens `text` takes in the vocabulary of `family`."""
    costs = [count * price for count, price in zip(measure(text), PRICES[family], strict=True)]
    return TokenCount(math.fsum(costs[:_WESTERN]), math.fsum(costs[_WESTERN:]))
