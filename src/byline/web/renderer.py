"""Renders the pages: templates in the reader's language and theme, every text escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from byline import __version__
from byline.text.hidden_characters import BIDI_CONTROLS
from byline.web.article import typesetting
from byline.web.article.answer_html import Typesetter
from byline.web.article.article_words import article_filters
from byline.web.page_words import word_filters
from byline.web.preferences import (
    LANGUAGE,
    THEME,
    THEMES,
    Preferences,
    preferences,
    remember,
    switched,
)
from byline.web.translations import LANGUAGES, translator_for

# Not to be cached anywhere: pages hold people's questions, and differ by reader.
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"}

_TURNED: Final = re.compile(f"[{BIDI_CONTROLS}]+")
"""Characters that turn the direction of writing: with them a document shows 1,800 as 008,1."""


class Renderer:
    """Renderer has a template environment for each language. All are made at the start, so that a
    fault shows there."""

    def __init__(self) -> None:
        self._environments = {code: _environment(code) for code in LANGUAGES}

    def render(
        self, request: Request, template: str, view: Mapping[str, Any], status: int = 200
    ) -> Response:
        """A page or a part of one. A template sees `view`, and `frame` (see `_frame`)."""
        wanted = preferences(request)
        painted = self._environments[wanted.language].get_template(template)
        page = painted.render({**view, "frame": _frame(request, wanted)})
        response = HTMLResponse(_TURNED.sub("", page), status, headers=_HEADERS)
        remember(request, response)
        return response


def _frame(request: Request, wanted: Preferences) -> dict[str, Any]:
    """What every page shows around its content: `language`, `theme`, and `languages` and `themes`
    as `(value, name, address, is current)`."""
    return {
        "language": wanted.language,
        "theme": wanted.theme,
        "languages": [
            (code, name, switched(request, LANGUAGE, code), code == wanted.language)
            for code, name in LANGUAGES.items()
        ],
        "themes": [
            (theme, theme, switched(request, THEME, theme), theme == wanted.theme)
            for theme in THEMES
        ],
    }


@cache
def _environment(language: str) -> Environment:
    """Cached for the process: templates and words are parts of the program and never change, and
    compiling them takes longer than everything else about a page."""
    translator = translator_for(language)
    environment = Environment(
        loader=PackageLoader("byline.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translator.words, newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {
        "version": __version__,
        "script_words": script_words,
    }
    environment.filters |= word_filters(translator) | {"language": typesetting.language}
    environment.filters |= article_filters(translator, Typesetter())
    return environment


def script_words(words: Mapping[str, str]) -> Markup:
    """The words for a page's scripts, where `words.js` reads them. They are data, which the
    Content-Security-Policy does not take for a script."""
    text = json.dumps(dict(words), ensure_ascii=False).replace("<", "\\u003c")
    return Markup('<script type="application/json" id="words">{}</script>').format(Markup(text))
