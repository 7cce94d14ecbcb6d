"""What asks, and the pages and routes around them, need of the parts that search and keep records.

The tests of `api` and `web` put parts in memory behind the same protocols, so mypy holds both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

from byline.domain.ask_filters import EVERY_ASK, AskFilters, ListedAsk
from byline.domain.asks import AskAnswer, AskRequest, StoredAsk
from byline.domain.callers import Caller
from byline.domain.conversations import Conversation, PastTurn
from byline.domain.searches import Filters, SearchRequest, SearchResult
from byline.search.document_reader import ReadableDocument, ReadPassage


class DocumentSearch(Protocol):
    """Finds passages; `search.Searcher`."""

    def for_caller(self, caller: Caller) -> Self:
        """The same, confined to the collections that `caller` may see."""

    async def prepare(self) -> None:
        """Get ready, so that the first search waits for nothing."""

    async def search(self, request: SearchRequest) -> SearchResult:
        """The passages that answer best."""

    async def similarities(self, found: SearchResult, texts: Sequence[str]) -> Mapping[str, float]:
        """The cosine of each text to the query of a search, by the embedder it was searched with;
        empty if that is not at hand."""


class DocumentReading(Protocol):
    """Reads documents on; `search.DocumentReader`."""

    def for_caller(self, caller: Caller) -> Self:
        """The same, confined to the collections that `caller` may see."""

    async def documents(
        self, filters: Filters, *, name_contains: str = "", first: int = 1, limit: int = 20
    ) -> tuple[Sequence[ReadableDocument], int]:
        """Documents that pass the filters, and how many there are."""

    async def document(self, filters: Filters, name: str) -> ReadableDocument | None:
        """The document of that id, name or title."""

    async def passages(
        self, document_id: str, *, first: int = 1, page: int | None = None, limit: int = 8
    ) -> Sequence[ReadPassage]:
        """Passages of a document, in order."""

    async def find(self, document_id: str, text: str, *, limit: int = 8) -> Sequence[ReadPassage]:
        """Passages of a document that hold a text."""


class AskHistory(Protocol):
    """Keeps asks; `ask.history.AskRecords`."""

    def for_caller(self, caller: Caller) -> Self:
        """The same, for the asks and conversations of `caller`."""

    async def insert(self, ask_id: str, request: AskRequest, backend: str, machine: str) -> None:
        """Keep an ask that begins."""

    async def turns(self, conversation_id: str) -> Sequence[PastTurn]:
        """What was asked and answered before in a conversation."""

    async def finish(self, answer: AskAnswer, transcript: Sequence[Mapping[str, Any]]) -> None:
        """Keep how an ask ended."""

    async def get(self, ask_id: str) -> StoredAsk:
        """One ask."""

    async def list(
        self, limit: int, cursor: str | None, filters: AskFilters = EVERY_ASK
    ) -> tuple[Sequence[ListedAsk], str | None]:
        """Asks, newest first, and the cursor of the next page."""

    async def events(self, ask_id: str, after: int) -> Sequence[dict[str, Any]]:
        """The transcript of an ask behind an event."""

    async def discard(self, ask_id: str) -> None:
        """Forget an ask that came to nothing."""

    async def delete(self, ask_id: str) -> None:
        """Remove an ask."""


class ConversationHistory(Protocol):
    """Keeps conversations; `ask.history.Conversations`."""

    def for_caller(self, caller: Caller) -> Self:
        """The same, for the conversations of `caller`."""

    async def create(self, title: str = "") -> Conversation:
        """A new conversation."""

    async def around(self, ask: StoredAsk) -> Conversation:
        """The conversation of an ask, made where there is none."""

    async def get(self, conversation_id: str) -> Conversation:
        """One conversation."""

    async def list(
        self, limit: int, cursor: str | None, filters: AskFilters = EVERY_ASK
    ) -> tuple[Sequence[Conversation], str | None]:
        """Conversations, those used last first, and the cursor of the next page."""

    async def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give a conversation a title."""

    async def delete(self, conversation_id: str) -> None:
        """Remove a conversation with its asks."""

    async def asks(self, conversation_id: str) -> Sequence[StoredAsk]:
        """Its asks, oldest first."""
