"""A passage found becomes a source: it gets the number it is cited by."""

from __future__ import annotations

from byline.domain.asks import Source
from byline.domain.searches import SearchHit


def numbered_source(hit: SearchHit, n: int) -> Source:
    """The passage as source `[n]`."""
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
