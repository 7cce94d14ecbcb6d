"""What a witness says: the text of a file part by part, as the file itself holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WitnessPart:
    """A part of a file: its paragraphs or cells as `lines`, each on one line.

    `page` is the number of the page or slide it stands on; `name` is the sheet's, or what the file
    calls the part ("" for the document itself). A `beside` part has no place in the course of the
    text: a header, a comment.
    """

    lines: tuple[str, ...]
    page: int | None = None
    name: str = ""
    beside: bool = False


def of_paragraphs(paragraphs: Iterable[str]) -> Iterator[WitnessPart]:
    """The one part of a file that is told paragraph by paragraph."""
    lines = tuple(line for paragraph in paragraphs for line in paragraph.splitlines())
    yield WitnessPart(lines)


def of_pages(pages: Iterable[tuple[int, str]]) -> Iterator[WitnessPart]:
    """The parts of a file that is told page by page, by number and text."""
    for number, text in pages:
        yield WitnessPart(tuple(text.splitlines()), number)
