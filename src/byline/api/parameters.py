"""The parameters and bodies that callers may send, validated. An unknown name is an error."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from byline.domain.ask_filters import AskFilters
from byline.domain.asks import AskMode, AskStatus
from byline.domain.documents import DocumentChanges, DocumentSelection, DocumentSort, DocumentState
from byline.domain.searches import Filters, one_collection
from byline.errors import BadRequest, NotFound

PICTURE_WIDTH_MIN: Final = 100
PICTURE_WIDTH_MAX: Final = 2_000

_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_BINARY: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _is_text(value: str) -> str:
    found = _BINARY.search(value)
    if found:
        raise ValueError(f"holds U+{ord(found[0]):04X}, which is not text")
    return value


def _is_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise NotFound(f"There is nothing with the id {value[:64]!r}.")
    return value


def _or_absent(value: str | None) -> str | None:
    return value if value and value.strip() else None


Text = Annotated[str, AfterValidator(_is_text)]
Words = Annotated[Text, Field(json_schema_extra={"minLength": 1})]
OptionalText = Annotated[Text | None, AfterValidator(_or_absent)]
"""Blank means absent: forms send fields that were left empty."""
Id = Annotated[str, Path(description="The id it was given.")]
Limit = Annotated[int, Field(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[OptionalText, Field(description="`next` of the page before.")]


RESUMABLE: Final = (
    "Go on for `ask.resumable_s` seconds after the last reader has gone: read on at "
    "`/api/asks/{id}/events`. Else the ask is cancelled when its reader leaves."
)

FORCE: Final = "Ask the backend although retrieval finds hardly anything on the question."


def known_id(value: str) -> str:
    """`value` if it has the form of an id. Raises NotFound otherwise."""
    return _is_id(value)


class Parameters(BaseModel):
    """A set of parameters; a name that is not in it is an error."""

    model_config = ConfigDict(extra="forbid")


class FilterParameters(Parameters):
    """Which documents to look in. Several values of one are alternatives, with commas between."""

    collection: OptionalText = Field(None, description="Only this collection; absent: all.")
    documents: OptionalText = Field(None, description="Only these documents: ids.")
    types: OptionalText = Field(
        None, description="Only files of these types: `pdf,docx`, or media types."
    )
    languages: OptionalText = Field(
        None, description="Only documents in these languages: `en,ko` (ISO 639-1)."
    )
    tags: OptionalText = Field(None, description="Only documents with one of these tags.")
    added_from: OptionalText = Field(
        None, description="Only documents added then or later: `2026-01-31`, or a time (UTC)."
    )
    added_until: OptionalText = Field(
        None, description="Only documents added on that day or before it, or before that time."
    )
    path: OptionalText = Field(
        None, description="Only documents whose path begins so, such as `letters/2024/`."
    )

    def filters(self) -> Filters:
        """The filters in the search's terms. Raises `BadRequest` for an invalid date."""
        return Filters(
            collections=one_collection(self.collection),
            documents=comma_separated(self.documents),
            types=comma_separated(self.types),
            languages=comma_separated(self.languages),
            tags=comma_separated(self.tags),
            added_from=parse_time("added_from", self.added_from, days=0),
            added_until=parse_time("added_until", self.added_until, days=1),
            path=(self.path or "").strip(),
        )


def comma_separated(sent: str | None) -> tuple[str, ...]:
    """The values in a parameter that takes several, separated by commas."""
    return tuple(value.strip() for value in (sent or "").split(",") if value.strip())


