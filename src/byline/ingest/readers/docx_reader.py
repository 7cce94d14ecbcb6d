"""Word documents (.docx, .docm, .dotx), read from their XML so that the text says what Word shows.

The body is read as a stream, one paragraph or table at a time. What hangs on a paragraph stands
behind it: text boxes, titles of charts, diagrams, its notes (`[^1]`, as marked in the text) and
comments (behind ※). Headers and footers come last, each distinct paragraph once.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.docx_numbering import (
    ListLink,
    Numbering,
    Styles,
    heading_level,
    list_link,
    toggle,
)
from byline.ingest.readers.docx_runs import (
    NOT_SHOWN,
    Inline,
    RunReader,
    local_name,
    shown_alternative,
)
from byline.ingest.readers.list_numerals import numeral
from byline.ingest.readers.ooxml_package import (
    UNREADABLE,
    Package,
    Relation,
    attribute,
    drawn_paragraphs,
    local,
    relation_id,
)
from byline.ingest.readers.text_blocks import Block, assemble

_MAIN: Final = "word/document.xml"
_HEADING_CHARS_MAX: Final = 200
_DEPTH_MAX: Final = 20
"""How deep tables and boxes inside one another are followed; what is deeper is read as words."""
_COLUMNS_MAX: Final = 63  # of a table in Word
_PAGE_NUMBER_CHARS_MAX: Final = 20
_BLANKS: Final = re.compile(r"\s+")
_WORD: Final = re.compile(r"[^\W\d_]")
_PARAGRAPHS: Final = frozenset({"p", "oMathPara", "oMath", "r"})
_NOTE_FORMS: Final = {"footnotes": "decimal", "endnotes": "lowerRoman"}
_COMMENT_MARK: Final = "※ "


def read_docx(path: Path, kind: Format, text_chars_max: int) -> ExtractedText:
    """Read a Word document. Raises `ExtractionFailed` if nothing of it can be read.

    Stops reading soon after `text_chars_max` characters; the text is then longer than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Document(Package(archive), text_chars_max).read(kind)
    except UNREADABLE as error:
        raise corrupt("Word document") from error


@dataclass(slots=True)
class _Story:
    """One flow of text while it is read: the body, a header, a box or a note.

    `carried` is the text of a paragraph whose end was deleted: it goes on in the next one.
    """

    runs: RunReader
    relations: Mapping[str, Relation]
    carried: str = ""
    within_list: bool = False
    within_cell: bool = False
    is_margin: bool = False


@dataclass(slots=True)
class _Properties:
    """What the `pPr` of a paragraph says."""

    style: str = ""
    link: ListLink | None = None
    outline: str | None = None
    ends: bool = True
    hides_end: bool | None = None


@dataclass(slots=True)
class _Notes:
    """The notes of one kind, by their ids. `numbers` are those that were met so far."""

    elements: dict[str, Element] = field(default_factory=dict)
    relations: Mapping[str, Relation] = field(default_factory=dict)
    form: str = "decimal"
    start: int = 1
    numbers: dict[str, int] = field(default_factory=dict)

    def mark(self, note_id: str) -> str:
        """The mark of a note, which is the next one if it was not met before."""
        number = self.numbers.setdefault(note_id, self.start + len(self.numbers))
        return f"[^{numeral(number, self.form)}]"


