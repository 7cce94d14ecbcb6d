"""One benchmark in a process of its own: `python -m bench.child MODULE ROWS.json`.

A fresh process keeps one benchmark's memory, caches and event loop out of the next one's numbers.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

from bench.settings import settings_from


def main(module_name: str, out: Path) -> None:
    module = importlib.import_module(f"bench.{module_name}")
    with tempfile.TemporaryDirectory(prefix="byline-bench-") as scratch:
        settings = settings_from(os.environ, Path(scratch))
        rows = asyncio.run(module.run(settings))
    out.write_text(json.dumps([row.as_json() for row in rows]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
