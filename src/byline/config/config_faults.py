"""What is wrong with a configuration, as faults a person can act on.

A fault is a line, a sentence and a remedy. Foreign errors (TOML syntax, pydantic) become faults
here and nowhere else. Values of settings that may hold a secret are never repeated.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from byline.config.schema import BackendBranch
from byline.config.settings import (
    BACKEND_KINDS,
    Section,
    section_at,
    sections,
    top_level_names,
)
from byline.config.toml_lines import KeyPath

_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_MAY_HOLD_A_SECRET = re.compile(r"url|key|pass|token|secret")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `line` is None where no line of the file is to blame."""

    line: int | None
    sentence: str
    remedy: str

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        return f"{place}{self.sentence} {self.remedy}".rstrip()


def syntax_fault(message: str, text: str) -> Fault:
    """A `tomllib` error message as a fault; an error at the end is put on the last line."""
    place = _SYNTAX_PLACE.search(message)
    line = len(text.rstrip("\n").split("\n"))
    column = ""
    if place and place[1]:
        line, column = int(place[1]), f" at column {place[2]}"
    what = _SYNTAX_PLACE.sub("", message)
    if "overwrite" in what or "twice" in what:
        return Fault(line, "A key or table is given a second time here.", "Keep one of the two.")
    return Fault(
        line,
        f"This is not valid TOML{column}: {what[:1].lower()}{what[1:]}.",
        "Check the quotes, brackets and equals signs there; nothing after it was read.",
    )


def schema_faults(
    error: ValidationError, tree: Mapping[str, Any], lines: Mapping[KeyPath, int]
) -> Iterator[Fault]:
    """Every pydantic error of the whole tree as a fault."""
    for problem in error.errors(include_url=False):
        kind, location = _without_kind(problem["loc"], tree)
        if problem["type"] in ("union_tag_not_found", "union_tag_invalid"):
            yield from _kind_faults(location, tree, lines)
        else:
            yield _fault(problem["type"], location, problem["input"], _Place(kind, tree, lines))


@dataclass(frozen=True, slots=True)
class _Place:
    kind: str | None
    tree: Mapping[str, Any]
    lines: Mapping[KeyPath, int]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, if any is near."""
    found = difflib.get_close_matches(name.casefold(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """The line of `path`, or of the nearest table around it that the file names."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def described(path: KeyPath) -> str:
    """`[backends.gemma] base_url`: a path as a person would look for it."""
    depth = 2 if path[0] in ("machines", "backends") else 1
    table = ".".join(str(key) for key in path[:depth])
    rest = "".join(f"[{key}]" if isinstance(key, int) else f" {key}" for key in path[depth:])
    return f"`[{table}]{rest}`"


def _without_kind(location: KeyPath, tree: Mapping[str, Any]) -> tuple[str | None, KeyPath]:
    """pydantic puts the kind of a backend into the location; the file has no such level."""
    if len(location) > 2 and location[0] == "backends" and location[2] in BACKEND_KINDS:
        return str(location[2]), location[:2] + location[3:]
    return None, location


def _fault(kind_of_error: str, location: KeyPath, value: object, place: _Place) -> Fault:
    line = line_of(location, place.lines)
    if location[-1] == "[key]":
        return _name_fault(location[:-1], line)
    if kind_of_error == "extra_forbidden":
        return _unknown_fault(location, line, place.kind)
    section = section_at(location, place.kind)
    setting = section.setting(str(location[-1])) if section and len(location) > 1 else None
    if kind_of_error == "missing" and setting:
        return Fault(
            line,
            f"{described(location[:-1])} has no `{setting.name}`.",
            f"Add `{setting.name} = …`: {setting.description[:1].lower()}{setting.description[1:]}",
        )
    if kind_of_error in ("model_type", "model_attributes_type", "dict_type"):
        return Fault(
            line,
            f"{described(location)} is not a table.",
            f"Write `[{'.'.join(map(str, location))}]` on a line of its own, its keys below it.",
        )
    if isinstance(location[-1], int):
        expects = "texts only in this list"
    else:
        expects = setting.expects if setting else "a value of the right kind"
    sentence = f"{described(location)} cannot be {_shown(location, value)}."
    return Fault(line, sentence, f"Give {expects}.")


