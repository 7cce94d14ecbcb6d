"""An ask from receipt to answer: its statuses, sources, citations, byline and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from byline.domain.chat import Usage
from byline.domain.gates import Queued
from byline.domain.searches import EVERYTHING, DuplicatePassage, Filters
from byline.errors import BylineError


class AskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    NO_EVIDENCE = "no_evidence"
    UNAVAILABLE = "unavailable"
    LLM_ERROR = "llm_error"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class AskMode(StrEnum):
    RAG = "rag"
    AGENT = "agent"


class Support(StrEnum):
    """What a check of one sentence against its sources found.

    A sentence without a citation is `supported` where one source clearly bears it out (it is then
    attributed by Byline), `not_needed` where it claims nothing (a greeting, a heading), and
    `uncited` otherwise.
    """

    SUPPORTED = "supported"
    WEAK = "weak"
    UNSUPPORTED = "unsupported"
    UNCITED = "uncited"
    NOT_NEEDED = "not_needed"


class CitedBy(StrEnum):
    """Who tied a sentence to a source: the model that wrote it, or Byline where it did not."""

    MODEL = "model"
    BYLINE = "byline"


class RefusedBy(StrEnum):
    """Who found that the documents do not answer: retrieval, before a model is asked, or it."""

    RETRIEVAL = "retrieval"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class AskRequest:
    """One question. `backend` None means the default; `named` rules follow from that alone.
    `resumable`: it goes on for a while after its last reader has gone. `collection` is short for
    that of `filters`."""

    question: str
    backend: str | None = None
    mode: AskMode = AskMode.RAG
    collection: str | None = None
    conversation_id: str | None = None
    timeout_read_s: float | None = None
    resumable: bool = False
    filters: Filters = EVERYTHING

    @property
    def where(self) -> Filters:
        """The filters, with the collection."""
        return self.filters.confined_to(self.collection)


@dataclass(frozen=True, slots=True)
class Source:
    """A passage shown to the model for one ask, as `[n]` (from 1).

    `also_in` are worse passages that say the same, left out for it. A source of several passages
    that follow one another has `page_starts`: where in the document each begins, and on which page.
    """

    n: int
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
    also_in: tuple[DuplicatePassage, ...] = ()
    page_starts: tuple[tuple[int, int], ...] = ()

    def page_at(self, place: int) -> int | None:
        """The page of a place of the document, in code points; None where there are no pages."""
        pages = [page for start, page in self.page_starts if start <= place]
        return pages[-1] if pages else self.page


@dataclass(frozen=True, slots=True)
class Citation:
    """A checked `[n]`: `quote` is `document text[start:end]`, the words that stand behind it."""

    n: int
    document_id: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    by: CitedBy = CitedBy.MODEL


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence of the answer (offsets in the answer, end exclusive) and its checked support.

    `citations` are the model's, `attributed` is Byline's where the model cited nothing. `reason` is
    one word for programs (`number_mismatch`), `why` a sentence for people.
    """

    start: int
    end: int
    citations: tuple[int, ...]
    support: Support
    reason: str = ""
    why: str = ""
    attributed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Grounding:
    """How many sentences the model cited sources for were found supported, weak, unsupported; how
    many it did not cite Byline attributed to a source, and how many are left uncited."""

    supported: int = 0
    weak: int = 0
    unsupported: int = 0
    attributed: int = 0
    uncited: int = 0


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer after verification; unknown citation numbers are already gone from `answer`."""

    answer: str
    sentences: tuple[CheckedSentence, ...]
    citations: tuple[Citation, ...]
    grounding: Grounding


@dataclass(frozen=True, slots=True)
class Byline:
    """Who answered. `verified` is False, with a `note` why, where the server cannot tell."""

    backend: str
    machine: str
    model_requested: str
    model_loaded: str | None
    verified: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the documents do not answer: a code, and the same sentence for page, terminal and log.

    Codes: `no_documents`, `no_match`, `low_evidence`; `not_answered` where the model said so, in
    the words of `said`.
    """

    code: str
    message: str
    by: RefusedBy = RefusedBy.RETRIEVAL
    said: str | None = None


REPETITION: Final = "repetition"
"""The model wrote the same again and again, and was stopped."""


@dataclass(frozen=True, slots=True)
class AskAnswer:
    """The whole outcome of an ask, as stored and as sent (`done`). `timings_ms` in milliseconds:
    `retrieve`, `tools`, `queue`, `first_token`, `generate`, `verify`. `partial_answer` is what had
    been written, unchecked, when an ask ended before its answer was whole; `answer` is None then.
    `searched_for` is what was searched where that was not the question itself. `finish_reason` is
    why the model's last message ended: as its server said (`stop`, `length` at the limit of
    `max_tokens`, …), or `REPETITION`.
    """

    ask_id: str
    question: str
    status: AskStatus
    answer: str | None
    sources: tuple[Source, ...] = ()
    sentences: tuple[CheckedSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    grounding: Grounding = Grounding()
    byline: Byline | None = None
    refusal: Refusal | None = None
    error: BylineError | None = None
    error_reason: str | None = None
    reason: str | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    usage: Usage | None = None
    finish_reason: str | None = None
    partial_answer: str | None = None
    conversation_id: str | None = None
    searched_for: str | None = None


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """The first event of an ask: by `ask_id` it can be read again, or cancelled."""

    sources: tuple[Source, ...]
    ask_id: str


@dataclass(frozen=True, slots=True)
class AskQueued:
    queued: Queued


@dataclass(frozen=True, slots=True)
class AskStarted:
    backend: str
    machine: str
    model: str
    queue_ms: float


@dataclass(frozen=True, slots=True)
class Token:
    text: str


class ToolOutcome(StrEnum):
    """What became of one tool call of a model; only `ok` and `failed` ran anything."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN_TOOL = "unknown_tool"
    BAD_ARGUMENTS = "bad_arguments"
    REPEATED = "repeated"
    TOO_MANY = "too_many"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model asks for a tool. `round` counts its messages from 1; `arguments` is the JSON as it
    wrote it. `said` is the text of the message beside its calls: it is no part of the answer, nor
    are the tokens it was streamed as."""

    round: int
    call_id: str
    tool: str
    arguments: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """What the model was told about its call, word for word, and the sources that showed it."""

    round: int
    call_id: str
    tool: str
    outcome: ToolOutcome
    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class AskNote:
    """Something in the course of an ask that its reader should know: a code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CitationFound:
    """A finished sentence was checked: its verdict, and the words of the documents behind it."""

    sentence: CheckedSentence
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class AskDone:
    """The last event of an ask that ends in HTTP 200."""

    answer: AskAnswer


@dataclass(frozen=True, slots=True)
class AskFailed:
    """The last event of an ask that ends in an error; `answer` is what was stored of it."""

    error: BylineError
    answer: AskAnswer


AskEvent = (
    SourcesFound
    | AskQueued
    | AskStarted
    | Token
    | ToolCalled
    | ToolReturned
    | AskNote
    | CitationFound
    | AskDone
    | AskFailed
)


@dataclass(frozen=True, slots=True)
class StoredAsk:
    """An ask as history has it. `answer` is the `done` JSON, None while it runs."""

    id: str
    question: str
    backend: str
    machine: str
    status: AskStatus
    created_at: datetime
    finished_at: datetime | None
    answer: Mapping[str, object] | None
    conversation_id: str | None = None
    mode: AskMode = AskMode.RAG
    collection: str | None = None
