"""The history of figures, kept in the repository: one line a run and set, never changed again.

`python -m bench.record` prints it as a table. A line says when and at which commit, on what kind of
machine (never whose), with which search (a fingerprint of its source and settings), and how good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import byline
from byline.config import schema

HISTORY = Path(__file__).parent / "history" / "retrieval.jsonl"
SEARCHED_BY = (
    *("search/*.py", "search/*/*.py", "text/*.py", "vectors/*.py", "vectors/*/*.py"),
    *("ask/evidence.py", "ask/quotes.py"),
    *("store/queries/lexical.sql", "store/queries/vectors.sql"),
)
_FACTS = ("at", "commit", "processor", "cores", "python", "load_before")


def append(
    facts: Mapping[str, object],
    set_name: str,
    sizes: Mapping[str, int],
    figures: Mapping[str, float | None],
) -> None:
    """Add one line: `figures` by name, rounded; `sizes` such as questions and passages. `facts`
    are `machine_facts()` from before the run: the first line makes the work tree dirty."""
    line = {
        **{name: facts[name] for name in _FACTS},
        "fingerprint": fingerprint(),
        "set": set_name,
        **sizes,
        "figures": {name: None if it is None else round(it, 4) for name, it in figures.items()},
    }
    HISTORY.parent.mkdir(exist_ok=True)
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def fingerprint() -> str:
    """Of what decides the figures: the source of search, evidence and `quotes`, and the defaults
    of the settings. Two runs with the same one should have the same figures."""
    digest = sha256(schema.Config().model_dump_json(exclude={"database", "storage"}).encode())
    source = Path(byline.__file__).parent
    for path in sorted(path for pattern in SEARCHED_BY for path in source.glob(pattern)):
        digest.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def lines() -> list[dict[str, Any]]:
    """The history, oldest first."""
    if not HISTORY.exists():
        return []
    return [json.loads(line) for line in HISTORY.read_text(encoding="utf-8").splitlines()]


def table(history: list[dict[str, Any]], set_name: str) -> Table:
    """The runs on one set, oldest first; a figure that a run did not have is a dash."""
    runs = [line for line in history if line["set"] == set_name]
    names = list(dict.fromkeys(name for line in runs for name in line["figures"]))
    shown = Table(title=set_name, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("at", "commit", "search"):
        shown.add_column(column)
    for name in names:
        shown.add_column(name, justify="right")
    for line in runs:
        figures = [line["figures"].get(name) for name in names]
        shown.add_row(
            line["at"][:16].replace("T", " "),
            line["commit"],
            line["fingerprint"],
            *("–" if it is None else f"{it:.3f}" for it in figures),
        )
    return shown


def main() -> None:
    history = lines()
    console = Console(width=None if Console().is_terminal else 200)
    for name in dict.fromkeys(line["set"] for line in history):
        console.print(table(history, name))
        console.print()
    if not history:
        print("No runs yet: make bench ARGS=retrieval")


if __name__ == "__main__":
    main()
