"""The history of figures: what a line holds, and that it tells nothing of whose machine it was."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from bench import record

FACTS = {
    "at": "2026-01-01T00:00:00+00:00",
    "commit": "abc",
    "processor": "P",
    "cores": 2,
    "python": "3.11",
    "load_before": 0.5,
    "system": "Linux-of-somebody",
}
FIELDS = {"at", "commit", "processor", "cores", "python", "load_before", "fingerprint", "set",
          "questions", "passages", "figures"}  # fmt: skip


def test_a_run_adds_a_line_and_changes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "HISTORY", tmp_path / "history" / "retrieval.jsonl")
    sizes = {"questions": 3, "passages": 5}
    record.append(FACTS, "a set", sizes, {"nDCG@10": 0.123456, "none": None})
    first = record.HISTORY.read_text(encoding="utf-8")
    record.append(FACTS, "a set", sizes, {"nDCG@10": 0.2})
    assert record.HISTORY.read_text(encoding="utf-8").startswith(first)
    lines = record.lines()
    assert lines[0]["figures"] == {"nDCG@10": 0.1235, "none": None}
    assert set(lines[0]) == FIELDS
    assert record.table(lines, "a set").row_count == 2


def test_the_fingerprint_is_of_the_source_of_search_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("search/fusion.py", "api/app.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(record.byline, "__file__", str(tmp_path / "__init__.py"))
    before = record.fingerprint()
    (tmp_path / "api/app.py").write_text("2")
    assert record.fingerprint() == before
    (tmp_path / "search/fusion.py").write_text("2")
    assert record.fingerprint() != before


@pytest.mark.parametrize("pattern", record.SEARCHED_BY)
def test_what_the_fingerprint_is_taken_of_is_there(pattern: str) -> None:
    assert list(Path(record.byline.__file__).parent.glob(pattern))


def test_the_committed_history_tells_of_no_ones_machine() -> None:
    for line in record.lines():
        assert set(line) == FIELDS
        assert platform.node() not in {str(value) for value in line.values()}