class _Document:
    """A document while it is read."""

    def __init__(self, package: Package, text_chars_max: int) -> None:
        self._package = package
        self._left_chars = text_chars_max
        self._damaged: list[str] = []
        self._not_read: list[str] = []
        self._styles = Styles()
        self._numbering = Numbering(self._styles)
        self._notes: dict[str, _Notes] = {}
        self._comments = _Notes()
        self._behind: list[Block] = []

    def read(self, kind: Format) -> ExtractedText:
        """Read every part. Raises one of `UNREADABLE` if there is nothing that can be read."""
        main = self._main()
        relations = self._relations(main)
        parts = {relation.kind: relation.target for relation in relations.values()}
        self._styles = Styles(self._root(parts.get("styles")))
        self._numbering = Numbering(self._styles, self._root(parts.get("numbering")))
        settings = self._root(parts.get("settings"))
        for name, form in _NOTE_FORMS.items():
            notes = self._notes_in(parts.get(name), name.removesuffix("s"))
            notes.form, notes.start = _note_numbers(settings, name.removesuffix("s") + "Pr", form)
            self._notes[name] = notes
        self._comments = self._notes_in(parts.get("comments"), "comment")
        blocks = list(self._body(main, relations))
        if self._left_chars >= 0:
            blocks += self._unmarked_comments()
            blocks += self._margins(relations)
        if main in self._damaged and not any(block.text.strip() for block in blocks):
            raise KeyError(main)
        extracted = assemble(blocks, title=self._package.title(), media_type=kind.media_type)
        return replace(extracted, warnings=tuple(self._warnings()))

    def _warnings(self) -> Iterator[ReadingWarning]:
        for code, names in (
            (ReadingWarningCode.DAMAGED, self._damaged),
            (ReadingWarningCode.NOT_READ, self._not_read),
        ):
            if names:
                yield ReadingWarning(code, parts=tuple(dict.fromkeys(names)))

    def _main(self) -> str:
        """The part of the body, which the relations of the file name."""
        try:
            for relation in self._package.relations("").values():
                if relation.kind == "officeDocument":
                    return relation.target
        except UNREADABLE:
            pass  # the usual name is tried
        return self._package.part(_MAIN) or _MAIN

    def _body(self, main: str, relations: Mapping[str, Relation]) -> Iterator[Block]:
        story = self._story(relations)
        try:
            with self._package.open(main) as stream:
                for element in _children_of_body(stream):
                    yield from self._counted(self._whole(element, story))
                    if self._left_chars < 0:
                        return
        except UNREADABLE:
            self._damaged.append(main)
        yield from self._end(story)

    def _whole(self, element: Element, story: _Story) -> Iterator[Block]:
        """A paragraph or table of the body with the notes on it."""
        try:
            yield from self._blocks((element,), story, 0)
        except RecursionError:
            self._behind.clear()
            yield Block(_words(element))
        yield from self._behind
        self._behind.clear()

    def _counted(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            self._left_chars -= len(block.text)
            yield block

    def _end(self, story: _Story) -> Iterator[Block]:
        """What a story has left when it ends."""
        yield Block(f"{story.carried}{story.runs.left_over()}")
        yield from self._behind
        self._behind.clear()

    def _blocks(self, elements: Iterable[Element], story: _Story, depth: int) -> Iterator[Block]:
        """The blocks of paragraphs and tables, also of those inside controls and insertions."""
        for element in _shown(elements):
            name = local_name(element)
            if depth > _DEPTH_MAX:
                yield Block(_words(element))
            elif name in _PARAGRAPHS:
                yield from self._paragraph(element, story, depth)
            elif name == "tbl":
                story.within_list = False
                yield from self._table(element, story, depth)
            elif name == "altChunk":
                self._miss(story.relations, relation_id(element), name)

    def _paragraph(self, element: Element, story: _Story, depth: int) -> Iterator[Block]:
        said = _properties(element)
        style = self._styles.of(said.style)
        found = story.runs.inline(element, style)
        text = story.carried + found.text
        story.carried = ""
        is_blank = not text.strip()
        hides_end = style.vanish if said.hides_end is None else said.hides_end
        if not said.ends or (is_blank and hides_end):
            story.carried = text
        else:
            mark = self._numbering.mark(said.link, style)
            level = style.heading if said.outline is None else heading_level(said.outline)
            yield from self._written(text, "" if hides_end else mark, level, story, found)
        yield from self._hanging(found, story, depth)

    def _written(
        self, text: str, mark: str, level: int, story: _Story, found: Inline
    ) -> Iterator[Block]:
        is_bullet = mark == "- "
        text = text.strip()
        if not text:
            mark = "" if is_bullet else mark.strip()
        if level and text and len(text) <= _HEADING_CHARS_MAX:
            story.within_list = False
            title = text if is_bullet else mark + text
            yield Block(title, level=level, context=self._unmarked(title, found))
            return
        if not text and not mark:
            return
        if story.is_margin and found.has_page_number and _is_page_number(text):
            return
        yield Block(mark + text, tight=bool(mark) and story.within_list)
        story.within_list = bool(mark)

    def _unmarked(self, title: str, found: Inline) -> str:
        """A heading without the marks of its notes; "" if it has none."""
        cleaned = title
        for kind, note_id in found.hangs:
            if isinstance(note_id, str) and kind in ("footnoteReference", "endnoteReference"):
                cleaned = cleaned.replace(self._mark_of(kind, note_id), "")
        return cleaned if cleaned != title else ""

    def _hanging(self, found: Inline, story: _Story, depth: int) -> Iterator[Block]:
        """What hangs on a paragraph. Notes and comments wait until the table is read, too."""
        for kind, what in found.hangs:
            if isinstance(what, str):
                yield from self._referred(kind, what, story, depth)
            elif len(what):
                story.within_list = False
                box = self._story(story.relations, is_margin=story.is_margin)
                yield from self._blocks(what, box, depth + 1)
                yield Block(f"{box.carried}{box.runs.left_over()}")

    def _referred(self, kind: str, what: str, story: _Story, depth: int) -> Iterator[Block]:
        match kind:
            case "words":
                yield Block(what)
            case "chart" | "diagram":
                yield from self._drawn(kind, story.relations.get(what))
            case "object":
                self._miss(story.relations, what, kind)
            case "footnoteReference" | "endnoteReference":
                notes = self._notes[kind.removesuffix("Reference") + "s"]
                self._behind += self._note(notes, what, notes.mark(what) + " ", depth)
            case "commentReference":
                self._comments.mark(what)
                self._behind += self._note(self._comments, what, _COMMENT_MARK, depth)

    def _note(self, notes: _Notes, note_id: str, mark: str, depth: int) -> list[Block]:
        """The text of a note, its mark before it. A note is given once."""
        element = notes.elements.pop(note_id, None)
        if element is None:
            return []
        story = self._story(notes.relations)
        # The note's own notes wait, too: comments on footnotes.
        blocks = [block for block in self._blocks(element, story, depth + 1) if block.text.strip()]
        if left := story.carried + story.runs.left_over():
            blocks.append(Block(left))
        if not blocks:
            return []
        first = Block(mark + blocks[0].text.strip(), tight=True)
        return [first, *(Block(block.text, tight=True) for block in blocks[1:])]

    def _table(self, table: Element, story: _Story, depth: int) -> Iterator[Block]:
        """A row per line, cells between bars; a table of one cell is a box around paragraphs."""
        rows = [_cells(row) for row in _shown(table, "tr") if not _is_deleted(row)]
        if len(rows) == 1 and len(rows[0]) == 1:
            yield from self._blocks(rows[0][0].element, story, depth + 1)
            return
        bar = " " if story.within_cell else " | "
        lines = []
        above: dict[int, str] = {}
        for row in rows:
            cells: dict[int, str] = {}
            merged: dict[int, str] = {}
            for cell in row:
                if cell.goes_on and cell.column in above:
                    merged[cell.column] = above[cell.column]
                else:
                    cells[cell.column] = self._cell_text(cell.element, story, depth)
            above = {**cells, **merged}
            if any(cells.values()):
                lines.append(_line(above, bar))
        yield Block("\n".join(lines))

    def _cell_text(self, cell: Element, story: _Story, depth: int) -> str:
        """The text of a cell on one line, the tables in it without bars."""
        outer, story.within_cell, story.within_list = story.within_cell, True, False
        texts = [block.text for block in self._blocks(cell, story, depth + 1)]
        story.within_cell, story.within_list = outer, False
        return _BLANKS.sub(" ", " ".join(texts)).strip()

    def _drawn(self, kind: str, relation: Relation | None) -> Iterator[Block]:
        """The titles of a chart, or the words of a diagram."""
        root = self._root(relation.target if relation else None)
        named = "title" if kind == "chart" else "t"
        texts = []
        for element in root.iter() if root is not None else ():
            if local(element.tag) == named and (text := drawn_paragraphs(element)):
                texts.append(text)
        yield Block("\n".join(texts))

    def _miss(self, relations: Mapping[str, Relation], relation: str, kind: str) -> None:
        """Say that an embedded file is not read."""
        found = relations.get(relation)
        self._not_read.append(posixpath.basename(found.target) if found else kind)

    def _unmarked_comments(self) -> Iterator[Block]:
        """Comments that no mark in the text names; some programs write them so."""
        for note_id in list(self._comments.elements):
            yield from self._note(self._comments, note_id, _COMMENT_MARK, 0)

    def _margins(self, relations: Mapping[str, Relation]) -> Iterator[Block]:
        said: set[str] = set()
        for kind in ("header", "footer"):
            for relation in relations.values():
                if relation.kind != kind:
                    continue
                root = self._root(relation.target)
                story = self._story(self._relations(relation.target), is_margin=True)
                blocks = self._blocks(root, story, 0) if root is not None else ()
                for block in (*blocks, *self._end(story)):
                    squeezed = _BLANKS.sub("", block.text)
                    if squeezed and squeezed not in said:
                        said.add(squeezed)
                        yield replace(block, level=0)

    def _story(self, relations: Mapping[str, Relation], *, is_margin: bool = False) -> _Story:
        return _Story(RunReader(self._styles, self._mark_of), relations, is_margin=is_margin)

    def _mark_of(self, reference: str, note_id: str) -> str:
        notes = self._notes.get(reference.removesuffix("Reference") + "s")
        return notes.mark(note_id) if notes else ""

    def _notes_in(self, part: str | None, name: str) -> _Notes:
        root = self._root(part)
        notes = _Notes()
        if root is not None and part is not None:
            notes.relations = self._relations(part)
            for element in root:
                is_line = attribute(element, "type") not in ("", "normal")
                if local(element.tag) == name and not is_line:
                    notes.elements[attribute(element, "id")] = element
        return notes

    def _relations(self, part: str) -> Mapping[str, Relation]:
        try:
            return self._package.relations(part)
        except UNREADABLE:
            self._damaged.append(part)
            return {}

    def _root(self, part: str | None) -> Element | None:
        """A part as a tree, or None; a damaged one is noted."""
        try:
            return self._package.root(part) if part else None
        except UNREADABLE:
            self._damaged.append(part or "")
            return None


def _children_of_body(stream: IO[bytes]) -> Iterator[Element]:
    """The paragraphs and tables right in the body, each forgotten when the next one is asked for.

    Raises one of `UNREADABLE` where the XML is damaged, after it has given what stands before.
    """
    depth = 0
    body: Element | None = None
    for event, element in ElementTree.iterparse(stream, events=("start", "end")):
        if event == "start":
            depth += 1
            if depth == 2:
                body = element
        else:
            depth -= 1
            if depth == 2 and body is not None:
                yield element
                body.clear()


def _shown(elements: Iterable[Element], wanted: str = "") -> Iterator[Element]:
    """The paragraphs and tables, or the `wanted` elements, among these and inside what only wraps
    them: controls, insertions, custom XML."""
    walk = [iter(elements)]
    while walk:
        element = next(walk[-1], None)
        if element is None:
            walk.pop()
            continue
        name = local_name(element)
        if name == wanted or (not wanted and (name in _PARAGRAPHS or name in ("tbl", "altChunk"))):
            yield element
        elif name == "AlternateContent":
            walk.append(iter(shown_alternative(element)))
        elif name not in NOT_SHOWN and len(element):
            walk.append(iter(element))


def _properties(paragraph: Element) -> _Properties:
    said = _Properties()
    for child in paragraph:
        if local_name(child) != "pPr":
            continue
        for one in child:
            match local_name(one):
                case "pStyle":
                    said.style = attribute(one, "val")
                case "numPr":
                    said.link = list_link(child)
                case "outlineLvl":
                    said.outline = attribute(one, "val")
                case "rPr":
                    said.hides_end = toggle(one, "vanish")
                    names = {local_name(mark) for mark in one}
                    said.ends = not names & {"del", "moveFrom"}
        break
    return said


@dataclass(frozen=True, slots=True)
class _Cell:
    element: Element
    column: int
    goes_on: bool
    """It belongs to the merged cell above."""


def _cells(row: Element) -> list[_Cell]:
    found = []
    column = 0
    for child in row:
        if local_name(child) == "trPr":
            column += sum(_span(one) for one in child if local_name(one) == "gridBefore")
    for cell in _shown(row, "tc"):
        span, goes_on, is_deleted = 1, False, False
        for one in _cell_properties(cell):
            match local_name(one):
                case "gridSpan":
                    span = _span(one)
                case "vMerge":
                    goes_on = attribute(one, "val") != "restart"
                case "cellDel":
                    is_deleted = True
        if not is_deleted:
            found.append(_Cell(cell, column, goes_on))
        column += span
    return found


def _cell_properties(cell: Element) -> Iterable[Element]:
    return next((child for child in cell if local_name(child) == "tcPr"), ())


def _span(element: Element) -> int:
    said = attribute(element, "val")
    return min(max(int(said), 1), _COLUMNS_MAX) if said.isdecimal() and len(said) < 10 else 1


def _is_deleted(row: Element) -> bool:
    return any(
        local_name(one) == "del" for child in row if local_name(child) == "trPr" for one in child
    )


def _line(cells: Mapping[int, str], bar: str) -> str:
    last = max((column for column, text in cells.items() if text), default=-1)
    return bar.join(cells.get(column, "") for column in range(last + 1))


def _words(element: Element) -> str:
    return "".join(one.text or "" for one in element.iter() if local_name(one) == "t")


def _is_page_number(text: str) -> bool:
    return len(text) <= _PAGE_NUMBER_CHARS_MAX and not _WORD.search(text)


def _note_numbers(settings: Element | None, name: str, form: str) -> tuple[str, int]:
    """The form of the numbers of notes, and the first number."""
    start = 1
    for element in settings if settings is not None else ():
        for one in element if local(element.tag) == name else ():
            said = attribute(one, "val")
            if local(one.tag) == "numFmt":
                form = said
            elif local(one.tag) == "numStart" and said.isdecimal() and len(said) < 6:
                start = int(said)
    return form, start
