"""What is told of one document beside itself: its passages, its removal."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from byline.api.result_shapes import DocumentShape
from byline.ask.ask_shapes import Moment, Shape


class RemovedDocumentShape(Shape):
    """A removed document, and until when it can surely be brought back."""

    document: DocumentShape
    removed_at: Moment
    restorable_until: Moment = Field(validation_alias=AliasChoices("until", "restorable_until"))


class DocumentPassageShape(Shape):
    """The `ordinal`-th passage of a document, from 0; `excerpt` is its text's `[start:end]`."""

    ordinal: int
    page: int | None
    heading: str
    start: int
    end: int
    excerpt: str = Field(validation_alias=AliasChoices("text", "excerpt"))


class DocumentPassagesShape(Shape):
    """Passages in order. `next` is the `cursor` of the following page, null on the last."""

    passages: list[DocumentPassageShape]
    next: str | None
