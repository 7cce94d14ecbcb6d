"""How well the check of citations tells true sentences from false ones.

Over a thousand statements are made from `squad2_en` and `multihop_en` (`bench/claims.py`) in the
folder `BYLINE_BENCH_DATA` names, or in `shared/data` beside the repository, and a hand-written
Korean set comes from `tests/fixtures/claims_ko.jsonl`. Articles are in two halves by a hash of
their title: the check was tuned on one, the figures are those of the other. `unsupported` is what
is measured: recall over the statements of a kind, and precision against the same statements
unchanged. A statement called `weak` counts as not caught.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.claims import (
    KINDS,
    Claim,
    Paragraph,
    Pool,
    changed,
    declarative,
    is_held_back,
    names_of,
    paraphrased,
    sentence_with,
)
from bench.report import Row
from bench.retrieval import DEFAULT_DATA, lines, open_text
from bench.settings import Settings
from byline.domain.asks import Support
from byline.verify.checked_source import AnalysedSource
from byline.verify.support import check_support

NAME = "citations checked"

SEED = 20_240_501
KOREAN = Path(__file__).resolve().parents[1] / "tests" / "fixtures" / "claims_ko.jsonl"
BUDGETS = {"number": (0.9, 0.8), "name": (0.9, 0.8)}
"""Kind → (precision, recall) that must be reached."""

Found = list[tuple[Claim, Support]]


async def run(settings: Settings) -> list[Row]:
    data = settings.data or DEFAULT_DATA
    rows: list[Row] = []
    for name in ("squad2_en", "multihop_en"):
        if not (data / name / "corpus.jsonl").is_file():
            print(f"verify: no {name} in {data}; skipped.", file=sys.stderr)
            continue
        claims = list(made_claims(data / name))
        rows += measured(name, [claim for claim in claims if claim.held_back])
    rows += measured("korean", [claim for claim in korean_claims() if claim.held_back])
    return rows


def made_claims(folder: Path) -> Iterator[Claim]:
    """Every claim of a set: the true ones, each followed by its changes."""
    paragraphs = {
        r["id"]: Paragraph(r["id"], r["title"], r["text"]) for r in lines(folder, "corpus")
    }
    judged: dict[str, list[str]] = {}
    for question, named, _ in map(str.split, open_text(folder / "qrels.tsv")):
        judged.setdefault(question, []).append(named)
    pool = Pool(names_of(list(paragraphs.values())), list(paragraphs.values()))
    chance = random.Random(SEED)
    for query in lines(folder, "queries"):
        for paragraph in (paragraphs[id_] for id_ in judged.get(query["id"], ())):
            for claim in true_claims(
                query["id"], query["text"], query["answers"], paragraph, chance
            ):
                yield claim
                yield from changed(claim, pool, chance)


def true_claims(
    id_: str, question: str, answers: Sequence[str], paragraph: Paragraph, chance: random.Random
) -> Iterator[Claim]:
    """What the paragraph says of the question: as the question's own words, and as its sentence."""
    held_back = is_held_back(paragraph.title)
    present = [answer for answer in answers if answer in paragraph.text]
    if not present:
        return
    # A question that needs several paragraphs is answered by none of them alone.
    turned = declarative(question, present[0]) if "#" in paragraph.id else None
    if turned is not None:
        yield Claim(f"{id_} d", "true", turned, paragraph, held_back, "declarative")
    sentence = sentence_with(paragraph.text, present)
    if sentence is not None:
        text = paraphrased(sentence, paragraph.title, present[0], chance)
        yield Claim(f"{id_} {paragraph.id}", "true", text, paragraph, held_back, "paraphrase")


def korean_claims() -> Iterator[Claim]:
    """The hand-written set: true statements of short documents, and one thing changed in each."""
    for number, row in enumerate(map(json.loads, open_text(KOREAN))):
        source = Paragraph(str(number), row["title"], row["source"])
        held_back = is_held_back(row["title"])
        yield Claim(str(number), "true", row["true"], source, held_back, "korean")
        for kind in ("number", "name", "negation"):
            if kind in row:
                yield Claim(str(number), kind, row[kind], source, held_back, "korean")


def judged_claims(claims: Sequence[Claim]) -> Found:
    """Each claim with the verdict on it."""
    return [(claim, _support(claim)) for claim in claims]


def _support(claim: Claim) -> Support:
    source = AnalysedSource(claim.source.text, claim.source.title)
    return check_support(claim.statement, [source]).support


def measured(name: str, claims: Sequence[Claim]) -> list[Row]:
    """Precision and recall of `unsupported` for each kind, and the false alarms."""
    began = time.perf_counter()
    found = judged_claims(claims)
    per_claim_ms = (time.perf_counter() - began) / max(1, len(claims)) * 1000
    true = {claim.base: support for claim, support in found if claim.kind == "true"}
    alarms = _share(list(true.values()), Support.UNSUPPORTED)
    note = f"{len(true)} true statements, {len(claims)} in all; {per_claim_ms:.2f} ms each"
    weak = _share(list(true.values()), Support.WEAK)
    rows = [
        Row(f"{name}: true, called unsupported", alarms, "", None, "lower", note),
        Row(f"{name}: true, called weak", weak, "", None, "lower", ""),
    ]
    for kind in KINDS:
        of_kind = [(claim, support) for claim, support in found if claim.kind == kind]
        if of_kind:
            rows += _rows(name, kind, of_kind, true.__getitem__)
    return rows


def _rows(name: str, kind: str, found: Found, twin: Callable[[str], Support]) -> list[Row]:
    caught = sum(support is Support.UNSUPPORTED for _, support in found)
    alarms = sum(twin(claim.base) is Support.UNSUPPORTED for claim, _ in found)
    precision = caught / (caught + alarms) if caught else 0.0
    floor, least = BUDGETS.get(kind, (None, None))
    note = f"{len(found)} with {KINDS[kind]}"
    return [
        Row(f"{name}: {kind}, precision", precision, "", floor, "higher", note),
        Row(f"{name}: {kind}, recall", caught / len(found), "", least, "higher", ""),
    ]


def _share(found: Sequence[Support], support: Support) -> float:
    return found.count(support) / max(1, len(found))
