"""Compares two runs of the same questions, or two backends of one run, by question. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from byline.eval.judged_run import KIND, VERSION
from byline.eval.retrieval_measures import paired_difference

Json = dict[str, Any]

Values = dict[str, dict[str, float]]
"""Measure → question → its value, 1 best."""

_SAME: Final = 1e-9
_ANSWERED: Final = ("right", "wrong", "unjudged")


class InvalidRun(Exception):
    """A file given as an earlier run is not one."""

    remedy = "Give a file that `byline eval --save` or `--json` wrote."


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One side of a comparison: a run's asks of one backend, or its searches (`backend` None)."""

    label: str
    run: Json
    backend: str | None


def read_run(data: bytes) -> Json:
    """The run in a file written earlier. Raises `InvalidRun`."""
    try:
        run = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidRun("It is not JSON.") from None
    if not isinstance(run, dict) or run.get("kind") != KIND:
        raise InvalidRun("It is JSON, but no run of `byline eval`.")
    if run.get("version") != VERSION:
        raise InvalidRun(
            f"It was written by another version of `byline eval` ({run.get('version')})."
        )
    try:
        for backend in (None, *(it["backend"] for it in run["backends"])):
            compare(ComparedRun("", run, backend), ComparedRun("", run, backend))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InvalidRun("It is a damaged run of `byline eval`.") from None
    return run


def compare(one: ComparedRun, two: ComparedRun) -> Json:
    """Compare `two` with `one`, over the questions both have (same id, same words).

    For each measure both have, the result has both means, their difference and its 95 % interval;
    `clear` says whether that excludes 0. `changed` lists questions that went up or down, worst
    first.
    """
    shared = _texts(one.run).items() & _texts(two.run).items()
    ids = {id_ for id_, _ in shared}
    before, after = _values(one), _values(two)
    measures, changes = [], dict[str, dict[str, float]]()
    for name in (name for name in before if name in after):
        both = sorted(ids & before[name].keys() & after[name].keys())
        deltas = {id_: after[name][id_] - before[name][id_] for id_ in both}
        difference = paired_difference(list(deltas.values()))
        if difference is None:
            continue
        measures.append(
            {
                "measure": name,
                "one": fmean(before[name][id_] for id_ in both),
                "two": fmean(after[name][id_] for id_ in both),
                "difference": difference.mean,
                "low": difference.low,
                "high": difference.high,
                "clear": difference.clear,
                "questions": difference.count,
                "up": sum(delta > _SAME for delta in deltas.values()),
                "down": sum(delta < -_SAME for delta in deltas.values()),
            }
        )
        for id_, delta in deltas.items():
            if abs(delta) > _SAME:
                changes.setdefault(id_, {})[name] = delta
    texts = dict(shared)
    changed = [{"id": id_, "question": texts[id_], "by": by} for id_, by in changes.items()]
    changed.sort(key=lambda it: (min(it["by"].values()), it["id"]))  # type: ignore[attr-defined]
    return {
        "one": one.label,
        "two": two.label,
        "questions": len(ids),
        "left_out": len(_texts(one.run)) + len(_texts(two.run)) - 2 * len(ids),
        "measures": measures,
        "changed": changed,
    }


def _texts(run: Json) -> Mapping[str, str]:
    return {str(it["id"]): str(it["question"]) for it in run["results"]}


def _values(side: ComparedRun) -> Values:
    return _searches(side.run) if side.backend is None else _answers(side.run, side.backend)


def _searches(run: Json) -> Values:
    values: Values = {}
    for it in run["results"]:
        for name, value in ((it["search"] or {}).get("scores") or {}).items():
            values.setdefault(name, {})[it["id"]] = float(value)
    return values


def _answers(run: Json, backend: str) -> Values:
    """One number per measure and question. Refusals have measures of their own: refused where the
    documents do not answer, and not refused where they do."""
    values: Values = {}
    for it in run["results"]:
        ask = it["asks"].get(backend)
        if ask is None or ask["verdict"] == "failed":
            continue
        if it["answerable"]:
            if it["answers"]:
                right = float(ask["verdict"] == "right")
                values.setdefault("answer contained", {})[it["id"]] = right
            answered = float(ask["verdict"] in _ANSWERED)
            values.setdefault("not falsely refused", {})[it["id"]] = answered
        else:
            refused = float(ask["verdict"] == "rightly_refused")
            values.setdefault("rightly refused", {})[it["id"]] = refused
    return values
