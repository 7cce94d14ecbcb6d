"""The filters that the article's templates call: the answer's text and the words around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from byline.web.article import turn_view
from byline.web.article.answer_html import AnswerLabels, Typesetter
from byline.web.translations import N_, Translator


class ArticleFilters:
    """ArticleFilters are the article's template filters in one language."""

    def __init__(self, translator: Translator, typesetter: Typesetter) -> None:
        self._typesetter = typesetter
        self._labels = AnswerLabels(
            source=translator.translate(N_("source {n}")),
            found=translator.translate(N_("found by Byline in source {n}")),
            weak=translator.translate(N_("supported in part")),
            unsupported=translator.translate(N_("not supported")),
        )

    def prose(self, turn: Mapping[str, Any], at: str) -> Markup:
        """The answer's text as HTML; `at` is the prefix of the ids it links to."""
        prose = turn_view.answer_text(turn, at)
        if turn["quoted"]:
            return Markup(self._typesetter.plain(prose, self._labels))  # the sanitiser has seen it
        return Markup(self._typesetter.markdown(prose, self._labels))

    def words(self, text: str) -> str:
        """A sentence of an answer without its Markdown."""
        return self._typesetter.words(text)


def article_filters(
    translator: Translator, typesetter: Typesetter
) -> dict[str, Callable[..., str]]:
    """The article's filters in one language."""
    article = ArticleFilters(translator, typesetter)
    return {
        "prose": article.prose,
        "words": article.words,
    }
