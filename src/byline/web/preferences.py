"""Language and theme of the pages, from the address, a cookie or the browser.

`?lang=` and `?theme=` on any page are the switches: they apply to that page, and to later ones if
the browser keeps cookies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from babel.core import negotiate_locale
from starlette.requests import Request
from starlette.responses import Response

from byline.web.translations import LANGUAGES, SOURCE_LANGUAGE

LANGUAGE: Final = "lang"
THEME: Final = "theme"
AUTOMATIC: Final = "auto"
THEMES: Final = (AUTOMATIC, "light", "dark")
"""`auto` follows the reader's system."""

SWITCHES: Final = frozenset({LANGUAGE, THEME})
_YEAR_S: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Preferences:
    """One of `LANGUAGES` and one of `THEMES`."""

    language: str
    theme: str


def preferences(request: Request) -> Preferences:
    """The preferences of this request's reader; unknown values are ignored."""
    return Preferences(
        language=_chosen(request, LANGUAGE, tuple(LANGUAGES)) or _browser_language(request),
        theme=_chosen(request, THEME, THEMES) or AUTOMATIC,
    )


def switched(request: Request, name: str, value: str) -> str:
    """The address of this page with one switch set. The response to a form has no address of its
    own; then it is that of the front page."""
    if request.method != "GET":
        return f"/?{urlencode({name: value})}"
    kept = [(key, was) for key, was in request.query_params.multi_items() if key != name]
    return f"{request.url.path}?{urlencode([*kept, (name, value)])}"


def remember(request: Request, response: Response) -> None:
    """Store in cookies the switches in this request's address."""
    for name, known in ((LANGUAGE, tuple(LANGUAGES)), (THEME, THEMES)):
        value = request.query_params.get(name)
        if value in known:
            response.set_cookie(
                f"byline_{name}", value, max_age=_YEAR_S, httponly=True, samesite="strict"
            )


def _chosen(request: Request, name: str, known: tuple[str, ...]) -> str | None:
    for value in (request.query_params.get(name), request.cookies.get(f"byline_{name}")):
        if value in known:
            return value
    return None


def _browser_language(request: Request) -> str:
    """The language of the pages that the browser prefers, by the `q` values it sends."""
    wanted = []
    for position, part in enumerate(request.headers.get("accept-language", "").split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), position, tag))
        except ValueError:
            continue
    tags = [tag for _, _, tag in sorted(wanted) if tag]
    return negotiate_locale(tags, list(LANGUAGES), sep="-") or SOURCE_LANGUAGE