def _name_fault(location: KeyPath, line: int | None) -> Fault:
    name = str(location[-1])
    lower = re.sub(r"[^a-z0-9._-]+", "-", name.casefold()).strip("-._")
    example = f", e.g. `{lower}`" if lower else ""
    return Fault(
        line,
        f"{name!r} cannot be the name of a {str(location[0]).removesuffix('s')}.",
        f"Use lower-case letters, digits and . _ -, at most 64 characters{example}.",
    )


def _unknown_fault(location: KeyPath, line: int | None, kind: str | None) -> Fault:
    name = str(location[-1])
    if len(location) == 1:
        known = top_level_names()
        sentence = f"There is no section `[{name}]`."
        elsewhere = [section for section in sections() if name in section.names]
    else:
        section = section_at(location, kind)
        known = section.names if section else ()
        of_kind = f" of kind `{kind}`" if kind else ""
        sentence = f"{described(location[:-1])}{of_kind} has no setting `{name}`."
        elsewhere = [other for other in sections() if name in other.names and other != section]
    if near := nearest(name, known):
        return Fault(line, sentence, f"Did you mean `{near}`?")
    if elsewhere:
        return Fault(line, sentence, f"It belongs in {_places(elsewhere)}.")
    return Fault(line, sentence, f"It knows {', '.join(f'`{word}`' for word in known)}.")


def _places(found: list[Section]) -> str:
    return " or ".join(
        f"`[{section.header}]`" + (f" of kind `{section.kind}`" if section.kind else "")
        for section in found
    )


def _kind_faults(
    location: KeyPath, tree: Mapping[str, Any], lines: Mapping[KeyPath, int]
) -> Iterator[Fault]:
    """A missing or unknown kind hides all else pydantic would say: guess it and look again."""
    table = tree["backends"][location[1]]
    words = ", ".join(f'"{kind}"' for kind in BACKEND_KINDS)
    if "kind" not in table:
        sentence, at = f"{described(location)} has no `kind`.", line_of(location, lines)
    else:
        value = _shown((*location, "kind"), table["kind"])
        sentence = f"{described(location)} cannot be of kind {value}."
        at = line_of((*location, "kind"), lines)
    guess = _likely_kind(table)
    yield Fault(at, sentence, f'Give one of {words}; here probably `kind = "{guess}"`.')
    try:
        TypeAdapter(BACKEND_KINDS[guess]).validate_python({**table, "kind": guess}, strict=True)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            place = _Place(guess, tree, lines)
            yield _fault(problem["type"], location + problem["loc"], problem["input"], place)


def _likely_kind(table: Mapping[str, Any]) -> str:
    if near := nearest(str(table.get("kind", "")), BACKEND_KINDS):
        return near
    return max(BACKEND_KINDS, key=lambda kind: _likeness(table, BACKEND_KINDS[kind].named_by))


def _likeness(table: Mapping[str, Any], named_by: tuple[str, ...]) -> int:
    """How much a table looks like one of a kind: it has a setting of that kind alone, one that
    other kinds share, nothing that would tell; or lacks what would tell."""
    named = set(named_by) & set(table)
    if named - set(BackendBranch.model_fields):
        return 3
    return 2 if named else 0 if named_by else 1


def _shown(location: KeyPath, value: object) -> str:
    """The value as it stands in the file, shortened; never one that may hold a secret."""
    if any(_MAY_HOLD_A_SECRET.search(str(key)) for key in location[-1:]):
        return "this value"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{text}`" if len(text) <= 40 else f"`{text[:39]}…`"
