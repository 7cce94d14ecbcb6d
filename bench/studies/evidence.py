"""Whether retrieval alone tells if the documents can answer: how `ask/evidence` judges questions.

Two libraries of half of squad2_en's articles each, and one of multihop_en, as in use. Questions:

    answered      a paragraph of the library answers it
    unanswerable  a paragraph looks right and does not answer it (written to mislead a reader)
    absent        its article is in the other library
    foreign       a question of multihop_en put to squad2_en's articles

Where the data have korquad_ko (`bench/studies/korquad.py` makes it), its articles are halved
likewise, and its questions answered or absent: Korean has numbers of its own.

The numbers in `ask/evidence` were fitted on half of the articles; figures are of the other half.
`python -m bench.studies.evidence fit` fits them anew, prints them and draws
`docs/explanation/evidence.svg`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from bench.library import Text, empty_library
from bench.report import Row
from bench.retrieval import DEFAULT_DATA, QuestionSet, open_text, read_set
from bench.settings import Settings, settings_from
from bench.studies.run_study import run_study
from bench.vectors import KeptVectors, kept_vectors, searchable
from byline.ask.evidence import GENERAL, KOREAN, EvidenceWeights, likelihood
from byline.config.schema import Ask, QuotesBackend
from byline.domain.searches import QueryForm, SearchRequest
from byline.eval.retrieval_measures import roc_auc
from byline.search.search import Searcher

NAME = "evidence"

POINTS = {"models": Ask().evidence_min, "quotes": QuotesBackend(kind="quotes").evidence_min}
"""`evidence_min` out of the box: of backends with a model, and of those that quote."""
FITS = {"English": GENERAL, "Korean": KOREAN}
BY_BOTH, BY_WORDS = "by words and meaning", "by words alone"
ANSWERED = "answered"
KINDS = ("absent", "foreign", "unanswerable")
WEIGHTS = {ANSWERED: 1.0, "absent": 0.6, "foreign": 1.0, "unanswerable": 0.5}
"""Of a question in the fit: a reader is needed to tell the last kind, so it must not rule."""
FALSE_REFUSALS = 0.01
"""Share of answered questions of the fitted half that the threshold may refuse."""
FALSE_REFUSALS_SHIFTED = 0.005
"""The same of a language whose intercepts alone are its own, at the threshold out of the box."""
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "evidence.svg"


@dataclass(frozen=True, slots=True)
class Signs:
    """What retrieval shows of a question: the coverage and the nearest cosine of a search by words
    and meaning, and the coverage of one by words alone."""

    coverage: float
    nearest: float | None
    lexical_coverage: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A question put to a library, and what retrieval showed. `half` is 0 where it was fitted."""

    kind: str
    half: int
    signs: Signs
    fit: EvidenceWeights = GENERAL


async def run(settings: Settings) -> list[Row]:
    data = settings.data or DEFAULT_DATA
    if not (data / "squad2_en" / "related.tsv").is_file():
        print(f"evidence: no squad2_en in {data}; skipped.", file=sys.stderr)
        return []
    held_back = [it for it in await judged(data, settings) if it.half == 1]
    return [
        row
        for name, fit in FITS.items()
        if (of_fit := [it for it in held_back if it.fit is fit])
        for leg in (BY_BOTH, BY_WORDS)
        for row in _rows(f"{name}, {leg}", _likelihoods(of_fit, with_meaning=leg == BY_BOTH))
    ]


def _rows(name: str, by_kind: dict[str, list[float]]) -> list[Row]:
    answered = by_kind[ANSWERED]
    rows = []
    for kind in filter(by_kind.__getitem__, KINDS):
        auc = roc_auc(answered, by_kind[kind])
        note = f"{len(by_kind[kind])} questions against {len(answered)} answered"
        rows.append(Row(f"{name}, {kind}: ROC-AUC", auc or 0.0, "", None, "higher", note))
        rows += [
            Row(f"{name}, {kind}: refused for {of}", share, "", None, "higher", f"below {least}")
            for of, least in POINTS.items()
            for share in [_share(by_kind[kind], least)]
        ]
    return rows + [
        Row(f"{name}, {ANSWERED}: falsely refused for {of}", share, "", None, "lower", f"{least}")
        for of, least in POINTS.items()
        for share in [_share(answered, least)]
    ]


