"""Answers without a model: quotes what the sources say to the question, each quote cited. Pure.

The score of a text is the rarity-weighted share of the question's terms that it has, and how near
it is in meaning where an embedder tells. What stands over it counts in part: its heading, the line
that leads to it, the names of a row's columns; those say what it is about. The score is raised if
the text has what the question asks for (`question_aims`) and by the rank of its passage, and
lowered if the text is of another day or only announces something.

One text is quoted. A further one is
 1. of another document: only if it is as good;
 2. of the same document: if it adds words of the question, or is nearly as good;
 3. if several things are asked for: if it is about as good, or says the same of another.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from byline.ask.evidence import NOTHING_FOUND
from byline.ask.question_aims import (
    UNDATED,
    OwnDate,
    QuestionAims,
    aims_of,
    denies,
    own_date,
    years_in,
)
from byline.ask.quotables import Quotable, QuotableKind, quotables
from byline.domain.asks import Refusal, Source
from byline.domain.reasons import RefusalReason
from byline.text.terms import content_terms, query_terms, terms

CONTEXT_WEIGHT: Final = 0.5
LEAD_WEIGHT: Final = 0.6
LEAD_ALONE_MAX: Final = 0.4
"""The most that a heading gives to a text that has no word of the question itself."""
COLUMN_WEIGHT: Final = 0.9
KEY_CELL_LIFT: Final = 0.4
"""For a row with a cell that the question names whole: the person, the month, the code."""
UNNAMED_ROW_WEIGHT: Final = 0.75
"""For a row without a word of the question: numbers are near to any question for a number."""
CUE_LIFT: Final = 0.25
RANK_LIFT: Final = 0.2
DENIAL_LIFT: Final = 0.4
NO_DENIAL_WEIGHT: Final = 0.75
OTHER_YEAR_WEIGHT: Final = 0.4
OTHER_DAY_WEIGHT: Final = 0.7
ECHO_WEIGHT: Final = 0.4
"""For a text without a word that the question has not."""
ONE_WORD_WEIGHT: Final = 0.5
KIND_WEIGHT: Final = {
    QuotableKind.SENTENCE: 1.0,
    QuotableKind.ROW: 1.0,
    QuotableKind.LEAD: 0.2,
    QuotableKind.FURNITURE: 0.3,
}
READABLE_CHARS_MAX: Final = 400
"""Anything longer is a record of data, not a sentence; it has many words only for its length."""

NEWEST_LIFT: Final = 1.0
CONTENDER_MIN: Final = 0.6
"""Where the latest is asked for: documents whose best text has this share of the best score."""

MEANING_WEIGHT: Final = 1.0
MEANING_SPREAD: Final = 0.1
"""A text whose cosine is so much below that of the nearest has no share in its meaning."""

EXACT_MIN: Final = 0.5
"""Where a phone number is asked for, not any will do: one in a text of this share of the best
score."""
KEEP_OTHER_MIN: Final = 0.98
KEEP_SAME_MIN: Final = 0.93
KEEP_ADDING_MIN: Final = 0.65
KEEP_SEVERAL_MIN: Final = 0.6
"""The shares of the best score from which further texts are quoted: rules 1, 2 (nearly as good,
with further words) and 3."""
PARALLEL_LIFT: Final = 0.8

COMPARED_MAX: Final = 12
COMPARED_BYTES_MAX: Final = 900
"""Texts whose meaning is compared, and their bytes: some 260 pieces, which e5-small embeds in
0.15 s on one core of a server of 2023."""
COMPARED_CHARS_MAX: Final = 160
COMPARED_SOURCES: Final = 3
_COMPARED_RANK_SHARE: Final = 0.3
_TELLING: Final = (QuotableKind.SENTENCE, QuotableKind.ROW)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A quotable with its terms, its score by words and what multiplies it."""

    quotable: Quotable
    terms: frozenset[int]
    words: float
    lifts: float

    @property
    def place(self) -> tuple[int, int]:
        return self.quotable.rank, self.quotable.position

    @property
    def document(self) -> str:
        return self.quotable.source.document_id

    @property
    def meant(self) -> str:
        """What is compared in meaning: the text below its lead."""
        told = self.quotable.labelled
        lead = self.quotable.lead
        return (f"{lead}\n{told}" if lead else told)[:COMPARED_CHARS_MAX]


_Scored = tuple[float, _Candidate]


