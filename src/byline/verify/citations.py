"""Checks an answer against its sources, sentence by sentence, whole or while it is written.

Unknown citation numbers are removed, each sentence is checked against the sources it cites, and
each citation gets the exact words of the document that support it. The verdict does not depend on
how the answer arrives: `AnswerCheck` fed in pieces gives the same as `check_answer` of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from byline.domain.asks import (
    CheckedAnswer,
    CheckedSentence,
    Citation,
    CitedBy,
    Grounding,
    Source,
    Support,
)
from byline.domain.reasons import CheckReason
from byline.verify.alignment import align
from byline.verify.checked_source import AnalysedSource, AnalysedText
from byline.verify.citation_markers import (
    document_markers,
    marker_numbers,
    markers_in,
    normalise_markers,
    strip_markers,
)
from byline.verify.claimless import needs_no_source
from byline.verify.facts.exact_facts import fold
from byline.verify.sentences import settled_sentences, split_sentences
from byline.verify.support import SupportVerdict, check_claim

ATTRIBUTED_RECALL_MIN: Final = 0.8
"""A sentence without a citation is attributed to a source only if the source has this share of its
content."""
ATTRIBUTED_CONTENT_MIN: Final = 3.0
"""… and only if its content is at least so many words: every source says "It is big."."""
LOOK_CHARS: Final = 16
"""Characters that must arrive before the end of a sentence is searched again: tokens are short."""
LOOKS_A_LENGTH: Final = 16
SENTENCES_CHECKED_MAX: Final = 400
"""Further sentences count as uncited: a model may repeat itself without end."""

Checked = tuple[CheckedSentence, tuple[Citation, ...]]


def check_answer(answer: str, sources: Sequence[Source]) -> CheckedAnswer:
    """Check `answer` against its sources. Offsets are in the returned answer, which has its
    citations rewritten."""
    check = AnswerCheck(sources)
    check.feed(answer)
    check.finish()
    return check.checked


class AnswerCheck:
    """Checks one answer as it streams; each finished sentence is checked once."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.n: source for source in sources}
        self._read = {source.n: AnalysedSource.of(source) for source in sources}
        self._own = document_markers((source.n, source.text) for source in sources)
        self._names = {fold(name) for source in sources for name in (source.name, source.title)}
        self._known: dict[
            tuple[str, tuple[int, ...]], tuple[SupportVerdict, tuple[Citation, ...]]
        ] = {}
        self._looked_at = 0  # length of `written` when ends of sentences were last searched
        self._at = 0  # where the next sentence of `written` begins
        self._text: list[str] = []  # the checked part, with citations in one spelling
        self._text_len = 0
        self._sentences: list[CheckedSentence] = []
        self._citations: dict[tuple[int, int, int], Citation] = {}
        self.written = ""
        """The answer as it arrived."""

    @property
    def checked(self) -> CheckedAnswer:
        """The result so far."""
        return CheckedAnswer(
            "".join(self._text).strip(),
            tuple(self._sentences),
            tuple(self._citations.values()),
            _grounding(self._sentences),
        )

    def feed(self, text: str) -> list[Checked]:
        """Add text to the answer and return the sentences it finished, checked."""
        self.written += text
        # A sentence without an end is searched ever more rarely: otherwise the work would grow with
        # the square of its length.
        pending = len(self.written) - self._at
        if len(self.written) - self._looked_at < max(LOOK_CHARS, pending // LOOKS_A_LENGTH):
            return []
        self._looked_at = len(self.written)
        return list(self._check_sentences(settled_sentences(self.written, self._at)))

    def finish(self) -> list[Checked]:
        """End the answer and return the remaining sentences, checked."""
        return list(self._check_sentences(split_sentences(self.written, self._at)))

    def _check_sentences(self, spans: Sequence[tuple[int, int]]) -> Iterator[Checked]:
        for start, end in spans:
            gap = self.written[self._at : start] if self._text else ""
            sentence = self.written[start:end]
            self._at = end
            if not sentence.lstrip().startswith(("```", "~~~")):
                sentence = normalise_markers(sentence, self._sources, self._own)
            if not sentence.strip():
                continue  # only citations of unknown numbers
            begins = self._text_len + len(gap)
            self._text += (gap, sentence)
            self._text_len = begins + len(sentence)
            checked, citations = self._check_sentence(sentence, begins)
            self._sentences.append(checked)
            for citation in citations:
                self._citations.setdefault((citation.n, citation.start, citation.end), citation)
            if citations:
                yield checked, citations

    def _check_sentence(self, sentence: str, start: int) -> Checked:
        end = start + len(sentence)
        bare = strip_markers(sentence).strip()
        cited = tuple(
            dict.fromkeys(n for m in markers_in(sentence) for n in marker_numbers(m.group()))
        )
        cited = tuple(n for n in cited if n in self._sources)
        if needs_no_source(bare, self._names, cited):
            return CheckedSentence(start, end, cited, Support.NOT_NEEDED), ()
        if len(self._sentences) >= SENTENCES_CHECKED_MAX:
            return CheckedSentence(start, end, cited, Support.UNCITED, CheckReason.TOO_LONG), ()
        if cited:
            verdict, citations = self._verdict(AnalysedText(bare), cited)
            sentence_verdict = verdict.support, verdict.reason, verdict.arguments
            return CheckedSentence(start, end, cited, *sentence_verdict), citations
        return self._attribute(bare, start, end)

    def _attribute(self, bare: str, start: int, end: int) -> Checked:
        """Attribute a sentence without a citation to the source that clearly supports it."""
        claim = AnalysedText(bare)
        best: tuple[float, int] | None = None
        for n in self._sources:
            verdict, _ = self._verdict(claim, (n,))
            clear = verdict.support is Support.SUPPORTED and (
                verdict.reason is CheckReason.VERBATIM
                or (
                    verdict.recall >= ATTRIBUTED_RECALL_MIN
                    and verdict.content >= ATTRIBUTED_CONTENT_MIN
                )
            )
            if clear and (best is None or verdict.recall > best[0]):
                best = verdict.recall, n
        if best is None:
            return CheckedSentence(start, end, (), Support.UNCITED, CheckReason.UNCITED), ()
        verdict, citations = self._verdict(claim, (best[1],))
        n = best[1]
        sentence = CheckedSentence(
            start, end, (), Support.SUPPORTED, CheckReason.ATTRIBUTED, {"n": n}, attributed=(n,)
        )
        return sentence, tuple(_attributed_citation(citation) for citation in citations)

    def _verdict(
        self, claim: AnalysedText, cited: tuple[int, ...]
    ) -> tuple[SupportVerdict, tuple[Citation, ...]]:
        """Return the verdict on one sentence and its quotes; a repeated sentence is not checked
        again."""
        key = claim.written, cited
        if key not in self._known:
            verdict = check_claim(claim, [self._read[n] for n in cited])
            citations = tuple(c for n in cited for c in self._quotes(claim, n, verdict, cited))
            self._known[key] = verdict, citations
        return self._known[key]

    def _quotes(
        self, claim: AnalysedText, n: int, verdict: SupportVerdict, cited: tuple[int, ...]
    ) -> Iterator[Citation]:
        """Yield the quotes of source `n` for a sentence: its aligned sentences, or the nearest."""
        spans = [(s.start, s.end) for at, s in verdict.aligned.sentences if cited[at] == n]
        if not spans:
            alone = align(claim, [self._read[n]]).sentences[:1]
            spans = [(s.start, s.end) for _, s in alone or [(0, self._read[n].sentences[0])]]
        for start, end in sorted(spans):
            yield _citation(self._sources[n], start, end)


def _citation(source: Source, start: int, end: int) -> Citation:
    return Citation(
        n=source.n,
        document_id=source.document_id,
        title=source.title,
        page=source.page_at(source.start + start),
        start=source.start + start,
        end=source.start + end,
        quote=source.text[start:end],
    )


def _attributed_citation(citation: Citation) -> Citation:
    return Citation(
        citation.n,
        citation.document_id,
        citation.title,
        citation.page,
        citation.start,
        citation.end,
        citation.quote,
        CitedBy.BYLINE,
    )


def _grounding(sentences: Sequence[CheckedSentence]) -> Grounding:
    cited = [s.support for s in sentences if not s.attributed]
    return Grounding(
        supported=cited.count(Support.SUPPORTED),
        weak=cited.count(Support.WEAK),
        unsupported=cited.count(Support.UNSUPPORTED),
        attributed=sum(bool(s.attributed) for s in sentences),
        uncited=cited.count(Support.UNCITED),
        other_language=cited.count(Support.OTHER_LANGUAGE),
    )
