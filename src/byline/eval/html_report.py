"""Renders a judged run as one self-contained HTML page: no script, no request, light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from byline.eval.judged_run import leading_measure

Json = Mapping[str, Any]

SHOWN_MAX: Final = 2_000
"""Questions on the page, worst first; browsers take long over more. The JSON has all of them."""

_ANSWER_CHARS_MAX: Final = 4_000

_MEANINGS: Final = {
    "right": "holds an expected answer",
    "rightly_refused": "the documents do not answer it",
    "unjudged": "no answer is known to compare with",
    "refused": "though the documents answer it",
    "wrong": "holds none of the expected answers",
    "not_refused": "though the documents do not answer it",
    "failed": "counted nowhere",
}
"""What each verdict means, best first: the order of the bars."""

_EXPLAINED: Final = {
    "nDCG": "share of the best possible ranking, early ranks counting more",
    "R": "share of the expected documents found",
    "RR": "1 / rank of the first expected document, mean",
    "P": "share of questions whose first hit is an expected document",
    "answer contained": "of the questions whose answers are known",
    "rightly refused": "of the questions nothing answers",
    "falsely refused": "of the questions that can be answered; lower is better",
    "cites the expected": "answers that cite an expected document",
}


def report_page(run: Json) -> str:
    """The page, as HTML. Everything in the run is escaped: nothing in it can become markup."""
    return _template().render(
        run=run,
        meanings=_MEANINGS,
        leading=leading_measure(dict(run)),
        shown=run["results"][:SHOWN_MAX],
        unshown=max(0, len(run["results"]) - SHOWN_MAX),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("byline.eval"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": _share,
        "ms": _ms,
        "explained": _explained,
        "measure": measure_label,
        "cut": _cut,
    }
    return environment.get_template("report.html")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def measure_label(name: str) -> str:
    """A measure's name as people read it."""
    if name == "RR":
        return "MRR"
    return name.replace("R@", "Recall@") if "@" in name else name.capitalize()


def _explained(name: str) -> str:
    return _EXPLAINED.get(name.partition("@")[0], "")


def _cut(text: str) -> str:
    return text if len(text) <= _ANSWER_CHARS_MAX else text[:_ANSWER_CHARS_MAX] + " …"