class Quoting:
    """The quotes that answer one question from its sources."""

    def __init__(self, question: str, sources: Sequence[Source]) -> None:
        self._aims = aims_of(question)
        self._wanted = frozenset(content_terms(question)) or frozenset(query_terms(question))
        found = [it for rank, source in enumerate(sources) for it in quotables(source, rank)]
        held = [frozenset(terms(it.text)) for it in found]
        weights = _rarity(self._wanted, held)
        self._candidates = [
            self._candidate(quotable, own, weights)
            for quotable, own in zip(found, held, strict=True)
            if own
        ]

    def to_compare(self) -> list[str]:
        """Return the texts whose nearness to the question in meaning `answer` can use: the
        likeliest of each of the best sources, then the likeliest of all."""
        telling = [c for c in self._candidates if c.quotable.kind in _TELLING]
        likeliest = sorted(telling or self._candidates, key=_likeliest_first)
        of_source: dict[int, _Candidate] = {}
        for candidate in likeliest:
            of_source.setdefault(candidate.quotable.rank, candidate)
        first = [of_source[rank] for rank in sorted(of_source)[:COMPARED_SOURCES]]
        chosen: dict[str, None] = {}
        size = 0
        for candidate in (*first, *(c for c in likeliest if c not in first)):
            size += len(candidate.meant.encode())
            if len(chosen) == COMPARED_MAX or size > COMPARED_BYTES_MAX:
                break
            chosen[candidate.meant] = None
        return list(chosen)

    def answer(
        self, sentences_max: int, similarities: Mapping[str, float] | None = None
    ) -> str | Refusal:
        """Return up to `sentences_max` quotes, best first, each ending in `[n]`; a row is one quote
        with the names of its columns. `similarities` are the cosines of `to_compare`.

        A refusal if there is nothing to quote, or if the best is of other years than asked about
        or nothing has the form of what is asked for.
        """
        scored = self._scored(similarities or {})
        if not scored:
            return NOTHING_FOUND
        if self._aims.years and _is_of_other_years(scored[0][1].quotable, self._aims):
            years = ", ".join(map(str, sorted(self._aims.years)))
            return Refusal(RefusalReason.OTHER_YEARS, {"years": years})
        needed = EXACT_MIN * scored[0][0] if self._aims.exact else 0.0
        scored = [
            (score, candidate)
            for score, candidate in scored
            if score >= needed and not self._aims.is_missed_by(candidate.quotable.text)
        ]
        if not scored:
            return Refusal(RefusalReason.NOTHING_SUCH)
        return "\n".join(_lines(c.quotable for c in self._chosen(scored, sentences_max)))

    def _candidate(
        self, quotable: Quotable, own: frozenset[int], weights: Mapping[int, float]
    ) -> _Candidate:
        words = _words_score(quotable, own, weights)
        return _Candidate(quotable, own, words, self._lifts(quotable, own, words))

    def _lifts(self, quotable: Quotable, own: frozenset[int], words: float) -> float:
        aims = self._aims
        lift = 1 + RANK_LIFT / (1 + quotable.rank)
        cued = aims.cue_count(quotable.labelled) / len(aims.cues) if aims.cues else 0.0
        lift *= 1 + CUE_LIFT * cued
        is_told_by_head = quotable.kind is QuotableKind.FURNITURE and ":" in quotable.text
        if not (is_told_by_head and cued == 1):  # `Present: …` does answer who was there
            lift *= KIND_WEIGHT[quotable.kind]
        if aims.wants_denial:
            denied = denies(f"{quotable.lead} {quotable.text}")
            lift *= 1 + DENIAL_LIFT if denied else NO_DENIAL_WEIGHT
        if aims.years and _is_of_other_years(quotable, aims):
            lift *= OTHER_YEAR_WEIGHT
        if aims.is_of_other_days(quotable.text):
            lift *= OTHER_DAY_WEIGHT
        if any(_is_named(cell, self._wanted) for cell in quotable.cells):
            lift *= 1 + KEY_CELL_LIFT
        elif quotable.kind is QuotableKind.ROW and not words:
            lift *= UNNAMED_ROW_WEIGHT
        if own <= self._wanted:
            lift *= ECHO_WEIGHT
        if " " not in quotable.text:
            lift *= ONE_WORD_WEIGHT
        return lift * min(1.0, READABLE_CHARS_MAX / len(quotable.text))

    def _scored(self, similarities: Mapping[str, float]) -> list[_Scored]:
        """Return the candidates, best first."""
        nearest = max(similarities.values(), default=0.0)

        def score(candidate: _Candidate) -> float:
            cosine = similarities.get(candidate.meant, -1.0)
            meaning = max(0.0, 1 - (nearest - cosine) / MEANING_SPREAD) if similarities else 0.0
            return (candidate.words + MEANING_WEIGHT * meaning) * candidate.lifts

        scored = [(score(candidate), candidate) for candidate in self._candidates]
        if self._aims.wants_latest:
            scored = _newest_lifted(scored)
        return sorted(scored, key=_best_first)

    def _chosen(self, scored: Sequence[_Scored], sentences_max: int) -> list[_Candidate]:
        best_score, best = scored[0]
        chosen = [best]
        further = scored[1:]
        if self._aims.wants_several:
            likened = [(s * (1 + PARALLEL_LIFT * _alike(best, c)), c) for s, c in further]
            further = sorted(likened, key=_best_first)
        for score, candidate in further:
            if len(chosen) == sentences_max:
                break
            is_new = all(candidate.quotable.text != other.quotable.text for other in chosen)
            if is_new and score >= self._keep_min(chosen, candidate) * best_score:
                chosen.append(candidate)
        return chosen

    def _keep_min(self, chosen: Sequence[_Candidate], further: _Candidate) -> float:
        if self._aims.wants_several:
            return KEEP_SEVERAL_MIN  # 3
        if further.document != chosen[0].document:
            return KEEP_OTHER_MIN  # 1
        said = frozenset[int]().union(*(candidate.terms for candidate in chosen))
        return KEEP_ADDING_MIN if self._wanted & further.terms - said else KEEP_SAME_MIN  # 2