def parse_time(name: str, sent: str | None, *, days: int) -> datetime | None:
    """A time, or the beginning of a day (plus `days`), in UTC unless it has an offset. Raises
    `BadRequest`."""
    if sent is None:
        return None
    try:
        if len(sent.strip()) == len("2026-01-31"):
            day = date.fromisoformat(sent.strip()) + timedelta(days)
            return datetime.combine(day, time(), UTC)
        moment = datetime.fromisoformat(sent.strip())
    except (ValueError, OverflowError):
        raise BadRequest(
            f"`{name}` is not a date: {sent[:40]!r}.",
            remedy="Send it as 2026-01-31 or 2026-01-31T09:30:00+09:00.",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class SearchParameters(FilterParameters):
    """What to search for."""

    q: Words = Field(description='The words to look for; `"exact words"`, `-word` to leave out.')
    limit: int = Field(10, ge=1, le=100, description="Passages at most.")


class AskParameters(FilterParameters):
    """The parameters of an ask besides the question."""

    backend: Text | None = Field(
        None, description="The backend that is to answer; absent or blank: the default. No other."
    )
    mode: AskMode = Field(AskMode.RAG, description="`rag`, or `agent`: the model searches itself.")
    conversation_id: OptionalText = Field(None, description="The conversation this follows up.")
    timeout_read_s: float | None = Field(
        None, gt=0, le=86_400, description="From the call of the model to its last byte, seconds."
    )
    stream: bool = Field(False, description="Answer as server-sent events.")
    resumable: bool = Field(False, description=RESUMABLE)
    force: bool = Field(False, description=FORCE)


class AskQuery(AskParameters):
    """An ask by GET."""

    q: Words = Field(description="The question.")


class AskBody(AskParameters):
    """An ask by POST."""

    question: Words = Field(description="The question.")
    stream: bool = Field(False, strict=True, description="Answer as server-sent events.")
    resumable: bool = Field(False, strict=True, description=RESUMABLE)
    force: bool = Field(False, strict=True, description=FORCE)
    timeout_read_s: float | None = Field(
        None,
        gt=0,
        le=86_400,
        strict=True,
        description="From the call of the model to its last byte, seconds.",
    )


class PageParameters(Parameters):
    """A page of a list."""

    limit: Limit = 50
    cursor: Cursor = None


class AskListParameters(PageParameters):
    """Which asks are meant, and a page of them. Several values of one are alternatives, with
    commas between."""

    q: OptionalText = Field(None, description="All of these words in the question or answer.")
    backend: OptionalText = Field(None, description="Only asks of this backend.")
    machine: OptionalText = Field(None, description="Only asks of this machine.")
    status: OptionalText = Field(None, description="Only these statuses: `completed,no_evidence`.")
    asked_from: OptionalText = Field(
        None, alias="from", description="Only asked then or later: `2026-01-31`, or a time (UTC)."
    )
    asked_until: OptionalText = Field(
        None, alias="to", description="Only asked on that day or before it, or before that time."
    )

    def filters(self) -> AskFilters:
        """The filters in the history's terms. Raises `BadRequest` for an invalid date or status."""
        return AskFilters(
            words=self.q or "",
            backends=comma_separated(self.backend),
            machines=comma_separated(self.machine),
            statuses=tuple(map(_status, comma_separated(self.status))),
            asked_from=parse_time("from", self.asked_from, days=0),
            asked_until=parse_time("to", self.asked_until, days=1),
        )


class AsksParameters(AskListParameters):
    """A page of the asks."""

    conversation: OptionalText = Field(None, description="Only asks of this conversation.")

    def filters(self) -> AskFilters:
        """The same, with the conversation."""
        return replace(super().filters(), conversation_id=self.conversation)


def _status(sent: str) -> AskStatus:
    try:
        return AskStatus(sent.casefold())
    except ValueError:
        raise BadRequest(
            f"There is no status {sent[:40]!r}.",
            remedy=f"Name some of: {', '.join(AskStatus)}.",
        ) from None


class DocumentsParameters(FilterParameters, PageParameters):
    """A page of the documents."""

    q: OptionalText = Field(
        None, description="Only documents whose path and title hold these words, or pieces of them."
    )
    state: OptionalText = Field(
        None, description="Only documents in these states, with commas between: `queued,failed`."
    )
    warnings: bool | None = Field(
        None, description="Only documents of whose file something was not read; false: only others."
    )
    sort: DocumentSort = Field(
        DocumentSort.NEWEST, description="In which order; a cursor goes on in its own only."
    )

    def choice(self) -> DocumentSelection:
        """The words, states, warnings and order. Raises `BadRequest` for an unknown state."""
        states = document_states(self.state)
        return DocumentSelection(self.q or "", states, self.sort, self.warnings)


def document_states(sent: str | None) -> tuple[DocumentState, ...]:
    """The states in a parameter that takes several. Raises `BadRequest`."""
    try:
        return tuple(DocumentState(state.lower()) for state in comma_separated(sent))
    except ValueError:
        known = ", ".join(DocumentState)
        raise BadRequest(
            f"There is no such state: {(sent or '')[:80]!r}.", remedy=f"Name some of: {known}."
        ) from None


class DocumentChange(Parameters):
    """What to change of a document; what is absent stays."""

    title: Text | None = Field(
        None, description="What it is called; blank: what its file says. It is read again."
    )
    tags: list[Text] | None = Field(None, description="Its tags from now on, all of them.")
    collection: Text | None = Field(None, description="The collection it is to be in.")

    def changes(self) -> DocumentChanges:
        """The changes in the library's terms."""
        tags = None if self.tags is None else tuple(self.tags)
        return DocumentChanges(self.title, tags, self.collection)


class PictureParameters(Parameters):
    """How to show a page."""

    width: int = Field(
        1_000, ge=PICTURE_WIDTH_MIN, le=PICTURE_WIDTH_MAX, description="Of the picture, in pixels."
    )
    start: int | None = Field(None, ge=0, description="Where the passage to mark begins.")
    end: int | None = Field(None, ge=0, description="Where it ends, that character excluded.")

    def span(self) -> tuple[int, int] | None:
        """The passage, in code points of the extracted text. Raises `BadRequest`."""
        if self.start is None and self.end is None:
            return None
        if self.start is None or self.end is None or self.start >= self.end:
            raise BadRequest(
                "A passage has a `start` and an `end` after it.",
                remedy="Give both as a citation has them, or neither.",
            )
        return self.start, self.end


class TitleBody(Parameters):
    """The title of a conversation."""

    title: OptionalText = Field(None, description="On one line, 200 characters at most.")


class TrialBody(Parameters):
    """The address of a model server to be tested."""

    base_url: Words = Field(description="`http://host:port`, with or without /v1.")
    model: OptionalText = Field(
        None,
        description="The model to try; absent: the one it has loaded, else the first it lists.",
    )
    api_key_env: OptionalText = Field(
        None,
        description="Name of the environment variable that holds the key: one that the "
        "configuration names for this address, or `BYLINE_…`. A key that was sent to one address "
        "goes to no other until Byline is started again.",
    )


class JobsParameters(Parameters):
    """How much of the background work to show."""

    limit: Limit = 50


class NoParameters(Parameters):
    """The parameters of a route that takes none."""
