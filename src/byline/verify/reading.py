"""A source as the check reads it: its sentences, and what each holds. Pure; read when asked for.

A passage is cited by several sentences of an answer, and while it streams: what was read of it is
kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from byline.domain.asking import Source
from byline.search.analyse import term_strings
from byline.verify.facts import Fact, facts_in, plain
from byline.verify.markers import MARKER
from byline.verify.names import Name, names_in, words_in
from byline.verify.negation import Denial, denials_in
from byline.verify.orders import is_order
from byline.verify.sentences import split_sentences
from byline.verify.terms import content_terms


class ReadText:
    """A text and, each read once when asked for, its terms, facts, names and denials."""

    def __init__(self, text: str) -> None:
        self.plain = plain(MARKER.sub(" ", text))

    @cached_property
    def folded(self) -> str:
        return self.plain.casefold()

    @cached_property
    def squeezed(self) -> str:
        """Letters and digits alone: equal for two texts that say the same, word for word."""
        return "".join(c for c in self.folded if c.isalnum())

    @cached_property
    def weights(self) -> dict[str, float]:
        return content_terms(self.folded)

    @cached_property
    def terms(self) -> frozenset[str]:
        """All that a claim's terms may be found by: stems, and every pair of syllables."""
        return frozenset(self.weights) | frozenset(term_strings(self.folded))

    @cached_property
    def facts(self) -> list[Fact]:
        return facts_in(self.folded)

    @cached_property
    def names(self) -> list[Name]:
        return names_in(self.plain)

    @cached_property
    def words(self) -> frozenset[str]:
        return words_in(self.plain)

    @cached_property
    def denial(self) -> Denial:
        return denials_in(self.folded)


class ReadSentence(ReadText):
    """A sentence of a source, at `start … end` of the source's text."""

    def __init__(self, text: str, start: int, end: int, place: int) -> None:
        super().__init__(text[start:end])
        self.start = start
        self.end = end
        self.place = place


class ReadSource:
    """One source: its sentences, and `context`, the title and headings above it."""

    def __init__(self, text: str, context: str = "") -> None:
        self.text = text
        self._context = context

    @classmethod
    def of(cls, source: Source) -> ReadSource:
        return cls(source.text, f"{source.title}\n{source.heading}\n{source.name}")

    @cached_property
    def sentences(self) -> Sequence[ReadSentence]:
        spans = split_sentences(self.text) or [(0, len(self.text))]
        return [ReadSentence(self.text, *span, place) for place, span in enumerate(spans)]

    @cached_property
    def said(self) -> Sequence[ReadSentence]:
        """The sentences that say something: orders to the model that reads them are no evidence."""
        return [sentence for sentence in self.sentences if not is_order(sentence.folded)]

    @cached_property
    def context(self) -> ReadText:
        return ReadText(self._context.replace("_", " "))

    @cached_property
    def facts(self) -> list[Fact]:
        """The facts of the whole, its context's too."""
        return [*self.context.facts, *(fact for s in self.said for fact in s.facts)]

    @cached_property
    def words(self) -> frozenset[str]:
        return self.context.words.union(*(s.words for s in self.said))