def quote_sources(question: str, sources: Sequence[Source], *, sentences_max: int) -> str:
    """Return up to `sentences_max` quotes, best first, told by words alone; empty if there are
    none."""
    answer = Quoting(question, sources).answer(sentences_max)
    return "" if isinstance(answer, Refusal) else answer


def _likeliest_first(candidate: _Candidate) -> tuple[float, int, int]:
    rank = candidate.quotable.rank
    prior = (candidate.words + _COMPARED_RANK_SHARE / (1 + rank)) * candidate.lifts
    return -prior, *candidate.place


def _best_first(scored: _Scored) -> tuple[float, int, int]:
    score, candidate = scored
    return -score, *candidate.place


def _lines(chosen: Iterable[Quotable]) -> list[str]:
    lines: dict[str, None] = {}
    for quotable in chosen:
        if quotable.is_columns_quotable:
            lines[f"{quotable.columns} [{quotable.source.n}]"] = None
        lines[f"{quotable.text} [{quotable.source.n}]"] = None
    return list(lines)


def _rarity(wanted: frozenset[int], held: Sequence[frozenset[int]]) -> dict[int, float]:
    seen = Counter(term for own in held for term in own & wanted)
    return {term: math.log(1 + len(held) / (1 + seen[term])) for term in wanted}


def _words_score(quotable: Quotable, held: frozenset[int], weights: Mapping[int, float]) -> float:
    total = sum(weights.values()) or 1.0
    source = quotable.source

    def share(found: frozenset[int]) -> float:
        return sum(weights[term] for term in found & weights.keys()) / total

    own = share(held)
    columns = frozenset(terms(quotable.columns)) - held
    lead = frozenset(terms(f"{quotable.lead} {source.heading}")) - held - columns
    around = frozenset(terms(f"{source.title} {source.name}")) - held - columns - lead
    # What stands around a text says what it is about, never that it answers.
    return (
        own
        + min(own, COLUMN_WEIGHT * share(columns))
        + min(max(own, LEAD_ALONE_MAX), LEAD_WEIGHT * share(lead))
        + min(own, CONTEXT_WEIGHT * share(around))
    )


def _is_named(cell: str, wanted: frozenset[int]) -> bool:
    found = terms(cell)
    return bool(found) and wanted.issuperset(found)


def _alike(one: _Candidate, other: _Candidate) -> float:
    """Return the share of terms that two texts have in common: `rent is 5` and `rent is 6` say the
    same of two things."""
    return len(one.terms & other.terms) / len(one.terms | other.terms)


def _newest_lifted(scored: Sequence[_Scored]) -> list[_Scored]:
    """Return the scores with those of newer documents lifted, among documents that are about as
    good."""
    best: dict[str, float] = {}
    dates: dict[str, OwnDate] = {}
    for score, candidate in scored:
        document = candidate.document
        best[document] = max(score, best.get(document, 0.0))
        if dates.get(document, UNDATED) == UNDATED:
            dates[document] = own_date(candidate.quotable.source)
    needed = CONTENDER_MIN * max(best.values(), default=0.0)
    order = sorted({dates[d] for d in best if best[d] >= needed and dates[d] != UNDATED})

    def lift(candidate: _Candidate) -> float:
        date = dates[candidate.document]
        return NEWEST_LIFT * (order.index(date) + 1) / len(order) if date in order else 0.0

    return [(score * (1 + lift(candidate)), candidate) for score, candidate in scored]


def _is_of_other_years(quotable: Quotable, aims: QuestionAims) -> bool:
    """Return whether the years of a text, of what stands over it, or else of its passage lie all
    outside those asked about."""
    source = quotable.source
    over = f"{quotable.lead} {source.heading} {source.title} {source.name}"
    for text in (quotable.text, over, source.text):
        if years := years_in(text):
            return not any(min(aims.years) <= year <= max(aims.years) for year in years)
    return False