async def judged(data: Path, settings: Settings) -> list[Judged]:
    """Every question of all sets put to the libraries, with and without vectors."""
    squad, multihop = read_set(data / "squad2_en"), read_set(data / "multihop_en")
    halved = [(squad, GENERAL)]
    if (data / "korquad_ko" / "corpus.jsonl").is_file():
        halved.append((read_set(data / "korquad_ko"), KOREAN))
    found: list[Judged] = []
    async with kept_vectors(settings) as embedder:
        for (given, fit), side in product(halved, (0, 1)):
            articles = _articles(given, data)
            async with _library(_half(given, side), embedder, settings, fit) as searches:
                found += await searches.judged_by_article(given, articles, side)
                if given is squad:
                    found += await searches.judged(multihop, "foreign")
        async with _library(multihop.paragraphs, embedder, settings) as searches:
            found += await searches.judged(multihop, ANSWERED)
    return found


def _half(given: QuestionSet, side: int) -> list[Text]:
    return [text for text in given.paragraphs if _hash(text.title) % 2 == side]


@asynccontextmanager
async def _library(
    paragraphs: Sequence[Text],
    embedder: KeptVectors,
    settings: Settings,
    fit: EvidenceWeights = GENERAL,
) -> AsyncIterator[_Searches]:
    home = Path(tempfile.mkdtemp(dir=settings.scratch)) / "home"
    async with empty_library(home) as database:
        searcher, _ = await searchable(database, paragraphs, embedder)
        yield _Searches(searcher, Searcher(database), fit)


