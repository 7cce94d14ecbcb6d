"""The words of the pages in each language: English in the source, the others in catalogues.

A language has one gettext catalogue (`locale/<language>/<area>.po`) for each area of the pages,
read directly and merged: there is no compiled copy that could be out of date.
`scripts/check_translations.py` says what has no translation, and which are left over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE_LANGUAGE: Final = "en"
LANGUAGES: Final[Mapping[str, str]] = {SOURCE_LANGUAGE: "English", "ko": "한국어"}
"""The languages of the pages by their code, each named in itself."""


def N_(english: str) -> str:
    """Mark English words in a table for extraction; they are translated when they are shown."""
    return english


@dataclass(frozen=True, slots=True)
class Translator:
    """Translator translates the English words of the pages into one language."""

    language: str
    words: NullTranslations

    def translate(self, english: str) -> str:
        """The words in this language; `english` itself if there is no translation."""
        return str(self.words.gettext(english)) if english else ""

    def translate_count(self, one: str, many: str, number: int) -> str:
        """The words for `number` things, with `%(num)d` filled in."""
        return str(self.words.ngettext(one, many, number)) % {"num": number}


def translator_for(language: str) -> Translator:
    """The translator into one of `LANGUAGES`."""
    if language == SOURCE_LANGUAGE:
        return Translator(language, NullTranslations())
    merged = Catalog(locale=language)
    for _, area in areas(language):
        for message in area:
            if message.id:
                merged.add(message.id, message.string, context=message.context)
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translator(language, Translations(compiled))


def areas(language: str) -> Iterator[tuple[str, Catalog]]:
    """Each catalogue of a language, with the name of its area."""
    folder = files("byline.web") / "locale" / language
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".po"):
            with file.open("rb") as opened:
                yield (
                    file.name.removesuffix(".po"),
                    read_po(opened, locale=language, abort_invalid=True),
                )
