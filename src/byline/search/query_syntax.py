"""The syntax of a query: phrases, exclusions and prefixes; everything else is words. Pure.

    "exact words"    only passages with these words, as written, are found
    -word  -"words"  passages with these are not found
    word*            stands for any word that begins so

    1. A pair of quotes makes a phrase if the first follows white space or the start, no letter or
       digit follows the last, and there are terms between them.
    2. A hyphen excludes if it follows white space or the start and stands right before a letter or
       a phrase: `-5` is a number, `10-20` a range, `--all` an option, `- ` a dash. A stop word
       (`-the`) excludes nothing.
    3. A star makes a prefix of the word before it if the script puts spaces between words, the word
       follows white space or the start and ends in 3 letters or digits, and only punctuation stands
       behind the star: not `**bold**`, `2*3`, `*`. In Korean, Japanese and Chinese it means
       nothing: their pairs of characters find beginnings without it.
    4. If no words are left to search for, all of the query is words: so is `-kimchi` alone.
    5. A question is words: a query that ends in a question mark, or has more than ten words outside
       phrases. Whoever quotes a title in a question wants the answer, not passages with the title.
       (As conditions, the quotes in 14 of 200 such questions cost 0.017 of nDCG@10.)

Nothing is an error: all else is text. A question put to a model is not parsed at all; see
`as_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from byline.text.terms import MARKS, UNSPACED, folded, is_stop_word, term_strings, terms

_PHRASE_CHARS_MAX: Final = 300
_PARTS_MAX: Final = 32
"""Phrases, exclusions and prefixes of one query; the rest of the query is words."""

_QUOTED: Final = rf'["“”„]([^"“”„]{{1,{_PHRASE_CHARS_MAX}}})["“”](?!\w)'
_JOINED: Final = rf"[^\W_{UNSPACED}]"
_LETTER: Final = rf"(?:{_JOINED}|(?<=\w)[{MARKS}])"
_MARKED: Final = re.compile(
    rf"(?<!\S)(?P<not>-?){_QUOTED}"
    r"|(?<!\S)-(?P<without>[^\W\d_]\S*)"
    rf"|(?<!\S)(?P<begins>(?:{_LETTER}+-)*{_LETTER}{{3,}})\*(?=[,.;:)]*(?:\s|$))"
)
_ASKS: Final = re.compile(r"[?？]\s*$")
_SEARCH_WORDS_MAX: Final = 10
_SPACED: Final = re.compile(rf"[^\W{UNSPACED}]")
"""A letter or digit of a script that puts white space between words."""

_SIGNS: Final = re.compile(r"[^\w\s,'’]|_|,(?!\d)|(?<!\d),")
_ALIKE: Final = str.maketrans(
    {**dict.fromkeys("‘’ʼ`", "'"), **dict.fromkeys("“”„", '"'), **dict.fromkeys("‐‑‒–—", "-")}
)


@dataclass(frozen=True)
class ParsedQuery:
    """A query as it was parsed. Passages are scored by `words`: all words searched for, phrases
    included, without `prefixes`. `prefixes` are case-folded, the other fields as written."""

    words: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    excluded_phrases: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether there is no phrase and no exclusion, so that every passage matches."""
        return not (self.phrases or self.excluded or self.excluded_phrases)

    @cached_property
    def required_terms(self) -> list[int]:
        """Ids of terms that every passage with the phrases has; fewer than the phrases' terms."""
        return sorted({term for phrase in self.phrases for term in _certain_terms(phrase)})

    @cached_property
    def excluded_terms(self) -> list[frozenset[int]]:
        """The term ids of each excluded word; a passage that has all of them does not match."""
        return [ids for word in self.excluded if (ids := frozenset(terms(word)))]

    def matches(self, *parts: str) -> bool:
        """Whether a passage satisfies phrases and exclusions, given text, heading and title."""
        written = [_comparable(part) for part in parts if part]
        if not all(_is_in_any(pattern, written) for pattern in self._phrase_patterns):
            return False
        if any(_is_in_any(pattern, written) for pattern in self._excluded_patterns):
            return False
        if not self.excluded_terms:
            return True
        held = set(terms("\n".join(parts)))
        return not any(ids <= held for ids in self.excluded_terms)

    @cached_property
    def _phrase_patterns(self) -> list[re.Pattern[str]]:
        return [_pattern(phrase) for phrase in self.phrases]

    @cached_property
    def _excluded_patterns(self) -> list[re.Pattern[str]]:
        return [_pattern(phrase) for phrase in self.excluded_phrases]


