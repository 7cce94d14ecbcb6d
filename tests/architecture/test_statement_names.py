"""Every SQL statement the program names is there, and every one that is there is named."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from source_tree import SOURCE, python_files, shown
from statement_uses import NotFollowed, Use, Uses

from byline.store.statements import statements

DEFINED = SOURCE / "store" / "statements.py"


@cache
def uses(*folders: str) -> tuple[Use, ...]:
    return tuple(Uses({path: path.read_text("utf-8") for path in python_files(*folders)}).all())


def unknown(found: Iterable[Use]) -> list[str]:
    return [
        f"{use.path}:{use.line}: queries/{use.file}.sql has no statement named {use.name!r}"
        for use in found
        if use.name not in there(use.file)
    ]


def there(file: str) -> set[str]:
    try:
        return set(statements(file))
    except KeyError:
        return set()


def uses_in(*sources: str) -> list[Use]:
    return list(Uses({Path(f"m{n}.py"): text for n, text in enumerate(sources)}).all())


@pytest.mark.parametrize("folder", ["src", "tests/integration", "bench"])
def test_a_statement_that_is_named_is_there(folder: str) -> None:
    found = uses(folder)
    assert found
    assert not (wrong := unknown(found)), "\n".join(wrong)


def test_a_statement_that_is_there_is_used() -> None:
    used = {(use.file, use.name) for use in uses("src")}
    unused = [
        f"{shown(path)}: nothing in src uses {name!r}: remove it"
        for path in sorted((SOURCE / "store" / "queries").glob("*.sql"))
        for name in statements(path.stem)
        if (path.stem, name) not in used
    ]
    assert not unused, "\n".join(unused)


@pytest.mark.parametrize(
    "text",
    [
        "run(statements('database')['{}'])",
        "def f():\n sql = statements('database')\n run(f\"{{sql['{}']}} x\")",
        "class A:\n def __init__(self):\n  self._sql = statements('database')\n"
        " def f(self):\n  run(self._sql['{}'])",
        "class A:\n _sql: object = field(default_factory=lambda: statements('database'))\n"
        " def f(self):\n  self._run('{}')\n def _run(self, name):\n  run(self._sql[name])",
        "def f(a):\n b, sql = a, statements('database')\n run(sql['{}'])",
        "def f():\n sql = statements('database')\n def g(name, ids):\n  run(sql[name])\n"
        " g('check', 1)\n g(ids=2, name='{}')",
        "def f(x):\n run(statements('database')['check' if x else '{}'])",
        "def f(x):\n for name in ('check', '{}'):\n  run(statements('database')[name])",
        "def f(names):\n run(statements('database')[name] for name in names)\n"
        "def g():\n of = {{'{}': 1}}\n f([name for name, needed in of.items() if needed])",
        "def f(name):\n run(statements('database')[name])\ndef g(name):\n f(name)\ng('{}')",
    ],
)
def test_a_misspelt_name_is_found_in_whatever_way_it_is_looked_up(text: str) -> None:
    assert unknown(uses_in(text.format("check"))) == []
    [said] = unknown(uses_in(text.format("chekc")))
    assert "queries/database.sql has no statement named 'chekc'" in said


def test_a_misspelt_file_is_found() -> None:
    assert len(unknown(uses_in("run(statements('databse')['check'])"))) == 1


def test_a_name_given_by_another_module_is_found() -> None:
    defined = "def sql(name):\n return statements('database')[name]"
    assert [use.name for use in uses_in(defined, "run(space.sql('check'))")] == ["check"]


@pytest.mark.parametrize(
    "text",
    [
        "run(statements('database'))",
        "def f():\n sql = statements('database')\n run(sql)",
        "run(statements('database')[a + b])",
        "def f(name):\n run(statements('database')[name])",
    ],
)
def test_a_way_that_cannot_be_followed_is_told(text: str) -> None:
    with pytest.raises(NotFollowed, match=r"m0\.py"):
        uses_in(text)
