"""What callers may send: parameters and bodies, validated. An unknown name is an error."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from byline.domain.asking import AskMode
from byline.errors import NotFound

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
"""Blank is the same as absent: forms send fields that were left empty."""
Id = Annotated[str, Path(description="The id it was given.")]
Limit = Annotated[int, Field(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[OptionalText, Field(description="`next` of the page before.")]


RESUMABLE: Final = (
    "Go on for `ask.resumable_s` seconds after the last reader has gone: read on at "
    "`/api/asks/{id}/events`. Else the ask is cancelled when its reader leaves."
)


def known_id(value: str) -> str:
    """`value` if it looks like an id at all; NotFound otherwise."""
    return _is_id(value)


class Parameters(BaseModel):
    """A set of parameters: a name that is not in it is a fault."""

    model_config = ConfigDict(extra="forbid")


class SearchParameters(Parameters):
    """What to search for."""

    q: Words = Field(description="The words to look for.")
    limit: int = Field(10, ge=1, le=100, description="Passages at most.")
    collection: OptionalText = Field(None, description="Only this collection; absent: all.")


class AskOptions(Parameters):
    """What an ask takes beside the question."""

    backend: Text | None = Field(
        None, description="The backend that is to answer; absent or blank: the default. No other."
    )
    mode: AskMode = Field(AskMode.RAG, description="`rag`, or `agent`: the model searches itself.")
    collection: OptionalText = Field(None, description="Only this collection; absent: all.")
    conversation_id: OptionalText = Field(None, description="The conversation this follows up.")
    timeout_read_s: float | None = Field(
        None, gt=0, le=86_400, description="From the call of the model to its last byte, seconds."
    )
    stream: bool = Field(False, description="Answer as server-sent events.")
    resumable: bool = Field(False, description=RESUMABLE)


class AskQuery(AskOptions):
    """An ask by GET."""

    q: Words = Field(description="The question.")


class AskBody(AskOptions):
    """An ask by POST."""

    question: Words = Field(description="The question.")
    stream: bool = Field(False, strict=True, description="Answer as server-sent events.")
    resumable: bool = Field(False, strict=True, description=RESUMABLE)
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


class DocumentsParameters(PageParameters):
    """A page of the documents."""

    collection: OptionalText = Field(None, description="Only this collection; absent: all.")


class JobsParameters(Parameters):
    """How much of the background work to show."""

    limit: Limit = 50


class NoParameters(Parameters):
    """A route that takes no parameters says so."""
