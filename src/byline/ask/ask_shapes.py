"""The JSON of an ask, described once: for OpenAPI, for what is sent and for what is stored.

A shape is a pydantic model of the wire. `Shape.json_of` fills it from the attributes of a domain
dataclass, so no function copies fields; where the JSON differs from the dataclass (another name, a
rounded number), the field of the shape says so. The docstrings and descriptions are those of
`/openapi.json`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from byline.ask.reason_words import check_words, refusal_words
from byline.domain.asks import AskStatus, CheckedSentence, CitedBy, Refusal, RefusedBy, Support
from byline.domain.echo import shortened
from byline.domain.reasons import CheckReason, RefusalReason, SearchNoteCode
from byline.errors import BylineError, MachineError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json = dict[str, Any]

ERROR_CHARS_MAX: Final = 1_000
MACHINE_CHARS_MAX: Final = 2_500
"""Longest message and longest remedy of an error, in characters."""

Rounded1 = Annotated[float, PlainSerializer(lambda number: round(number, 1))]
Rounded4 = Annotated[float, PlainSerializer(lambda number: round(number, 4))]
Moment = Annotated[datetime, PlainSerializer(datetime.isoformat)]
"""A time with its offset as digits (`+00:00`), where pydantic itself would write `Z`."""

_WRITING: Final = "writing"


def _as_stored(value: object, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
    return value if info.context == _WRITING else check(value)


AS_STORED: Final = WrapValidator(_as_stored)
"""Marks a field whose JSON comes from the database: it is sent as it was stored, also if the
version that stored it had other fields."""


class Shape(BaseModel):
    """A body Byline sends: nothing in it that is not described here."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    @classmethod
    def json_of(cls, value: object) -> Json:
        """Return `value` as JSON in this shape. Its fields are the attributes (of a mapping, the
        values) of `value` with the same names, or with those of `validation_alias`, which names the
        attribute first: one that is missing costs an exception. What the shape does not name stays
        out. Raises ValidationError if one is missing."""
        written: Json = cls.__pydantic_serializer__.to_python(
            cls._shaped(value), mode="json", exclude_unset=True, warnings=False
        )
        return written

    @classmethod
    def bytes_of(cls, value: object) -> bytes:
        """Return `json_of(value)` as compact UTF-8, without making the dict."""
        return cls.__pydantic_serializer__.to_json(
            cls._shaped(value), exclude_unset=True, warnings=False
        )

    @classmethod
    def _shaped(cls, value: object) -> Self:
        shaped: Self = cls.__pydantic_validator__.validate_python(value, context=_WRITING)
        return shaped


class ErrorDetail(Shape):
    """What went wrong. `type` and `param` are on `/v1` only."""

    code: str = Field(description="Stable, for programs.", examples=["unknown_backend"])
    message: str = Field(description="One sentence, for a person.", min_length=1)
    remedy: str = Field(description="What to do about it.")
    src: str = Field(description="Who produced the error: `byline`, or the machine's name.")
    type: str | None = None
    param: str | None = None


def error_json(error: BylineError) -> Json:
    """Return the part of the error shape that every error has.

    Errors that repeat a caller's words shorten them where they are raised; the bounds here catch
    those that do not. A machine's own words may be longer.
    """
    chars_max = MACHINE_CHARS_MAX if isinstance(error, MachineError) else ERROR_CHARS_MAX
    return {
        "code": error.code,
        "message": shortened(error.message, chars_max),
        "remedy": shortened(error.remedy, chars_max),
        "src": error.src,
    }


def _detail_of(error: object) -> object:
    return error_json(error) if isinstance(error, BylineError) else error


def _attributes(value: DataclassInstance) -> Json:
    """The fields of a dataclass, those of the dataclasses in it left as they are."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


class AlsoInShape(Shape):
    """Another passage that says the same."""

    document_id: str
    title: str
    passage_id: int


AlsoIn = Annotated[list[AlsoInShape], Field(description="Worse hits that say the same, left out.")]


def last_in_schema(name: str) -> Callable[[Json], None]:
    """Return a `json_schema_extra` that describes the field `name` last, wherever it is written."""

    def move(schema: Json) -> None:
        schema["properties"][name] = schema["properties"].pop(name)
        schema["required"].sort(key=name.__eq__)

    return move


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
    excerpt: str = Field(validation_alias=AliasChoices("text", "excerpt"))
    score: Rounded4


class _NumberedShape(Shape):
    n: int


class SourceShape(PassageShape, _NumberedShape):
    """A passage shown to the model, as `[n]`."""

    model_config = ConfigDict(json_schema_extra=last_in_schema("n"))

    also_in: AlsoIn


class SentenceShape(Shape):
    """A sentence of the answer, `answer[start:end]`, and how its sources bear it out."""

    start: int
    end: int
    citations: list[int] = Field(description="The sources the model cites for it.")
    attributed: list[int] = Field(
        description="The source Byline found it in, where the model cites none."
    )
    support: Support
    reason: CheckReason | Literal[""] = Field(
        description="One word for programs; empty where the sentence needs no source.",
        examples=["number_mismatch"],
    )
    arguments: dict[str, str | int] = Field(
        description="What the reason names, for programs.",
        examples=[{"source": "2019", "answer": "2021"}],
    )
    why: str = Field(
        description="The reason in words.", examples=["The source says 2019, the answer 2021."]
    )

    @model_validator(mode="before")
    @classmethod
    def _worded(cls, value: object) -> object:
        if not isinstance(value, CheckedSentence):
            return value
        reason = value.reason.value if value.reason else ""
        why = check_words(reason, value.arguments)
        return {**_attributes(value), "reason": reason, "why": why}


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
    """How many cited sentences were found supported, weak, unsupported, or in another language
    than their sources; how many without a citation were attributed to a source by Byline, or left
    uncited."""

    supported: int
    weak: int
    unsupported: int
    attributed: int
    uncited: int
    other_language: int


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


class SearchNoteShape(Shape):
    """A note on how a search was understood."""

    code: SearchNoteCode
    arguments: dict[str, str | int]


class RefusalShape(Shape):
    """Why the documents do not answer (`no_evidence`), and who found so: `retrieval`, before any
    model was asked, or the `model`, in the words of `said`."""

    code: RefusalReason
    arguments: dict[str, str | int] = Field(
        description="What the code names.", examples=[{"coverage_percent": 5}]
    )
    notes: list[SearchNoteShape] = Field(
        description="What the search had to say; the message is then these in words."
    )
    message: str
    by: RefusedBy
    said: str | None

    @model_validator(mode="before")
    @classmethod
    def _worded(cls, value: object) -> object:
        if not isinstance(value, Refusal):
            return value
        notes = [SearchNoteShape.json_of(note) for note in value.notes]
        message = refusal_words(value.code, value.arguments, notes)
        return {**_attributes(value), "notes": notes, "message": message}


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
    error: Annotated[ErrorDetail | None, BeforeValidator(_detail_of)]
    error_reason: str | None
    reason: str | None
    timings_ms: dict[str, Rounded1]
    usage: UsageShape | None
    finish_reason: str | None
