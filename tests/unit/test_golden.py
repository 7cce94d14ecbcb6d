"""A change of rules raises their version: what is stored was made by them, and is made anew."""

from __future__ import annotations

from typing import Any

import pytest
from golden import GOLDEN, Golden, objection, stored_hashes


def rules(version: int, result: str) -> Golden:
    return Golden("RULES_VERSION", version, lambda: {"corpus": result})


STORED = rules(3, "as it was").as_json()


def objection_to(version: int, result: str) -> Any:
    golden = rules(version, result)
    return objection(golden, golden.as_json(), STORED)


@pytest.mark.parametrize("area", GOLDEN)
def test_results_are_those_of_the_version_they_are_stored_under(area: str) -> None:
    golden = GOLDEN[area]
    assert (said := objection(golden, golden.as_json(), stored_hashes()[area])) is None, said


def test_another_result_of_the_same_version_is_told_to_raise_it() -> None:
    assert "raise RULES_VERSION, then run" in objection_to(3, "another")
    assert "“corpus”" in objection_to(3, "another")


def test_a_raised_version_without_new_hashes_is_told_to_store_them() -> None:
    for result in ("as it was", "another"):
        assert "stored hashes are of 3: run" in objection_to(4, result)


def test_the_same_result_of_the_same_version_is_no_matter() -> None:
    assert objection_to(3, "as it was") is None
