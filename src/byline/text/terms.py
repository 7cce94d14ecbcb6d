"""The analysis of text: from characters to terms, and from terms to their ids.

Passages and queries are analysed by the same rules, so a passage is found by the words it has. A
text is NFKC-normalised, case-folded and split at white space; each chunk then gives

- words: runs of letters; Latin ones without their accents, reduced to their English Snowball stem;
- numbers: as written, without thousands separators (`1,000` is `1000`);
- compounds (`ABC-1234`, `mp3`, `e-mail`, `2024-05-01`): every part, and the whole without its
  separators (two numbers keep theirs, so that `3.14` is not `314`);
- Hangul, Han, Kana and South-East Asian runs: overlapping pairs of characters, a single character
  alone. A number written against such a run also gives number + first character (`5월`), and a
  syllable with a Korean particle after it also gives the syllable (`물을` gives `물`);
- days: one term, however written (`text/date_terms.py`).

A term's id is a CRC-32 folded below 10⁹, the number of dimensions of pgvector's `sparsevec`: the
same in every process and version. Changing a rule here means indexing every passage again: raise
`ANALYSIS_VERSION`, and the next start does so (`search/index/reindexing.py`).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from array import array
from collections.abc import Iterable
from functools import cache
from operator import add
from typing import Final

import Stemmer

from byline.text.cache import BoundedCache
from byline.text.date_terms import days
from byline.text.stop_words import (
    CONTRACTIONS_EN,
    INFLECTED_KO,
    PARTICLES_KO,
    STOP_WORDS_EN,
    STOP_WORDS_KO,
)

ANALYSIS_VERSION: Final = 5
"""The number of the rules in this module, `stop_words`, `date_terms` and `search/index/vocabulary`,
and of the weights in `search/index/bm25`. `tests/unit/test_golden.py` notices a change of their
results that does not raise it."""

TERM_IDS_MAX: Final = 1_000_000_000
"""Ids are 1 … TERM_IDS_MAX - 1; 0 and below are free for the statistics to use."""

_CHUNKS_CACHED_MAX: Final = 196_608
_TERMS_CACHED_MAX: Final = 65_536
_CHUNK_CHARS_CACHED_MAX: Final = 20  # longer ones hardly come twice, and would fill the memory
_COMPOUND_PARTS_MAX: Final = 8
_WORD_CHARS_MAX: Final = 64  # what is longer is no word, but may be a megabyte

UNSPACED: Final = (
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Kana
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
)
MARKS: Final = (  # combining marks that stand inside words; `\w` leaves them out
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0981-\u0df4"
)
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_VOWEL_POINTS = re.compile("[\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_LETTER = rf"(?:(?![{UNSPACED}\d_])[\w{MARKS}])"
_PART = rf"\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+|[{UNSPACED}]+|{_LETTER}+"
COMPOUND: Final = re.compile(rf"(?:{_PART})(?:[-‐–_.'’/&@:+]?(?:{_PART}))*")
_PARTS = re.compile(rf"{_PART}|[^\w]|_")
_UNSPACED_RUN = re.compile(rf"[{UNSPACED}]+")
_APOSTROPHES: Final = frozenset("'’")
PUNCTUATION: Final = "()[]{}<>\"'“”‘’«».,;:!?…*_–—-"


def terms(text: str) -> list[int]:
    """The ids of a text's terms in order, with repeats, then those of its days.

    Never raises; a text without terms gives an empty list.
    """
    plain = folded(text)
    return _ids(plain.split()) + day_terms(plain)


def packed_terms(plain: str, chunks: list[str]) -> bytes:
    """The same for a text that is folded (`plain`) and split at white space (`chunks`) already:
    4-byte integers in the machine's byte order."""
    return _packed_ids(chunks) + _packed(day_terms(plain))


def term_strings(text: str) -> list[str]:
    """The terms of a text as strings, in the order of `terms`."""
    plain = folded(text)
    return [term for chunk in plain.split() for term in _chunk_terms(chunk)] + list(days(plain))


def query_terms(text: str) -> list[int]:
    """The ids of a query's terms, without stop words unless it has nothing else."""
    plain = folded(text)
    words = _ids(_content_chunks(plain)) or _ids(plain.split())
    return words + day_terms(plain)


def content_terms(text: str) -> list[int]:
    """The ids of a query's content terms: `query_terms`, with Korean words without their endings.

    Whether a passage is about 김치찌개 must not depend on the query having 김치찌개를.
    """
    return _ids(list(map(_without_ending, _content_chunks(folded(text))))) or query_terms(text)


def ending_terms(text: str) -> frozenset[int]:
    """Those of the `query_terms` that come only from the endings of Korean words: of 판매자가 that
    is 자가, which says nothing about sellers."""
    chunks = _content_chunks(folded(text))
    return frozenset(_ids(chunks)).difference(_ids(list(map(_without_ending, chunks))))


def whole_term(word: str) -> int | None:
    """The id of the term for the whole of a case-folded word or compound; None if it has none
    because it has too many parts or is no word."""
    found = _chunk_terms(word)
    parts = sum(part[0].isalnum() for part in _PARTS.findall(word))
    return _term_id(found[-1]) if found and parts <= _COMPOUND_PARTS_MAX else None


def word_terms(word: str) -> list[int]:
    """The ids of a case-folded word's terms, in order, without days."""
    return _ids(word.split())