@dataclass(frozen=True, slots=True)
class _Searches:
    """A library searched by words and meaning, and by words alone, and what judges it."""

    hybrid: Searcher
    lexical: Searcher
    fit: EvidenceWeights

    async def judged(self, given: QuestionSet, kind: str) -> list[Judged]:
        """All questions of a set, of one kind here."""
        return [
            Judged(kind, _hash(question.id) % 2, await self.signs(question.text), self.fit)
            for question in given.questions
        ]

    async def judged_by_article(
        self, given: QuestionSet, articles: Mapping[str, str], side: int
    ) -> list[Judged]:
        """All questions of a set of which the library has the articles of one side."""
        found = []
        for question in given.questions:
            article = _hash(articles[question.id])
            there = ANSWERED if question.answerable else "unanswerable"
            kind = there if article % 2 == side else "absent"
            signs = await self.signs(question.text)
            found.append(Judged(kind, article // 2 % 2, signs, self.fit))
        return found

    async def signs(self, question: str) -> Signs:
        request = SearchRequest(question, 8, form=QueryForm.QUESTION)
        both, words = await self.hybrid.search(request), await self.lexical.search(request)
        return Signs(both.coverage, both.nearest, words.coverage)


def _articles(given: QuestionSet, data: Path) -> dict[str, str]:
    """The article of each question: of one without an answer, that of the paragraph which looks
    right."""
    titles = {text.key: text.title for text in given.paragraphs}
    looks_right = data / given.name / "related.tsv"
    lines = open_text(looks_right) if looks_right.is_file() else []
    related = dict(line.split()[:2] for line in lines)
    return {
        question.id: titles[(given.expected.get(question.id) or [related[question.id]])[0]]
        for question in given.questions
    }


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def _likelihoods(them: Iterable[Judged], *, with_meaning: bool) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {kind: [] for kind in (ANSWERED, *KINDS)}
    for it in them:
        nearest = it.signs.nearest if with_meaning else None
        coverage = it.signs.coverage if with_meaning else it.signs.lexical_coverage
        found[it.kind].append(likelihood(coverage, nearest, it.fit))
    return found


def _share(likelihoods: Sequence[float], least: float) -> float:
    return sum(value < least for value in likelihoods) / len(likelihoods)


def fitted(them: Sequence[Judged], columns: Sequence[Sequence[float]]) -> list[float]:
    """Weights of a logistic regression (Newton's method, a light ridge): intercept first."""
    x = np.column_stack([np.ones(len(them)), *columns])
    y = np.array([it.kind == ANSWERED for it in them], dtype=float)
    weights = np.array([WEIGHTS[it.kind] for it in them])
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (weights * (y - p)) - 1e-3 * beta
        curvature = (x.T * (weights * p * (1 - p))) @ x + 1e-3 * np.eye(len(beta))
        beta += np.linalg.solve(curvature, gradient)
    return [round(float(value), 2) for value in beta]


def shifted(slopes: Sequence[float], answered: Sequence[Sequence[float]]) -> list[float]:
    """Weights with the given `slopes`: the intercept is that with which `evidence_min` of quotes, as
    it is out of the box, refuses `FALSE_REFUSALS_SHIFTED` of the answered questions."""
    sums = np.sort(np.array(answered) @ np.array(slopes))
    least = POINTS["quotes"]
    logit = float(np.log(least / (1 - least)))
    return [round(logit - float(sums[int(FALSE_REFUSALS_SHIFTED * len(sums))]), 2), *slopes]


async def _fit() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        settings = settings_from(os.environ, Path(scratch))
        them = await judged(settings.data or DEFAULT_DATA, settings)
    first = [it for it in them if it.half == 0 and it.fit is GENERAL]
    both = fitted(first, list(zip(*(_both(it) for it in first), strict=True)))
    words = fitted(first, list(zip(*(_words(it) for it in first), strict=True)))
    print("GENERAL: words", words, "both", both)
    answered = [it for it in first if it.kind == ANSWERED]
    for leg, weights, signs in ((BY_BOTH, both, _both), (BY_WORDS, words, _words)):
        scores = np.array([(1.0, *signs(it)) for it in answered]) @ weights
        likely = np.sort(1 / (1 + np.exp(-scores)))
        print(f"evidence_min, {leg}: {likely[int(FALSE_REFUSALS * len(likely))]:.3f}")
    held_back = [it for it in them if it.fit is GENERAL and it.half == 1]
    PICTURE.write_text(_picture(_likelihoods(held_back, with_meaning=True)), encoding="utf-8")
    if korean := [it for it in them if it.fit is KOREAN and it.half == 0 and it.kind == ANSWERED]:
        by_words = shifted(GENERAL.words[1:], [_words(it) for it in korean])
        by_both = shifted(GENERAL.both[1:], [_both(it) for it in korean])
        print("KOREAN: words", by_words, "both", by_both)


def _both(it: Judged) -> tuple[float, float]:
    return it.signs.coverage, it.signs.nearest or 0.0


def _words(it: Judged) -> tuple[float]:
    return (it.signs.lexical_coverage,)


def _picture(by_kind: dict[str, list[float]]) -> str:
    """Refused questions of each kind against falsely refused ones, as the threshold rises."""
    steps = [step / 200 for step in range(201)]
    curves: list[str] = []
    for kind, colour in zip(KINDS, ("#1f5fa8", "#2e7d32", "#b3541e"), strict=True):
        points = " ".join(
            f"{60 + 300 * _share(by_kind[ANSWERED], least):.1f},"
            f"{330 - 300 * _share(by_kind[kind], least):.1f}"
            for least in steps
        )
        auc = roc_auc(by_kind[ANSWERED], by_kind[kind]) or 0.0
        place = 250 + 22 * len(curves)
        curves.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="180" y="{place}" fill="{colour}">{kind}: AUC {auc:.3f}</text>'
        )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 390" width="400" height="390" '
        'font-family="Georgia, serif" font-size="13">'
        '<rect width="400" height="390" fill="#fff"/>'
        '<path d="M60 30V330H360" fill="none" stroke="#333"/>'
        '<path d="M60 330L360 30" stroke="#bbb" stroke-dasharray="4 4"/>'
        '<text x="60" y="20">questions rightly refused</text>'
        '<text x="190" y="372">answered questions refused</text>'
        '<text x="52" y="348">0</text><text x="345" y="348">100 %</text>'
        f'<text x="12" y="36">100 %</text>{"".join(curves)}</svg>\n'
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["fit"]:
        asyncio.run(_fit())
    else:
        run_study(NAME, run)
