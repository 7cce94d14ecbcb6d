"""Byline's own source as data: its files, syntax trees and functions."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "byline"
STUDIES = ROOT / "bench" / "studies"

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Function:
    """A function or a method, asynchronous or not."""

    name: str
    lineno: int
    lines: int
    parameters: int
    """How many a caller may give by name or place; the object itself does not count."""


@dataclass(frozen=True, slots=True)
class Module:
    """What there is to know of a file. Not its syntax tree: those of all files are half a million
    objects, which the interpreter would look through for garbage until the last test."""

    docstring: str | None
    functions: tuple[Function, ...]


def python_files(*folders: str) -> list[Path]:
    """Every Python file below the folders (relative to the root of the repository), without the
    studies of `bench`, which nothing checks."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if STUDIES not in path.parents)


@cache
def module(path: Path) -> Module:
    tree = syntax_tree(path)
    functions = tuple(_function(node) for node in _statements(tree) if isinstance(node, _FUNCTION))
    return Module(ast.get_docstring(tree), functions)


def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement below, which is where functions are: an expression holds none."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, block, ()):
            if isinstance(child, ast.stmt):
                yield child
            yield from _statements(child)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if named and named[0].arg in ("self", "cls"):
        named = named[1:]
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    return Function(node.name, node.lineno, lines, len(named))


def shown(path: Path, node: Function | ast.expr | None = None) -> str:
    """`src/byline/x.py:12`, as editors and terminals make it a link."""
    place = path.relative_to(ROOT).as_posix()
    return place if node is None else f"{place}:{node.lineno}"


def docstring_nodes(tree: ast.AST) -> set[int]:
    """The ids of the constants that are documentation: docstrings, also those of variables."""
    return {
        id(node.value)
        for node in _statements(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def repository_files() -> list[Path]:
    """What git has or would take: tracked files and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode("utf-8").split("\0") if name)
    return sorted(path for path in paths if path.is_file())
