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
from byline.ingest.readers.list_numerals import numeral
from byline.ingest.readers.office.docx_numbering import (
    BULLET,
    ListLink,
    Numbering,
    Styles,
    heading_level,
    list_link,
    toggle,
)
from byline.ingest.readers.office.docx_runs import (
    NOT_SHOWN,
    Inline,
    RunReader,
    local_name,
    shown_alternative,
)
from byline.ingest.readers.office.ooxml_package import (
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
_BLOCK_BYTES: Final = 32_768
_COLUMNS_MAX: Final = 63  # of a table in Word
_PAGE_NUMBER_CHARS_MAX: Final = 20
_BLANKS: Final = re.compile(r"\s+")
_WORD: Final = re.compile(r"[^\W\d_]")
_PARAGRAPHS: Final = frozenset({"p", "oMathPara", "oMath", "r"})
_BLOCKS: Final = _PARAGRAPHS | {"tbl", "altChunk"}
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
        self._styles = Styles(self._styles_root(parts.get("styles")))
        self._numbering = Numbering(self._styles, self._root(parts.get("numbering")))
        settings = self._root(parts.get("settings"))
        for name, form in _NOTE_FORMS.items():
            notes = self._notes_in(parts.get(name), name.removesuffix("s"))
            notes.form, notes.start = _note_numbers(settings, name.removesuffix("s") + "Pr", form)
            self._notes[name] = notes
        self._comments = self._notes_in(parts.get("comments"), "comment")
        blocks = self._body(main, relations)
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

    def _body(self, main: str, relations: Mapping[str, Relation]) -> list[Block]:
        story = self._story(relations)
        blocks: list[Block] = []
        try:
            with self._package.open(main) as stream:
                for element in _children_of_body(stream):
                    before = len(blocks)
                    self._whole(element, story, blocks)
                    self._left_chars -= sum(len(block.text) for block in blocks[before:])
                    if self._left_chars < 0:
                        return blocks
        except UNREADABLE:
            self._damaged.append(main)
        self._end(story, blocks)
        return blocks

    def _whole(self, element: Element, story: _Story, into: list[Block]) -> None:
        """Read a paragraph or table of the body with the notes on it."""
        try:
            self._read((element,), story, 0, into)
        except RecursionError:
            into.append(Block(_words(element)))
        into += self._behind
        self._behind.clear()

    def _end(self, story: _Story, into: list[Block]) -> None:
        """Add what a story has left when it ends."""
        if left := f"{story.carried}{story.runs.left_over()}":
            into.append(Block(left))
        into += self._behind
        self._behind.clear()

    def _read(
        self, elements: Iterable[Element], story: _Story, depth: int, into: list[Block]
    ) -> None:
        """Read paragraphs and tables, also those inside controls and insertions."""
        for outer in elements:
            inner = (outer,) if local_name(outer) == "p" else _shown((outer,))
            for element in inner:
                name = local_name(element)
                if depth > _DEPTH_MAX:
                    into.append(Block(_words(element)))
                elif name in _PARAGRAPHS:
                    self._paragraph(element, story, depth, into)
                elif name == "tbl":
                    story.within_list = False
                    into.append(Block(_taken(story)))
                    self._table(element, story, depth, into)
                elif name == "altChunk":
                    self._miss(story.relations, relation_id(element), name)

    def _paragraph(self, element: Element, story: _Story, depth: int, into: list[Block]) -> None:
        mark, text, level, found = self._line(element, story)
        if level and text and len(text) <= _HEADING_CHARS_MAX:
            story.within_list = False
            title = text if mark == BULLET else mark + text
            context = self._unmarked(title, found) if found.hangs else ""
            into.append(Block(title, level=level, context=context))
        elif story.is_margin and found.has_page_number and _is_page_number(text):
            pass  # the number of whichever page was looked at last
        elif text or mark:
            into.append(Block(mark + text, tight=bool(mark) and story.within_list))
            story.within_list = bool(mark)
        if found.hangs:
            self._hanging(found, story, depth, into)

    def _line(self, element: Element, story: _Story) -> tuple[str, str, int, Inline]:
        """The number, the text and the level as a heading of a paragraph, and what hangs on it."""
        said = _properties(element)
        style = self._styles.of(said.style)
        found = story.runs.inline(element, style)
        text = story.carried + found.text
        hides_end = style.vanish if said.hides_end is None else said.hides_end
        text, raw = text.strip(), text
        if not said.ends or (hides_end and not text):
            story.carried = raw
            return "", "", 0, found
        story.carried = ""
        mark = self._numbering.mark(said.link, style) if said.link or style.link else ""
        if hides_end or (not text and mark == BULLET):
            mark = ""
        level = style.heading if said.outline is None else heading_level(said.outline)
        return mark if text else mark.strip(), text, level, found

    def _unmarked(self, title: str, found: Inline) -> str:
        """A heading without the marks of its notes; "" if it has none."""
        cleaned = title
        for kind, note_id in found.hangs:
            if isinstance(note_id, str) and kind in ("footnoteReference", "endnoteReference"):
                cleaned = cleaned.replace(self._mark_of(kind, note_id), "")
        return cleaned if cleaned != title else ""

    def _hanging(self, found: Inline, story: _Story, depth: int, into: list[Block]) -> None:
        """Read what hangs on a paragraph. Notes and comments wait until the table is read, too."""
        for kind, what in found.hangs:
            if isinstance(what, str):
                self._referred(kind, what, story, into)
            else:
                story.within_list = False
                box = self._story(story.relations, is_margin=story.is_margin)
                self._read(what, box, depth + 1, into)
                into.append(Block(f"{box.carried}{box.runs.left_over()}"))

    def _referred(self, kind: str, what: str, story: _Story, into: list[Block]) -> None:
        match kind:
            case "words":
                into.append(Block(what))
            case "chart" | "diagram":
                into.append(Block(self._drawn(kind, story.relations.get(what))))
            case "object":
                self._miss(story.relations, what, kind)
            case "footnoteReference" | "endnoteReference":
                notes = self._notes[kind.removesuffix("Reference") + "s"]
                self._behind += self._note(notes, what, notes.mark(what) + " ")
            case "commentReference":
                self._behind += self._note(self._comments, what, _COMMENT_MARK)

    def _note(self, notes: _Notes, note_id: str, mark: str) -> list[Block]:
        """The text of a note, its mark before it. A note is given once."""
        element = notes.elements.pop(note_id, None)
        if element is None:
            return []
        story = self._story(notes.relations)
        blocks: list[Block] = []
        self._read(element, story, 1, blocks)
        blocks.append(Block(f"{story.carried}{story.runs.left_over()}"))
        texts = [block.text for block in blocks if block.text.strip()]
        # A blank note is none, and one note is not parted by blank lines.
        return [Block(mark + texts[0], tight=True), *_tight(texts[1:])] if texts else []

    def _table(self, table: Element, story: _Story, depth: int, into: list[Block]) -> None:
        """Read a table: a row per line, cells between bars, a merged cell in each of its rows that
        says anything else. A table of one cell is a box around paragraphs."""
        rows = [_cells(row) for row in _shown(table, "tr") if not _is_deleted(row)]
        if len(rows) == 1 and len(rows[0]) == 1:
            self._read(rows[0][0].element, story, depth + 1, into)
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
                lines.append(_row_line(above, bar))
        into.append(Block("\n".join(lines)))

    def _cell_text(self, cell: Element, story: _Story, depth: int) -> str:
        """The text of a cell on one line, the tables in it without bars."""
        outer, story.within_cell, story.within_list = story.within_cell, True, False
        texts = []
        for child in cell:
            name = local_name(child)
            if name == "tcPr":
                continue
            blocks: list[Block] = []
            if name == "p" and depth < _DEPTH_MAX:
                mark, text, _, found = self._line(child, story)
                texts.append(mark + text)
                if not found.hangs:
                    continue
                self._hanging(found, story, depth + 1, blocks)
            else:
                self._read((child,), story, depth + 1, blocks)
            texts += [block.text for block in blocks]
        texts.append(_taken(story))
        story.within_cell, story.within_list = outer, False
        return " ".join(" ".join(texts).split())

    def _drawn(self, kind: str, relation: Relation | None) -> str:
        """The titles of a chart, or the words of a diagram, one a line."""
        root = self._root(relation.target if relation else None)
        named = "title" if kind == "chart" else "t"
        found = root.iter() if root is not None else ()
        texts = (drawn_paragraphs(one) for one in found if local(one.tag) == named)
        return "\n".join(text for text in texts if text)

    def _miss(self, relations: Mapping[str, Relation], relation: str, kind: str) -> None:
        """Say that an embedded file is not read."""
        found = relations.get(relation)
        self._not_read.append(posixpath.basename(found.target) if found else kind)

    def _unmarked_comments(self) -> Iterator[Block]:
        """Comments that no mark in the text names; some programs write them so."""
        for note_id in list(self._comments.elements):
            yield from self._note(self._comments, note_id, _COMMENT_MARK)

    def _margins(self, relations: Mapping[str, Relation]) -> Iterator[Block]:
        """The headers, then the footers, each distinct paragraph once."""
        said: set[str] = set()
        for kind in ("header", "footer"):
            for relation in relations.values():
                root = self._root(relation.target) if relation.kind == kind else None
                if root is None:
                    continue
                story = self._story(self._relations(relation.target), is_margin=True)
                blocks: list[Block] = []
                self._whole(root, story, blocks)
                self._end(story, blocks)
                for block in blocks:
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

    def _styles_root(self, part: str | None) -> Element | None:
        """The styles without those of tables, which are most of the part and say nothing here."""
        try:
            with self._package.open(part or "") as stream:
                return ElementTree.fromstring(_UNUSED_STYLES.sub(b"", stream.read()))
        except UNREADABLE:
            return self._root(part)

    def _root(self, part: str | None) -> Element | None:
        """A part as a tree, or None; a damaged one is noted."""
        try:
            return self._package.root(part) if part else None
        except UNREADABLE:
            self._damaged.append(part or "")
            return None


_UNUSED_STYLES: Final = re.compile(
    rb'<w:style w:type="table".*?</w:style>|<w:latentStyles.*?</w:latentStyles>', re.DOTALL
)


def _children_of_body(stream: IO[bytes]) -> Iterator[Element]:
    """The paragraphs and tables right in the body, each forgotten soon after it was given.

    Raises one of `UNREADABLE` where the XML is damaged, after it has given what stands before.
    """
    # An element of our own around the document's lets us see the tree while it grows. iterparse
    # would tell every element, and take as long again as the parser itself.
    builder = ElementTree.TreeBuilder()
    around = builder.start("around", {})
    parser = ElementTree.XMLParser(target=builder)
    block, damage = b"-", None
    while block and damage is None:
        try:
            block = stream.read(_BLOCK_BYTES)
            parser.feed(block) if block else parser.close()
        except UNREADABLE as error:
            damage = error
        is_over = not block or damage is not None
        for body in around.iterfind("*/{*}body"):
            complete = body[:] if is_over else body[:-1]
            yield from complete
            del body[: len(complete)]
    if damage is not None:
        raise damage


def _shown(elements: Iterable[Element], wanted: str = "") -> Iterator[Element]:
    """The paragraphs and tables, or the `wanted` elements, among these and inside what only wraps
    them: controls, insertions, custom XML."""
    walk = [iter(elements)]
    while walk:
        for element in walk[-1]:
            name = local_name(element)
            if name == wanted or (not wanted and name in _BLOCKS):
                yield element
            elif name == "AlternateContent":
                walk.append(iter(shown_alternative(element)))
                break
            elif len(element) and name not in NOT_SHOWN:
                walk.append(iter(element))
                break
        else:
            walk.pop()


def _properties(paragraph: Element) -> _Properties:
    first = next(iter(paragraph), None)
    if first is None or local_name(first) != "pPr":
        return _UNSAID
    said = _Properties()
    for one in first:
        match local_name(one):
            case "pStyle":
                said.style = attribute(one, "val")
            case "numPr":
                said.link = list_link(first)
            case "outlineLvl":
                said.outline = attribute(one, "val")
            case "rPr":
                said.hides_end = toggle(one, "vanish")
                said.ends = all(local_name(mark) not in ("del", "moveFrom") for mark in one)
    return said


_UNSAID: Final = _Properties()


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
    for child in cell:
        if local_name(child) == "tcPr":
            return child
    return ()


def _span(element: Element) -> int:
    said = attribute(element, "val")
    return min(max(int(said), 1), _COLUMNS_MAX) if said.isdecimal() and len(said) < 10 else 1


def _is_deleted(row: Element) -> bool:
    return any(
        local_name(one) == "del" for child in row if local_name(child) == "trPr" for one in child
    )


def _taken(story: _Story) -> str:
    """What was carried to the next paragraph, where no paragraph follows."""
    carried, story.carried = story.carried, ""
    return carried


def _tight(texts: Iterable[str]) -> Iterator[Block]:
    return (Block(text, tight=True) for text in texts)


def _row_line(cells: Mapping[int, str], bar: str) -> str:
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
