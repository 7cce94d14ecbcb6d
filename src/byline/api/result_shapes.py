"""The shapes of bodies that Byline sends: what `/docs` promises, and what writes every answer.

A route sends a domain value through its shape (`shaped_response`); see `ask/ask_shapes.py`, where
the shapes of an ask are. Requests are validated by the models in `parameters.py`; the bodies of
OpenAI's dialect are in `openai_shapes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, model_validator

from byline.api.documents.reading_warnings import warning_fields
from byline.ask.ask_shapes import (
    AS_STORED,
    AlsoIn,
    AnswerShape,
    ErrorDetail,
    Moment,
    PassageShape,
    Rounded1,
    Rounded4,
    Shape,
    SourceShape,
    last_in_schema,
)
from byline.ask.reason_words import search_note_words
from byline.domain.asks import AskStatus
from byline.domain.documents import DocumentState, ReadingWarning, ReadingWarningCode
from byline.domain.gates import BackendState
from byline.domain.reasons import SearchNote


class ErrorShape(Shape):
    """Every error there is, in one shape."""

    error: ErrorDetail
    error_reason: str | None = Field(None, description="`<machine>_unavailable`, `…_busy`, …")
    backend: str | None = None
    machine: str | None = None
    reason: str | None = Field(None, description="One word: `ConnectError`, `http_503`, …")
    queue_len: int | None = Field(None, description="With `gate_full`: calls waiting.")
    sources: list[SourceShape] | None = Field(None, description="What was found before it failed.")
    ask_id: str | None = None


class HitShape(PassageShape):
    """One passage found."""

    model_config = ConfigDict(json_schema_extra=last_in_schema("legs"))

    legs: dict[str, Rounded4] = Field(description="Score of each retrieval leg that found it.")
    also_in: AlsoIn


class ReadAsShape(Shape):
    """What of the query was read as more than words: `"exact words"`, `-word` without it, `word*`
    with the words that begin so, and words that nobody wrote with those they may stand for."""

    phrases: list[str]
    excluded: list[str]
    prefixes: dict[str, list[str]] = Field(
        description="What each prefix stands for, words in most passages first.",
        examples=[{"inv": ["invoice", "invoices"]}],
    )
    respelt: dict[str, list[str]] = Field(
        description="What was looked for in place of words that no passage holds.",
        examples=[{"warrenty": ["warranty"]}],
    )


def _in_words(notes: Sequence[SearchNote]) -> list[str]:
    return [search_note_words(note.code, note.arguments) for note in notes]


class SearchShape(Shape):
    """The passages found, best first. `coverage`: share of the query's weight the best covers.
    `notes`: sentences on how the search was understood, such as a tag that no document has."""

    query: str
    results: list[HitShape] = Field(validation_alias=AliasChoices("hits", "results"))
    coverage: Rounded4
    notes: Annotated[list[str], BeforeValidator(_in_words)]
    read_as: ReadAsShape
    legs: dict[str, str] = Field(
        description="Whether each retrieval leg took part: `ok`, or why not or not wholly."
    )
    timings_ms: dict[str, Rounded1]


class StoredAskShape(Shape):
    """An ask as history has it. `answer` is null while it runs."""

    id: str
    question: str
    backend: str
    machine: str
    status: AskStatus
    created_at: Moment
    finished_at: Moment | None
    answer: Annotated[AnswerShape | None, AS_STORED]
    conversation_id: str | None


class CapabilitiesShape(Shape):
    """What a backend can do; null where there is no model."""

    tools: bool
    context_tokens: int | None
    max_tokens: int | None


class WaitingShape(Shape):
    """Calls waiting at the machine's gate, by priority."""

    foreground: int
    background: int


class BackendShape(Shape):
    """One backend and the state of its machine's gate (null where there is no gate)."""

    name: str
    machine: str
    kind: str
    model: str | None
    default: bool
    state: BackendState
    since: Moment
    reason: str | None
    last_error: str | None
    running: int | None
    capacity: int | None
    waiting: WaitingShape | None
    capabilities: CapabilitiesShape


class BackendsShape(Shape):
    """Every backend of the configuration, in its order."""

    backends: list[BackendShape]


class DocumentErrorShape(Shape):
    """Why a document failed, and what a person can do."""

    code: str
    message: str
    remedy: str


class ReadingWarningShape(Shape):
    """Something that a file shows and its extracted text does not, or not surely."""

    code: ReadingWarningCode
    pages: list[int] = Field(description="The pages concerned, from 1.")
    parts: list[str] = Field(description="The parts concerned, as the file names them: a sheet.")
    characters: int | None = Field(description="How many characters are missing, where known.")
    message: str = Field(examples=["2 pages hold only pictures and were not read: 3 and 4."])
    remedy: str

    @model_validator(mode="before")
    @classmethod
    def _worded(cls, value: object) -> object:
        return warning_fields(value) if isinstance(value, ReadingWarning) else value


class DocumentShape(Shape):
    """One document. `passages` and `embedded` are counts; `bytes_len` is the file's size; `path`
    is the name with the folders it lay in; `language` is ISO 639-1, null where nothing tells."""

    id: str
    name: str
    path: str
    title: str
    language: str | None
    tags: list[str]
    state: DocumentState
    error: DocumentErrorShape | None
    warnings: list[ReadingWarningShape] = Field(
        description="What of the file is not in its text: it was read, but for these."
    )
    collection: str
    sha256: str
    media_type: str
    bytes_len: int
    pages: int | None
    passages: int
    embedded: int
    created_at: Moment
    updated_at: Moment


class DocumentsShape(Shape):
    """As sorted. `next` is the `cursor` of the following page, null on the last. `states` counts
    all that match, whatever their state, and `with_warnings` those of which something was not read;
    null where a cursor was sent."""

    documents: list[DocumentShape]
    next: str | None
    states: dict[DocumentState, int] | None
    with_warnings: int | None


class AddedShape(Shape):
    """A file that was taken. `duplicate`: the same bytes were here already, as this document."""

    id: str
    name: str
    state: DocumentState
    duplicate: bool


class RefusedShape(Shape):
    """A file that was not taken, and why."""

    name: str
    error: ErrorDetail


class UploadShape(Shape):
    """What became of each file of an upload. At least one was taken."""

    documents: list[AddedShape]
    refused: list[RefusedShape]


class PageShape(Shape):
    """Where page `number` (from 1) lies in the text."""

    number: int
    start: int
    end: int


class DocumentTextShape(Shape):
    """A document's extracted text; offsets everywhere are its code points, end exclusive."""

    document_id: str
    text: str
    pages: list[PageShape]


class JobShape(Shape):
    """One piece of background work: `waiting`, `running`, `retrying` or `failed`."""

    id: str
    kind: str
    document_id: str
    name: str | None = Field(description="Its document's name.")
    state: str
    attempts: int
    next_try_at: Moment | None
    error: DocumentErrorShape | None
    updated_at: Moment
    progress: Rounded4 | None = Field(
        description="The share that is done, 0 to 1, where it is known."
    )


class JobsShape(Shape):
    """Background work, newest first."""

    jobs: list[JobShape]


class HealthShape(Shape):
    """`ok`, or the answer would be an error."""

    status: Literal["ok"]
