"""Runs one study by hand and prints its rows; `BYLINE_BENCH_…` is read as `make bench` reads it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.__main__ import Outcome, table
from bench.report import Row
from bench.settings import Settings, settings_from


def run_study(name: str, run: Callable[[Settings], Coroutine[Any, Any, list[Row]]]) -> None:
    """Measure and print."""
    began = time.monotonic()

    with tempfile.TemporaryDirectory(prefix="byline-study-") as scratch:
        rows = asyncio.run(run(settings_from(os.environ, Path(scratch))))
    shown = [row.as_json() for row in rows]
    Console(width=160).print(table([Outcome(name, shown, time.monotonic() - began)]))
