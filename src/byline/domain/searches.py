"""A search request and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from byline.domain.reasons import SearchNote


@dataclass(frozen=True, slots=True)
class Filters:
    """Which documents may be found. Empty fields allow all, so sets of `collections` that have
    nothing in common must be refused before they become a filter.

    The values of one field are alternatives; all fields must match. `types` are media types or
    short names (`pdf`), `languages` ISO 639-1 codes; `added_from` is included, `added_until` is
    not; `path` is the beginning of a document's path.
    """

    collections: frozenset[str] = frozenset()
    documents: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    added_from: datetime | None = None
    added_until: datetime | None = None
    path: str = ""

    @property
    def only_collection(self) -> str | None:
        """The collection, if there is exactly one."""
        return next(iter(self.collections)) if len(self.collections) == 1 else None


EVERYTHING: Final = Filters()


def one_collection(name: str | None) -> frozenset[str]:
    """`Filters.collections` for a collection that may be named or not."""
    return frozenset() if name is None else frozenset({name})


class QueryForm(StrEnum):
    """How to read a query: as a search with operators (`"exact words" -word`), or as a question in
    plain language, in which quotes and hyphens have no special meaning."""

    SEARCH = "search"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to search for, and in which documents. `limit` is the most passages to return."""

    query: str
    limit: int = 10
    filters: Filters = EVERYTHING
    form: QueryForm = QueryForm.SEARCH


@dataclass(frozen=True, slots=True)
class PassagePosition:
    """The position of a passage: its `ordinal` in the document, from 0, and `gap`, the white space
    between it and the passage before (None: not known)."""

    ordinal: int
    gap: str | None


@dataclass(frozen=True, slots=True)
class DuplicatePassage:
    """A passage that was left out of the results because a better one says the same."""

    document_id: str
    title: str
    passage_id: int


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One passage found. `start`/`end` are code points of the document's text, end exclusive.

    `legs` holds the score of each retrieval leg that found it (`lexical`, `dense`), `place` its
    position in the document, `also_in` the lower-ranked hits that say the same, and `fingerprint`
    what near duplicates are first found by (`search/near_duplicates.py`; None: not known).
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
    """What a query was understood to mean beside plain words: phrases that a passage must contain
    exactly, words and phrases it must not contain, for each prefix (`inv*`) the words it matches,
    and for each unknown word the known words one typing error away. The latter two list the words
    of most passages first."""

    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    respelt: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OtherLanguages:
    """What the passages in other languages than the query's show. `standing` is how much nearer to
    the query the nearest of them is than they usually are (cosines), `coverage` as in
    `SearchResult`, of them alone. `own_coverage` and `own_nearest` are the same of the passages in
    the query's language; the latter is None if none was found."""

    standing: float
    coverage: float
    own_coverage: float
    own_nearest: float | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits, best first, and how they were found.

    `coverage` is the largest share (0 to 1) of the query's IDF weight that the terms of one hit
    cover: evidence that the documents treat the subject at all. `notes` are about how the
    search was understood, such as a tag that no document has. `legs` says of each retrieval leg
    whether it took part: `ok`, or why not, or why only in part. `nearest` is the hits' best cosine
    similarity to the query in the vectors of `embedder` (its fingerprint), and `query_vector` the
    query's; all three are None if the dense leg took no part. `others` is about passages in other
    languages than the query's, None if none was looked for. `has_code`: one of the hits has a code
    of the query, such as `INV-2024`.
    """

    query: str
    hits: tuple[SearchHit, ...]
    coverage: float
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[SearchNote, ...] = ()
    read_as: QueryInterpretation = QueryInterpretation()
    legs: Mapping[str, str] = field(default_factory=dict)
    nearest: float | None = None
    embedder: str | None = None
    others: OtherLanguages | None = None
    has_code: bool = False
    query_vector: Sequence[float] | None = field(default=None, repr=False)