def day_terms(plain: str) -> list[int]:
    """The ids of the days in a case-folded text, in the order of `days`."""
    return list(map(_term_id, days(plain)))


def _content_chunks(plain: str) -> list[str]:
    return [chunk for chunk in plain.split() if not is_stop_word(chunk)]


def _without_ending(chunk: str) -> str:
    word = chunk.strip(PUNCTUATION)
    inflected = INFLECTED_KO.fullmatch(word)
    if inflected is None:
        return chunk
    stem, ending = inflected.groups()
    if len(stem) > 1 or (len(ending) > 1 and ending in PARTICLES_KO):
        return str(stem)
    return chunk if len(ending) == 1 else ""  # a syllable of a verb by itself tells nothing


def _ids(chunks: list[str]) -> list[int]:
    return array("i", _packed_ids(chunks)).tolist()


def _packed_ids(chunks: list[str]) -> bytes:
    if max(map(len, chunks), default=0) <= _CHUNK_CHARS_CACHED_MAX:
        return b"".join(map(_CHUNK_IDS.__getitem__, chunks))
    return b"".join(
        _CHUNK_IDS[chunk] if len(chunk) <= _CHUNK_CHARS_CACHED_MAX else _chunk_ids(chunk)
        for chunk in chunks
    )


def _packed(ids: Iterable[int]) -> bytes:
    return array("i", ids).tobytes()


def is_stop_word(chunk: str) -> bool:
    """Whether a case-folded word is a stop word: `who`, `언제부터`."""
    word = chunk.strip(PUNCTUATION)
    if word.isascii():
        return word in STOP_WORDS_EN
    return STOP_WORDS_KO.fullmatch(word) is not None


def folded(text: str) -> str:
    """The form in which all text is compared: NFKC, case-folded, without invisible characters."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()


def _chunk_ids(chunk: str) -> bytes:
    return _packed(map(_TERM_IDS.__getitem__, _chunk_terms(chunk)))


def _term_id(term: str) -> int:
    return zlib.crc32(term.encode("utf-8", "surrogatepass")) % (TERM_IDS_MAX - 1) + 1


def _chunk_terms(chunk: str) -> list[str]:
    word = chunk if chunk.isalpha() else chunk.strip(PUNCTUATION)
    if word.isascii() and word.isalpha():  # most chunks of most texts
        return [_stemmer().stemWord(word)]
    if _UNSPACED_RUN.fullmatch(word):  # most of the others of Korean texts
        return _unspaced_terms(word)
    return [
        term
        for compound in COMPOUND.findall(chunk)
        for term in _compound_terms(_PARTS.findall(compound))
    ]


def _compound_terms(parts: list[str]) -> list[str]:
    """The terms of a compound, given its parts and the separators between them."""
    found: list[str] = []
    run: list[str] = []  # spaced parts and separators not yet written out
    for part in parts:
        if not _UNSPACED_RUN.match(part):
            run.append(part)
            continue
        number = run[-1] if run and run[-1][0].isdecimal() else ""
        found += _spaced_terms(run)
        if number:
            found.append(_number(number) + part[0])
        if len(part) > 1 or not number:
            found += _unspaced_terms(part)
        run = []
    return found + _spaced_terms(run)


def _unspaced_terms(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    pairs = list(map(add, run, run[1:]))
    return [*pairs, run[0]] if run[1:] in PARTICLES_KO else pairs


def _spaced_terms(run: list[str]) -> list[str]:
    if len(run) > 2 and run[-2] in _APOSTROPHES:
        if run[-1] == "s":
            run = run[:-2]
        elif run[-1] in CONTRACTIONS_EN:
            run = [*run[:-3], run[-3] + run[-1]]
    parts = [part for part in run if part[0].isalnum()]
    found = [term for part in parts if (term := _part_term(part))]
    if not 1 < len(parts) <= _COMPOUND_PARTS_MAX:
        return found
    whole = _whole(parts, run)
    return [term for term in (*found, whole) if len(term) > 1 or term.isdecimal()]


def _whole(parts: list[str], run: list[str]) -> str:
    numbers = [_number(part) for part in parts if part[0].isdecimal()]
    if not numbers:
        return _word("".join(parts))
    if len(numbers) == len(parts) == 2:
        separator = next(part for part in run[1:] if not part[0].isalnum())
        return (separator if separator in ".:/" else "-").join(numbers)
    return "".join(parts).replace(",", "")


def _part_term(part: str) -> str:
    return _number(part) if part[0].isdecimal() else _word(part)


def _number(digits: str) -> str:
    plain = digits[:_WORD_CHARS_MAX].replace(",", "")
    if not plain.isascii():
        plain = "".join(str(unicodedata.decimal(digit, "")) for digit in plain)
    return plain[1:] if len(plain) == 2 and plain[0] == "0" else plain  # 05 in a date is 5


def _word(letters: str) -> str:
    letters = letters[:_WORD_CHARS_MAX]
    if not letters.isascii():
        bare = "".join(
            c for c in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(c)
        )
        if not bare.isascii():
            return _VOWEL_POINTS.sub("", letters)
        letters = bare
    return str(_stemmer().stemWord(letters))


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


_TERM_IDS: Final = BoundedCache(_term_id, _TERMS_CACHED_MAX)
_CHUNK_IDS: Final = BoundedCache(_chunk_ids, _CHUNKS_CACHED_MAX)
