"""Every SQL statement that the source names exists, and every one that exists is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from source_tree import SOURCE, python_files, shown, syntax_tree

QUERIES = SOURCE / "store" / "queries"
NAME_LINE = re.compile(r"^-- name: (\w+)", re.M)


def known() -> dict[str, set[str]]:
    """The names of the statements of each file of queries."""
    return {
        path.stem: set(NAME_LINE.findall(path.read_text(encoding="utf-8")))
        for path in QUERIES.glob("*.sql")
    }


def file_of(node: ast.expr) -> str | None:
    """`documents` for the expression `statements("documents")`."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "statements" and node.args:
        named = node.args[0]
        if isinstance(named, ast.Constant) and isinstance(named.value, str):
            return named.value
    return None


def lookups(path: Path) -> Iterator[tuple[ast.expr, set[str], str]]:
    """Each look-up by name: where, the files it may be meant of, and the name.

    A variable stands for every file that it is given anywhere in its module: `sql` is not the same
    one in two functions.
    """
    tree = syntax_tree(path)
    given: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (file := file_of(node.value)) is not None:
            for target in node.targets:
                given.setdefault(ast.unparse(target), set()).add(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            file = file_of(node.value)
            files = {file} if file is not None else given.get(ast.unparse(node.value), set())
            if files:
                yield node, files, str(node.slice.value)


def test_every_statement_that_is_named_exists() -> None:
    exist = known()
    wrong = [
        f"{shown(path, node)}: {name} of {', '.join(sorted(files))}"
        for path in python_files("src")
        for node, files, name in lookups(path)
        if not any(name in exist.get(file, set()) for file in files)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_statement_is_used() -> None:
    said = {
        node.value
        for path in python_files("src")
        for node in ast.walk(syntax_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unused = [f"{file}.sql: {name}" for file, names in known().items() for name in names - said]
    assert not unused, "\n".join(sorted(unused))


def test_look_ups_are_found_however_they_are_written() -> None:
    found = [name for path in python_files("src") for _, _, name in lookups(path)]
    assert len(found) > 150
    assert {"change_state", "next_passages", "without_job", "lock"} <= set(found)
