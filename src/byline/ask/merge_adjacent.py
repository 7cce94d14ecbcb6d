"""Makes the numbered sources of an ask from the passages found, adjacent ones merged. Pure.

Text that was cut into several passages is shown to the model, and cited, as one source again.

    1. Sources are taken best first. Each is merged with those it touches or overlaps, if they are
       in the same section and the result stays within the limits.
    2. A merged source has the rank, score and id of its best passage and spans all of them: `text`
       is still the document's `[start:end]`.
    3. Two passages are not merged if the white space between them is not known, or if a passage
       between them is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from byline.ask.prompt.token_calibration import Calibration
from byline.domain.asks import Source
from byline.domain.searches import PassagePosition, SearchHit

MERGED_CHARS_MAX: Final = 3_000
"""The longest merged source, in characters: a citation of it must still say where to look."""

CONTEXT_SHARE: Final = 4
"""A merged source takes at most one in this many parts of the context, by estimate: a source that
does not fit is left out whole."""


def numbered_source(hit: SearchHit, n: int) -> Source:
    """Return the passage as source `[n]`."""
    return Source(
        n=n,
        passage_id=hit.passage_id,
        document_id=hit.document_id,
        name=hit.name,
        title=hit.title,
        page=hit.page,
        heading=hit.heading,
        start=hit.start,
        end=hit.end,
        text=hit.text,
        score=hit.score,
        also_in=hit.also_in,
    )


def merge_adjacent(
    sources: Sequence[Source],
    places: Mapping[int, PassagePosition],
    *,
    context_tokens: int,
    calibration: Calibration,
) -> tuple[Source, ...]:
    """Return the sources, merged and numbered from 1. `context_tokens` is 0 if no model reads
    them."""

    def fits(text: str) -> bool:
        if len(text) > MERGED_CHARS_MAX:
            return False
        return not context_tokens or calibration.tokens(text) <= context_tokens // CONTEXT_SHARE

    runs: list[_MergedSource] = []
    for source in sources:
        run = _MergedSource(source, places.get(source.passage_id))
        for other in list(runs):
            if joined := run.merged_with(other, fits):
                runs.remove(other)
                run = joined
        runs.append(run)
    ranked = sorted((run.source for run in runs), key=lambda source: source.n)
    return tuple(replace(source, n=n) for n, source in enumerate(ranked, start=1))


class _MergedSource:
    """A source of one or several adjacent passages, with the positions of the first and last."""

    def __init__(
        self, source: Source, first: PassagePosition | None, last: PassagePosition | None = None
    ) -> None:
        self.source = source
        self._first = first
        self._last = last or first

    def merged_with(
        self, neighbour: _MergedSource, fits: Callable[[str], bool]
    ) -> _MergedSource | None:
        """Return both as one source, or None if they are not adjacent or too long together."""
        one, other = sorted((self.source, neighbour.source), key=lambda source: source.n)
        if one.document_id != other.document_id or not _same_section(one, other):
            return None
        before, after = sorted((self, neighbour), key=lambda run: run.source.start)
        text = before._text_through(after)
        if text is None or not fits(text):
            return None
        first, last = before.source, after.source
        return _MergedSource(
            replace(
                one,
                page=first.page,
                heading=first.heading,
                start=first.start,
                end=first.start + len(text),
                text=text,
                also_in=(*one.also_in, *other.also_in),
                page_starts=_page_starts(first, last),
            ),
            before._first,
            after._last,
        )

    def _text_through(self, after: _MergedSource) -> str | None:
        """Return the document's text from the start of this source to the end of `after`, or None
        if it is not known."""
        first, last = self.source, after.source
        if last.start < first.end:
            return first.text + last.text[first.end - last.start :]
        if self._last is None or after._first is None or after._first.gap is None:
            return None
        gap = after._first.gap
        follows = after._first.ordinal == self._last.ordinal + 1
        if not follows or len(gap) != last.start - first.end:
            return None
        return first.text + gap + last.text


def _same_section(one: Source, other: Source) -> bool:
    """Return whether the context lines are equal, but for a table's header row in one of them."""
    if one.heading == other.heading:
        return True
    shorter, longer = sorted((one.heading, other.heading), key=len)
    return bool(shorter) and longer.startswith(f"{shorter} > ") and " | " in longer[len(shorter) :]


def _page_starts(first: Source, last: Source) -> tuple[tuple[int, int], ...]:
    starts = {start: page for one in (first, last) for start, page in _own_page_starts(one)}
    return tuple(sorted(starts.items()))


def _own_page_starts(source: Source) -> tuple[tuple[int, int], ...]:
    if source.page_starts or source.page is None:
        return source.page_starts
    return ((source.start, source.page),)
