"""`python -m bench [NAME…]`: run benchmarks one at a time and hold their rows against the budgets.
A name of `GROUPS` stands for several.

A benchmark is a module of this package with `NAME: str` and `async def run(settings) -> list[Row]`.
Those of `bench.studies` are run by hand. Exit code 1 if one could not run; a missed budget is said
in the table and in the last line.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.facts import machine_facts

OUT = Path(__file__).parent / "out"
MODULE_S_MAX = 3600.0

GROUPS = {
    "dispatch": (
        "passthrough",
        "streaming",
        "gate",
        "shared_gate",
        "saturation",
        "saturation_llama_cpp",
        "unavailable",
    )
}
"""One name for all rows of a part."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one benchmark: its rows as JSON, or why there are none."""

    module: str
    rows: list[dict[str, Any]]
    seconds: float
    failure: str = ""


def discover() -> dict[str, str]:
    """Module name → NAME of every benchmark, read from the source: nothing is imported here."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(n, ast.AsyncFunctionDef) and n.name == "run" for n in tree.body):
            found[path.stem] = _assigned_name(tree) or path.stem
    return found


def _assigned_name(tree: ast.Module) -> str | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        named = any(isinstance(target, ast.Name) and target.id == "NAME" for target in targets)
        if named and isinstance(node.value, ast.Constant):  # type: ignore[attr-defined]
            return str(node.value.value)  # type: ignore[attr-defined]
    return None


def run_module(module: str, s_max: float = MODULE_S_MAX) -> Outcome:
    """Run one benchmark in a fresh process group, which is ended whole if it takes too long."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="byline-rows-") as folder:
        rows_path = Path(folder) / "rows.json"
        child = subprocess.Popen(
            [sys.executable, "-m", "bench.child", module, str(rows_path)],
            stdout=sys.stderr,
            start_new_session=True,
        )
        failure = _wait(child, s_max)
        seconds = time.monotonic() - began
        if failure:
            return Outcome(module, [], seconds, failure)
        return Outcome(module, json.loads(rows_path.read_text(encoding="utf-8")), seconds)


def _wait(child: subprocess.Popen[bytes], s_max: float) -> str:
    try:
        code = child.wait(timeout=s_max)
    except subprocess.TimeoutExpired:
        _end_group(child)
        return f"not done after {s_max:.0f} s"
    except KeyboardInterrupt:
        _end_group(child)
        raise
    return "" if code == 0 else f"ended with exit code {code}; its error is above"


def _end_group(child: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, how)
            child.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def table(outcomes: list[Outcome]) -> Table:
    """The rows as people read them: value, budget, verdict, how it was measured."""
    shown = Table(title="Byline's budgets", title_justify="left", show_lines=False)
    for column, justify in (("what", "left"), ("value", "right"), ("budget", "right")):
        shown.add_column(column, justify=justify)  # type: ignore[arg-type]
    shown.add_column("verdict")
    shown.add_column("how", style="dim")
    for outcome in outcomes:
        if outcome.failure:
            shown.add_row(outcome.module, "-", "-", "[red]failed[/]", outcome.failure)
        for row in outcome.rows:
            shown.add_row(row["name"], _value(row), _budget(row), _verdict(row), row["note"])
    return shown


def _value(row: dict[str, Any]) -> str:
    return f"{row['value']:,.4g} {row['unit']}"


def _budget(row: dict[str, Any]) -> str:
    if row["budget"] is None:
        return "-"
    return f"{'≤' if row['better'] == 'lower' else '≥'} {row['budget']:,g} {row['unit']}"


def _verdict(row: dict[str, Any]) -> str:
    return {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row["met"]]


def write_json(outcomes: list[Outcome], facts: dict[str, object]) -> Path:
    """One file a run, named by its time (UTC)."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{str(facts['at'])[:19].replace(':', '')}.json"
    benches = [
        {"module": o.module, "seconds": round(o.seconds, 1), "failure": o.failure, "rows": o.rows}
        for o in outcomes
    ]
    path.write_text(
        json.dumps({"machine": facts, "benches": benches}, ensure_ascii=False, indent=2) + "\n",
        encoding="utf-8",
    )
    return path


def main(names: list[str]) -> int:
    known = discover()
    names = [module for name in names for module in GROUPS.get(name, (name,))]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(
            f"No benchmark named {', '.join(unknown)}. There are: {', '.join([*known, *GROUPS])}."
        )
        return 2
    facts, outcomes = machine_facts(), []
    for module in names or known:
        print(f"{module}: {known[module]} …", file=sys.stderr, flush=True)
        outcomes.append(run_module(module))
    width = None if sys.stdout.isatty() else 160
    Console(width=width).print(table(outcomes))
    rows = [row for outcome in outcomes for row in outcome.rows]
    judged = [row for row in rows if row["met"] is not None]
    missed = [row["name"] for row in judged if not row["met"]]
    failed = [outcome.module for outcome in outcomes if outcome.failure]
    print(f"{facts['cores']} cores, {facts['processor']}; written to {write_json(outcomes, facts)}")
    print(f"{len(judged) - len(missed)} of {len(judged)} budgets met; {len(failed)} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
