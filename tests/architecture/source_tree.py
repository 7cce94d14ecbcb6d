"""Byline's own source as data: its files, syntax trees and functions."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "byline"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    """Every Python file below the folders (relative to the root of the repository)."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def shown(path: Path, node: ast.expr | ast.stmt | None = None) -> str:
    """`src/byline/x.py:12`, as editors and terminals make it a link."""
    place = path.relative_to(ROOT).as_posix()
    return place if node is None else f"{place}:{node.lineno}"


def docstring_nodes(tree: ast.AST) -> set[int]:
    """The ids of the constants that are documentation: docstrings, also those of variables."""
    return {
        id(node.value)
        for node in ast.walk(tree)
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
