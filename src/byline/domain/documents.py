"""Documents, what was read out of them, and the passages they are searched by.

Offsets everywhere are Unicode code points of the document's extracted text, end exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DEFAULT_COLLECTION = "default"


class DocumentState(StrEnum):
    """How far a document has come. `ingest.states` is the one place that changes it."""

    QUEUED = "queued"
    EXTRACTING = "extracting"
    INDEXED = "indexed"
    EMBEDDED = "embedded"
    ENRICHED = "enriched"
    FAILED = "failed"


class DocumentSort(StrEnum):
    """How a list of documents is sorted. `name` goes by code point, case aside."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    LARGEST = "largest"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class DocumentSelection:
    """What a list of documents shows beside its filters: those whose path and title hold all of
    `words` (in pieces of words too, case aside), in one of `states` (none given: any)."""

    words: str = ""
    states: tuple[DocumentState, ...] = ()
    sort: DocumentSort = DocumentSort.NEWEST


ANY_DOCUMENT = DocumentSelection()


@dataclass(frozen=True, slots=True)
class DocumentChanges:
    """What to change of a document; None leaves it. A blank `title` is the file's own again."""

    title: str | None = None
    tags: tuple[str, ...] | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentError:
    """Why a document failed: a code, a sentence, and what a person can do."""

    code: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of one collection. `passages` and `embedded` are counts; `pages` may be None
    for kinds without pages; `bytes_len` is the size of the original file in bytes. `path` is the
    name with the folders it lay in; `language` is ISO 639-1, None where the text does not tell."""

    id: str
    name: str
    title: str
    state: DocumentState
    error: DocumentError | None
    collection: str
    sha256: str
    media_type: str
    bytes_len: int
    pages: int | None
    passages: int
    embedded: int
    created_at: datetime
    updated_at: datetime
    path: str = ""
    language: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovedDocument:
    """A document that was removed and can be brought back, surely until `until`."""

    document: Document
    removed_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class PageSpan:
    """Where page `number` (from 1) lies in the extracted text."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of `level` (1 = top) and where its line lies in the extracted text; `text` may say
    more than the line. Level 0 is no line, but what stands above all headings from there on."""

    level: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """What extraction read out of one file. `pages` is empty for kinds without pages; `language`
    is ISO 639-1, None where the text does not tell; `code` tells where code lies, as (start, end),
    in kinds that mark it other than in the text itself."""

    text: str
    title: str
    media_type: str
    pages: tuple[PageSpan, ...] = ()
    headings: tuple[Heading, ...] = ()
    language: str | None = None
    code: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is stored: `text == extracted.text[start:end]`.

    `heading` is its context line: the path of headings above it, joined by " > " ("" at the top),
    and the header row of the table it begins inside of.
    `fingerprint` tells what says the same (`search/near_duplicates.py`; None: not worked out yet).
    """

    ordinal: int
    start: int
    end: int
    page: int | None
    heading: str
    text: str
    fingerprint: int | None = None