def as_words(query: str) -> ParsedQuery:
    """A query in plain language: all of it is words, whatever signs it has."""
    return ParsedQuery(query)


def parse_query(query: str) -> ParsedQuery:
    """The query parsed by the rules above."""
    if _ASKS.search(query):  # 5
        return as_words(query)
    phrases: list[str] = []
    excluded: list[str] = []
    excluded_phrases: list[str] = []
    prefixes: list[str] = []
    words: list[str] = []
    place = 0
    for found in _MARKED.finditer(query):
        quoted = found[2]
        if len(phrases) + len(excluded) + len(excluded_phrases) + len(prefixes) >= _PARTS_MAX:
            break
        if quoted is not None and not terms(quoted):
            continue
        if found["without"] and (
            is_stop_word(folded(found["without"])) or not terms(found["without"])
        ):
            continue
        words.append(query[place : found.start()])
        place = found.end()
        if found["begins"]:
            prefixes.append(folded(found["begins"]))
        elif found["without"]:
            excluded.append(found["without"])
        elif found["not"]:
            excluded_phrases.append(quoted)
        else:
            phrases.append(quoted)
            words.append(quoted)
    words.append(query[place:])
    beside = sum(len(part.split()) for part in words) - sum(len(p.split()) for p in phrases)
    if beside + len(prefixes) > _SEARCH_WORDS_MAX:  # 5
        return as_words(query)
    looked_for = " ".join(words)
    if not (prefixes or terms(looked_for)):  # 4
        return as_words(query)
    return ParsedQuery(
        looked_for,
        *(tuple(phrases), tuple(excluded), tuple(excluded_phrases)),
        tuple(dict.fromkeys(prefixes)),
    )


def split_compounds(text: str) -> str:
    """The text with its compounds split into words: `2024-05-01` becomes `2024 05 01`."""
    return _SIGNS.sub(" ", _comparable(text))


def _comparable(text: str) -> str:
    """The form in which phrases are compared: NFKC, case-folded, white space collapsed, quotes,
    apostrophes and dashes each in one form."""
    return " ".join(folded(text.translate(_ALIKE)).split())


def _pattern(phrase: str) -> re.Pattern[str]:
    """A pattern that finds a phrase, but in scripts with spaces not inside a longer word."""
    written = _comparable(phrase)
    before = rf"(?<!{_JOINED})" if _SPACED.match(written[0]) else ""
    after = rf"(?!{_JOINED}|(?<=\d),\d{{3}})" if _SPACED.match(written[-1]) else ""
    return re.compile(before + re.escape(written) + after)


def _is_in_any(pattern: re.Pattern[str], parts: Iterable[str]) -> bool:
    return any(pattern.search(part) for part in parts)


def _certain_terms(phrase: str) -> list[int]:
    """Those terms of a phrase that do not depend on what surrounds it in a passage.

    Compounds are split (`2024-05` may stand in `2024-05-01`), and single characters are left out:
    whether they are terms of their own depends on their neighbours.
    """
    apart = split_compounds(phrase)
    return [
        number
        for term, number in zip(term_strings(apart), terms(apart), strict=True)
        if (len(term) > 1 or term.isdecimal()) and " " not in term  # a day is what it is as a whole
    ]
