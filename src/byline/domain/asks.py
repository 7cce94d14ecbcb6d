"""An ask from receipt to answer: its request, statuses, sources, citations, byline and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from byline.domain.callers import OWNER, Caller
from byline.domain.chat import Usage
from byline.domain.gates import Queued
from byline.domain.reasons import Arguments, CheckReason, NoteCode, RefusalReason, SearchNote
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

    `other_language`: its numbers and names are its source's, its words are in another language, so
    they could not be compared. That is no doubt.

    A sentence without a citation is `supported` where one source clearly bears it out (it is then
    attributed by Byline), `not_needed` where it claims nothing (a greeting, a heading), and
    `uncited` otherwise.
    """

    SUPPORTED = "supported"
    WEAK = "weak"
    UNSUPPORTED = "unsupported"
    OTHER_LANGUAGE = "other_language"
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
    """One question. `backend` None or blank means the default backend, which then was not named.
    `resumable`: the ask goes on for a while after its last reader has gone. `force`: the backend is
    asked although retrieval finds little. `caller` is set by
    `Asks.start`, whoever makes it."""

    question: str
    backend: str | None = None
    mode: AskMode = AskMode.RAG
    conversation_id: str | None = None
    timeout_read_s: float | None = None
    resumable: bool = False
    filters: Filters = EVERYTHING
    caller: Caller = OWNER
    force: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A passage shown to the model for one ask, as `[n]` (from 1).

    `also_in` are lower-ranked passages that say the same and were left out. A source merged from
    several passages has `page_starts`: the offset in the document and the page of each.
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
        """Return the page at offset `place` of the document, or None if it has no pages."""
        pages = [page for start, page in self.page_starts if start <= place]
        return pages[-1] if pages else self.page


@dataclass(frozen=True, slots=True)
class Citation:
    """A checked `[n]`: `quote` is the document's text `[start:end]` that supports the sentence."""

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
    None where the sentence needs no source.
    """

    start: int
    end: int
    citations: tuple[int, ...]
    support: Support
    reason: CheckReason | None = None
    arguments: Arguments = field(default_factory=dict, hash=False)
    attributed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Grounding:
    """Counts of sentences: those the model cited sources for, by support; those without a citation
    that Byline attributed to a source; and those that stay uncited."""

    supported: int = 0
    weak: int = 0
    unsupported: int = 0
    attributed: int = 0
    uncited: int = 0
    other_language: int = 0


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer after verification; `answer` has no unknown citation numbers any more."""

    answer: str
    sentences: tuple[CheckedSentence, ...]
    citations: tuple[Citation, ...]
    grounding: Grounding


@dataclass(frozen=True, slots=True)
class Byline:
    """Who answered. `verified` is False, and `note` says why, if the server cannot tell."""

    backend: str
    machine: str
    model_requested: str
    model_loaded: str | None
    verified: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the documents do not answer. `notes` of the search say it if there are some; `said` are
    the model's words with `not_answered`."""

    code: RefusalReason
    arguments: Arguments = field(default_factory=dict, hash=False)
    by: RefusedBy = RefusedBy.RETRIEVAL
    said: str | None = None
    notes: tuple[SearchNote, ...] = ()


REPETITION: Final = "repetition"
"""The finish reason of a model that repeated itself and was stopped."""


@dataclass(frozen=True, slots=True)
class AskAnswer:
    """The whole outcome of an ask, as stored and as sent (`done`).

    `timings_ms` in milliseconds: `retrieve`, `tools`, `queue`, `first_token`, `generate`, `verify`.
    If the ask ended before its answer was whole, `answer` is None and `partial_answer` is the text
    so far, unchecked. `searched_for` is the query, if it is not the question. `finish_reason` says
    why the model's last message ended: the server's word (`stop`, `length` at the limit of
    `max_tokens`, …) or `REPETITION`.
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
    """The first event of an ask. With `ask_id` the ask can be read again or cancelled."""

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
    """The model calls a tool. `round` counts its messages from 1; `arguments` is the JSON as the
    model wrote it. `said` is the text beside the calls; it and the tokens that streamed it are no
    part of the answer."""

    round: int
    call_id: str
    tool: str
    arguments: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """The result of a tool call: the exact text the model was sent, and the sources in it."""

    round: int
    call_id: str
    tool: str
    outcome: ToolOutcome
    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class AskNote:
    """A note on the course of an ask for its reader."""

    code: NoteCode
    arguments: Arguments = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class CitationFound:
    """A finished sentence was checked: its verdict, and the quotes that support it."""

    sentence: CheckedSentence
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class AskDone:
    """The last event of an ask that ends in HTTP 200."""

    answer: AskAnswer


@dataclass(frozen=True, slots=True)
class AskFailed:
    """The last event of an ask that ends in an error; `answer` is its stored outcome."""

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
