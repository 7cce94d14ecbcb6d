"""Checks every `[n]` of an answer: unknown numbers go, each sentence is held against its sources,
and each citation gets the exact words of the document that stand behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from byline.domain.asking import (
    CheckedAnswer,
    CheckedSentence,
    Citation,
    Grounding,
    Source,
    Support,
)
from byline.search.analyse import query_terms
from byline.verify.sentences import MARKER, split_sentences
from byline.verify.support import check_support, numbers_in

_SPACED_MARKER: Final = re.compile(rf"(?P<space>[ \t]*)(?P<marker>{MARKER.pattern})")
RANGE_LEN_MAX: Final = 20
"""`[1-9999]` is not a citation of ten thousand sources."""


def check_answer(answer: str, sources: Sequence[Source]) -> CheckedAnswer:
    """Verify `answer` against the sources it was written from; offsets are in the new `answer`."""
    by_number = {source.n: source for source in sources}
    text = normalise_markers(answer, by_number).strip()
    sentences: list[CheckedSentence] = []
    citations: dict[tuple[int, int, int], Citation] = {}
    for start, end in split_sentences(text):
        sentence = text[start:end]
        bare = MARKER.sub("", sentence).strip()
        cited = tuple(
            dict.fromkeys(n for m in MARKER.finditer(sentence) for n in _numbers(m.group()))
        )
        if not cited:
            sentences.append(CheckedSentence(start, end, (), Support.UNCITED))
            continue
        verdict = check_support(bare, [by_number[n].text for n in cited])
        sentences.append(CheckedSentence(start, end, cited, verdict.support))
        for n in cited:
            citation = quote_for(bare, by_number[n])
            citations.setdefault((n, citation.start, citation.end), citation)
    return CheckedAnswer(text, tuple(sentences), tuple(citations.values()), _count(sentences))


def normalise_markers(answer: str, known: Mapping[int, object]) -> str:
    """Rewrite `[1, 2]`, `[1-3]` and `【1】` as `[1][2]…`; numbers not in `known` are dropped."""

    def rewrite(match: re.Match[str]) -> str:
        kept = "".join(f"[{n}]" for n in _numbers(match["marker"]) if n in known)
        return match["space"] + kept if kept else ""

    return _SPACED_MARKER.sub(rewrite, answer)


def quote_for(sentence: str, source: Source) -> Citation:
    """The sentence of `source` that shares most with `sentence`, with document offsets."""
    wanted = set(query_terms(sentence))
    numbers = numbers_in(sentence)

    def overlap(span: tuple[int, int]) -> tuple[float, int]:
        candidate = source.text[span[0] : span[1]]
        shared = len(wanted & set(query_terms(candidate)))
        return shared + 2 * len(numbers & numbers_in(candidate)), -span[0]

    spans = split_sentences(source.text) or [(0, len(source.text))]
    start, end = max(spans, key=overlap)
    return Citation(
        n=source.n,
        document_id=source.document_id,
        title=source.title,
        page=source.page,
        start=source.start + start,
        end=source.start + end,
        quote=source.text[start:end],
    )


def _numbers(marker: str) -> list[int]:
    numbers: list[int] = []
    for part in re.split(r"[,;\s]+", marker.strip(" \t[]【】")):
        first, dash, last = part.replace("–", "-").partition("-")
        if not first.isdigit():
            continue
        low, high = int(first), int(last) if dash and last.isdigit() else int(first)
        if low <= high <= low + RANGE_LEN_MAX:
            numbers.extend(range(low, high + 1))
    return numbers


def _count(sentences: Sequence[CheckedSentence]) -> Grounding:
    found = [sentence.support for sentence in sentences]
    return Grounding(
        supported=found.count(Support.SUPPORTED),
        weak=found.count(Support.WEAK),
        unsupported=found.count(Support.UNSUPPORTED),
    )
