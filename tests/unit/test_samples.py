"""The sample documents: there, small, and the office files those the script writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from byline.samples import sample_files

_SCRIPT = Path(__file__).parents[2] / "scripts" / "make_samples.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_a_dozen_in_both_languages_and_all_are_small() -> None:
    with sample_files() as paths:
        assert len(paths) == 12
        assert sum(not path.name.isascii() for path in paths) == 5
        assert {path.suffix for path in paths} == {
            ".docx",
            ".eml",
            ".html",
            ".hwpx",
            ".md",
            ".pdf",
            ".txt",
            ".xlsx",
        }
        assert all(0 < path.stat().st_size < 30_000 for path in paths)


def test_the_office_files_are_the_ones_the_script_writes(script: ModuleType) -> None:
    with sample_files() as paths:
        committed = {path.name: path.read_bytes() for path in paths}
    for name, data in script.files().items():
        assert committed[name] == data, f"run: python scripts/make_samples.py ({name})"
