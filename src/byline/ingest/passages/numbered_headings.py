"""Headings of texts that mark them by numbers alone: "3.2 Scope", "제3조 (목적)", "Ⅱ. 배경". Pure.

A line is a heading when

    1. it begins with a number of a known style and a title, at most 80 characters together
    2. its title is no sentence, no field ("가. 장소: 대전"), no table row, no line of a table of
       contents (dots, a page number)
    3. `제N장`, `제N조 (…)`, `Chapter N` and the like need no more; of an article whose text
       goes on in the line only the number and the title are the heading
    4. `1.`, `1.2`, `Ⅰ.`, `가.` also stand alone (an empty line or a heading before them), and
       count up from 1; where the same style follows at once, they are the items of a list

The level of a heading follows from the styles used above it: a style that the text does not use
takes no level.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from byline.domain.documents import Heading

_LINE_CHARS_MAX: Final = 80
_LEVEL_MAX: Final = 6

_KOREAN: Final = "가나다라마바사아자차카타파하"
_ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_SIGNS: Final = "ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫ"
_DIVISIONS: Final = {"편": 0, "장": 1, "절": 2, "관": 3, "조": 4}
_WORDS: Final = {"part": 0, "chapter": 1, "appendix": 1, "article": 2, "section": 3}
_ROMAN_RANK, _ONE_RANK, _KOREAN_RANK = 10, 11, 20

_TITLE: Final = r"(?=[^\n]*(?:[A-Za-z]{3}|[가-힣一-鿿]{2}))(?:[A-Z가-힣一-鿿]|[「『<(\[])[^\n]*+"
_CANDIDATE: Final = re.compile(
    rf"""^[ \t]*+(?:
      (?P<headed>제[ ]?(?P<article>\d+)[ ]?조(?:의[ ]?\d+)?[ ]?
        [(（\[【][^\n)）\]】]{{1,60}}[)）\]】])(?=[ \t\n]|\Z|[①-⑳])
    | (?P<line>
        제[ ]?(?P<number>\d+)[ ]?(?P<division>[편장절관조])(?:의[ ]?\d+)?
          (?:[ \t]++(?P<named>{_TITLE}))?
      | (?P<word>(?i:part|chapter|appendix|article|section))[ ](?:\d{{1,3}}|[IVX]{{1,5}}|[A-Z])
          \b[.:]?(?:[ \t]++(?P<said>{_TITLE}))?
      | (?P<weak>(?P<roman>[IVX]{{1,4}}(?=\.)|[{_SIGNS}])[.]?
          |(?P<decimal>\d{{1,2}}(?:\.\d{{1,2}}){{0,3}})[.]?|(?P<korean>[{_KOREAN}])[.])
          [ \t]++(?P<title>{_TITLE})
      )[ \t]*$
    )""",
    re.MULTILINE | re.VERBOSE,
)
_NOT_BLANK: Final = re.compile(r"\S")
_NO_TITLE: Final = re.compile(
    r"[.!?;,…。]$|다$|(?:\.{3,}|…|·{3,})[ \t]*\d*$|[:：][ \t]*\S| \||^\||\t.*\t|[ \t]{2,}\d+$"
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A line that may be a heading: the rank of its style, its number, and whether rule 4
    applies."""

    start: int
    end: int
    text: str
    rank: int
    number: tuple[int, ...]
    is_weak: bool


def outline(text: str) -> tuple[Heading, ...]:
    """The numbered headings of a plain text, in order; offsets in `text`."""
    candidates = list(_candidates(text))
    ranks: list[int] = []
    last: dict[int, tuple[int, ...]] = {}
    headings: list[Heading] = []
    for index, candidate in enumerate(candidates):
        if candidate.is_weak and (
            _is_listed(text, candidates, index)
            or not _stands_alone(text, candidate, headings)
            or not _counts_up(candidate, last)
        ):
            continue
        while ranks and ranks[-1] >= candidate.rank:
            ranks.pop()
        ranks.append(candidate.rank)
        last = {rank: number for rank, number in last.items() if rank < candidate.rank}
        last[candidate.rank] = candidate.number
        level = min(len(ranks), _LEVEL_MAX)
        headings.append(Heading(level, candidate.text, candidate.start, candidate.end))
    return tuple(headings)


def _candidates(text: str) -> Iterator[_Candidate]:
    for found in _CANDIDATE.finditer(text):
        start, end = found.span("headed" if found["headed"] else "line")
        title = found["title"] or found["named"] or found["said"] or ""
        if end - start > _LINE_CHARS_MAX or _NO_TITLE.search(title.rstrip()):
            continue
        rank, number = _style(found)
        line = re.sub(r"\s+", " ", text[start:end]).strip()
        yield _Candidate(start, end, line, rank, number, found["weak"] is not None)


def _style(found: re.Match[str]) -> tuple[int, tuple[int, ...]]:
    if found["headed"]:
        return _DIVISIONS["조"], (int(found["article"]),)
    if found["division"]:
        return _DIVISIONS[found["division"]], (int(found["number"]),)
    if found["word"]:
        return 5 + _WORDS[found["word"].lower()], (0,)
    if roman := found["roman"]:
        place = _SIGNS.find(roman) if roman in _SIGNS else -1
        if place < 0 and roman in _ROMAN:
            place = _ROMAN.index(roman)
        return _ROMAN_RANK, (place + 1,)
    if korean := found["korean"]:
        return _KOREAN_RANK, (_KOREAN.index(korean) + 1,)
    number = tuple(map(int, found["decimal"].split(".")))
    return _ONE_RANK + len(number) - 1, number


def _is_listed(text: str, candidates: Sequence[_Candidate], index: int) -> bool:
    """Whether the line before or after has the same style, so that both are items of a list."""
    one = candidates[index]
    for other in candidates[max(0, index - 1) : index + 2]:
        gap = min(one.end, other.end), max(one.start, other.start)
        if other is not one and other.rank == one.rank and not _NOT_BLANK.search(text, *gap):
            return True
    return False


def _stands_alone(text: str, candidate: _Candidate, headings: Sequence[Heading]) -> bool:
    line_start = text.rfind("\n", 0, candidate.start) + 1
    before = text[max(0, line_start - 2) : line_start]
    if not before.strip():
        return before in ("", "\n\n") or line_start == 1
    above = headings[-1].end if headings else -1
    return above > 0 and not _NOT_BLANK.search(text, above, line_start)


def _counts_up(candidate: _Candidate, last: dict[int, tuple[int, ...]]) -> bool:
    number, before = candidate.number, last.get(candidate.rank)
    if len(number) > 1 and before is None:
        return True  # "3.2" says by itself that it is one of several
    if before is None or before[:-1] != number[:-1]:
        return number[-1] == 1
    return number[-1] == before[-1] + 1
