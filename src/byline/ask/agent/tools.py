"""Defines the tools a model may call: their schemas, and the check of their arguments. Pure.

The tools only read, and only the user's own documents. A wrong call is answered with a sentence
that says how to correct it: the model reads it and may try again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from byline.domain.chat import Tool

SEARCH_LIMIT_MAX: Final = 10
_INVALID_CHARACTERS: Final = re.compile(r"[\x00\ud800-\udfff]")


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: object) -> object:
        if isinstance(value, str) and _INVALID_CHARACTERS.search(value):
            raise ValueError("holds characters that are no text")
        return value


class Search(_Arguments):
    """Search all documents for passages about something. Use a few telling words: names, terms."""

    query: str = Field(min_length=1, max_length=500, description="The words to look for.")
    limit: int = Field(5, ge=1, le=SEARCH_LIMIT_MAX, description="Passages at most.")


class ReadDocument(_Arguments):
    """Read one document, a few passages at a time."""

    document: str = Field(
        min_length=1, max_length=300, description="Its id as shown in results (D1, D2 …), or name."
    )
    passage: int = Field(1, ge=1, le=1_000_000, description="The passage to begin with, from 1.")
    page: int | None = Field(None, ge=1, le=1_000_000, description="Or the page to begin with.")


class ListDocuments(_Arguments):
    """List the documents there are, newest first."""

    name_contains: str = Field("", max_length=200, description="Only those with this in the name.")
    first: int = Field(1, ge=1, le=1_000_000, description="The number to begin with, from 1.")


class FindInDocument(_Arguments):
    """Find exact words in one document."""

    document: str = Field(
        min_length=1, max_length=300, description="Its id as shown in results (D1, D2 …), or name."
    )
    text: str = Field(min_length=1, max_length=200, description="The words to find.")


Arguments = Search | ReadDocument | ListDocuments | FindInDocument

_TOOLS: Final[Mapping[str, type[Arguments]]] = {
    "search": Search,
    "read_document": ReadDocument,
    "list_documents": ListDocuments,
    "find_in_document": FindInDocument,
}
TOOL_NAMES: Final = tuple(_TOOLS)


class InvalidArguments(Exception):
    """The arguments of a call are wrong. The text tells the model what to send instead."""


@cache
def tool_schemas() -> tuple[Tool, ...]:
    """Return the tools in OpenAI's shape, in a fixed order: servers can then reuse their cache.

    Computed once (6 ms), since every round sends them. The result must not be changed.
    """
    return tuple(
        {
            "type": "function",
            "function": {
                "name": name,
                "description": shape.__doc__,
                "parameters": _schema(shape),
            },
        }
        for name, shape in _TOOLS.items()
    )


def read_arguments(tool: str, raw: str) -> Arguments:
    """Return the checked arguments of a known tool, from the JSON string a model sent.

    Raises `InvalidArguments`.
    """
    shape = _TOOLS[tool]
    usage = f"{tool} takes {_usage(shape)}."
    value: object = raw.strip() or "{}"
    for _ in range(2):  # some servers send the JSON encoded twice
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise InvalidArguments(f"The arguments are not JSON: {error}. {usage}") from error
    if not isinstance(value, Mapping):
        raise InvalidArguments(f"The arguments must be a JSON object. {usage}")
    given = {name: one for name, one in value.items() if one is not None}
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        faults = "; ".join(_fault_text(one) for one in error.errors()[:4])
        raise InvalidArguments(f"Wrong arguments: {faults}. {usage}") from error


def call_key(tool: str, arguments: Arguments) -> str:
    """Return a key that is equal for two calls that would do the same."""
    told = arguments.model_dump_json().casefold()
    return f"{tool} {' '.join(told.split())}"


def _schema(shape: type[Arguments]) -> dict[str, Any]:
    schema = shape.model_json_schema()
    properties = {
        name: {key: one for key, one in _plain(described).items() if key != "title"}
        for name, described in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


def _plain(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return `anyOf [X, null]` as X: the grammars of small servers support no more, and an absent
    argument means null."""
    options = [one for one in described.get("anyOf", ()) if one.get("type") != "null"]
    plain = {key: one for key, one in described.items() if key not in ("anyOf", "default")}
    return plain | options[0] if options else plain


def _usage(shape: type[Arguments]) -> str:
    fields = [
        f'"{name}" ({field.description})' if field.is_required() else f'optionally "{name}"'
        for name, field in shape.model_fields.items()
    ]
    return ", ".join(fields)


def _fault_text(fault: Any) -> str:
    name = ".".join(str(step) for step in fault["loc"]) or "the object"
    if fault["type"] == "extra_forbidden":
        return f'there is no "{name}"'
    if fault["type"] == "missing":
        return f'"{name}" is missing'
    return f'"{name}": {fault["msg"]}'
