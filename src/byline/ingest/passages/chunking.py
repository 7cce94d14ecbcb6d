"""Cuts a text into passages, so that each says one thing and can be cited to a page.

Pure. Each cut is searched for backwards from the end of what still fits, in this order:

    0. sections: before a heading of level 1 or 2, and where a page or slide begins, is always a
       cut; a deeper heading right under another, without text between, stays with it
    1. all that is left of the section fits: take it
    2. before a deeper heading, if half a passage is filled by then
    3. at an empty line (paragraphs, lists and tables stay whole), if a quarter is filled,
       or if what follows is a list or table that fits whole into a passage of its own
    4. between two items of a list or rows of a table
    5. after a sentence
    6. at a line's end, at a space
    7. anywhere, but never inside a character made of several code points

A cut inside a table or a piece of code moves to before it, if the whole then fits; what is too long
for a passage is cut between rows or lines, and the further passages of a table have its header row
in their context. The last two passages of a section share what is left, so that none is a sliver.
Headings without text, and a few words before the first heading, go with what follows.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from byline.domain.documents import Chunk, ExtractedText, Heading
from byline.ingest.passages.table_regions import Region, find_regions
from byline.text.sentence_boundaries import last_sure_end

CHUNK_VERSION: Final = 3
"""The number of the rules by which documents become passages, in this module, `numbered_headings`,
`table_regions`, `text/sentence_boundaries` and the readers. Raised, every document is read again in
the background (`jobs`) and embedded anew, so a change that moves one cut in a thousand leaves it as
it is. `tests/unit/test_golden.py` notices a change of cuts and asks which of the two it is."""

_LENGTHS: Final = 100_000
"""More than the longest passage length that can be configured."""

_SECTION_LEVEL_MAX: Final = 2
_PATH_HEADING_CHARS_MAX: Final = 120
_NOT_BLANK: Final = re.compile(r"\S")
_LIST_MARK: Final = r"(?:[-*+•○●·▪◦‣□■※▶-]|\(?\d{1,3}[.)]|[가-하][.)]|[①-⑳])[ \t]"
_ITEM: Final = re.compile(rf"\n(?=[ \t]*{_LIST_MARK}|[^\n]* \| |[ \t]*\|)")
_LISTED: Final = re.compile(rf"[ \t]*{_LIST_MARK}|[^\n]* \| |[ \t]*\|")
_TINY_SHARE: Final = 8
"""A passage shorter than the longest divided by this says nothing by itself."""
_JOINERS: Final = frozenset("\u200d\u20e3")
_CUT_BACK_MAX: Final = 32


def cut_by(passage_chars_max: int, version: int = CHUNK_VERSION) -> int:
    """The version and passage length a document was cut by, as one number; greater for a later
    version."""
    return version * _LENGTHS + passage_chars_max


def chunk(extracted: ExtractedText, *, passage_chars_max: int) -> list[Chunk]:
    """The passages of a text, in order. Together they hold everything in it that is not blank.

    Each is at most `passage_chars_max` characters, and `text == extracted.text[start:end]`.
    """
    text = extracted.text
    regions = find_regions(extracted)
    cutter = _Cutter(extracted, regions, passage_chars_max)
    contexts = _ContextLines(_HeadingPaths(text, extracted.headings), regions)
    page_starts = [page.start for page in extracted.pages]
    spans = [
        (bisect_right(page_starts, first) - 1, first, last)
        for start, end in _sections(extracted)
        for first, last in cutter.cut(start, end)
    ]
    chunks: list[Chunk] = []
    for page, first, last, telling in _without_slivers(extracted, spans, passage_chars_max):
        chunks.append(
            Chunk(
                ordinal=len(chunks),
                start=first,
                end=last,
                page=extracted.pages[page].number if page >= 0 else None,
                heading=contexts.at(telling),
                text=text[first:last],
            )
        )
    return chunks


def _without_slivers(
    extracted: ExtractedText, spans: Sequence[tuple[int, int, int]], chars_max: int
) -> Iterator[tuple[int, int, int, int]]:
    """(page, start, end, place). Headings without text and a few words before the first heading are
    joined to what follows; `place` is where the passage's own part begins, by which its heading
    path is found."""
    heading_starts = [heading.start for heading in extracted.headings]
    waiting: tuple[int, int] | None = None  # page and start of what joins the next
    for (page, first, last), following in itertools.zip_longest(spans, spans[1:]):
        start = waiting[1] if waiting else first
        goes_on = (
            following is not None
            and following[0] == page
            and following[2] - start <= chars_max
            and (
                _is_headings_only(extracted, bisect_left(heading_starts, first), (first, last))
                or (last - start < chars_max // _TINY_SHARE and following[1] == heading_starts[0])
                if heading_starts
                else False
            )
        )
        if goes_on:
            waiting = (page, start)
        else:
            yield page, start, last, first
            waiting = None


def _is_headings_only(extracted: ExtractedText, index: int, span: tuple[int, int]) -> bool:
    place, end = span
    for number in range(index, len(extracted.headings)):
        heading = extracted.headings[number]
        if heading.start >= end or _NOT_BLANK.search(extracted.text, place, heading.start):
            break
        place = heading.end
    return place > span[0] and not _NOT_BLANK.search(extracted.text, min(place, end), end)


def _sections(extracted: ExtractedText) -> Iterator[tuple[int, int]]:
    """The sections, which no passage may cross (rule 0)."""
    text = extracted.text
    cuts = {0, len(text), *(page.start for page in extracted.pages)}
    above = Heading(0, "", 0, 0)
    for heading in extracted.headings:
        opens_what_is_above = above.level < heading.level and not _NOT_BLANK.search(
            text, above.end, heading.start
        )
        if heading.level <= _SECTION_LEVEL_MAX and not opens_what_is_above:
            cuts.add(heading.start)
        above = heading
    ordered = sorted(cuts)
    yield from itertools.pairwise(ordered)


class _HeadingPaths:
    """The heading path of any offset: the last heading before it, and those of higher levels
    above."""

    def __init__(self, text: str, headings: Sequence[Heading]) -> None:
        self._text = text
        self._starts = [heading.start for heading in headings]
        self._ends = [heading.end for heading in headings]
        self._paths: list[str] = []
        stack: list[Heading] = []
        for heading in headings:
            while stack and stack[-1].level >= heading.level:
                stack.pop()
            stack.append(heading)
            self._paths.append(" > ".join(h.text[:_PATH_HEADING_CHARS_MAX] for h in stack))
        self._lasts = list(range(len(headings)))
        for index in range(len(headings) - 2, -1, -1):
            self._lasts[index] = self._last_from(index)

    def _last_from(self, index: int) -> int:
        """The last heading of the run that begins at `index` without text in between. A heading of
        length 0 is the last of its run."""
        following = index + 1
        if _NOT_BLANK.search(self._text, self._ends[index], self._starts[following]):
            return index
        if self._ends[following] <= self._starts[following]:
            return following
        return self._lasts[following]

    def at(self, place: int) -> str:
        """The heading path of a passage that begins at `place`, including the headings it begins
        with."""
        index = bisect_right(self._starts, place) - 1
        if index < 0:
            return ""
        return self._paths[self._lasts[index] if self._ends[index] > place else index]


class _ContextLines:
    """The context lines of passages: the headings above, and the header of a table that began
    before."""

    def __init__(self, paths: _HeadingPaths, regions: Sequence[Region]) -> None:
        self._paths = paths
        self._tables = [region for region in regions if region.header]
        self._starts = [table.start for table in self._tables]

    def at(self, place: int) -> str:
        path = self._paths.at(place)
        index = bisect_left(self._starts, place) - 1
        if index < 0 or self._tables[index].end <= place:
            return path
        header = self._tables[index].header
        return f"{path} > {header}" if path else header


class _Cutter:
    """Finds the cuts inside one section."""

    def __init__(self, extracted: ExtractedText, regions: Sequence[Region], chars_max: int) -> None:
        headings = extracted.headings
        self._text = extracted.text
        self._max = chars_max
        self._regions = regions
        self._region_starts = [region.start for region in regions]
        self._heading_starts = [heading.start for heading in headings]
        self._heading_ends = {heading.start: heading.end for heading in headings}

    def cut(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The passages of `text[start:end]`, without surrounding blanks."""
        place = self._skip_blank(start, end)
        while place < end:
            stop = end if end - place <= self._max else self._stop(place, end)
            last = stop
            while self._text[last - 1].isspace():
                last -= 1
            yield place, last
            place = self._skip_blank(stop, end)

    def _skip_blank(self, place: int, end: int) -> int:
        found = _NOT_BLANK.search(self._text, place, end)
        return found.start() if found else end

    def _stop(self, place: int, end: int) -> int:
        reach = place + self._max
        if end - place < self._max * 5 // 4:
            reach = end - self._max // 4
        quarter = place + max(1, self._max // 4)
        stop = (
            self._before_heading(place + self._max // 2, reach)
            or self._at_empty_line(place, quarter, reach, end)
            or self._between_items(quarter, reach)
            or self._behind_sentence(quarter, reach)
            or self._at_blank(quarter, reach)
            or self._anywhere(place, reach)
        )
        index = bisect_left(self._region_starts, stop) - 1
        if index < 0 or self._regions[index].end <= stop:
            return stop
        return self._outside(self._regions[index], place, reach) or stop

    def _outside(self, region: Region, place: int, reach: int) -> int | None:
        """A better cut than one inside `region`: before it, or at least between its lines."""
        if region.start > place and region.end - region.start <= self._max:
            heading_start = self._heading_ended(
                len(self._text[place : region.start].rstrip()) + place
            )
            before = region.start if heading_start is None else heading_start
            if before > place:
                return before
        least = max(place, region.start) + 1
        gap = (
            -1
            if region.is_table
            else self._text.rfind("\n\n", max(least, reach - self._max // 2), reach)
        )
        line_end = gap if gap >= 0 else self._text.rfind("\n", least, reach)
        return line_end if line_end >= 0 else None

    def _before_heading(self, least: int, reach: int) -> int | None:
        starts = self._heading_starts
        index = bisect_right(starts, reach) - 1
        while index > 0 and starts[index] >= least:
            gap_start = self._heading_ends[starts[index - 1]]
            if _NOT_BLANK.search(self._text, gap_start, starts[index]):
                return starts[index]
            index -= 1  # a heading right under another stays with it
        return starts[index] if index == 0 and starts[0] >= least else None

    def _at_empty_line(self, place: int, quarter: int, reach: int, end: int) -> int | None:
        at = self._text.rfind("\n\n", place, reach)
        while at >= 0 and (heading_start := self._heading_ended(at)) is not None:
            at = self._text.rfind("\n\n", place, heading_start)
        if at < 0:
            return None
        if at >= quarter:
            return at
        following = self._skip_blank(at, end)
        block_end = self._text.find("\n\n", following, following + self._max)
        fits = block_end >= 0 or end - following <= self._max
        return at if fits and _LISTED.match(self._text, following) else None

    def _heading_ended(self, at: int) -> int | None:
        """The start of the heading that ends at `at`, or None; a passage must not end in a
        heading."""
        index = bisect_left(self._heading_starts, at) - 1
        start = self._heading_starts[index] if index >= 0 else -1
        return start if start >= 0 and self._heading_ends[start] >= at else None

    def _between_items(self, least: int, reach: int) -> int:
        starts = (found.start() for found in _ITEM.finditer(self._text, least, reach))
        return max(starts, default=0)

    def _behind_sentence(self, least: int, reach: int) -> int | None:
        return last_sure_end(self._text, least, reach)

    def _at_blank(self, least: int, reach: int) -> int:
        line_end = max(0, self._text.rfind("\n", least, reach))
        return line_end or max(0, *(self._text.rfind(mark, least, reach) for mark in " \t\u3000"))

    def _anywhere(self, place: int, reach: int) -> int:
        at = reach
        while at > max(place + 1, reach - _CUT_BACK_MAX):
            if not _is_joined(self._text[at - 1], self._text[at]):
                return at
            at -= 1
        return reach


def _is_joined(before: str, after: str) -> bool:
    """Whether two neighbouring code points form one visible character."""
    return (
        after in _JOINERS
        or before in _JOINERS
        or unicodedata.category(after)[0] == "M"
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
        or ("\u1100" <= before <= "\u11ff" and "\u1160" <= after <= "\u11ff")  # Hangul jamo
    )
