"""Everything in the place where one looks for it: SQL, statuses, names, first lines."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from source_tree import (
    ROOT,
    SOURCE,
    docstring_nodes,
    module,
    python_files,
    shown,
    syntax_tree,
)

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}

SQL = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|MERGE\s+INTO\s"
    r"|WITH\s+\S+\s+AS\s|(CREATE|ALTER|DROP|GRANT|TRUNCATE|LOCK)\s+[A-Z]+\s"
    r"|LISTEN\s|NOTIFY\s|COPY\s|VACUUM|ANALYZE\b)"
)

# Makes the role and the database that every .sql file then runs in.
BEFORE_ANY_DATABASE = SOURCE / "store" / "bundled" / "cluster.py"

# Where HTTP is spoken: the table of the door, the clients of our own and of other servers, and the
# server that stands in for them in tests.
KNOWS_STATUSES = ("api/failures.py", "backend/", "cli/api_client.py", "testing/")
STATUS_WORDS = {"status", "status_code", "http_status"}
STATUS_NAMES = re.compile(r"HTTP_[45]\d\d_\w+")
NAMES_A_STATUS = re.compile(rf"\b({'|'.join(STATUS_WORDS)}|HTTPStatus)\b|{STATUS_NAMES.pattern}")
"""What a file that uses a status holds somewhere: others need not be taken apart."""
FIRST_ERROR_STATUS, LAST_ERROR_STATUS = 400, 599


def test_sql_is_written_only_in_sql_files() -> None:
    found = []
    for path in set(python_files("src")) - {BEFORE_ANY_DATABASE}:
        tree = syntax_tree(path)
        documentation = docstring_nodes(tree)
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            if id(node) not in documentation and SQL.match(node.value):
                found.append(f"{shown(path, node)}: {node.value.strip()[:60]!r}")
    assert not found, "\n".join(found)


def test_http_error_statuses_are_numbers_only_where_http_is_spoken() -> None:
    found = [
        f"{shown(path, node)}: {ast.unparse(node)[:80]}"
        for path in python_files("src")
        if not path.relative_to(SOURCE).as_posix().startswith(KNOWS_STATUSES)
        and NAMES_A_STATUS.search(path.read_text(encoding="utf-8"))
        for node in statuses(syntax_tree(path))
    ]
    assert not found, "\n".join(found)


def statuses(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions that use an error status by number, or the libraries' names for them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [k.value for k in node.keywords if k.arg in STATUS_WORDS]
            if any(is_error_status(value) for value in given):
                yield node
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            about_status = any(word(side) in STATUS_WORDS for side in sides)
            if about_status and any(is_error_status(side) for side in sides):
                yield node
        elif isinstance(node, ast.Attribute) and (
            word(node.value) == "HTTPStatus" or STATUS_NAMES.fullmatch(node.attr)
        ):
            yield node


def word(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_error_status(node: ast.expr) -> bool:
    return any(
        isinstance(inner, ast.Constant)
        and isinstance(inner.value, int)
        and FIRST_ERROR_STATUS <= inner.value <= LAST_ERROR_STATUS
        for inner in ast.walk(node)
    )


def test_every_module_says_what_it_owns_in_its_first_lines() -> None:
    silent = [
        shown(path) for path in python_files("src", "bench", "tests") if not module(path).docstring
    ]
    assert not silent, "\n".join(silent)


def test_no_module_has_a_name_that_says_nothing() -> None:
    found = [
        shown(path)
        for path in python_files("src", "bench", "tests")
        for part in path.relative_to(ROOT).with_suffix("").parts
        if EMPTY_NAMES & set(part.strip("_").split("_"))
    ]
    assert not found, "\n".join(found)


def test_no_two_test_files_share_a_name() -> None:
    places: dict[str, list[Path]] = defaultdict(list)
    for path in python_files("tests"):
        if path.name not in ("conftest.py", "__init__.py"):
            places[path.name].append(path)
    shared = {name: [shown(p) for p in paths] for name, paths in places.items() if len(paths) > 1}
    assert not shared, shared


def test_no_two_tests_share_a_name() -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for path in python_files("tests"):
        if path.name.startswith("test_"):
            for function in module(path).functions:
                if function.name.startswith("test_"):
                    names[function.name].append(shown(path, function))
    shared = [f"{name}: {', '.join(where)}" for name, where in names.items() if len(where) > 1]
    assert not shared, "\n".join(shared)


def test_every_statement_of_an_sql_file_has_a_name_of_its_own() -> None:
    found = []
    for path in sorted((SOURCE / "store" / "queries").glob("*.sql")):
        names = Counter(re.findall(r"^-- name: (\w+)", path.read_text(encoding="utf-8"), re.M))
        found += [f"{shown(path)}: {name}" for name, count in names.items() if count > 1]
        if not names:
            found.append(f"{shown(path)}: no `-- name:` line")
    assert not found, "\n".join(found)


def test_no_two_migrations_have_the_same_number() -> None:
    numbers = [int(p.name[:4]) for p in sorted((SOURCE / "store" / "migrations").glob("*.sql"))]
    assert numbers == sorted(set(numbers))


SAME_THING_IN_TWO_PACKAGES = {
    "app": "what puts a package's parts together: the API's, the command line's",
    "failures": "foreign errors made ours, and ours made theirs: at both ends of HTTP",
}


def test_no_module_has_the_name_of_another() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for path in python_files("src"):
        if path.stem not in ("__init__", "__main__"):
            places[path.stem].add(path.parent.relative_to(SOURCE).as_posix())
    shared = {name: sorted(there) for name, there in places.items() if len(there) > 1}
    assert shared.keys() == SAME_THING_IN_TWO_PACKAGES.keys(), shared


SAME_CLASS_NAME_IN_TWO_PACKAGES = {
    "Database": "the branch that configures the database (always `schema.Database`), and its pool",
}


def test_no_public_class_has_the_name_of_one_in_another_package() -> None:
    """In a stack trace, a type hint or a search for it, a class is its name alone."""
    places: dict[str, set[str]] = defaultdict(set)
    for path in python_files("src"):
        for node in syntax_tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(path.parent.relative_to(SOURCE).as_posix())
    shared = {name: sorted(there) for name, there in places.items() if len(there) > 1}
    assert shared.keys() == SAME_CLASS_NAME_IN_TWO_PACKAGES.keys(), shared


def test_every_module_started_as_a_process_is_there() -> None:
    """A module that is named after `-m` in a string moves without its importers noticing."""
    named = re.compile(r"byline(?:\.\w+)+")
    gone = []
    for path in python_files("src", "tests", "bench"):
        for node in ast.walk(syntax_tree(path)):
            if not isinstance(node, ast.List | ast.Tuple | ast.Call):
                continue
            words = node.args if isinstance(node, ast.Call) else node.elts
            values = [word.value if isinstance(word, ast.Constant) else None for word in words]
            for flag, module_name in pairwise(values):
                if flag != "-m" or not isinstance(module_name, str):
                    continue
                if not named.fullmatch(module_name):
                    continue
                file = SOURCE.joinpath(*module_name.split(".")[1:])
                if not (file.with_suffix(".py").is_file() or (file / "__main__.py").is_file()):
                    gone.append(f"{shown(path, node)}: {module_name}")
    assert not gone, "\n".join(gone)
