"""Finds what in a sentence contradicts its sources: a fact, a name or a denial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from byline.domain.reasons import Arguments, CheckReason
from byline.verify.alignment import Alignment
from byline.verify.checked_source import AnalysedSource, AnalysedText
from byline.verify.facts.calendar_dates import Date, TimeOfDay
from byline.verify.facts.exact_facts import Fact, Facts, competing_facts, is_spelled_one
from byline.verify.facts.names import Name
from byline.verify.facts.quantities import Code, Quantity
from byline.verify.facts.units import DIMENSIONS
from byline.verify.slot_diff import swapped_name
from byline.verify.weighted_terms import TermSet, TermWeights, overlap

DISPLACED_RECALL_MIN: Final = 0.5
DENIAL_RECALL_MIN: Final = 0.5
SAID_MIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What of a sentence is contradicted."""

    reason: CheckReason
    arguments: Arguments


def conflicting_fact(
    claim: AnalysedText, aligned: Alignment, sources: Sequence[AnalysedSource]
) -> Contradiction | None:
    """Return the contradiction of a number, amount, date, time or code that the sources do not
    have, or have only elsewhere."""
    absent = [
        fact
        for fact in claim.facts
        if not is_spelled_one(fact) and not aligned.facts.contains(fact)
    ]
    if not absent:
        return None
    everywhere = Facts(fact for source in sources for fact in source.facts)
    free = [
        fact
        for fact in aligned.facts
        if not is_spelled_one(fact) and not claim.facts.contains(fact)
    ]
    for fact in absent:
        others = competing_facts(fact, free)
        spelled = isinstance(fact, Quantity) and fact.spelled
        if not everywhere.contains(fact):
            if spelled and not others:
                continue  # "the two of them": the model counted, it did not read
            return _fact_contradiction(fact, others)
        if others and not spelled and aligned.recall >= DISPLACED_RECALL_MIN:
            return _fact_elsewhere(fact, others)
    return None


def _fact_contradiction(fact: Fact, others: Sequence[Fact]) -> Contradiction:
    kind = _kind(fact)
    if others:
        said = {"source": others[0].text, "answer": fact.text}
        return Contradiction(CheckReason(f"{kind}_mismatch"), said)
    return Contradiction(CheckReason(f"{kind}_missing"), {"answer": fact.text})


def _fact_elsewhere(fact: Fact, others: Sequence[Fact]) -> Contradiction | None:
    said = {"source": others[0].text, "answer": fact.text}
    return Contradiction(CheckReason(f"{_kind(fact)}_elsewhere"), said)


def _kind(fact: Fact) -> str:
    match fact:
        case Date():
            return "date"
        case TimeOfDay():
            return "time"
        case Code():
            return "code"
        case Quantity(unit=unit):
            return "amount" if DIMENSIONS.get(unit) == "money" else "number"


def conflicting_name(
    claim: AnalysedText, aligned: Alignment, sources: Sequence[AnalysedSource]
) -> Contradiction | None:
    """Return the contradiction of a name that the sources do not have, or have only elsewhere."""
    missing = [n for n in claim.names if not any(source.words.contains(n) for source in sources)]
    if not missing:
        return _swapped_name(claim, aligned)
    together = _written_together(claim.names, missing, sources)
    missing = [name for name in missing if name.run not in together]
    if not missing:
        return None
    rival = _rival_names(claim, aligned)
    if not rival and not any(name.sure for name in missing):
        return None  # it may be a common word at the beginning of the sentence
    said = " ".join(name.text for name in missing if name.run == missing[0].run)
    if rival:
        return Contradiction(CheckReason.NAME_MISMATCH, {"source": rival, "answer": said})
    return Contradiction(CheckReason.NAME_MISSING, {"answer": said})


def _written_together(
    names: Sequence[Name], missing: Sequence[Name], sources: Sequence[AnalysedSource]
) -> set[int]:
    """Return the runs of several words that the sources have as one word (`AppleTalk`) or with
    other separators."""
    wanted = {name.run for name in missing}
    runs: dict[int, list[str]] = {}
    for name in names:
        if name.run in wanted:
            runs.setdefault(name.run, []).append(name.key)
    return {
        run
        for run, keys in runs.items()
        if len(keys) > 1 and any("".join(keys) in source.alphanumerics for source in sources)
    }


def _swapped_name(claim: AnalysedText, aligned: Alignment) -> Contradiction | None:
    """Return the contradiction of a name the sources have, but not where the claim has it."""
    for _, sentence in aligned.sentences:
        if swapped := swapped_name(claim.plain, sentence.plain):
            said = {"source": swapped[1], "answer": swapped[0]}
            return Contradiction(CheckReason.NAME_ELSEWHERE, said)
    return None


def _rival_names(claim: AnalysedText, aligned: Alignment) -> str:
    """Return a name in the best aligned sentence that the claim does not have, else ""."""
    for _, sentence in aligned.sentences[:1]:
        others = [name for name in sentence.names if name.sure and not claim.words.contains(name)]
        if others:
            return " ".join(name.text for name in others if name.run == others[0].run)
    return ""


def conflicting_denial(claim: AnalysedText, aligned: Alignment) -> Contradiction | None:
    """Return the contradiction of a claim that denies what the source says, or says what it
    denies."""
    if aligned.recall < DENIAL_RECALL_MIN or not aligned.sentences:
        return None
    sentences = [sentence for _, sentence in aligned.sentences]
    if any(_is_affirmed(denied, sentences) for denied in claim.denied):
        return Contradiction(CheckReason.NEGATION_ADDED, {})
    if any(_is_affirmed(denied, [claim]) for other in sentences for denied in other.denied):
        return Contradiction(CheckReason.NEGATION_MISSING, {})
    return None


def _is_affirmed(denied: TermWeights, others: Sequence[AnalysedText]) -> bool:
    """Return whether `others` affirm what another text denies, and none of them denies it."""
    if not denied:
        return not any(other.denial for other in others)
    said = False
    for other in others:
        if _share(denied, other.terms) < SAID_MIN:
            continue
        if _denies_near(other, denied):
            return False
        said = True
    return said


def _denies_near(text: AnalysedText, wanted: TermWeights) -> bool:
    """Return whether `text` denies something near one of the `wanted` terms."""
    return any(_share(wanted, TermSet(terms)) > 0 for terms in text.denied)


def _share(wanted: TermWeights, terms: TermSet) -> float:
    return overlap(wanted, terms).total / wanted.total
