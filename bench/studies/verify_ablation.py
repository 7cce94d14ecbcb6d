"""What each rule of the check of citations is worth: the development sets judged without it.

    python -m bench.studies.verify_ablation [NAME…]      # rules whose names hold one of NAME

The sets are those of `bench/verify.py` (`squad2_en`, `multihop_en`, the Korean one) and `nli_ko`,
`nli_en`: a statement beside one sentence, labelled. Only the development halves are read unless
`--held-back` is given. The score of a set is a balanced accuracy in points: the mean of the share
of true statements called `supported` and the share of the others that are told; of a changed
statement that means `unsupported`, of a pair that does not entail anything but `supported`. A rule
is switched off by a patch of the name it goes by; a name that is gone is an error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from bench.retrieval import DEFAULT_DATA
from bench.verify import korean_claims, made_claims
from byline.domain.asks import Support
from byline.verify import (
    alignment,
    checked_source,
    contradictions,
    negation,
    slot_diff,
    support,
    weighted_terms,
)
from byline.verify.checked_source import AnalysedSource, AnalysedText
from byline.verify.facts import exact_facts, names, quantities
from byline.verify.support import SupportVerdict, check_claim

Off = tuple[Any, str, Any]
"""An object, the name of an attribute, and what it is while the rule is off."""


class Statement(NamedTuple):
    text: str
    source: str
    title: str
    kind: str


def none(*_: object, **__: object) -> None:
    return None


def never(*_: object, **__: object) -> bool:
    return False


def nothing(*_: object, **__: object) -> tuple[()]:
    return ()


DECIDE: Final = (support, alignment, contradictions, slot_diff)
"""What decides on texts that are analysed: without a rule of these the analysis is the same."""


class _Nowhere:
    """A pattern that matches nothing."""

    def finditer(self, *_: object) -> Iterator[Any]:
        return iter(())

    def search(self, *_: object) -> None:
        return None

    match = search

    def sub(self, _: object, text: str, *__: object) -> str:
        return text


NOWHERE: Final = _Nowhere()

RULES: Final[Mapping[str, Sequence[Off]]] = {
    "support: the same words are supported at once": [(alignment, "VERBATIM_CHARS_MIN", 10**9)],
    "support: another language is undecided": [
        (alignment, "_main_script", lambda written: "latin"),
    ],
    "facts: any of them": [(support, "conflicting_fact", none)],
    "facts: elsewhere in the source, another here": [(contradictions, "DISPLACED_RECALL_MIN", 9.0)],
    "facts: dates": [(exact_facts, "find_dates", nothing)],
    "facts: times of day": [(exact_facts, "find_times", nothing)],
    "facts: codes": [(exact_facts, "find_codes", nothing)],
    "facts: numbers spelled out, English": [
        (quantities, "_SPELLED", NOWHERE),
        (quantities, "_SPELLED_ORDINAL", NOWHERE),
    ],
    "facts: numbers spelled out, Korean": [
        (quantities, "_SPELLED_NATIVE", NOWHERE),
        (quantities, "_SPELLED_SINO", NOWHERE),
    ],
    "facts: hours and minutes together": [(quantities, "_HOURS_AND_MINUTES", NOWHERE)],
    "facts: hedged numbers are rounded": [(quantities, "_HEDGE", NOWHERE)],
    "facts: a spelled one is no number": [
        (contradictions, "is_spelled_one", lambda fact: False),
    ],
    "facts: the number of a list item is none": [(exact_facts, "_LIST_NUMBER", NOWHERE)],
    "names: any of them": [(support, "conflicting_name", none)],
    "names: swapped within the passage (slot_diff)": [(contradictions, "_swapped_name", none)],
    "names: swapped, Korean": [(slot_diff, "_korean", none)],
    "names: written together or apart": [
        (contradictions, "_written_together", lambda *_: set[int]()),
    ],
    "names: a first word may be none": [
        (contradictions, "_rival_names", lambda *_: ""),
    ],
    "names: Korean": [(names, "_korean", nothing)],
    "names: related forms (Norman, Normandy)": [
        (
            names.NameWords,
            "contains",
            lambda words, name: (
                name.key in words or (name.key[0] >= "가" and name.key in words._hangul)
            ),
        ),
    ],
    "denials: any of them": [(support, "conflicting_denial", none)],
    "denials: what looks like one (not only, 뿐만 아니라)": [
        (negation, "NO_NEGATIONS_EN", NOWHERE),
        (negation, "NO_NEGATIONS_KO", NOWHERE),
    ],
    "denials: another denial near by": [(contradictions, "_denies_near", never)],
    "denials: Korean": [(negation, "NEGATIONS_KO", NOWHERE)],
    "alignment: more than one sentence": [(alignment, "SENTENCES_MAX", 1)],
    "alignment: a further sentence must add enough": [(alignment, "GAIN_MIN", 0.0)],
    "alignment: titles and headings count by half": [(alignment, "CONTEXT_WEIGHT", 0.0)],
    "alignment: facts draw the sentence": [(alignment, "FACTS_COUNTED_MAX", 0)],
    "words: those without a claim left out, English": [
        (weighted_terms, "FUNCTION_EN", frozenset()),
    ],
    "words: Korean endings taken off": [(weighted_terms, "stem_ko", lambda word: word)],
    "words: number words and units left out": [
        (weighted_terms, "NUMBER_WORDS", {}),
        (weighted_terms, "UNITS", {}),
    ],
    "sources: orders to a model are no evidence": [(checked_source, "is_injection", never)],
}
"""What is switched off, by the part of `verify` and what it does."""


def main() -> None:
    told = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    told.add_argument("names", nargs="*")
    told.add_argument("--data", type=Path, default=DEFAULT_DATA)
    told.add_argument("--held-back", action="store_true")
    wanted = told.parse_args()
    sets = statement_sets(wanted.data, held_back=wanted.held_back)
    analysed = Analysed()
    whole = scores(sets, analysed)
    _print("(all rules)", whole, whole)
    for name, offs in RULES.items():
        if wanted.names and not any(part in name for part in wanted.names):
            continue
        with ExitStack() as stack:
            for where, attribute, instead in offs:
                stack.enter_context(patch.object(where, attribute, instead))
            keeps = all(where in DECIDE for where, _, _ in offs)
            _print(name, scores(sets, analysed if keeps else Analysed()), whole)


def statement_sets(data: Path, *, held_back: bool) -> dict[str, list[Statement]]:
    """The statements of each set that is in `data`, of one half."""
    found: dict[str, list[Statement]] = {}
    for name in ("squad2_en", "multihop_en"):
        if (data / name / "corpus.jsonl").is_file():
            found[name] = [
                Statement(c.statement, c.source.text, c.source.title, c.kind)
                for c in made_claims(data / name)
                if c.held_back == held_back
            ]
    found["korean"] = [
        Statement(c.statement, c.source.text, c.source.title, c.kind)
        for c in korean_claims()
        if c.held_back == held_back
    ]
    for name in ("nli_ko", "nli_en"):
        pairs = data / name / "pairs.jsonl"
        if pairs.is_file():
            rows = map(json.loads, pairs.read_text(encoding="utf-8").splitlines())
            found[name] = [
                Statement(row["claim"], row["source"], "", row["label"])
                for row in rows
                if _is_held_back(row["id"]) == held_back
            ]
    return found


def _is_held_back(id_: str) -> bool:
    return hashlib.sha256(id_.encode()).digest()[0] % 2 == 0


class Analysed:
    """Statements and sources as they were analysed: each once."""

    def __init__(self) -> None:
        self._claims: dict[str, AnalysedText] = {}
        self._sources: dict[tuple[str, str], AnalysedSource] = {}

    def verdict(self, one: Statement) -> SupportVerdict:
        key = one.source, one.title
        claim = self._claims.get(one.text) or AnalysedText(one.text)
        source = self._sources.get(key) or AnalysedSource(*key)
        self._claims[one.text], self._sources[key] = claim, source
        return check_claim(claim, [source])


def scores(sets: Mapping[str, Sequence[Statement]], analysed: Analysed) -> dict[str, float]:
    """The balanced accuracy of each set, in points."""
    return {name: 100 * balanced(judged(some, analysed)) for name, some in sets.items()}


def judged(some: Sequence[Statement], analysed: Analysed) -> dict[str, list[Support]]:
    """The verdicts by the kind of statement."""
    found: dict[str, list[Support]] = defaultdict(list)
    for one in some:
        found[one.kind].append(analysed.verdict(one).support)
    return found


def balanced(found: Mapping[str, Sequence[Support]]) -> float:
    """The balanced accuracy of the verdicts on statements of each kind, 0 to 1."""
    true, rest = 0.0, []
    for kind, verdicts in found.items():
        if kind in ("true", "entailment"):
            true = _share(verdicts, lambda support: support is Support.SUPPORTED)
        elif kind in ("neutral", "contradiction"):
            rest.append(_share(verdicts, lambda support: support is not Support.SUPPORTED))
        else:
            rest.append(_share(verdicts, lambda support: support is Support.UNSUPPORTED))
    return (true + sum(rest) / len(rest)) / 2


def _share(verdicts: Sequence[Support], told: Callable[[Support], bool]) -> float:
    return sum(map(told, verdicts)) / len(verdicts)


def _print(name: str, found: Mapping[str, float], whole: Mapping[str, float]) -> None:
    """One line: with all rules the scores, else what each set loses without the rule."""
    if found is whole:
        cells = [f"{one:.2f}" for one in found.values()]
        sys.stdout.write("| rule | " + " | ".join(found) + " |\n")
    else:
        cells = [f"{whole[one] - found[one]:+.2f}" for one in found]
    sys.stdout.write(f"| {name} | " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    sys.stderr.write(f"{time.perf_counter() - began:.0f} s\n")
