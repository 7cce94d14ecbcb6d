"""Writes docs/reference/servers.md: runs the contract suite and tables what each server did.

    python -m tests.contract.matrix > docs/reference/servers.md

It refuses where a server is not installed: a table with a column missing would look like a fact.
"""

from __future__ import annotations

import ast
import contextlib
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SUITE = HERE / "test_model_servers.py"
RECORDED = HERE / "test_recorded_servers.py"
SERVERS = ("fake machine", "llama.cpp", "mlx-lm", "mlx-vlm")
CASE = re.compile(r"(?P<name>test_\w+)\[(?P<param>.+)\]$")

HEAD = """\
# Model servers

Written by `make servers` from a run of the contract suite (`tests/contract`); do not edit.

Each row is one test, run against the fake machine that Byline's own tests use and against real
servers on loopback. A word in a cell is what that server did; `ok` means there was nothing to
choose. Reasons such as `http_404` are the words of [errors.md](errors.md).

"""
NOTES = """\

## What to know

- **mlx-lm** cannot tell which model it has loaded: its bylines say `verified: false`. It knows no
  limit of its own on the length of a prompt: set `context_tokens` to what the machine bears.
- **mlx-lm** and **mlx-vlm** unload their model when a call names another one, even one they then
  fail to load. Byline only ever sends the configured name; other clients of the machine may not.
- **mlx-vlm** sums a conversation up by itself, and silently, when it is longer than the model's
  context. Byline forbids it (`context_management: []`) from the second call on: the first answer
  tells it what server this is. Keep `context_tokens` at or below the model's own, and it never
  comes to that.
- **mlx-lm** does not read `tool_choice`: with tools offered it calls them even on `"none"`. Byline
  forces a final answer by offering no tools.
- **mlx-lm** whose engine has died answers `404 {"error": "generation thread died"}` to every call
  and 503 under `/health`.
- **mlx-lm** breaks the connection off when its model writes a tool call without `arguments`: that
  looks like a machine that went away (`stream_truncated`), or like no answer (`bad_response`).
  **mlx-vlm** says inside the stream that it cannot read a call; that is `bad_response` too, and an
  agent tells its model and goes on.
- **LM Studio** answers with whatever is loaded, whatever name was asked for, while one model is
  loaded. Byline asks it what is loaded and refuses the answer: `model_mismatch`.

## Recorded shapes

What servers that are not run here put on the wire, replayed byte for byte by the fake machine. The
shapes are from the sources that `tests/contract/recordings.py` names; the words are invented.

"""


class Collector:
    """Gathers what each test saw, from the properties the fixture `observe` records."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = defaultdict(dict)
        self.missing: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found = CASE.search(report.nodeid)
        if found is None:
            return
        name, param = found["name"], found["param"]
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.cells[name][param] = "–"
            if "installed" in reason:
                self.missing.add(param)
        elif report.when == "call":
            seen = [str(value) for key, value in report.user_properties if key == "observed"]
            self.cells[name][param] = (seen or ["ok"])[0] if report.passed else "**fails**"


def cases(path: Path) -> list[str]:
    """The tests of a file that run against a server, in their order."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wanted = {"server", "recording"}
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and wanted & {argument.arg for argument in node.args.args}
    ]


def sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_s_", "'s ").replace("_", " ")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def render(cells: Mapping[str, Mapping[str, str]]) -> str:
    """The whole page."""
    rows = [
        [sentence(name), *(cells.get(name, {}).get(server, "–") for server in SERVERS)]
        for name in cases(SUITE)
    ]
    text = HEAD + table(["case", *SERVERS], rows) + NOTES
    recorded = [
        [*param.split(": ", 1), outcome]
        for name in cases(RECORDED)
        for param, outcome in cells.get(name, {}).items()
    ]
    return text + table(["server", "what it sends", "what Byline makes of it"], recorded)


def main() -> int:
    collector = Collector()
    with contextlib.redirect_stdout(sys.stderr):
        chosen = [str(SUITE), str(RECORDED), "-p", "no:cacheprovider"]
        failed = pytest.main(chosen, plugins=[collector])
    if collector.missing:
        print(f"not installed: {', '.join(sorted(collector.missing))}", file=sys.stderr)
        return 2
    if failed:
        return 1
    print(render(collector.cells), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
