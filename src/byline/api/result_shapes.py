"""The shapes of bodies, in and out: what `/docs` promises, and what tests hold every answer to.

Answers are built as plain dicts (`result_json.py`, `ask/ask_json.py`) and sent as they are; these
models describe them. Requests are validated by the models in `parameters.py`; the bodies of
OpenAI's dialect are in `openai_shapes.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from byline.domain.asks import AskStatus, CitedBy, RefusedBy, Support
from byline.domain.documents import DocumentState, ReadingWarningCode
from byline.domain.gates import BackendState


class Shape(BaseModel):
    """A body Byline sends: nothing in it that is not described here."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Shape):
    """What went wrong. `type` and `param` are on `/v1` only."""

    code: str = Field(description="Stable, for programs.", examples=["unknown_backend"])
    message: str = Field(description="One sentence, for a person.", min_length=1)
    remedy: str = Field(description="What to do about it.")
    src: str = Field(description="Who produced the error: `byline`, or the machine's name.")
    type: str | None = None
    param: str | None = None


class AlsoInShape(Shape):
    """Another passage that says the same."""

    document_id: str
    title: str
    passage_id: int


class PassageShape(Shape):
    """A passage; `excerpt` is the document's `text[start:end]`, in code points."""

    passage_id: int
    document_id: str
    name: str
    title: str
    page: int | None
    heading: str
    start: int
    end: int
    excerpt: str
    score: float
    also_in: list[AlsoInShape] = Field(description="Worse hits that say the same, left out.")


class SourceShape(PassageShape):
    """A passage shown to the model, as `[n]`."""

    n: int


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

    legs: dict[str, float] = Field(description="Score of each retrieval leg that found it.")


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


class SearchShape(Shape):
    """The passages found, best first. `coverage`: share of the query's weight the best covers.
    `notes`: sentences on how the search was understood, such as a tag that no document has."""

    query: str
    results: list[HitShape]
    coverage: float
    notes: list[str]
    read_as: ReadAsShape
    legs: dict[str, str] = Field(
        description="Whether each retrieval leg took part: `ok`, or why not or not wholly."
    )
    timings_ms: dict[str, float]


class SentenceShape(Shape):
    """A sentence of the answer, `answer[start:end]`, and how its sources bear it out."""

    start: int
    end: int
    citations: list[int] = Field(description="The sources the model cites for it.")
    attributed: list[int] = Field(
        description="The source Byline found it in, where the model cites none."
    )
    support: Support
    reason: str = Field(description="One word for programs.", examples=["number_mismatch"])
    why: str = Field(examples=["The source says 2019, the answer 2021."])


class CitationShape(Shape):
    """A checked `[n]`; `quote` is the document's `text[start:end]`. `by` is `byline` where the
    model cited nothing and Byline found the source."""

    n: int
    document_id: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    by: CitedBy


class GroundingShape(Shape):
    """How many cited sentences were found supported, weak, unsupported; how many without a
    citation were attributed to a source by Byline, or left uncited."""

    supported: int
    weak: int
    unsupported: int
    attributed: int
    uncited: int


class BylineShape(Shape):
    """Who answered. `verified` is false, with a `note` why, where the server cannot tell."""

    backend: str
    machine: str
    model_requested: str
    model_loaded: str | None
    verified: bool
    note: str


class UsageShape(Shape):
    """Tokens as the model's server counted them; null where it said nothing."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None


class RefusalShape(Shape):
    """Why the documents do not answer (`no_evidence`), and who found so: `retrieval`, before any
    model was asked, or the `model`, in the words of `said`."""

    code: str
    message: str
    by: RefusedBy
    said: str | None


class AnswerShape(Shape):
    """The whole outcome of an ask: the 200 of an ask, and the data of its `done` event."""

    ask_id: str
    question: str
    status: AskStatus
    answer: str | None
    partial_answer: str | None
    conversation_id: str | None
    searched_for: str | None
    sentences: list[SentenceShape]
    citations: list[CitationShape]
    sources: list[SourceShape]
    grounding: GroundingShape
    byline: BylineShape | None
    refusal: RefusalShape | None
    error: ErrorDetail | None
    error_reason: str | None
    reason: str | None
    timings_ms: dict[str, float]
    usage: UsageShape | None
    finish_reason: str | None


class StoredAskShape(Shape):
    """An ask as history has it. `answer` is null while it runs."""

    id: str
    question: str
    backend: str
    machine: str
    status: AskStatus
    created_at: datetime
    finished_at: datetime | None
    answer: AnswerShape | None
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
    since: datetime
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
    created_at: datetime
    updated_at: datetime


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
    next_try_at: datetime | None
    error: DocumentErrorShape | None
    updated_at: datetime
    progress: float | None = Field(description="The share that is done, 0 to 1, where it is known.")


class JobsShape(Shape):
    """Background work, newest first."""

    jobs: list[JobShape]


class HealthShape(Shape):
    """`ok`, or the answer would be an error."""

    status: Literal["ok"]
