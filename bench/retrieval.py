"""How good retrieval is, on question sets with judgements: nDCG@10, P@1 and recall@10.

The sets lie in the folder `BYLINE_BENCH_DATA` names, or in `shared/data` beside the repository:
`<set>/corpus.jsonl`, `queries.jsonl` and `qrels.tsv`. Whole paragraphs are the passages, indexed
and searched through PostgreSQL as in use; the measures are those of `ir-measures`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.library import Text, empty_library, fill
from bench.report import Row
from bench.settings import Settings
from byline.domain.search import SearchRequest
from byline.search.search import Searcher

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


async def run(settings: Settings) -> list[Row]:
    data = settings.data or DEFAULT_DATA
    rows: list[Row] = []
    for name, floor in FLOORS.items():
        if (data / name / "corpus.jsonl").is_file():
            rows += await measured(data / name, floor, settings.scratch / name)
        else:
            print(f"retrieval: no {name} in {data}; skipped.", file=sys.stderr)
    return rows


async def measured(folder: Path, floor: Floor, home: Path) -> list[Row]:
    """Index a set's paragraphs, ask its questions, and hold the answers against its judgements."""
    import ir_measures
    from ir_measures import P, Qrel, R, ScoredDoc, nDCG

    paragraphs = [Text(row["id"], row["text"], row["title"]) for row in lines(folder, "corpus")]
    questions = list(lines(folder, "queries"))
    judged = [
        Qrel(question, paragraph, int(grade))
        for question, paragraph, grade in map(str.split, open_text(folder / "qrels.tsv"))
    ]
    found = []
    async with empty_library(home) as database:
        keys = await fill(database, paragraphs)
        searcher = Searcher(database)
        for question in questions:
            result = await searcher.search(SearchRequest(question["text"]))
            found += [
                ScoredDoc(question["id"], keys[hit.passage_id], hit.score) for hit in result.hits
            ]
    scores = ir_measures.calc_aggregate([nDCG @ 10, P @ 1, R @ 10], judged, found)
    name, asked = folder.name, len({judgement.query_id for judgement in judged})
    note = f"{asked} questions, {len(paragraphs)} paragraphs; plain BM25 "
    return [
        Row(f"{name} nDCG@10", scores[nDCG @ 10], "", floor.ndcg - SLACK, "higher",
            f"{note}{floor.ndcg}"),
        Row(f"{name} P@1", scores[P @ 1], "", None, "higher", f"plain BM25 {floor.p_at_1}"),
        Row(f"{name} recall@10", scores[R @ 10], "", None, "higher", f"plain BM25 {floor.recall}"),
    ]  # fmt: skip


def lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, open_text(folder / f"{name}.jsonl"))


def open_text(path: Path) -> list[str]:
    # Not splitlines: paragraphs hold line separators of their own (U+2028).
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n")
