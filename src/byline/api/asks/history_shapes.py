"""The bodies of the history, as `/docs` describes them: lists of asks, and transcripts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from byline.ask.ask_shapes import AS_STORED, BylineShape, Moment, RefusalShape, Shape
from byline.domain.asks import AskMode, AskStatus


class ListedAskShape(Shape):
    """An ask in a list: who answered, or why nobody did, and how the answer begins."""

    id: str
    question: str
    backend: str
    machine: str
    mode: AskMode
    status: AskStatus
    created_at: Moment
    finished_at: Moment | None
    conversation_id: str | None
    excerpt: str = Field(description="The answer, or what there is of it; 400 characters at most.")
    byline: Annotated[BylineShape | None, AS_STORED]
    refusal: Annotated[RefusalShape | None, AS_STORED]
    error: str | None = Field(description="Why there is no answer, in a sentence.")
    error_reason: str | None
    reason: str | None


class AsksShape(Shape):
    """Newest first. `next` is the `cursor` of the following page, null on the last."""

    asks: list[ListedAskShape]
    next: str | None


class AskEventShape(Shape):
    """One event of an ask's transcript; `seq` counts from 1. It happened `at`; a run of tokens is
    one event, from `since` on. Both are null in transcripts of versions that did not keep them."""

    seq: int
    type: str
    since: Moment | None
    at: Moment | None
    data: Any


class ReplayedMessageShape(Shape):
    """A message of the model: its text, its calls of tools, what they returned, and the codes of
    what was noted of it."""

    text: str
    calls: list[Any]
    results: list[Any]
    notes: list[str]


class ReplayShape(Shape):
    """A transcript played again. `answer` is what its events give; `differences` says what Byline
    would decide otherwise by now, and `agrees` that there is nothing."""

    answer: str | None
    agrees: bool
    differences: list[str]
    messages: list[ReplayedMessageShape]


class AskEventsShape(Shape):
    """The transcript after `Last-Event-ID`, in order."""

    events: list[AskEventShape]
