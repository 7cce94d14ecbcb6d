"""Finds and rewrites citations as models spell them: `[1]`, `[1, 2]`, `[1-3]`, `【1】`, `［1］`,
`\\[1\\]`, `[source 1]`, `[2번]`, `[①]`, `[1, p. 4]`, `(출처: 2)`, `(see [1])`. Pure.

No citations are: `(1)`, a bracketed year or date, the index of an array (`arr[1]`), and anything
inside `code`. `[1/2]` is one only where it cannot be a fraction. Bracketed numbers of a document
(mostly footnotes) belong to the document: a copy of one in an answer is no citation.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

RANGE_LEN_MAX: Final = 20
"""The longest range of numbers: `[1-999]` does not cite a thousand sources."""
MARKER_CHARS_MAX: Final = 560

_NUMBER: Final = r"(?:\d{1,3}(?!\d)|[①-⑳])"
_SOURCE: Final = r"(?:sources?|출처|자료|근거|소스)"
_NAME: Final = (
    rf"(?:{_SOURCE}|references?|refs?\.?|doc(?:ument)?s?|passages?|excerpts?|cit(?:e|ation)s?|no\."
    r"|see|참고|참조|문서|지문|来源|來源|出典)"
)
_NAMED: Final = rf"\*{{0,2}}(?:\^|#|{_NAME}[ \t]?+[:#]?+[ \t]?+)?"
_COUNTED: Final = rf"{_NUMBER}(?:번(?:[ \t]?{_SOURCE})?+)?+\*{{0,2}}"
_BETWEEN: Final = r"(?:[ \t]{0,2}(?:[,;、，·&~∼〜–—-]|and\b|및)[ \t]{0,2}|[ \t]{1,4}|(?=[①-⑳]))"
_JOINED: Final = rf"(?:{_BETWEEN}{_NAMED}{_COUNTED}){{0,6}}(?:{_BETWEEN}{_NUMBER}){{0,14}}"
_PLACE: Final = (
    r"(?:[ \t]?†[^\]】\n]{0,40}|,[ \t]?(?:pp?\.|pages?|s\.)[ \t]?\d{1,4}(?:[–-]\d{1,4})?"
    r"|,[ \t]?\d{1,4}[ \t]?(?:쪽|페이지)|:[ \t][^\W\d_][^\[\]【】\n]{0,60})"
)
_BRACKETED: Final = (
    rf"\\?[\[［【〔⟦]{{1,2}}[ \t]?{_NAMED}{_COUNTED}(?:{_JOINED}|/{_NUMBER}){_PLACE}?"
    r"[ \t]?[,;]?\\?[\]］】〕⟧]{1,2}(?:\((?:https?:|#|/)[^()\s]{0,80}\))?"
)
_IN_PARENTHESES: Final = (
    rf"[(（](?:(?:see|참고|참조)[ \t]?+:?+[ \t]?+)?{_SOURCE}[ \t]?+[:#]?+[ \t]?+{_COUNTED}{_JOINED}"
    r"(?:[ \t]?(?:참조|참고))?[)）]"
)
_PLAIN: Final = r"[\[［【][ \t]?\d{1,3}(?:[ ,–-]{1,3}\d{1,3}){0,4}[ \t]?[\]］】]"
_WRAPPED: Final = (
    rf"[(（](?:(?:see|cf\.|{_SOURCE}|참조|참고)[ \t]?+:?+[ \t]?+)?{_PLAIN}"
    rf"(?:[ \t]?+(?:[,;]|and|및)?+[ \t]?+{_PLAIN}){{0,6}}(?:[ \t]?(?:참조|참고))?[)）]"
)
MARKER: Final = re.compile(f"{_BRACKETED}|{_IN_PARENTHESES}|{_WRAPPED}", re.IGNORECASE)
"""Also matches the index of an array: `markers_in` leaves those out."""
_OPENING: Final = re.compile(r"\\?[\[［【〔⟦(（]")
_CODE: Final = re.compile(r"(?<!`)(`+)(?!`)[^`\n]+(?<!`)\1(?!`)")
_PART: Final = re.compile(r"(\d+)(?:[ \t]*[-–—~∼〜][ \t]*(\d+))?")
_NO_NUMBER: Final = re.compile(
    rf"[\]］】〕]\(.*|{_PLACE}(?=[ \t]?[,;]?\\?[\]］】〕⟧])", re.IGNORECASE
)
_CIRCLED: Final = {ord("①") + n: f" {n + 1} " for n in range(20)}
_LINK: Final = re.compile(r"(?<=[\]］】〕])\(.*")
_WORDED: Final = re.compile(
    rf"[(（].*[^\W\d_①-⑳]|(?!{_SOURCE})(?<![^\W\d_])[^\W\d_①-⑳]", re.IGNORECASE
)
_BRACKETS: Final = re.compile(r"[\\\[［【〔⟦\]］】〕⟧(（)）]+")
_INDEXED: Final = re.compile(
    r"(?:^|[^\w])(?:[a-z]|\w*_\w*|(?:[\w]+\.)*(?:arr|array|args|argv|matrix|vec|buf|ptr|idx|nums"
    r"|lst|tmp|df|dict|tuple|params|foo|bar|baz))$"
)
_ASSIGNED: Final = re.compile(r"(?:\[\w+\])*(?: ?(?:[-+*/]?=)(?!=)| ?==| ?\(|\.[a-z_]\w*\()")
_NAME_CHARS_MAX: Final = 40
_ENDS: Final = re.compile(r"[ \t]*(?:[.,;:!?。…\[【(]|\n|$)")
_TAIL_CHARS: Final = 16
_TAIL_CHARS_MIN: Final = 8
_TAIL_LOOK_BACK: Final = 200

DocumentMarkers = Mapping[tuple[int, ...], Mapping[str, frozenset[int]]]
"""Markers in the sources' own texts: numbers of the marker → the letters before it → the sources
that have it."""


def markers_in(text: str) -> Iterator[re.Match[str]]:
    """Yield the citations of `text`, in order; `marker_numbers` reads their numbers."""
    index_end = -1
    for match in _candidates(text):
        if _is_index(text, match, index_end):
            index_end = match.end()
        elif "/" not in match.group() or _is_no_fraction(text, match):
            yield match


def _candidates(text: str) -> Iterator[re.Match[str]]:
    """Yield what `MARKER.finditer` would, without trying every letter."""
    at = 0
    while opening := _OPENING.search(text, at):
        match = MARKER.match(text, opening.start())
        if match:
            yield match
        at = match.end() if match else opening.start() + 1


def strip_markers(text: str, by: str | Callable[[re.Match[str]], str] = "") -> str:
    """Return `text` with each citation replaced by `by`."""
    written: list[str] = []
    at = 0
    for match in markers_in(text):
        written += (text[at : match.start()], by if isinstance(by, str) else by(match))
        at = match.end()
    return "".join((*written, text[at:]))


def marker_numbers(marker: str) -> list[int]:
    """Return the numbers in a marker, ranges expanded; a range backwards or too long has none."""
    numbers: list[int] = []
    for part in _PART.finditer(_NO_NUMBER.sub("", marker).translate(_CIRCLED)):
        low, high = int(part[1]), int(part[2] or part[1])
        if low <= high <= low + RANGE_LEN_MAX:
            numbers.extend(range(low, high + 1))
    return numbers


_NO_MARKERS: Final[DocumentMarkers] = MappingProxyType({})


def normalise_markers(
    answer: str, known: Mapping[int, object], own: DocumentMarkers = _NO_MARKERS
) -> str:
    """Return `answer` with every marker rewritten as `[1][2]…`, without numbers that are not in
    `known` and without copies of a document's own markers (`own`)."""
    code_ends = {match.start(): match.end() for match in _CODE.finditer(answer)}
    code_starts = sorted(code_ends)
    written: list[str] = []
    at = 0
    for match, tail in _with_letters_before(answer):
        code = bisect_right(code_starts, match.start()) - 1
        if code >= 0 and match.start() < code_ends[code_starts[code]]:
            continue
        numbers = marker_numbers(match.group())
        if "/" in match.group() and not known.keys() >= set(numbers):
            continue
        copied = own.get(tuple(numbers), {}).get(tail, frozenset())
        kept = "".join(f"[{n}]" for n in dict.fromkeys(numbers) if n in known)
        if copied and not copied & set(numbers):
            kept = ""
        before = answer[at : match.start()]
        written += (before, kept) if kept else (before.rstrip(" \t"),)
        at = match.end()
    return "".join((*written, answer[at:]))


