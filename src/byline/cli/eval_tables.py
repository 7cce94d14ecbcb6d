"""A judged run as tables for the terminal: measures, comparisons, the worst answers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from byline.cli.terminal import one_line, prose_columns, shortened
from byline.eval.html_report import measure_label

Json = Mapping[str, Any]

_WORST_MAX: Final = 15
_MISSING_MAX: Final = 20
_CHANGED_MAX: Final = 10
_WORST_OF_A_KIND_MAX: Final = 6
_BAD: Final = ("wrong", "refused", "not_refused", "failed")


def show_run(run: Json, console: Console) -> RenderableType:
    """The whole run as `byline eval` prints it."""
    parts: list[RenderableType] = [_heading(run), Text()]
    if run["retrieval"] is not None:
        parts += [_retrieval(run), Text()]
    if run["backends"]:
        parts += [_backends(run), Text()]
    for comparison in run["comparisons"]:
        parts += [*_comparison(comparison, console), Text()]
    parts += _missing(run)
    parts += _worst(run, console)
    return Group(*parts[: -1 if isinstance(parts[-1], Text) and not parts[-1].plain else None])


def _heading(run: Json) -> Text:
    library = run["library"]
    line = Text(one_line(run["file"]), style="bold")
    line.append(f": {len(run['results'])} questions over {library['documents']:,} documents")
    return line


def _retrieval(run: Json) -> RenderableType:
    found = run["retrieval"]
    table = _table("Search", "")
    for name, value in found["measures"].items():
        table.add_row(Text(measure_label(name)), _share(value))
    if not found["measures"]:
        table.add_row(Text("Nothing to judge: no question names a document that is there."), Text())
    if found["evidence_auc"] is not None:
        table.add_row(Text("Evidence, ROC AUC"), _share(found["evidence_auc"]))
    table.add_row(Text("Questions judged"), Text(f"{found['judged']} of {found['searched']}"))
    table.add_row(Text("Median time"), _ms(found["ms_median"]))
    for reason, count in found["failed"].items():
        table.add_row(Text(f"Failed: {one_line(reason)}", style="red"), Text(str(count)))
    return table


def _backends(run: Json) -> RenderableType:
    backends = run["backends"]
    table = _table("Answers", *(one_line(it["backend"]) for it in backends))
    rows: list[tuple[str, list[Text]]] = [
        (measure_label(name), [_share(it["measures"][name]) for it in backends])
        for name in backends[0]["measures"]
    ]
    rows += [
        (f"Sentences {name}", [_share(it["grounding"][name]) for it in backends])
        for name in backends[0]["grounding"]
    ]
    rows.append(("Median time", [_ms(it["ms_median"]) for it in backends]))
    rows.append(("Median to first word", [_ms(it["first_token_ms_median"]) for it in backends]))
    judged = [f"{it['asked'] - it['verdicts']['failed']} of {it['asked']}" for it in backends]
    rows.append(("Asks judged", [Text(it) for it in judged]))
    for reason in dict.fromkeys(reason for it in backends for reason in it["failed"]):
        counts = [Text(str(it["failed"].get(reason, 0)), style="red") for it in backends]
        rows.append((f"No answer: {one_line(reason)}", counts))
    for label, cells in rows:
        table.add_row(Text(label), *cells)
    return table


def _comparison(found: Json, console: Console) -> Iterator[RenderableType]:
    one, two = one_line(found["one"]), one_line(found["two"])
    table = _table("Compared", one, two, "difference", "95 % interval", "up / down")
    for row in found["measures"]:
        style = ("green" if row["difference"] > 0 else "red") if row["clear"] else "dim"
        table.add_row(
            Text(measure_label(row["measure"])),
            _share(row["one"]),
            _share(row["two"]),
            Text(f"{row['difference']:+.3f}", style=style),
            Text(f"{row['low']:+.3f} … {row['high']:+.3f}", style="dim"),
            Text(f"{row['up']} / {row['down']}"),
        )
    yield table
    left_out = f"; {found['left_out']} that only one side has left out" * bool(found["left_out"])
    yield Text(f"{found['questions']} questions in common{left_out}.", style="dim")
    columns = min(prose_columns(console), 100) - 4
    for changed in found["changed"][:_CHANGED_MAX]:
        by = ", ".join(f"{name} {delta:+.2f}" for name, delta in changed["by"].items())
        words = f"{one_line(changed['question'])} — {by}"
        yield Text(f"  {shortened(words, columns)}", style="dim")


def _missing(run: Json) -> Iterator[RenderableType]:
    if not run["missing"]:
        return
    count = sum(len(it["documents"]) for it in run["missing"])
    yield Text(
        f"{count} expected documents are not in the library; their questions are judged by their "
        "answers only:",
        style="yellow",
    )
    for it in run["missing"][:_MISSING_MAX]:
        yield Text(f"  line {it['line']}: {one_line(', '.join(it['documents']))}")
    if (rest := len(run["missing"]) - _MISSING_MAX) > 0:
        yield Text(f"  and {rest} more questions")
    yield Text()


def _worst(run: Json, console: Console) -> Iterator[RenderableType]:
    """The questions worth looking at, in the run's own order: worst first."""
    bad = [it for it in run["results"] if _poor(it)]
    if not bad:
        yield Text("Every question judged came out right.", style="green")
        return
    names = [it["backend"] for it in run["backends"]]
    table = _table("Worst first", "Rank", *(one_line(name) for name in names), "Id")
    columns = max(20, min(prose_columns(console), 100) - 30 - 12 * len(names))
    shown = _of_each_kind(bad)
    for it in shown:
        verdicts = [Text(_verdict(it["asks"].get(name))) for name in names]
        table.add_row(
            Text(shortened(it["question"], columns)),
            Text(_rank(it)),
            *verdicts,
            Text(shortened(it["id"], 26), style="dim"),
        )
    yield table
    if (rest := len(bad) - len(shown)) > 0:
        yield Text(f"and {rest} more; --report FILE shows them all", style="dim")


def _of_each_kind(bad: Sequence[Json]) -> list[Json]:
    """A few questions of each verdict, so that two hundred of one kind do not hide the others."""
    seen: Counter[tuple[str, ...]] = Counter()
    shown = []
    for it in bad:
        kind = tuple(ask["verdict"] for ask in it["asks"].values())
        seen[kind] += 1
        if not kind or seen[kind] <= _WORST_OF_A_KIND_MAX:
            shown.append(it)
    return shown[:_WORST_MAX]


def _poor(result: Json) -> bool:
    if any(ask["verdict"] in _BAD for ask in result["asks"].values()):
        return True
    scores = (result["search"] or {}).get("scores") or {}
    return bool(scores) and min(scores.values()) < 1


def _rank(result: Json) -> str:
    """The rank of the first expected document."""
    if not (result["search"] or {}).get("scores"):
        return "–"
    found = result["search"]["found"]
    return str(next((n for n, hit in enumerate(found, start=1) if hit["expected"]), "not found"))


def _verdict(ask: Json | None) -> str:
    return "–" if ask is None else ask["verdict"].replace("_", " ")


def _share(value: float | None) -> Text:
    return Text("–" if value is None else f"{value:.3f}", justify="right")


def _ms(value: float | None) -> Text:
    return Text("–" if value is None else f"{value:,.0f} ms", justify="right")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
