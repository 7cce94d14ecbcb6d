"""Importing does nothing: no file written, no socket, no thread, no process, and no long wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IMPORT_S_MAX = 3.0
"""Processor seconds for any one module with all it pulls in, on a slow machine."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What importing everything did, seen by an audit hook in a fresh process."""
    home = tmp_path_factory.mktemp("home") / "not-made-by-an-import"
    done = subprocess.run(
        [sys.executable, "-B", str(Path(__file__).with_name("import_everything.py"))],
        env=os.environ | {"BYLINE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not home.exists()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_importing_any_module_has_no_effect_on_the_world(report: dict[str, Any]) -> None:
    assert report["effects"] == []


def test_importing_any_module_starts_no_thread(report: dict[str, Any]) -> None:
    assert report["threads"] == []


def test_importing_any_module_takes_bounded_time(report: dict[str, Any]) -> None:
    slow = {name: s for name, s in report["seconds"].items() if s > IMPORT_S_MAX}
    assert not slow
