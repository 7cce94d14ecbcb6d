"""A source as the check reads it: its sentences, and what each holds. Pure; read when asked for.

A passage is cited by several sentences of an answer, and while it streams: what was read of it is
kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from byline.domain.asks import Source
from byline.text.terms import term_strings
from byline.verify.citation_markers import strip_markers
from byline.verify.facts.exact_facts import Fact, Facts, facts_in, plain
from byline.verify.facts.names import Name, NameWords, names_in, words_in
from byline.verify.negation import DeniedSpans, denials_in
from byline.verify.prompt_injection import is_injection
from byline.verify.sentences import split_sentences
from byline.verify.weighted_terms import TermSet, TermWeights, content_terms

_HANGUL: Final = re.compile("[가-힣]")
_LATIN: Final = re.compile("[a-z]")


class AnalysedText:
    """A text and, each read once when asked for, its terms, facts, names and denials."""

    def __init__(self, text: str) -> None:
        self.written = text
        self.plain = plain(strip_markers(text, " "))

    @cached_property
    def folded(self) -> str:
        return self.plain.casefold()

    @cached_property
    def alphanumerics(self) -> str:
        """Letters and digits alone: equal for two texts that say the same, word for word."""
        return "".join(c for c in self.folded if c.isalnum())

    @cached_property
    def weights(self) -> TermWeights:
        return content_terms(self.folded)

    @cached_property
    def terms(self) -> TermSet:
        """All that a claim's terms may be found by: stems, and every pair of syllables."""
        return TermSet(self.weights.keys() | set(term_strings(self.folded)))

    @cached_property
    def facts(self) -> Facts:
        return Facts(facts_in(self.folded))

    @cached_property
    def names(self) -> list[Name]:
        return names_in(self.plain)

    @cached_property
    def words(self) -> NameWords:
        return words_in(self.plain)

    @cached_property
    def denial(self) -> DeniedSpans:
        return denials_in(self.folded)

    @cached_property
    def denied(self) -> Sequence[TermWeights]:
        """The content of what is denied, span by span."""
        return [content_terms(self.folded[slice(*span)]) for span in self.denial.spans]

    @cached_property
    def possibly_denied(self) -> Sequence[TermSet]:
        """The terms of all that is denied, plainly or by its words."""
        soft = (content_terms(self.folded[slice(*span)]) for span in self.denial.soft)
        return [TermSet(terms) for terms in (*self.denied, *soft)]


class SourceSentence(AnalysedText):
    """A sentence of a source, at `start … end` of the source's text."""

    def __init__(self, text: str, start: int, end: int, place: int) -> None:
        super().__init__(text[start:end])
        self.start = start
        self.end = end
        self.place = place


class AnalysedSource:
    """One source: its sentences, and `context`, the title and headings above it."""

    def __init__(self, text: str, context: str = "") -> None:
        self.text = text
        self._context = context

    @classmethod
    def of(cls, source: Source) -> AnalysedSource:
        return cls(source.text, f"{source.title}\n{source.heading}\n{source.name}")

    @cached_property
    def sentences(self) -> Sequence[SourceSentence]:
        spans = split_sentences(self.text) or [(0, len(self.text))]
        return [SourceSentence(self.text, *span, place) for place, span in enumerate(spans)]

    @cached_property
    def evidence(self) -> Sequence[SourceSentence]:
        """The sentences that say something: orders to the model that reads them are no evidence."""
        return [sentence for sentence in self.sentences if not is_injection(sentence.folded)]

    @cached_property
    def context(self) -> AnalysedText:
        return AnalysedText(self._context.replace("_", " "))

    @cached_property
    def facts(self) -> Sequence[Fact]:
        """The facts of the whole, its context's too."""
        return [*self.context.facts, *(fact for s in self.evidence for fact in s.facts)]

    @cached_property
    def words(self) -> NameWords:
        return NameWords(self.context.words.union(*(s.words for s in self.evidence)))

    @cached_property
    def alphanumerics(self) -> str:
        """Its letters and digits alone."""
        return "".join(sentence.alphanumerics for sentence in self.evidence)

    @cached_property
    def letters(self) -> tuple[int, int]:
        """How many syllables of Hangul it has, and how many Latin letters."""
        return count_letters(self.text)


def count_letters(text: str) -> tuple[int, int]:
    """How many syllables of Hangul a text has, and how many Latin letters."""
    return len(_HANGUL.findall(text)), len(_LATIN.findall(text.casefold()))
