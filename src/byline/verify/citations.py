"""Checks an answer against its sources, sentence by sentence, while it is being written or whole.

Unknown numbers go, each sentence is held against what it cites, and each citation gets the exact
words of the document that stand behind it. What a sentence is found to be does not depend on how
the answer arrived: `AnswerCheck` fed in pieces ends as `check_answer` of the whole.
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
from byline.verify.support import Similarity, SupportVerdict, check_claim

ATTRIBUTED_RECALL_MIN: Final = 0.8
"""A sentence without a citation is tied to a source only if it has this share of its content."""
ATTRIBUTED_CONTENT_MIN: Final = 3.0
"""… and has content of at least so many words: "It is big." stands in every source."""
LOOK_CHARS: Final = 16
"""The end of a sentence is looked for again when so much has come since: tokens are short."""
LOOKS_A_LENGTH: Final = 16
SENTENCES_CHECKED_MAX: Final = 400
"""A model that repeats itself for ever is checked no further; the rest counts as uncited."""

Checked = tuple[CheckedSentence, tuple[Citation, ...]]


def check_answer(
    answer: str, sources: Sequence[Source], similarity: Similarity | None = None
) -> CheckedAnswer:
    """Verify `answer` against the sources it was written from; offsets are in the new `answer`."""
    check = AnswerCheck(sources, similarity)
    check.feed(answer)
    check.finish()
    return check.checked


class AnswerCheck:
    """The check of one answer as it streams. Each finished sentence is checked once."""

    def __init__(self, sources: Sequence[Source], similarity: Similarity | None = None) -> None:
        self._sources = {source.n: source for source in sources}
        self._read = {source.n: AnalysedSource.of(source) for source in sources}
        self._own = document_markers((source.n, source.text) for source in sources)
        self._names = {fold(name) for source in sources for name in (source.name, source.title)}
        self._similarity = similarity
        self._known: dict[
            tuple[str, tuple[int, ...]], tuple[SupportVerdict, tuple[Citation, ...]]
        ] = {}
        self._looked_at = 0  # how much of `written` was there when its ends were last looked for
        self._at = 0  # where the next sentence of `written` begins
        self._text: list[str] = []  # what is checked of it, with citations in one spelling
        self._text_len = 0
        self._sentences: list[CheckedSentence] = []
        self._citations: dict[tuple[int, int, int], Citation] = {}
        self.written = ""
        """The answer as it came."""

    @property
    def checked(self) -> CheckedAnswer:
        """What has been found so far."""
        return CheckedAnswer(
            "".join(self._text).strip(),
            tuple(self._sentences),
            tuple(self._citations.values()),
            _count(self._sentences),
        )

    def feed(self, text: str) -> list[Checked]:
        """Take in more of the answer; the sentences that are finished by it, checked."""
        self.written += text
        # A sentence that has no end is looked through ever more rarely, or its length would count
        # twice over.
        pending = len(self.written) - self._at
        if len(self.written) - self._looked_at < max(LOOK_CHARS, pending // LOOKS_A_LENGTH):
            return []
        self._looked_at = len(self.written)
        return list(self._take(settled_sentences(self.written, self._at)))

    def finish(self) -> list[Checked]:
        """The answer ends here: the sentences that were not finished before, checked."""
        return list(self._take(split_sentences(self.written, self._at)))

    def _take(self, spans: Sequence[tuple[int, int]]) -> Iterator[Checked]:
        for start, end in spans:
            gap = self.written[self._at : start] if self._text else ""
            sentence = self.written[start:end]
            self._at = end
            if not sentence.lstrip().startswith(("```", "~~~")):
                sentence = normalise_markers(sentence, self._sources, self._own)
            if not sentence.strip():
                continue  # nothing but citations of nothing
            begins = self._text_len + len(gap)
            self._text += (gap, sentence)
            self._text_len = begins + len(sentence)
            checked, citations = self._check(sentence, begins)
            self._sentences.append(checked)
            for citation in citations:
                self._citations.setdefault((citation.n, citation.start, citation.end), citation)
            if citations:
                yield checked, citations

    def _check(self, sentence: str, start: int) -> Checked:
        end = start + len(sentence)
        bare = strip_markers(sentence).strip()
        cited = tuple(
            dict.fromkeys(n for m in markers_in(sentence) for n in marker_numbers(m.group()))
        )
        cited = tuple(n for n in cited if n in self._sources)
        if needs_no_source(bare, self._names, cited):
            return CheckedSentence(start, end, cited, Support.NOT_NEEDED), ()
        if len(self._sentences) >= SENTENCES_CHECKED_MAX:
            return CheckedSentence(start, end, cited, Support.UNCITED, "too_long"), ()
        if cited:
            verdict, citations = self._verdict(AnalysedText(bare), cited)
            return (
                CheckedSentence(start, end, cited, verdict.support, verdict.reason, verdict.why),
                citations,
            )
        return self._attribute(bare, start, end)

    def _attribute(self, bare: str, start: int, end: int) -> Checked:
        """Tie a sentence without a citation to the source that clearly bears it out."""
        claim = AnalysedText(bare)
        best: tuple[float, int] | None = None
        for n in self._sources:
            verdict, _ = self._verdict(claim, (n,))
            clear = verdict.support is Support.SUPPORTED and (
                verdict.reason == "verbatim"
                or (
                    verdict.recall >= ATTRIBUTED_RECALL_MIN
                    and verdict.content >= ATTRIBUTED_CONTENT_MIN
                )
            )
            if clear and (best is None or verdict.recall > best[0]):
                best = verdict.recall, n
        if best is None:
            why = "It cites no source, and none clearly says it."
            return CheckedSentence(start, end, (), Support.UNCITED, "uncited", why), ()
        verdict, citations = self._verdict(claim, (best[1],))
        why = f"Byline found it in source {best[1]}; the answer does not cite it."
        sentence = CheckedSentence(
            start, end, (), Support.SUPPORTED, "attributed", why, attributed=(best[1],)
        )
        return sentence, tuple(_by_byline(citation) for citation in citations)

    def _verdict(
        self, claim: AnalysedText, cited: tuple[int, ...]
    ) -> tuple[SupportVerdict, tuple[Citation, ...]]:
        """The verdict on one sentence; one that is repeated is not checked again."""
        key = claim.written, cited
        if key not in self._known:
            verdict = check_claim(claim, [self._read[n] for n in cited], self._similarity)
            citations = tuple(c for n in cited for c in self._quotes(claim, n, verdict, cited))
            self._known[key] = verdict, citations
        return self._known[key]

    def _quotes(
        self, claim: AnalysedText, n: int, verdict: SupportVerdict, cited: tuple[int, ...]
    ) -> Iterator[Citation]:
        """The words of source `n` behind a sentence: its aligned sentences, or its nearest one."""
        spans = [(s.start, s.end) for at, s in verdict.aligned.sentences if cited[at] == n]
        if not spans:
            alone = align(claim, [self._read[n]]).sentences[:1]
            spans = [(s.start, s.end) for _, s in alone or [(0, self._read[n].sentences[0])]]
        for start, end in sorted(spans):
            yield _quoted(self._sources[n], start, end)


def _quoted(source: Source, start: int, end: int) -> Citation:
    return Citation(
        n=source.n,
        document_id=source.document_id,
        title=source.title,
        page=source.page_at(source.start + start),
        start=source.start + start,
        end=source.start + end,
        quote=source.text[start:end],
    )


def _by_byline(citation: Citation) -> Citation:
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


def _count(sentences: Sequence[CheckedSentence]) -> Grounding:
    cited = [s.support for s in sentences if not s.attributed]
    return Grounding(
        supported=cited.count(Support.SUPPORTED),
        weak=cited.count(Support.WEAK),
        unsupported=cited.count(Support.UNSUPPORTED),
        attributed=sum(bool(s.attributed) for s in sentences),
        uncited=cited.count(Support.UNCITED),
    )
