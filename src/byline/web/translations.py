"""The words of the pages in each language: English in the source, the others in catalogues.

A language has one gettext catalogue (`locale/<language>/<area>.po`) for each area of the pages,
read directly and merged: there is no compiled copy that could be out of date.

    python -m byline.web.translations          # what has no translation, and translations left over
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from byline.ask import reason_words

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


def extracted() -> dict[str | tuple[str, ...], list[str]]:
    """Every English text (or singular and plural) that the pages show, with its places:
    `file:line`, or the file of the sentences that pages share with JSON."""
    found: dict[str | tuple[str, ...], list[str]] = {}
    with as_file(files("byline.web")) as folder:
        for name, line, message, _, _ in extract_from_dir(
            Path(folder),
            method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2")],
            options_map={"**/templates/**.html": {"trimmed": "true"}},
            keywords={"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "_count": (1, 2)},
        ):
            found.setdefault(message, []).append(f"{name}:{line}")
    for english in reason_words.all_sentences():
        found.setdefault(english, []).append("ask/reason_words.py")
    return found


def faults(language: str) -> Iterator[str]:
    """The faults in the catalogues of a language, one line each."""
    used = extracted()
    known: dict[object, tuple[str, object]] = {}
    for area, catalogue in areas(language):
        for message in catalogue:
            if not message.id:
                continue
            if message.fuzzy or not all(_forms(message.string)):
                yield f"{area}.po: not translated: {message.id!r}"
            if message.id not in used:
                yield f"{area}.po: no page says it any more: {message.id!r}"
            elsewhere, other = known.setdefault(message.id, (area, message.string))
            if other != message.string:
                yield f"{area}.po: translated otherwise in {elsewhere}.po: {message.id!r}"
            for error in message.check(catalogue):
                yield f"{area}.po: {error}: {message.id!r}"
    for english in used.keys() - known.keys():
        yield f"{used[english][0]}: in no catalogue: {english!r}"


def _forms(translated: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (translated,) if isinstance(translated, str) else tuple(translated or ("",))


if __name__ == "__main__":
    wrong = [
        line for language in LANGUAGES if language != SOURCE_LANGUAGE for line in faults(language)
    ]
    sys.stdout.write(("\n".join(sorted(wrong)) or "Every word is translated.") + "\n")
    sys.exit(1 if wrong else 0)
