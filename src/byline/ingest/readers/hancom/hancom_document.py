"""What a document of Hancom's word processor consists of, as HWP and HWPX both hold it: paragraphs
of text and objects, and the definitions of their automatic numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from byline.domain.documents import ReadingWarning, ReadingWarningCode

NESTING_MAX: Final = 40
"""How many objects (tables, boxes, notes) may lie inside one another; deeper ones are not read."""


class HeadKind(StrEnum):
    """What stands before a paragraph without being typed: the number of an outline or of a list, or
    a bullet."""

    OUTLINE = "outline"
    NUMBER = "number"
    BULLET = "bullet"


@dataclass(frozen=True, slots=True)
class ParagraphHead:
    """The automatic number or bullet of a paragraph: its level from 0, and the id of its numbering
    (0 for an outline: that of its section) or of its bullet."""

    kind: HeadKind
    level: int
    definition: int


@dataclass(frozen=True, slots=True)
class NumberingLevel:
    """One level of a numbering: its pattern ("^1.", "제^1장"), the form of its own number, and the
    number it starts from."""

    pattern: str
    form: str = "DIGIT"
    start: int = 1


@dataclass(frozen=True, slots=True)
class Definitions:
    """The numberings and bullets of a document by id, and the paragraph heads by the id of the
    paragraph shape that has them."""

    numberings: Mapping[int, tuple[NumberingLevel, ...]] = field(default_factory=dict)
    bullets: Mapping[int, str] = field(default_factory=dict)
    heads: Mapping[int, ParagraphHead] = field(default_factory=dict)


@dataclass(slots=True)
class HancomParagraph:
    """A paragraph: its pieces in reading order, and what stands before them."""

    pieces: list[Piece] = field(default_factory=list)
    head: ParagraphHead | None = None


@dataclass(slots=True)
class Cell:
    """A cell of a table, at `row` and `column` from 0, spanning `rows` and `columns`."""

    row: int
    column: int
    rows: int
    columns: int
    paragraphs: list[HancomParagraph]


@dataclass(slots=True)
class Table:
    """A table, its cells in the order of the file."""

    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True)
class Box:
    """Text beside or inside the text: a shape with text, a caption, a memo. An `inline` box is set
    in the line like a character."""

    paragraphs: list[HancomParagraph]
    inline: bool = False


@dataclass(slots=True)
class Note:
    """A footnote, or an endnote, whose text stands at the end of the document. `mark` is its number
    as printed, "1)"."""

    mark: str
    paragraphs: list[HancomParagraph]
    at_end: bool = False


Piece: TypeAlias = str | Table | Box | Note


@dataclass(slots=True)
class Findings:
    """What a reading meets beside the text: headers and footers, parts it cannot read, and parts
    that are damaged (by the names the file gives them)."""

    margins: list[list[HancomParagraph]] = field(default_factory=list)
    not_read: dict[str, None] = field(default_factory=dict)
    damaged: dict[str, None] = field(default_factory=dict)

    def warnings(self) -> Iterator[ReadingWarning]:
        if self.not_read:
            yield ReadingWarning(ReadingWarningCode.NOT_READ, parts=tuple(self.not_read))
        if self.damaged:
            yield ReadingWarning(ReadingWarningCode.DAMAGED, parts=tuple(self.damaged))
