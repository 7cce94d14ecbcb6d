"""What `api` and `web` need of the library and of the pictures of its pages.

Their tests put parts in memory behind the same protocols, so mypy holds both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

from byline.domain.callers import Caller
from byline.domain.documents import (
    ANY_DOCUMENT,
    Document,
    DocumentChanges,
    DocumentSelection,
    DocumentState,
    ExtractedText,
    RemovedDocument,
)
from byline.domain.searches import EVERYTHING, Filters
from byline.ingest.library.document_catalogue import Facets
from byline.ingest.library.document_library import AddedDocument
from byline.ingest.pictures.page_pictures import PageView, Picture
from byline.store.document_rows import DocumentPage, JobStatus, PassagePage


class DocumentCatalogue(Protocol):
    """Looks documents through; `ingest.library.Catalogue`."""

    async def list(
        self,
        *,
        limit: int,
        cursor: str | None,
        filters: Filters = EVERYTHING,
        choice: DocumentSelection = ANY_DOCUMENT,
    ) -> DocumentPage:
        """A page of documents."""

    async def counts(
        self, filters: Filters = EVERYTHING, choice: DocumentSelection = ANY_DOCUMENT
    ) -> Mapping[DocumentState, int]:
        """How many documents are in each state."""

    async def warned(
        self, filters: Filters = EVERYTHING, choice: DocumentSelection = ANY_DOCUMENT
    ) -> int:
        """How many documents have reading warnings."""

    async def collections(self) -> Sequence[str]:
        """The names of the collections."""

    async def facets(self) -> Facets:
        """What a list could be confined to."""

    async def passages(self, document_id: str, *, limit: int, cursor: str | None) -> PassagePage:
        """A page of a document's passages."""


class DocumentRemovals(Protocol):
    """Removes documents so that it can be undone; `ingest.library.Removals`."""

    async def remove(self, document_ids: Sequence[str]) -> Sequence[RemovedDocument]:
        """Hide documents."""

    async def restore(self, document_ids: Sequence[str]) -> Sequence[Document]:
        """Bring hidden documents back."""

    async def hidden(
        self, limit: int, document_ids: Sequence[str] | None = None
    ) -> Sequence[RemovedDocument]:
        """Those that can still be brought back."""


class DocumentLibrary(Protocol):
    """Keeps documents; `ingest.library.Library`."""

    def for_caller(self, caller: Caller) -> Self:
        """The same, confined to the collections that `caller` may see."""

    @property
    def catalogue(self) -> DocumentCatalogue:
        """Looks them through."""

    @property
    def removals(self) -> DocumentRemovals:
        """Removes them so that it can be undone."""

    async def add(
        self, path: Path, *, name: str, collection: str, folder: str = "", tags: Sequence[str] = ()
    ) -> AddedDocument:
        """Take a file in."""

    async def get(self, document_id: str) -> Document:
        """One document."""

    async def text(self, document_id: str) -> ExtractedText:
        """What was read out of it."""

    async def file(self, document_id: str) -> tuple[Document, AsyncIterator[bytes]]:
        """Its original file."""

    async def change(self, document_id: str, changes: DocumentChanges) -> Document:
        """Give it another title, collection or tags."""

    async def retry(self, document_id: str) -> Document:
        """Read it again where that failed, or something was not read."""

    async def delete(self, document_id: str) -> None:
        """Remove it for good."""

    async def jobs(self, limit: int) -> Sequence[JobStatus]:
        """What is going on."""


class PagePictures(Protocol):
    """Draws pages; `ingest.pictures.Pictures`."""

    def for_caller(self, caller: Caller) -> Self:
        """The same, confined to the documents that `caller` may see."""

    async def page(self, document_id: str, view: PageView) -> Picture:
        """The picture of one page."""
