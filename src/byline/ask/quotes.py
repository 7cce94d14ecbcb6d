"""Answers without a model: quotes the best sentences of the sources, each cited. Pure.

The score of a sentence is the rarity-weighted share of the question's terms it has (terms of its
heading and title count half). It is raised if the sentence has what the question asks for (a date
for "when", a number for "how much", "얼마") and by the rank of its passage. A heading names a
subject without saying anything about it: it is quoted only if nothing else is left.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from byline.domain.asks import Source
from byline.text.terms import query_terms, terms
from byline.verify.citation_markers import strip_markers
from byline.verify.sentences import split_sentences

CONTEXT_WEIGHT: Final = 0.5
CUE_LIFT: Final = 0.25
RANK_LIFT: Final = 0.3
HEADING_WEIGHT: Final = 0.2
HEADING_CHARS_MAX: Final = 60
READABLE_CHARS_MAX: Final = 400
"""Anything longer is a record of data, not a sentence; it has many words only for its length."""
KEEP_MIN: Final = 0.55
"""A further sentence is quoted only at this share of the best one's score."""

_DATE: Final = (
    r"\b(?:1\d|20)\d\d\b|\d\s*[년월일시]|\d{1,2}[:.]\d\d\b|\b\d{1,2}(?:st|nd|rd|th)\b|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tues|wednes|thurs|fri|satur|sun)"
)
_CUES: Final = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(has, re.IGNORECASE))
    for asked, has in (
        (r"\bwhen\b|\bwhat (?:date|day|time|year)\b|언제|며칠|몇\s*시|날짜|기한", _DATE),
        (r"\bhow (?:much|many|long|far|old|often|big|large|tall)\b|얼마|몇|며칠|금액|비용", r"\d"),
        (
            r"\bwho(?:m|se)?\b|누가|누구|담당자",
            r"(?<=\w\s)[A-Z][a-z]+|[가-힣]{2,4}\s?(?:씨|님|대리|과장|팀장)",
        ),
        (
            r"\bwhere\b|어디|위치|장소",
            r"\b(?:in|at|on|near)\s+(?:the\s+)?[A-Z]|[가-힣]+(?:에서|에|층|동|로|역)\b",
        ),
        (r"\bpercent|비율|퍼센트|몇\s*%", r"%|percent|퍼센트"),
    )
)


_BULLET: Final = re.compile(r"^[-*•·]\s+")
_ENDS_SENTENCE: Final = re.compile(r"[.!?…。！？:][\"'”’»」』)\]]*$|[다요음함됨임]$")
_STATES_A_VALUE: Final = re.compile(r"^(?:[-*•·|○●□■]|\d+[.)]\s)|[:：|=]|[\t]")


@dataclass(frozen=True, slots=True)
class _QuoteCandidate:
    n: int
    position: int
    text: str
    terms: frozenset[int]
    context: frozenset[int]
    rank: int
    is_heading: bool


def quote_sources(question: str, sources: Sequence[Source], *, sentences_max: int) -> str:
    """Return up to `sentences_max` sentences, best first, one a line, each ending in `[n]`."""
    candidates = [c for rank, source in enumerate(sources) for c in _candidates(source, rank)]
    wanted = frozenset(query_terms(question))
    weights = _rarity(wanted, candidates)
    scored = sorted(
        ((_score(question, c, weights), c) for c in candidates),
        key=lambda pair: (-pair[0], pair[1].rank, pair[1].position),
    )
    chosen: list[_QuoteCandidate] = []
    for score, candidate in scored:
        if len(chosen) == sentences_max or score < KEEP_MIN * scored[0][0]:
            break
        if all(candidate.text != other.text for other in chosen):
            chosen.append(candidate)
    return "\n".join(f"{c.text} [{c.n}]" for c in chosen)


def _candidates(source: Source, rank: int) -> list[_QuoteCandidate]:
    context = frozenset(terms(f"{source.title} {source.heading}"))
    found = []
    for position, (start, end) in enumerate(split_sentences(source.text)):
        # A bracketed number in the document would read as one of our citations.
        text = " ".join(strip_markers(source.text[start:end]).split())
        held = frozenset(terms(text))
        if held:
            shown = _BULLET.sub("", text)
            found.append(
                _QuoteCandidate(source.n, position, shown, held, context, rank, _is_heading(text))
            )
    return found


def _rarity(wanted: frozenset[int], candidates: Sequence[_QuoteCandidate]) -> dict[int, float]:
    seen = Counter(term for c in candidates for term in c.terms & wanted)
    return {term: math.log(1 + len(candidates) / (1 + seen[term])) for term in wanted}


def _score(question: str, candidate: _QuoteCandidate, weights: dict[int, float]) -> float:
    total = sum(weights.values()) or 1.0
    own = sum(weights[t] for t in candidate.terms if t in weights)
    around = sum(weights[t] for t in candidate.context - candidate.terms if t in weights)
    # Heading and title say what a sentence is about, never that it answers.
    score = (own + min(own, CONTEXT_WEIGHT * around)) / total
    if any(asked.search(question) and has.search(candidate.text) for asked, has in _CUES):
        score *= 1 + CUE_LIFT
    if candidate.is_heading:
        score *= HEADING_WEIGHT
    if len(candidate.text) > READABLE_CHARS_MAX:
        score *= READABLE_CHARS_MAX / len(candidate.text)
    return score * (1 + RANK_LIFT / (1 + candidate.rank))


def _is_heading(text: str) -> bool:
    """Return whether `text` is `# …`, or a short line that ends no sentence, lists nothing and
    states no value."""
    if text.startswith("#"):
        return True
    return (
        len(text) <= HEADING_CHARS_MAX
        and not _ENDS_SENTENCE.search(text)
        and not _STATES_A_VALUE.search(text)
    )
