"""What in a sentence its sources contradict: a fact, a name, a denial; each with a sentence why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from byline.verify.aligning import Aligned
from byline.verify.dates import Clock, Date
from byline.verify.facts import Fact, has_fact, is_idle, rivals
from byline.verify.names import Name, has_name
from byline.verify.quantities import Code, Quantity
from byline.verify.reading import ReadSource, ReadText
from byline.verify.rewording import swapped_name
from byline.verify.terms import content_terms, overlap
from byline.verify.units import DIMENSIONS

DISPLACED_RECALL_MIN: Final = 0.5
DENIAL_RECALL_MIN: Final = 0.5
SAID_MIN: Final = 0.5
NEAR_CHARS_MIN: Final = 5
NEAR_MIN: Final = 0.86


@dataclass(frozen=True, slots=True)
class Conflict:
    """`doubtful` where it only keeps the sentence from being called supported."""

    reason: str
    why: str
    doubtful: bool = False


def conflicting_fact(
    claim: ReadText, aligned: Aligned, sources: Sequence[ReadSource]
) -> Conflict | None:
    """A number, amount, date, time or code that the sources do not have, or have elsewhere."""
    everywhere = [fact for source in sources for fact in source.facts]
    for fact in claim.facts:
        if is_idle(fact) or has_fact(fact, aligned.facts):
            continue
        others = rivals(fact, aligned.facts, claim.facts)
        spelled = isinstance(fact, Quantity) and fact.spelled
        if not has_fact(fact, everywhere):
            if spelled and not others:
                continue  # "the two of them": counted, not read
            return _fact_conflict(fact, others)
        if others and not spelled and aligned.recall >= DISPLACED_RECALL_MIN:
            return _displaced(fact, others)
    return None


def _fact_conflict(fact: Fact, others: Sequence[Fact]) -> Conflict:
    kind = _kind(fact)
    if others:
        return Conflict(
            f"{kind}_mismatch", f"The source says {others[0].text}, the answer {fact.text}."
        )
    return Conflict(f"{kind}_missing", f"The source does not have {fact.text}.")


def _displaced(fact: Fact, others: Sequence[Fact]) -> Conflict | None:
    return Conflict(
        f"{_kind(fact)}_elsewhere",
        f"The source says {others[0].text} here; {fact.text} stands elsewhere in it.",
    )


def _kind(fact: Fact) -> str:
    match fact:
        case Date():
            return "date"
        case Clock():
            return "time"
        case Code():
            return "code"
        case Quantity(unit=unit):
            return "amount" if DIMENSIONS.get(unit) == "money" else "number"


def conflicting_name(
    claim: ReadText, aligned: Aligned, sources: Sequence[ReadSource]
) -> Conflict | None:
    """A name that the sources do not have."""
    words = frozenset[str]().union(*(source.words for source in sources))
    missing = [name for name in claim.names if not has_name(name, words)]
    if not missing:
        return _swapped_name(claim, aligned)
    squeezed = "".join(sentence.squeezed for source in sources for sentence in source.said)
    missing = [name for name in missing if not _written_together(name, claim.names, squeezed)]
    if not missing:
        return None
    if (near := [_near(name, words) for name in missing if name.sure]) and all(near):
        why = f"The source writes {near[0]}, the answer {missing[0].text}."
        return Conflict("name_spelling", why, doubtful=True)
    rival = _rival_names(claim, aligned)
    sure = [name for name in missing if name.sure]
    if not sure and not rival:
        return None  # a common word that begins the sentence, as likely as not
    said = " ".join(name.text for name in missing if name.run == missing[0].run)
    if rival:
        return Conflict("name_mismatch", f"The source names {rival}, the answer {said}.")
    return Conflict("name_missing", f"The source does not name {said}.")


def _written_together(name: Name, names: Sequence[Name], squeezed: str) -> bool:
    """Whether the source has the name in one word (`AppleTalk`) or with other separators."""
    run = "".join(other.key for other in names if other.run == name.run)
    return len(run) > len(name.key) and run in squeezed


def _near(name: Name, words: frozenset[str]) -> str:
    """A word of the source that is spelled nearly like a name: Shelly, Shelley."""
    if len(name.key) < NEAR_CHARS_MIN:
        return ""
    return next(iter(get_close_matches(name.key, words, n=1, cutoff=NEAR_MIN)), "")


def _swapped_name(claim: ReadText, aligned: Aligned) -> Conflict | None:
    """A name the sources have, but not where the claim has it."""
    for _, sentence in aligned.sentences:
        if swapped := swapped_name(claim.plain, sentence.plain):
            why = f"The source says {swapped[1]} here, the answer {swapped[0]}."
            return Conflict("name_elsewhere", why)
    return None


def _rival_names(claim: ReadText, aligned: Aligned) -> str:
    """A name of the sentence aligned best that the claim does not have."""
    for _, sentence in aligned.sentences[:1]:
        others = [name for name in sentence.names if name.sure and not _claims(claim, name)]
        if others:
            return " ".join(name.text for name in others if name.run == others[0].run)
    return ""


def _claims(claim: ReadText, name: Name) -> bool:
    return has_name(name, claim.words)


def conflicting_denial(claim: ReadText, aligned: Aligned) -> Conflict | None:
    """A denial of what the source says, or a plain saying of what it denies."""
    if aligned.recall < DENIAL_RECALL_MIN or not aligned.sentences:
        return None
    sentences = [sentence for _, sentence in aligned.sentences]
    if any(_is_said(claim, span, sentences) for span in claim.denial.spans):
        return Conflict("negation_added", "The answer denies what the source says.")
    if claim.denial.soft:
        return None
    if any(_is_said(other, span, [claim]) for other in sentences for span in other.denial.spans):
        return Conflict("negation_missing", "The source denies what the answer says.")
    return None


def _is_said(one: ReadText, span: tuple[int, int], others: Sequence[ReadText]) -> bool:
    """Whether what `one` denies in `span` is said plainly by `others`, and denied by none."""
    denied = content_terms(one.folded[slice(*span)])
    if not denied:
        return not any(other.denial.spans or other.denial.soft for other in others)
    said = False
    for other in others:
        if _share(denied, other.terms) < SAID_MIN:
            continue
        if _denies_near(other, denied):
            return False
        said = True
    return said


def _denies_near(text: ReadText, wanted: dict[str, float]) -> bool:
    """Whether `text` denies something near one of the `wanted` terms, plainly or by its words."""
    spans = (*text.denial.spans, *text.denial.soft)
    return any(_share(wanted, content_terms(text.folded[slice(*span)])) > 0 for span in spans)


def _share(wanted: dict[str, float], terms: Iterable[str]) -> float:
    return sum(overlap(wanted, frozenset(terms)).values()) / sum(wanted.values())
