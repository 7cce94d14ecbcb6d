"""Lines of TOML keys: the scanner finds exactly the keys tomllib finds, and their lines."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byline.config.toml_lines import KeyPath, key_lines


def paths_in(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path of a parsed tree, the root apart."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield (*path, key)
        yield from paths_in(item, (*path, key))


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb = 2\n", ("b",), 2),
        ("# x = 1\n\n  a = 1 # b = 2\nb = 3", ("b",), 4),
        ("[t]\na = 1\n[u]\na = 2\n", ("u", "a"), 4),
        ("[ t . u ]\na = 1\n[t]\nb = 2", ("t", "u"), 1),
        ("[t]\na.b.c = 1\na.b.d = 2", ("t", "a", "b", "d"), 3),
        ("[t]\na.b.c = 1\na.b.d = 2", ("t", "a", "b"), 2),
        ("\"a b\".'c.d' = 1\n", ("a b", "c.d"), 1),
        ('x = 1\n"caf\\u00e9" = 1\n', ("café",), 2),
        ("t = { a = 1, b = { c = 2 } }\nu = 3", ("t", "b", "c"), 1),
        ("a = [\n  1,\n  # no\n  2, # yes\n]\nb = 3", ("a", 1), 4),
        ("a = [\n  1,\n  2\n]\nb = 3", ("b",), 5),
        ("a = [[1, 2],\n [3,\n4]]", ("a", 1, 1), 3),
        ("a = [ { b = 1 },\n { b = 2 } ]", ("a", 1, "b"), 2),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ("a = '''\nb = 1\n''''\nb = 2", ("b",), 4),
        ('a = """x\\"""y\n"""""\nb = 2', ("b",), 3),
        ('a = "x # no \\" = 1"\nb = 2', ("b",), 2),
        ("a = 1979-05-27 07:32:00 # a date\nb = 2", ("b",), 2),
        ("[[p]]\na = 1\n[[p]]\na = 2\n", ("p", 1, "a"), 4),
        ("[[p]]\n[p.q]\na = 1\n[[p]]\n[p.q]\na = 2\n", ("p", 1, "q", "a"), 6),
        ("[[p]]\n[[p.q]]\na = 1\n[[p.q]]\na = 2\n", ("p", 0, "q", 1, "a"), 5),
        ('a = ""\nb = 1', ("b",), 2),
        ("가 = 1\n".replace("가", '"가"') + '"나" = 2', ("나",), 2),
    ],
)
def test_a_key_is_found_on_its_own_line(text: str, path: KeyPath, line: int) -> None:
    assert key_lines(text)[path] == line
    assert set(key_lines(text)) == set(paths_in(tomllib.loads(text)))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "   "])
def test_a_text_without_keys_has_no_lines(text: str) -> None:
    assert key_lines(text) == {}


_keys = st.text(alphabet="ab.\"'#=[]{} \\\n가é-_1", min_size=1, max_size=4)
_scalars = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.text(alphabet="a#=[]{},\"'\\\n가", max_size=6),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)
_trees = st.dictionaries(_keys, _values, max_size=4)


def _inline(value: Any) -> str:
    """`value` as TOML on one line; JSON strings without escapes of their own are TOML strings."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return json.dumps(value)


def _as_tables(tree: dict[str, Any], header: tuple[str, ...] = ()) -> Iterator[str]:
    """`tree` as headers, arrays of tables and pairs, one a line."""
    tables = {k: v for k, v in tree.items() if isinstance(v, dict)}
    arrays = {
        k: v
        for k, v in tree.items()
        if isinstance(v, list) and v and all(isinstance(item, dict) for item in v)
    }
    for key, value in tree.items():
        if key not in tables and key not in arrays:
            yield f"{json.dumps(key)} = {_inline(value)} # {key!r}"
    for key, table in tables.items():
        yield f"[{'.'.join(map(json.dumps, (*header, key)))}]"
        yield from _as_tables(table, (*header, key))
    for key, items in arrays.items():
        for item in items:
            yield f"[[{'.'.join(map(json.dumps, (*header, key)))}]]"
            yield from _as_tables(item, (*header, key))


@given(_trees)
def test_the_scanner_agrees_with_tomllib_on_any_tree(tree: dict[str, Any]) -> None:
    for text in ("\n".join(_as_tables(tree)), "\n\n".join(_as_tables({"root": tree}))):
        assert set(key_lines(text)) == set(paths_in(tomllib.loads(text)))


@given(_trees)
def test_every_pair_is_found_on_the_line_it_was_written_on(tree: dict[str, Any]) -> None:
    text = "\n".join(f"{json.dumps(key)} = {_inline(value)}" for key, value in tree.items())
    lines = key_lines(text)
    assert [lines[key,] for key in tree] == list(range(1, len(tree) + 1))
