"""Reading warnings in English sentences, each with what a person can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from byline.domain.documents import ReadingWarning, ReadingWarningCode, page_ranges

_PARTS_NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class _Words:
    """The sentence for one page, for several ({count}), and without pages; and the remedy."""

    page: str
    pages: str
    otherwise: str
    remedy: str


_LOOK: Final = "Look at the original file there."
_SCANNED: Final = "scanned, and no language of OCR is installed"
_WORDS: Final[Mapping[ReadingWarningCode, _Words]] = {
    ReadingWarningCode.NOT_READ: _Words(
        "1 page holds a picture or a part that was not read",
        "{count} pages hold pictures or parts that were not read",
        "The file holds pictures or parts that were not read",
        _LOOK,
    ),
    ReadingWarningCode.NO_OCR: _Words(
        f"1 page was not read: it is {_SCANNED}",
        f"{{count}} pages were not read: they are {_SCANNED}",
        f"The file was not wholly read: something in it is {_SCANNED}",
        "Install Tesseract with the data of its language, then read the document again.",
    ),
    ReadingWarningCode.OCR_UNCERTAIN: _Words(
        "OCR found little on 1 page that shows much",
        "OCR found little on {count} pages that show much",
        "OCR found little in a picture that shows much",
        "Look at the original file there; a sharper scan may be read better.",
    ),
    ReadingWarningCode.MISSING: _Words(
        "Some text of 1 page is missing",
        "Some text of {count} pages is missing",
        "Some text of the file is missing",
        _LOOK,
    ),
    ReadingWarningCode.GARBLED: _Words(
        "The letters of 1 page cannot be told, since its font does not name them",
        "The letters of {count} pages cannot be told, since their fonts do not name them",
        "Some letters of the file cannot be told, since its fonts do not name them",
        "Look at the original file there; printing it to a new PDF with OCR may help.",
    ),
    ReadingWarningCode.TURNED: _Words(
        "1 page lies on its side or on its head and may be read wrongly",
        "{count} pages lie on their side or on their head and may be read wrongly",
        "A picture lies on its side or on its head and may be read wrongly",
        "Turn it upright in the original file, and add that.",
    ),
    ReadingWarningCode.DAMAGED: _Words(
        "1 page is damaged and could not be opened",
        "{count} pages are damaged and could not be opened",
        "A part of the file is damaged and could not be opened",
        "Save the file anew with the program it was made with, and add that.",
    ),
}


def warning_fields(warning: ReadingWarning) -> dict[str, Any]:
    """The fields of a warning, with its sentence and remedy."""
    return {
        "code": warning.code,
        "pages": warning.pages,
        "parts": warning.parts,
        "characters": warning.characters,
        "message": warning_sentence(warning),
        "remedy": _WORDS[warning.code].remedy,
    }


def warning_sentence(warning: ReadingWarning) -> str:
    """What was not read, how much of it, and where: "… (pages 2, 5–7; 412 characters)."."""
    words, count = _WORDS[warning.code], len(warning.pages)
    said = (
        (words.page if count == 1 else words.pages.format(count=count))
        if count
        else words.otherwise
    )
    details = [
        f"{'page' if count == 1 else 'pages'} {page_ranges(warning.pages)}" if count else "",
        _named(warning.parts),
        "" if warning.characters is None else _characters(warning.characters),
    ]
    told = "; ".join(filter(None, details))
    return f"{said} ({told})." if told else f"{said}."


def _named(parts: tuple[str, ...]) -> str:
    named = ", ".join(parts[:_PARTS_NAMED_MAX])
    more = len(parts) - _PARTS_NAMED_MAX
    return f"{named} and {more} more" if more > 0 else named


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count:,} characters"
