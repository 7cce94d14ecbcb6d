"""The filters that the article's templates call: the answer's text and the words around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from byline.web.article import turn_view
from byline.web.article.answer_html import AnswerLabels, Typesetter
from byline.web.translations import N_, Translator

CHECK_REASONS: Final = (
    N_("There is nothing in it to check."),
    N_("The source says it word for word."),
    N_("The source says it in like words."),
    N_("The source says the like in other words."),
    N_("The source speaks of something else."),
    N_("The source has only part of its words."),
    N_("The source does not speak of it."),
    N_("It is in another language than its source."),
    N_("It cites no source, and none clearly says it."),
    N_("Byline found it in source %(first)s; the answer does not cite it."),
    N_("The source says %(first)s here; %(second)s stands elsewhere in it."),
    N_("The source says %(first)s here, the answer %(second)s."),
    N_("The source says %(first)s, the answer %(second)s."),
    N_("The source writes %(first)s, the answer %(second)s."),
    N_("The source names %(first)s, the answer %(second)s."),
    N_("The source does not name %(first)s."),
    N_("The source does not have %(first)s."),
    N_("The answer denies what the source says."),
    N_("The source denies what the answer says."),
)
"""What `verify` says about a sentence. It is stored in English, so translation matches each stored
sentence against these patterns."""

_SLOT: Final = re.compile(r"%\((\w+)\)s")


class ArticleFilters:
    """ArticleFilters are the article's template filters in one language."""

    def __init__(self, translator: Translator, typesetter: Typesetter) -> None:
        self._translate = translator.translate
        self._typesetter = typesetter
        self._labels = AnswerLabels(
            source=translator.translate(N_("source {n}")),
            found=translator.translate(N_("found by Byline in source {n}")),
            weak=translator.translate(N_("supported in part")),
            unsupported=translator.translate(N_("not supported")),
        )
        self._forms = [(_form(english), english) for english in CHECK_REASONS]

    def prose(self, turn: Mapping[str, Any], at: str) -> Markup:
        """The answer's text as HTML; `at` is the prefix of the ids it links to."""
        prose = turn_view.answer_text(turn, at)
        if turn["quoted"]:
            return Markup(self._typesetter.plain(prose, self._labels))  # the sanitiser has seen it
        return Markup(self._typesetter.markdown(prose, self._labels))

    def words(self, text: str) -> str:
        """A sentence of an answer without its Markdown."""
        return self._typesetter.words(text)

    def why(self, english: str) -> str:
        """The sentence of a check in this language; unchanged if no pattern matches it."""
        for form, known in self._forms:
            if found := form.fullmatch(english):
                said = self._translate(known)
                return said % found.groupdict() if found.groupdict() else said
        return english


def article_filters(
    translator: Translator, typesetter: Typesetter
) -> dict[str, Callable[..., str]]:
    """The article's filters in one language."""
    article = ArticleFilters(translator, typesetter)
    return {
        "prose": article.prose,
        "words": article.words,
        "why": article.why,
    }


def _form(english: str) -> re.Pattern[str]:
    """The pattern that matches `english` with its slots filled in."""
    parts, at = "", 0
    for slot in _SLOT.finditer(english):
        parts += re.escape(english[at : slot.start()]) + f"(?P<{slot[1]}>.+?)"
        at = slot.end()
    return re.compile(parts + re.escape(english[at:]), re.DOTALL)
