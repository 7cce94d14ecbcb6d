"""A search and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class Filters:
    """Which documents may be found: all of them, unless something is said.

    The values of one field are alternatives; what several fields say must all hold. `types` are
    media types or short names (`pdf`), `languages` ISO 639-1 codes; `added_from` counts, and
    `added_until` does not; `path` is how a document's path begins.
    """

    collection: str | None = None
    documents: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    added_from: datetime | None = None
    added_until: datetime | None = None
    path: str = ""

    def confined_to(self, collection: str | None) -> Filters:
        """These, in `collection` if that is one."""
        return self if collection is None else replace(self, collection=collection)


EVERYTHING: Final = Filters()


class QueryForm(StrEnum):
    """How a query is to be read: as a search with marks, `"exact words" -word`, or as a question
    in plain language, in which a quote or hyphen is only that."""

    SEARCH = "search"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to look for, and in which documents. `limit` passages at most; `collection` is short
    for that of `filters`."""

    query: str
    limit: int = 10
    collection: str | None = None
    filters: Filters = EVERYTHING
    form: QueryForm = QueryForm.SEARCH

    @property
    def where(self) -> Filters:
        """The filters, with the collection."""
        return self.filters.confined_to(self.collection)


@dataclass(frozen=True, slots=True)
class PassagePosition:
    """Where a passage lies: the `ordinal`-th of its document, from 0, behind `gap`, the blanks that
    follow the passage before it (None: not known)."""

    ordinal: int
    gap: str | None


@dataclass(frozen=True, slots=True)
class DuplicatePassage:
    """Another passage that says the same, left out of the results for it."""

    document_id: str
    title: str
    passage_id: int


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One passage found. `start`/`end` are code points of the document's text, end exclusive.

    `legs` holds the score of each retrieval leg that found it (`lexical`, `dense`), `place` where
    it lies in its document, `also_in` the worse hits that say the same, and `fingerprint` what that
    is judged by first (`search/near_duplicates.py`; None where it is not known).
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
    also_in: tuple[DuplicatePassage, ...] = ()
    fingerprint: int | None = None
    place: PassagePosition | None = None


@dataclass(frozen=True, slots=True)
class QueryInterpretation:
    """What of a query was read as more than words: phrases that a passage must hold as they are
    written, words and phrases that it must not hold, for each prefix (`inv*`) the words it stands
    for, and for each word that nobody wrote those one slip away; those in most passages first."""

    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    respelt: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits, best first. `coverage` is the share (0 to 1) of the query's IDF weight that the
    terms of one hit cover at most: evidence that the documents speak of what was asked at all.
    `notes` are sentences on how the search was understood, such as a tag that no document has.
    `legs` says of each retrieval leg whether it took part: `ok`, or why not or not wholly.
    `nearest` is the hits' best cosine similarity to the query, in the vectors of `embedder` (its
    fingerprint); both are None where the dense leg took no part."""

    query: str
    hits: tuple[SearchHit, ...]
    coverage: float
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    read_as: QueryInterpretation = QueryInterpretation()
    legs: Mapping[str, str] = field(default_factory=dict)
    nearest: float | None = None
    embedder: str | None = None
