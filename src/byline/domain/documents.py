"""Documents, their extracted text, and the passages by which they are searched.

Offsets are Unicode code points of the document's extracted text, end exclusive, everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """Which documents a list shows, beside its filters, and in which order: those whose path and
    title contain all of `words` (also inside words, ignoring case), whose state is one of `states`
    (any if empty), and that have reading warnings or have none (None: either)."""

    words: str = ""
    states: tuple[DocumentState, ...] = ()
    sort: DocumentSort = DocumentSort.NEWEST
    warned: bool | None = None


ANY_DOCUMENT = DocumentSelection()


@dataclass(frozen=True, slots=True)
class DocumentChanges:
    """Changes to a document; None leaves a field as it is. A blank `title` restores the file's
    own."""

    title: str | None = None
    tags: tuple[str, ...] | None = None
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentError:
    """Why a document failed: a code, a sentence, and what a person can do."""

    code: str
    message: str
    remedy: str = ""


class ReadingWarningCode(StrEnum):
    """What a reading could not do; the surfaces word it.

    `not_read`: there are pictures or parts it has no way to read. `no_ocr`: scanned pages, and no
    data of an OCR language installed. `ocr_uncertain`: OCR found little on a page that shows much.
    `missing`: the file's own content holds characters that the text does not. `garbled`: a font
    without a map to Unicode. `turned`: a page lies on its side or on its head, and was not turned.
    `damaged`: a part of the file cannot be opened.
    """

    NOT_READ = "not_read"
    NO_OCR = "no_ocr"
    OCR_UNCERTAIN = "ocr_uncertain"
    MISSING = "missing"
    GARBLED = "garbled"
    TURNED = "turned"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ReadingWarning:
    """Something that a file shows and its extracted text does not, or not surely.

    `pages` are the numbers of the pages concerned (from 1), `parts` the names of other parts, as
    the file has them (a sheet, an attached file); `characters` is how many characters are missing,
    None if that is not known.
    """

    code: ReadingWarningCode
    pages: tuple[int, ...] = ()
    parts: tuple[str, ...] = ()
    characters: int | None = None


def page_ranges(pages: Iterable[int]) -> str:
    """The numbers of pages in short: `2, 5–7`."""
    runs: list[list[int]] = []
    for page in sorted(set(pages)):
        if runs and page == runs[-1][-1] + 1:
            runs[-1][1:] = [page]
        else:
            runs.append([page])
    return ", ".join("–".join(map(str, run)) for run in runs)


@dataclass(frozen=True, slots=True)
class Document:
    """One document of one collection. `passages` and `embedded` are counts; `pages` is None for
    formats without pages; `bytes_len` is the size of the original file in bytes. `path` is the name
    with its folders; `language` is ISO 639-1, None if it is not known; `warnings` are those of its
    last reading that succeeded, as are its passages."""

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
    warnings: tuple[ReadingWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovedDocument:
    """A removed document, which can be restored at least until `until`."""

    document: Document
    removed_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class PageSpan:
    """The span of page `number` (from 1) in the extracted text."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of `level` (1 = top) and the span of its line in the extracted text; `text` may say
    more than the line. Level 0 has no line: its text stands above all headings from there on."""

    level: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """The text that extraction read from one file. `pages` is empty for formats without pages;
    `language` is ISO 639-1, None if it is not known; `code` are the spans of code, for formats that
    mark it outside the text; `warnings` say what of the file is not in the text."""

    text: str
    title: str
    media_type: str
    pages: tuple[PageSpan, ...] = ()
    headings: tuple[Heading, ...] = ()
    language: str | None = None
    code: tuple[tuple[int, int], ...] = ()
    warnings: tuple[ReadingWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is stored: `text == extracted.text[start:end]`.

    `heading` is its context line: the path of headings above it, joined by " > " ("" at the top),
    and the header row of the table it begins in. `fingerprint` finds near duplicates
    (`search/near_duplicates.py`; None: not computed yet).
    """

    ordinal: int
    start: int
    end: int
    page: int | None
    heading: str
    text: str
    fingerprint: int | None = None
