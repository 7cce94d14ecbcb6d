"""A search and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to look for. `limit` passages at most; `collection` None searches all of them."""

    query: str
    limit: int = 10
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class AlsoIn:
    """Another passage that says the same, left out of the results for it."""

    document_id: str
    title: str
    passage_id: int


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One passage found. `start`/`end` are code points of the document's text, end exclusive.

    `legs` holds the score of each retrieval leg that found it (`lexical`, later `dense`);
    `also_in` the worse hits that say the same, and `fingerprint` what that is judged by first
    (`search/duplicates.py`; None where it is not known).
    """

    passage_id: int
    document_id: str
    name: str
    title: str
    page: int | None
    heading: str
    start: int
    end: int
    text: str
    score: float
    legs: Mapping[str, float] = field(default_factory=dict)
    also_in: tuple[AlsoIn, ...] = ()
    fingerprint: int | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits, best first. `coverage` is the share (0 to 1) of the query's IDF weight that the
    terms of one hit cover at most: evidence that the documents speak of what was asked at all."""

    query: str
    hits: tuple[SearchHit, ...]
    coverage: float
    timings_ms: Mapping[str, float] = field(default_factory=dict)