def document_markers(texts: Iterable[tuple[int, str]]) -> DocumentMarkers:
    """Return the markers in the texts of the sources, given as (source number, text)."""
    own: dict[tuple[int, ...], dict[str, frozenset[int]]] = {}
    for n, text in texts:
        for match, tail in _with_letters_before(text):
            if tail:
                holders = own.setdefault(tuple(marker_numbers(match.group())), {})
                holders[tail] = holders.get(tail, frozenset()) | {n}
    return own


def without_markers(text: str) -> str:
    """Return `text` without anything that reads as a citation: `[7]` becomes `(7)`. A marker with
    more words than "source" keeps them: `[1, p. 4]` becomes `‹1, p. 4›`."""
    return strip_markers(text, _disarmed)


def _disarmed(match: re.Match[str]) -> str:
    marker = _LINK.sub("", match.group())
    numbers = marker_numbers(marker)
    if numbers and not _WORDED.search(marker):
        return f"({', '.join(map(str, numbers))})"
    inner = " ".join(_BRACKETS.sub(" ", marker).split())
    return f"‹{inner}›" if numbers else f"({inner})"


def _is_index(text: str, match: re.Match[str], index_end: int) -> bool:
    """Return whether a match is the index of an array: `arr[1]`, `x[1] = 5`, `m[1][2]`."""
    if match.start() == index_end:
        return True
    if not match.group().startswith("["):
        return False
    name = text[max(0, match.start() - _NAME_CHARS_MAX) : match.start()]
    if not name or not (name[-1].isascii() and (name[-1].isalnum() or name[-1] == "_")):
        return False
    return (
        match.group() == "[0]"  # no source has this number
        or _INDEXED.search(name) is not None
        or _ASSIGNED.match(text, match.end()) is not None
    )


def _is_no_fraction(text: str, match: re.Match[str]) -> bool:
    """Return whether `[1/2]` stands where citations do: behind words, at the end of a clause."""
    if "](" in match.group():
        return True
    before = text[max(0, match.start() - 2) : match.start()].rstrip(" \t")
    return (
        bool(before) and before[-1] not in "\n=+-*/" and _ENDS.match(text, match.end()) is not None
    )


def _with_letters_before(text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Yield the citations of `text`, each with the last letters before it, other citations left
    out. A copy is recognised by these letters; they are empty if there are too few."""
    letters: list[tuple[int, str]] = []
    at = 0
    for match in markers_in(text):
        begin = match.start() - _TAIL_LOOK_BACK
        places = range(match.start() - 1, max(at, begin) - 1, -1)
        more = list(islice(((n, text[n]) for n in places if text[n].isalnum()), _TAIL_CHARS))
        letters = [each for each in (*letters, *reversed(more)) if each[0] >= begin][-_TAIL_CHARS:]
        tail = "".join(letter for _, letter in letters).casefold()
        yield match, tail if len(letters) >= _TAIL_CHARS_MIN else ""
        at = match.end()
