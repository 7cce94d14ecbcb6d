"""A document of Hancom's word processor as blocks, in the order in which it is read.

A sentence stays whole: what is anchored inside a paragraph follows it, but for what stands before
its first word. Footnotes follow their paragraph; endnotes, headers and footers end the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from byline.ingest.readers.hancom.hancom_document import (
    Box,
    Definitions,
    Findings,
    HancomParagraph,
    HeadKind,
    Note,
    Table,
)
from byline.ingest.readers.hancom.hancom_numbers import ParagraphNumbers
from byline.ingest.readers.hancom.hancom_tables import TextCell, table_lines
from byline.ingest.readers.text_blocks import Block

_HEADING_CHARS_MAX: Final = 120
_INLINE_CHARS_MAX: Final = 40
"""A longer text of a box in the line is set after the paragraph."""
_SENTENCE: Final = re.compile(r"[.!?]$|\n")
_WORD: Final = re.compile(r"[^\W_]")


def blocks_of(
    paragraphs: Iterable[HancomParagraph], definitions: Definitions, findings: Findings
) -> Iterator[Block]:
    """The blocks of a document; `findings` may fill while `paragraphs` are read."""
    writer = _Writer(definitions)
    for paragraph in paragraphs:
        yield from writer.blocks(paragraph)
    while writer.endnotes:
        yield from writer.note(writer.endnotes.pop(0))
    seen: set[str] = set()
    for margin in findings.margins:
        blocks = [block for paragraph in margin for block in writer.blocks(paragraph)]
        text = "".join(re.sub(r"\s+", "", block.text) for block in blocks)
        if _WORD.search(text) and text not in seen:
            seen.add(text)
            yield from (replace(block, level=0) for block in blocks)


class _Writer:
    """_Writer turns paragraphs into blocks, and counts what is numbered among them."""

    def __init__(self, definitions: Definitions) -> None:
        self.endnotes: list[Note] = []
        self._numbers = ParagraphNumbers(definitions)
        self._after_item = False

    def blocks(self, paragraph: HancomParagraph) -> Iterator[Block]:
        mark = self._numbers.mark(paragraph.head) if paragraph.head else ""
        before: list[Table | Box] = []
        after: list[Table | Box] = []
        notes: list[Note] = []
        parts: list[str] = []
        for piece in paragraph.pieces:
            if isinstance(piece, str):
                parts.append(piece)
            elif isinstance(piece, Note):
                parts.append(_set_off(parts, piece.mark))
                notes.append(piece)
            elif isinstance(piece, Box) and piece.inline and (told := self._inline(piece, notes)):
                parts.append(f" {told} ")
            elif any(part.strip() for part in parts):
                after.append(piece)
            else:
                before.append(piece)
        text = "".join(parts).strip()
        if mark and (text or before or after):
            text = f"{mark} {text}".strip()
        for piece in before:
            yield from self._object(piece)
        if text:
            yield self._worded(paragraph, text)
        yield from self._notes(notes)
        for piece in after:
            yield from self._object(piece)

    def note(self, note: Note) -> Iterator[Block]:
        is_first = True
        for paragraph in note.paragraphs:
            for block in self.blocks(paragraph):
                if is_first and not block.text.startswith(note.mark):
                    yield replace(block, text=f"{note.mark} {block.text}", level=0)
                else:
                    yield replace(block, level=0, tight=not is_first)
                is_first = False

    def _worded(self, paragraph: HancomParagraph, text: str) -> Block:
        head = paragraph.head
        is_outline = head is not None and head.kind is HeadKind.OUTLINE
        if head and is_outline and len(text) <= _HEADING_CHARS_MAX and not _SENTENCE.search(text):
            self._after_item = False
            return Block(text, level=head.level + 1)
        is_item = head is not None and not is_outline
        tight, self._after_item = is_item and self._after_item, is_item
        return Block(text, tight=tight)

    def _notes(self, notes: Sequence[Note]) -> Iterator[Block]:
        for note in notes:
            if note.at_end:
                self.endnotes.append(note)
            else:
                yield from self.note(note)

    def _object(self, piece: Table | Box) -> Iterator[Block]:
        self._after_item = False
        if isinstance(piece, Box):
            for paragraph in piece.paragraphs:
                yield from self.blocks(paragraph)
        elif len({cell.column for cell in piece.cells}) == 1:
            # a frame around paragraphs, or a column of them: no row has a second cell
            for cell in sorted(piece.cells, key=lambda cell: cell.row):
                blocks = [block for inside in cell.paragraphs for block in self.blocks(inside)]
                is_line = len(blocks) == 1 and cell.row > 0 and not blocks[0].level
                yield from (replace(block, tight=block.tight or is_line) for block in blocks)
        else:
            notes: list[Note] = []
            yield Block("\n".join(self._lines(piece, notes)))
            yield from self._notes(notes)
        self._after_item = False

    def _lines(self, table: Table, notes: list[Note]) -> Iterator[str]:
        return table_lines(
            [
                TextCell(
                    *(cell.row, cell.column, cell.rows, cell.columns),
                    self._flat(cell.paragraphs, notes),
                )
                for cell in table.cells
            ]
        )

    def _inline(self, box: Box, notes: list[Note]) -> str:
        """The text of a box in the line; "" if it is better set after the paragraph."""
        if len(box.paragraphs) != 1 or not all(
            isinstance(piece, str) for piece in box.paragraphs[0].pieces
        ):
            return ""
        if sum(len(str(piece)) for piece in box.paragraphs[0].pieces) > _INLINE_CHARS_MAX:
            return ""
        return self._flat(box.paragraphs, notes)

    def _flat(self, paragraphs: Sequence[HancomParagraph], notes: list[Note]) -> str:
        """All on one line, as it stands in a cell; what is nested is told in its place."""
        parts: list[str] = []
        for paragraph in paragraphs:
            if paragraph.head and (mark := self._numbers.mark(paragraph.head)):
                parts += [mark, " "] if paragraph.pieces else []
            for piece in paragraph.pieces:
                if isinstance(piece, str):
                    parts.append(piece)
                elif isinstance(piece, Note):
                    parts.append(_set_off(parts, piece.mark))
                    notes.append(piece)
                elif isinstance(piece, Box):
                    parts.append(f" {self._flat(piece.paragraphs, notes)} ")
                else:
                    rows = (line.replace(" | ", " ") for line in self._lines(piece, notes))
                    parts.append(f" {' / '.join(rows)} ")
            parts.append(" ")
        return re.sub(r"\s+", " ", "".join(parts)).strip()


def _set_off(parts: Sequence[str], mark: str) -> str:
    """The mark of a note apart from the word before it: "1,3301)" would be another figure."""
    return mark if not parts or parts[-1][-1:].isspace() else f" {mark}"
