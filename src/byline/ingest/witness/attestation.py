"""Holds a read text against what the file's witness says: takes what is missing where its place is
known, and warns of the rest.

    1. nothing is missing, or too little to tell it from another way of writing → the text as it is
    2. whole lines are missing of a part whose place in the text is known       → they are put there
    3. whole lines are missing of a part beside the text (a header, a comment)  → at its part's end,
                                                                                 or the text's
    4. pieces of lines are missing                                               → a warning
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from byline.domain.documents import (
    ExtractedText,
    Heading,
    PageSpan,
    ReadingWarning,
    ReadingWarningCode,
)
from byline.ingest.readers.text_blocks import normalise
from byline.ingest.witness.comparison import LineLoss, compare
from byline.ingest.witness.witness_parts import WitnessPart
from byline.ingest.witness.witnesses import witness_of

_LOST_CHARS_MIN: Final = 4
"""Fewer missing letters and digits of a line are another way of writing it: a number of a list, a
mark of a note, a ligature."""
_WHOLE_SHARE: Final = 0.6
"""A line of which at least this share is missing is missing as a whole."""
_WARNED_CHARS_MIN: Final = 10
"""Fewer missing characters of a part are not worth a warning."""
_NEAR_CHARS: Final = 20_000
"""How far from the line before a line is looked for, to know where those after it belong."""
_NAMES_MAX: Final = 100
_NAME_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class _Addition:
    """Lines that belong into the text at `offset`."""

    offset: int
    lines: tuple[str, ...]


def attested(path: Path, extracted: ExtractedText) -> ExtractedText:
    """The text of the file at `path` with what the reader left out of it."""
    return held_against(witness_of(path, extracted.media_type), extracted)


def held_against(parts: Sequence[WitnessPart], extracted: ExtractedText) -> ExtractedText:
    """The text with what is in the witness and not in it. Pure."""
    lines = [line for part in parts for line in part.lines]
    losses = {
        loss.number: loss
        for loss in compare(lines, extracted.text)
        if loss.lost >= min(_LOST_CHARS_MIN, loss.characters)
    }
    if not losses:  # 1
        return extracted
    additions: list[_Addition] = []
    warnings: list[ReadingWarning] = []
    first = 0
    for part in parts:
        numbers = range(first, first + len(part.lines))
        first += len(part.lines)
        found = [losses[number] for number in numbers if number in losses]
        whole = {one.number - numbers.start for one in found if _is_whole(one)}
        additions += _placed(part, whole, extracted)  # 2, 3
        lost = sum(one.lost for one in found if not _is_whole(one))
        if lost >= _WARNED_CHARS_MIN:  # 4
            pages = () if part.page is None else (part.page,)
            names = () if not part.name else (part.name[:_NAME_CHARS_MAX],)
            warnings.append(ReadingWarning(ReadingWarningCode.MISSING, pages, names, lost))
    return replace(
        _with_additions(extracted, additions), warnings=merged([*extracted.warnings, *warnings])
    )


def merged(warnings: Iterable[ReadingWarning]) -> tuple[ReadingWarning, ...]:
    """One warning for each code and kind of place: with its pages in order, and its parts."""
    together: dict[tuple[ReadingWarningCode, bool], list[ReadingWarning]] = defaultdict(list)
    for warning in warnings:
        together[warning.code, bool(warning.pages)].append(warning)
    return tuple(
        ReadingWarning(
            code,
            tuple(sorted({page for one in some for page in one.pages})),
            tuple(dict.fromkeys(part for one in some for part in one.parts))[:_NAMES_MAX],
            _sum(one.characters for one in some),
        )
        for (code, _), some in together.items()
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _is_whole(loss: LineLoss) -> bool:
    return loss.lost >= _WHOLE_SHARE * loss.characters


def _placed(part: WitnessPart, missing: set[int], extracted: ExtractedText) -> Iterator[_Addition]:
    """The missing lines of a part, each run of them where it belongs."""
    if not missing:
        return
    end = _end_of(part, extracted)
    if part.beside:
        yield _Addition(end, tuple(part.lines[number] for number in sorted(missing)))
        return
    start, at = _start_of(part, extracted), None
    run: list[str] = []
    for number, line in enumerate(part.lines):
        if number in missing:
            run.append(line)
            continue
        if run:
            yield _Addition(end if at is None else at, tuple(run))
            run = []
        near = min(end, start + _NEAR_CHARS)
        found = extracted.text.find(normalise(line).strip(), start, near)
        if found >= 0:
            start = found
            at = _end_of_block(extracted.text, found + len(line), end)
    if run:
        yield _Addition(end if at is None else at, tuple(run))


def _start_of(part: WitnessPart, extracted: ExtractedText) -> int:
    if part.page is not None:
        return next((page.start for page in extracted.pages if page.number == part.page), 0)
    heading = _section(part.name, extracted.headings)
    return 0 if heading is None else heading.start


def _end_of(part: WitnessPart, extracted: ExtractedText) -> int:
    """Where the text of a part ends; the end of the whole text if its place is not known."""
    end = len(extracted.text)
    if part.page is not None:
        return next((page.end for page in extracted.pages if page.number == part.page), end)
    heading = _section(part.name, extracted.headings)
    if heading is None:
        return end
    below = (
        one.start
        for one in extracted.headings
        if one.start > heading.start and one.level <= heading.level
    )
    return min(below, default=end)


def _section(name: str, headings: Iterable[Heading]) -> Heading | None:
    """The heading of a part that bears its name: a sheet's, which may be marked as hidden."""
    sought = (name, f"{name} (hidden)")
    return next((one for one in headings if name and one.text in sought), None)


def _end_of_block(text: str, after: int, end: int) -> int:
    found = text.find("\n\n", after, end)
    return end if found < 0 else found


def _with_additions(extracted: ExtractedText, additions: Sequence[_Addition]) -> ExtractedText:
    """The text with lines put in, each run of them a block of its own; all places move with it."""
    together: dict[int, list[str]] = defaultdict(list)
    for addition in additions:
        together[addition.offset] += addition.lines
    pieces: list[str] = []
    moves: list[tuple[int, int]] = []
    at = by = 0
    for offset, lines in sorted(together.items()):
        before = extracted.text[at:offset]
        kept = before.rstrip()
        added = normalise("\n".join(lines)).strip()
        piece = "\n\n".join(filter(None, (kept, added))) + before[len(kept) :]
        pieces.append(piece)
        by += len(piece) - len(before)
        moves.append((offset, by))
        at = offset
    pieces.append(extracted.text[at:])
    return _moved(replace(extracted, text="".join(pieces)), moves)


def _moved(extracted: ExtractedText, moves: Sequence[tuple[int, int]]) -> ExtractedText:
    """The text with its places moved. `moves` says by how many characters from which offset on.

    What begins where something was put in moves behind it; a page that ends there holds it, a
    heading does not.
    """
    offsets = [offset for offset, _ in moves]

    def behind(place: int) -> int:
        known = bisect_right(offsets, place)
        return place + (moves[known - 1][1] if known else 0)

    def before(place: int) -> int:
        known = bisect_left(offsets, place)
        return place + (moves[known - 1][1] if known else 0)

    return replace(
        extracted,
        pages=tuple(
            PageSpan(page.number, behind(page.start), behind(page.end)) for page in extracted.pages
        ),
        headings=tuple(
            replace(one, start=behind(one.start), end=max(behind(one.start), before(one.end)))
            for one in extracted.headings
        ),
        code=tuple((behind(start), before(end)) for start, end in extracted.code),
    )
