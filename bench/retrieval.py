"""How good retrieval is, on question sets with judgements, and what `quotes` makes of it.

The sets lie in the folder `BYLINE_BENCH_DATA` names, or in `shared/data` beside the repository:
`<set>/corpus.jsonl`, `queries.jsonl` and `qrels.tsv`. Whole paragraphs are the passages, indexed
embedded and searched through PostgreSQL as in use; judged as `byline eval` judges. Embedding takes
most of the time: `BYLINE_BENCH_CACHE` names a folder that keeps the vectors. Every run is added to
`bench/history` (`python -m bench.record` prints it).
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import record
from bench.facts import machine_facts
from bench.library import Text, empty_library
from bench.quoting import Quoting
from bench.report import Row
from bench.settings import Settings
from bench.vectors import KeptVectors, kept_vectors, searchable
from byline.domain.searches import SearchRequest
from byline.eval.question_files import EvalQuestion
from byline.eval.retrieval_measures import mean_scores, roc_auc, score_rankings
from byline.eval.verdicts import AnswerVerdict, JudgedAsk
from byline.search.document_reader import DocumentReader

NAME = "retrieval quality"

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SLACK = 0.01


@dataclass(frozen=True, slots=True)
class Floor:
    """Plain BM25 (k1 1.2, b 0.75) on a set: what must be reached, less `SLACK` of nDCG@10."""

    ndcg: float
    p_at_1: float
    recall: float


FLOORS = {
    "squad2_en": Floor(0.892, 0.820, 0.960),
    "multihop_en": Floor(0.666, 0.745, 0.733),
}


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A set as it lies in its folder; `expected` are the right paragraphs of each question."""

    name: str
    paragraphs: list[Text]
    questions: list[EvalQuestion]
    expected: dict[str, list[str]]


@dataclass(slots=True)
class Found:
    """What the questions of a set brought: rankings, coverages, asks, each by question."""

    rankings: dict[str, list[str]] = field(default_factory=dict)
    coverages: dict[str, float] = field(default_factory=dict)
    asks: dict[str, JudgedAsk] = field(default_factory=dict)


async def run(settings: Settings) -> list[Row]:
    data = settings.data or DEFAULT_DATA
    rows: list[Row] = []
    facts = machine_facts()
    async with kept_vectors(settings) as embedder:
        for name, floor in FLOORS.items():
            if not (data / name / "corpus.jsonl").is_file():
                print(f"retrieval: no {name} in {data}; skipped.", file=sys.stderr)
                continue
            given = read_set(data / name)
            figures = await measured(given, embedder, settings)
            sizes = {"questions": len(given.questions), "passages": len(given.paragraphs)}
            record.append(facts, name, sizes, figures)
            rows += rows_of(given, figures, floor)
    return rows


async def measured(
    given: QuestionSet, embedder: KeptVectors, settings: Settings
) -> dict[str, float | None]:
    """Index and embed a set's paragraphs, ask its questions, and hold the answers against its
    judgements."""
    found = Found()
    async with empty_library(settings.scratch / given.name) as database:
        searcher, keys = await searchable(database, given.paragraphs, embedder)
        quoting = Quoting(searcher, DocumentReader(database))
        for question in given.questions:
            result = await searcher.search(SearchRequest(question.text))
            found.rankings[question.id] = [keys[hit.passage_id] for hit in result.hits]
            found.coverages[question.id] = result.coverage
            found.asks[question.id] = await quoting.ask(question)
    return figures_of(given, found)


def figures_of(given: QuestionSet, found: Found) -> dict[str, float | None]:
    """The figures of a run by name; None where the set has no questions for one."""
    scores = score_rankings(given.expected, found.rankings, 10)
    by_answer: dict[bool, list[float]] = {True: [], False: []}
    for question in given.questions:
        by_answer[question.answerable].append(found.coverages[question.id])
    with_answers = [q for q in given.questions if q.answerable and q.answers]
    return {
        **mean_scores(scores.values()),
        "evidence AUC": roc_auc(by_answer[True], by_answer[False]),
        "answer contained": _share(found, with_answers, AnswerVerdict.RIGHT),
        "rightly refused": _share(
            found, [q for q in given.questions if not q.answerable], AnswerVerdict.RIGHTLY_REFUSED
        ),
        "falsely refused": _share(
            found, [q for q in given.questions if q.answerable], AnswerVerdict.REFUSED
        ),
    }


def _share(found: Found, questions: Sequence[EvalQuestion], verdict: AnswerVerdict) -> float | None:
    if not questions:
        return None
    return sum(found.asks[it.id].verdict is verdict for it in questions) / len(questions)


def rows_of(given: QuestionSet, figures: dict[str, float | None], floor: Floor) -> list[Row]:
    name = given.name
    note = f"{len(given.expected)} questions, {len(given.paragraphs)} paragraphs; plain BM25 "
    notes = {
        "nDCG@10": f"{note}{floor.ndcg}",
        "P@1": f"plain BM25 {floor.p_at_1}",
        "R@10": f"plain BM25 {floor.recall}",
        "evidence AUC": "coverage of questions with an answer above those without; 0.5 is chance",
        "answer contained": "quotes, in at most 3 sentences",
        "rightly refused": "quotes, of questions without an answer",
        "falsely refused": "quotes, of questions with an answer",
    }
    return [
        Row(
            f"{name} {figure}",
            value,
            "",
            floor.ndcg - SLACK if figure == "nDCG@10" else None,
            "lower" if figure == "falsely refused" else "higher",
            notes.get(figure, ""),
        )
        for figure, value in figures.items()
        if value is not None
    ]


def read_set(folder: Path) -> QuestionSet:
    expected: dict[str, list[str]] = defaultdict(list)
    for line in open_text(folder / "qrels.tsv"):
        question, paragraph, _ = line.split("\t")
        expected[question].append(paragraph)
    return QuestionSet(
        folder.name,
        [Text(row["id"], row["text"], row["title"]) for row in lines(folder, "corpus")],
        [
            EvalQuestion(
                row["id"],
                row["text"],
                number,
                answers=tuple(row["answers"]) if row["answerable"] else (),
                answerable=row["answerable"],
            )
            for number, row in enumerate(lines(folder, "queries"), start=1)
        ],
        dict(expected),
    )


def lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, open_text(folder / f"{name}.jsonl"))


def open_text(path: Path) -> list[str]:
    # Not splitlines: paragraphs hold line separators of their own (U+2028).
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n")
