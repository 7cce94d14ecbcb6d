"""Holds the pages' words against their translations: what has none, and which are left over.

    .venv/bin/python scripts/check_translations.py

Exit code 1 if there is any. The tests do the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from babel.messages.extract import extract_from_dir

from byline.ask import reason_words
from byline.web.translations import LANGUAGES, SOURCE_LANGUAGE, areas


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
