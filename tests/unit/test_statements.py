"""Named statements: one file, many names, no surprises."""

from __future__ import annotations

import pytest

from byline.store.statements import parse_statements, statements


def test_each_name_gives_the_text_up_to_the_next_name() -> None:
    found = parse_statements(
        "q.sql", "-- about\n-- name: one\nSELECT 1\n\n-- name: two\nSELECT\n2\n"
    )
    assert found["one"] == "SELECT 1"
    assert found["two"] == "SELECT\n2"
    assert list(found) == ["one", "two"]


def test_an_unknown_name_is_a_key_error_that_names_the_file() -> None:
    found = parse_statements("q.sql", "-- name: one\nSELECT 1")
    with pytest.raises(KeyError, match=r"q\.sql.*'two'"):
        found["two"]
    assert "two" not in found
    assert "one" in found


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"q\.sql.*'one'"):
        parse_statements("q.sql", "-- name: one\nSELECT 1\n-- name: one\nSELECT 2")


def test_a_name_with_nothing_under_it_is_refused() -> None:
    with pytest.raises(ValueError, match=r"q\.sql.*'one'"):
        parse_statements("q.sql", "-- name: one\n\n-- name: two\nSELECT 2")


def test_a_file_without_names_is_refused() -> None:
    with pytest.raises(ValueError, match=r"q\.sql"):
        parse_statements("q.sql", "SELECT 1")


def test_a_file_that_is_not_there_is_a_key_error_that_names_it() -> None:
    with pytest.raises(KeyError, match=r"queries/nothing\.sql"):
        statements("nothing")


def test_the_shipped_statements_are_read_once() -> None:
    assert statements("migrate") is statements("migrate")
    assert statements("migrate")["applied"].startswith("SELECT")
