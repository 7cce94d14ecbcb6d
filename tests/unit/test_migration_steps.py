"""Which steps a database still needs, and which servers will not do."""

from __future__ import annotations

import pytest

from byline.errors import StartFailed
from byline.store.migrate import (
    MigrationStep,
    SchemaComponent,
    byline_component,
    check_versions,
    procrastinate_component,
)

ONE, TWO = MigrationStep(("0001_one",), "SELECT 1"), MigrationStep(("0002_two",), "SELECT 2")
WHOLE = MigrationStep(("0001_one", "0002_two"), "SELECT 1; SELECT 2")
SERVER = {
    "server": 150_000,
    "server_text": "15.0",
    "vector_available": "0.8.0",
    "vector_installed": None,
}


def test_steps_not_yet_applied_are_taken_in_order() -> None:
    assert list(SchemaComponent("c", (ONE, TWO)).missing(set())) == [ONE, TWO]
    assert list(SchemaComponent("c", (ONE, TWO)).missing({"0001_one"})) == [TWO]
    assert list(SchemaComponent("c", (ONE, TWO)).missing({"0001_one", "0002_two"})) == []


def test_an_empty_database_takes_the_short_cut_and_an_old_one_the_steps() -> None:
    component = SchemaComponent("c", (ONE, TWO), whole=WHOLE)
    assert list(component.missing(set())) == [WHOLE]
    assert list(component.missing({"0001_one"})) == [TWO]


def test_a_database_newer_than_the_program_is_refused_by_name() -> None:
    with pytest.raises(StartFailed, match=r"newer Byline.*0003_three"):
        SchemaComponent("c", (ONE, TWO)).missing({"0001_one", "0002_two", "0003_three"})


def test_the_shipped_migrations_have_a_number_each_in_their_order() -> None:
    numbers = [int(step.names[0].split("_")[0]) for step in byline_component().steps]
    assert numbers == sorted(set(numbers))


def test_the_job_queue_brings_its_schema_and_its_history() -> None:
    component = procrastinate_component()
    assert component.whole is not None
    assert "procrastinate_jobs" in component.whole.sql
    assert len(component.whole.names) == len(component.steps) > 30


def test_the_oldest_server_that_will_do_does() -> None:
    check_versions(SERVER)
    check_versions({**SERVER, "vector_installed": "0.10.1"})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"server": 140_012, "server_text": "14.12"}, "PostgreSQL 15 or newer; this one is 14.12"),
        ({"vector_available": None}, "no pgvector"),
        ({"vector_available": "0.7.4"}, "pgvector 0.8 or newer; this database has 0.7.4"),
        ({"vector_installed": "0.7.4"}, "pgvector 0.8 or newer; this database has 0.7.4"),
    ],
)
def test_an_older_server_is_refused_with_what_it_has(
    changed: dict[str, object], sentence: str
) -> None:
    with pytest.raises(StartFailed, match=sentence):
        check_versions({**SERVER, **changed})
