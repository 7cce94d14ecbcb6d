"""Every setting as data, read off the schema: what it expects, its default and its meaning.

Fault messages and `docs/reference/configuration.md` both take their words from here, so neither
can say something the schema does not.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from byline.config import schema

BACKEND_KINDS: dict[str, type[schema.BackendBranch] | type[schema.QuotesBackend]] = {
    get_args(branch.model_fields["kind"].annotation)[0]: branch
    for branch in get_args(get_args(schema.Backend)[0])
}
"""The kinds of backends, as `schema.Backend` lists them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key a table may hold. `expects` completes the sentence "Give …"; `default` is TOML."""

    name: str
    expects: str
    default: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of table: `header` as written in the file, NAME standing for a name of one's own."""

    header: str
    kind: str | None
    meaning: str
    settings: tuple[Setting, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(setting.name for setting in self.settings)

    def setting(self, name: str) -> Setting | None:
        return next((setting for setting in self.settings if setting.name == name), None)


def section_at(path: tuple[str | int, ...], kind: str | None) -> Section | None:
    """The section of the table or key at `path`; `kind` chooses among the backends."""
    if not path:
        return None
    header = f"{path[0]}.NAME" if path[0] in ("machines", "backends") else str(path[0])
    for section in sections():
        if section.header == header and section.kind in (None, kind):
            return section
    return None


def top_level_names() -> tuple[str, ...]:
    return tuple(schema.Config.model_fields)


def sections() -> Iterator[Section]:
    """All tables a configuration may hold, in the order of the schema."""
    for name, field in schema.Config.model_fields.items():
        if name == "machines":
            yield _section("machines.NAME", None, schema.Machine)
        elif name == "backends":
            for kind, branch in BACKEND_KINDS.items():
                yield _section("backends.NAME", kind, branch)
        else:
            assert isinstance(field.annotation, type)
            yield _section(name, None, field.annotation)


def _section(header: str, kind: str | None, branch: type[schema.Branch]) -> Section:
    settings = [_setting(name, field) for name, field in branch.model_fields.items()]
    settings.sort(key=lambda setting: setting.name != "kind")  # the kind decides all the others
    return Section(header, kind, (branch.__doc__ or "").strip(), tuple(settings))


def _setting(name: str, field: FieldInfo) -> Setting:
    return Setting(
        name=name,
        expects=_expects(field.annotation, field.metadata),
        default="" if field.is_required() or field.default is None else _toml(field.default),
        required=field.is_required(),
        description=field.description or ("The kind of backend." if name == "kind" else ""),
    )


def _expects(annotation: Any, metadata: list[Any]) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        words = [_toml(value) for value in get_args(annotation)]
        return words[0] if len(words) == 1 else "one of " + ", ".join(words)
    if origin in (types.UnionType, typing.Union):
        inner = next(part for part in get_args(annotation) if part is not type(None))
        return _expects(inner, metadata)
    if origin is tuple:
        return 'a list of texts, e.g. ["one", "two"]'
    if annotation in (int, float):
        return ("a whole number" if annotation is int else "a number") + _range(metadata)
    return "true or false" if annotation is bool else _text(metadata)


def _range(metadata: list[Any]) -> str:
    bounds = {
        bound: value
        for part in metadata
        for bound in ("ge", "gt", "le")
        if (value := getattr(part, bound, None)) is not None
    }
    if "gt" in bounds:
        low = f"above {_number(bounds['gt'])}"
        return f" {low}, at most {_number(bounds['le'])}" if "le" in bounds else f" {low}"
    if "ge" in bounds and "le" in bounds:
        return f" from {_number(bounds['ge'])} to {_number(bounds['le'])}"
    return f", at least {_number(bounds['ge'])}" if "ge" in bounds else ""


def _text(metadata: list[Any]) -> str:
    pattern = next((part.pattern for part in metadata if hasattr(part, "pattern")), None)
    if pattern is None:
        return "a text in quotes"
    if "https?" in pattern:
        return 'an address such as "http://macmini:8080", without `?` or `#`'
    return "a name of lower-case letters, digits and . _ -, at most 64 characters"


def _number(value: float) -> str:
    if value >= 100_000:
        return f"{value:,.0f}".replace(",", "_")
    return f"{value:g}"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    assert isinstance(value, int | float)
    return _number(value)
