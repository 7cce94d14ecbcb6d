"""The named SQL statements of `queries/*.sql`; no other module contains SQL.

A file holds blocks, each begun by a line `-- name: insert_document`; the text up to the next such
line is one statement with psycopg's named parameters (`%(id)s`; a literal percent is `%%`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Final

_NAME_LINE: Final = re.compile(r"^--\s*name:\s*(?P<name>\S+)\s*$", re.MULTILINE)


class Statements(Mapping[str, str]):
    """Statements maps names to the statements of one file. An unknown name raises a `KeyError` that
    names the file."""

    def __init__(self, file: str, by_name: Mapping[str, str]) -> None:
        self._file = file
        self._by_name = by_name

    def __getitem__(self, name: str) -> str:
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(f"{self._file} has no statement named {name!r}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def parse_statements(file: str, text: str) -> Statements:
    """Cut `text` into its named statements. Raises a `ValueError` that names the file and the
    fault."""
    marks = list(_NAME_LINE.finditer(text))
    if not marks:
        raise ValueError(f"{file} has no `-- name:` line")
    by_name: dict[str, str] = {}
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        name = mark["name"]
        statement = text[mark.end() : end].strip()
        if name in by_name:
            raise ValueError(f"{file} names two statements {name!r}")
        if not statement:
            raise ValueError(f"{file} has nothing under the name {name!r}")
        by_name[name] = statement
    return Statements(file, by_name)


@functools.cache
def statements(name: str) -> Statements:
    """Return the statements of `queries/<name>.sql`, read once. Raises `KeyError` if there is no
    such file."""
    path = resources.files(__package__) / "queries" / f"{name}.sql"
    if not path.is_file():
        raise KeyError(f"there is no queries/{name}.sql")
    return parse_statements(f"queries/{name}.sql", path.read_text(encoding="utf-8"))
