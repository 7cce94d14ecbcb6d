"""Analyses a source for the check: its sentences, with their terms, facts, names and denials. Pure.

Each property is computed when it is first read and then kept: several sentences of an answer cite
the same passage.
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
from byline.verify.negation import denials_in
from byline.verify.prompt_injection import is_injection
from byline.verify.sentences import split_sentences
from byline.verify.weighted_terms import TermSet, TermWeights, content_terms

_HANGUL: Final = re.compile("[가-힣]")
_LATIN: Final = re.compile("[a-z]")


class AnalysedText:
    """A text with its terms, facts, names and denials, each computed when first read."""

    def __init__(self, text: str) -> None:
        self.written = text
        self.plain = plain(strip_markers(text, " "))

    @cached_property
    def folded(self) -> str:
        return self.plain.casefold()

    @cached_property
    def alphanumerics(self) -> str:
        """Only the letters and digits: equal for two texts with the same words."""
        return "".join(c for c in self.folded if c.isalnum())

    @cached_property
    def weights(self) -> TermWeights:
        return content_terms(self.folded)

    @cached_property
    def terms(self) -> TermSet:
        """The terms in which a claim's terms are looked up: stems, and every pair of syllables."""
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
    def denial(self) -> tuple[tuple[int, int], ...]:
        return denials_in(self.folded)

    @cached_property
    def denied(self) -> Sequence[TermWeights]:
        """The content of each denied span."""
        return [content_terms(self.folded[slice(*span)]) for span in self.denial]


class SourceSentence(AnalysedText):
    """A sentence of a source, at `start … end` of the source's text."""

    def __init__(self, text: str, start: int, end: int, place: int) -> None:
        super().__init__(text[start:end])
        self.start = start
        self.end = end
        self.place = place


class AnalysedSource:
    """A source: its sentences, and `context`, its title and the headings above it."""

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
        """The sentences that can support a claim: orders to the model that reads them cannot."""
        return [sentence for sentence in self.sentences if not is_injection(sentence.folded)]

    @cached_property
    def context(self) -> AnalysedText:
        return AnalysedText(self._context.replace("_", " "))

    @cached_property
    def facts(self) -> Sequence[Fact]:
        """The facts of the whole source and of its context."""
        return [*self.context.facts, *(fact for s in self.evidence for fact in s.facts)]

    @cached_property
    def words(self) -> NameWords:
        return NameWords(self.context.words.union(*(s.words for s in self.evidence)))

    @cached_property
    def alphanumerics(self) -> str:
        """Only the letters and digits of its evidence."""
        return "".join(sentence.alphanumerics for sentence in self.evidence)

    @cached_property
    def letters(self) -> tuple[int, int]:
        """The numbers of its Hangul syllables and its Latin letters."""
        return count_letters(self.text)


def count_letters(text: str) -> tuple[int, int]:
    """Return the numbers of Hangul syllables and Latin letters in `text`."""
    return len(_HANGUL.findall(text)), len(_LATIN.findall(text.casefold()))
