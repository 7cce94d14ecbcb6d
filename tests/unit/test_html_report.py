"""The HTML report: one file that asks nothing of anybody, and in which nothing becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from byline.eval.html_report import report_page
from byline.eval.judged_run import JudgedQuestion, SearchOutcome, run_json
from byline.eval.question_files import EvalQuestion
from byline.eval.run_comparison import ComparedRun, compare
from byline.eval.verdicts import AnswerVerdict, JudgedAsk

ATTACK = "\"'><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>"
SETTING: dict[str, Any] = {
    "at": "2026-01-01T12:00:00+00:00",
    "byline": "0.1.0",
    "file": "questions.jsonl",
    "sha256": "0" * 64,
    "depth": 10,
    "collection": None,
    "mode": None,
    "library": {"documents": 3, "passages": 5, "embedded": 0},
    "complete": True,
    "notes": [],
}


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def run_of(text: str, **setting: Any) -> dict[str, Any]:
    hit = {"document_id": "d1", "name": text, "page": 3}
    row = JudgedQuestion(
        EvalQuestion(text, text, 1, (text, "gone"), (text,)), (frozenset({"d1"}),), ("gone",)
    )
    row.searched = SearchOutcome([hit], 0.4, 12.0)
    byline = {"machine": text, "model_loaded": text, "model_requested": text, "verified": False}
    answered = JudgedAsk(
        AnswerVerdict.WRONG, text, grounding={"supported": 1}, byline=byline, ms=5.0
    )
    row.asks = {text: answered, "b": replace(answered, verdict=AnswerVerdict.FAILED, failure=text)}
    ranked = replace_missing(row)
    run = run_json(SETTING | setting, [text, "b"], [row, ranked])
    run["comparisons"] = [compare(ComparedRun(text, run, text), ComparedRun("b", run, "b"))]
    return run


def replace_missing(row: JudgedQuestion) -> JudgedQuestion:
    """The same with all it expects there."""
    question = replace(row.question, id="other")
    return JudgedQuestion(question, row.expected, (), row.searched, dict(row.asks))


def test_nothing_in_a_run_becomes_markup() -> None:
    page = report_page(run_of(ATTACK, file=ATTACK, collection=ATTACK, notes=[ATTACK]))
    tags = {tag for tag, _ in Elements(page).found}
    assert not tags & {"script", "img", "iframe", "object", "link", "base", "form", "a"}
    assert not re.search(r"<[^>]* on\w+=", page)
    assert "&lt;script&gt;" in page


def test_the_page_asks_nothing_of_anybody() -> None:
    page = report_page(run_of("plain"))
    for tag, attributes in Elements(page).found:
        assert not attributes.keys() & {"src", "href", "srcset", "action", "poster", "data"}, tag
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page


def test_the_page_has_the_figures_the_questions_and_the_comparison() -> None:
    page = report_page(run_of("왜 그런가요?", complete=False))
    for words in ("nDCG@10", "MRR", "왜 그런가요?", "ended early", "not in the library", "gone"):
        assert words in page, words
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


@pytest.mark.parametrize("backends", [[], ["b"]])
def test_a_run_that_judged_nothing_still_has_a_page(backends: list[str]) -> None:
    row = JudgedQuestion(EvalQuestion("q", "q?", 1))
    row.searched = SearchOutcome(failure="bad_request")
    run = run_json(SETTING, backends, [row]) | {"comparisons": []}
    assert "Nothing to judge" in report_page(run)


def test_of_two_equal_runs_no_difference_is_called_clear() -> None:
    run = run_of("plain")
    run["comparisons"] = [compare(ComparedRun("one", run, None), ComparedRun("two", run, None))]
    assert run["comparisons"][0]["measures"]
    assert '<tr class="clear">' not in report_page(run)


def test_the_page_names_a_model_only_where_there_is_one() -> None:
    run = run_of("plain")
    model = {"machine": "macbook", "model_loaded": "qwen", "model_requested": "qwen"}
    run["backends"][0]["byline"] = model | {"verified": True}
    assert "On macbook, model qwen, verified." in report_page(run)
    run["backends"][0]["byline"] |= {"machine": "byline", "model_loaded": "quotes"}
    assert "On byline." in report_page(run)
