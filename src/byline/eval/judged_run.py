"""Makes the JSON of a run of questions: the setting, each question's outcome, the figures. Pure.

`byline eval --json` prints this JSON and `--against` reads it; `VERSION` is that of its shape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from byline.eval.question_files import EvalQuestion
from byline.eval.retrieval_measures import (
    Scores,
    mean_scores,
    measure_names,
    roc_auc,
    score_rankings,
)
from byline.eval.verdicts import AnswerVerdict, JudgedAsk, documents_of

Json = dict[str, Any]

KIND: Final = "byline-eval"
VERSION: Final = 1
_GROUNDINGS: Final = ("supported", "weak", "unsupported", "other_language")


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The outcome of a search: the API's hits, best first, or the failure."""

    hits: Sequence[Mapping[str, Any]] = ()
    coverage: float | None = None
    ms: float = 0.0
    failure: str = ""


@dataclass(slots=True)
class JudgedQuestion:
    """A question with its outcomes. `expected` has the ids that match each expected document;
    `missing` are the expected documents that the library does not have."""

    question: EvalQuestion
    expected: tuple[frozenset[str], ...] = ()
    missing: tuple[str, ...] = ()
    searched: SearchOutcome | None = None
    asks: dict[str, JudgedAsk] = field(default_factory=dict)

    @property
    def ranked(self) -> bool:
        """Whether its search can be judged: it succeeded, and no expected document is missing."""
        searched = self.searched is not None and not self.searched.failure
        return searched and bool(self.expected) and not self.missing and self.question.answerable

    def ranking(self) -> list[str]:
        """The documents found, each once, at the rank of its best passage: an expected one as
        `expected 0`, whichever of its ids was found, any other as its id."""
        keys = {id_: f"expected {n}" for n, ids in enumerate(self.expected) for id_ in ids}
        found: list[str] = []
        for hit in self.searched.hits if self.searched else ():
            meant = [keys[id_] for id_ in documents_of(hit) if id_ in keys]
            found += meant or [str(hit["document_id"])]
        return list(dict.fromkeys(found))


def run_json(setting: Json, backends: Sequence[str], judged: Sequence[JudgedQuestion]) -> Json:
    """The JSON of the whole run. `setting` is how it was run (`depth`, question file, time)."""
    ranked = [it for it in judged if it.ranked]
    scores = score_rankings(
        {it.question.id: [f"expected {n}" for n in range(len(it.expected))] for it in ranked},
        {it.question.id: it.ranking() for it in ranked},
        setting["depth"],
    )
    results = [_result(it, scores.get(it.question.id)) for it in judged]
    results.sort(key=_worst_first)
    return {
        "kind": KIND,
        "version": VERSION,
        **setting,
        "missing": [
            {"id": it.question.id, "line": it.question.line, "documents": list(it.missing)}
            for it in judged
            if it.missing
        ],
        "retrieval": _retrieval(judged, scores),
        "backends": [_backend(name, judged) for name in backends],
        "results": results,
    }


def _retrieval(judged: Sequence[JudgedQuestion], scores: Mapping[str, Scores]) -> Json | None:
    searched = [it.searched for it in judged if it.searched is not None]
    if not searched:
        return None
    done = [it for it in searched if not it.failure]
    coverages: dict[bool, list[float]] = {True: [], False: []}
    for it in judged:
        if it.searched is not None and it.searched.coverage is not None:
            coverages[it.question.answerable].append(it.searched.coverage)
    return {
        "searched": len(done),
        "judged": len(scores),
        "failed": _counted(it.failure for it in searched if it.failure),
        "measures": mean_scores(scores.values()),
        "evidence_auc": roc_auc(coverages[True], coverages[False]),
        "ms_median": median(it.ms for it in done) if done else None,
    }


def _backend(name: str, judged: Sequence[JudgedQuestion]) -> Json:
    """The figures of one backend. A share of nothing is None."""
    asked = [(it.question, it.asks[name]) for it in judged if name in it.asks]
    done = [(question, ask) for question, ask in asked if ask.verdict is not AnswerVerdict.FAILED]
    counts = Counter(ask.verdict for _, ask in asked)
    with_answers = [ask for question, ask in done if question.answerable and question.answers]
    answerable = [ask for question, ask in done if question.answerable]
    unanswerable = [ask for question, ask in done if not question.answerable]
    cited = [ask.cites_expected for _, ask in done if ask.cites_expected is not None]
    grounding = {it: sum(ask.grounding.get(it, 0) for _, ask in done) for it in _GROUNDINGS}
    first = [ask.first_token_ms for _, ask in done if ask.first_token_ms is not None]
    bylines = [ask.byline for _, ask in done if ask.byline]
    return {
        "backend": name,
        "byline": bylines[-1] if bylines else None,
        "asked": len(asked),
        "verdicts": {verdict.value: counts[verdict] for verdict in AnswerVerdict},
        "failed": _counted(ask.failure for _, ask in asked if ask.failure),
        "unavailable": sum(ask.unavailable for _, ask in asked),
        "measures": {
            "answer contained": _share(ask.verdict is AnswerVerdict.RIGHT for ask in with_answers),
            "rightly refused": _share(
                ask.verdict is AnswerVerdict.RIGHTLY_REFUSED for ask in unanswerable
            ),
            "falsely refused": _share(ask.verdict is AnswerVerdict.REFUSED for ask in answerable),
            "cites the expected": _share(cited),
        },
        "grounding": {
            it: count / total if (total := sum(grounding.values())) else None
            for it, count in grounding.items()
        },
        "ms_median": median(ask.ms for _, ask in done) if done else None,
        "first_token_ms_median": median(first) if first else None,
    }


def _result(it: JudgedQuestion, scores: Scores | None) -> Json:
    question, searched = it.question, it.searched
    wanted = frozenset().union(*it.expected)
    return {
        "id": question.id,
        "line": question.line,
        "question": question.text,
        "documents": list(question.documents),
        "answers": list(question.answers),
        "answerable": question.answerable,
        "missing": list(it.missing),
        "search": None
        if searched is None
        else {
            "scores": scores,
            "coverage": searched.coverage,
            "ms": round(searched.ms, 1),
            "failure": searched.failure or None,
            "found": [
                {
                    "name": hit["name"],
                    "page": hit.get("page"),
                    "expected": not wanted.isdisjoint(documents_of(hit)),
                }
                for hit in searched.hits
            ],
        },
        "asks": {name: _ask(ask) for name, ask in it.asks.items()},
    }


def _ask(ask: JudgedAsk) -> Json:
    return {
        "verdict": ask.verdict.value,
        "answer": ask.answer,
        "failure": ask.failure or None,
        "cites_expected": ask.cites_expected,
        "grounding": dict(ask.grounding),
        "ms": round(ask.ms, 1),
        "first_token_ms": ask.first_token_ms,
    }


def _worst_first(result: Json) -> tuple[float, float, int]:
    """By the worst verdict, then by the first measure of its search."""
    order = [verdict.value for verdict in AnswerVerdict]
    verdict = min((order.index(ask["verdict"]) for ask in result["asks"].values()), default=0)
    scores = (result["search"] or {}).get("scores") or {}
    return verdict, next(iter(scores.values()), 2.0), result["line"]


def leading_measure(run: Json) -> str:
    """The retrieval measure by which questions are sorted and shown."""
    return measure_names(run["depth"])[0]


def _share(hits: Iterable[bool]) -> float | None:
    values = list(hits)
    return sum(values) / len(values) if values else None


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
