"""The body of an OpenDocument text or slide as blocks, in reading order.

What hangs on a paragraph (text boxes, notes, comments) comes after it. Deleted and hidden text is
not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree

from byline.ingest.readers.office.odf_styles import (
    LEVELS_MAX,
    TEXT,
    ListCounter,
    ListStyle,
    Styles,
    whole_number,
)
from byline.ingest.readers.office.spanned_tables import TableCell, table_text
from byline.ingest.readers.text_blocks import Block

TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
DRAW: Final = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
SVG: Final = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
PRESENTATION: Final = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"
MATH: Final = "{http://www.w3.org/1998/Math/MathML}"
XLINK_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_CHART: Final = "{urn:oasis:names:tc:opendocument:xmlns:chart:1.0}"
_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_META: Final = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"
_FORM: Final = "{urn:oasis:names:tc:opendocument:xmlns:form:1.0}"

_PARAGRAPHS: Final = frozenset({f"{TEXT}p", f"{TEXT}h"})
_CELLS: Final = frozenset({f"{TABLE}table-cell", f"{TABLE}covered-table-cell"})
_NOT_READ: Final = frozenset(
    {
        f"{TEXT}tracked-changes",
        f"{TEXT}ruby-text",
        f"{TEXT}note-citation",
        f"{TEXT}script",
        f"{TEXT}list-style",
        f"{OFFICE}forms",
        f"{OFFICE}event-listeners",
        f"{OFFICE}binary-data",
        f"{OFFICE}settings",
        f"{PRESENTATION}notes",
        f"{PRESENTATION}settings",
        f"{SVG}title",
        f"{SVG}desc",
        f"{DRAW}image-map",
        f"{DRAW}glue-point",
    }
)
_NOT_READ_SPACES: Final = (_DC, _META, _FORM, "{urn:oasis:names:tc:opendocument:xmlns:animation")
_COUNTED_FIELDS: Final = frozenset({f"{TEXT}page-number", f"{TEXT}page-count"})
_HIDING: Final = f"{TEXT}hidden-paragraph"
_SPACES_MAX: Final = 1_000
_COLUMNS_REPEATED_MAX: Final = 1_000
_CELLS_REPEATED_MAX: Final = 100_000
_HEADING_CHARS_MAX: Final = 200
_BETWEEN_WORDS: Final = re.compile(r"(?<=[^\W\d_]{2})\0(?=[^\W\d_]{2})")


@dataclass(slots=True)
class BodyFindings:
    """What a body says beside its text: embedded objects that were not read, whether there are
    pictures, and whether something lies too deep to be read in order."""

    objects: list[str] = field(default_factory=list)
    has_pictures: bool = False
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class _ListPlace:
    """Where in a list a paragraph stands."""

    style_name: str
    level: int
    counter: ListCounter


class BodyReader:
    """BodyReader reads the elements of a body in order, into `blocks`.

    `object_root` opens an embedded object by the address it has in the file. Page numbers are left
    out of a margin (`is_margin`: a header, a footer, a slide).
    """

    def __init__(
        self,
        styles: Styles,
        object_root: Callable[[str], ElementTree.Element | None],
        *,
        is_margin: bool = False,
    ) -> None:
        self.findings = BodyFindings()
        self.blocks: list[Block] = []
        self.page: int | None = None
        self._styles = styles
        self._object_root = object_root
        self._is_margin = is_margin
        self._outline = ListCounter()
        self._lists_by_id: dict[str, ListCounter] = {}
        self._lists_by_style: dict[str, ListCounter] = {}
        self._marks: list[str] = []
        """The mark for the next paragraph of a list item, if it is not said yet."""
        self._is_within_list = False
        self._hanging: list[ElementTree.Element] = []

    def read(self, elements: Iterable[ElementTree.Element]) -> None:
        """Read elements; one nested too deep is read as bare text."""
        for element in elements:
            before, hanging = len(self.blocks), len(self._hanging)
            try:
                self._element(element, None)
            except RecursionError:
                self.findings.is_damaged = True
                del self.blocks[before:], self._hanging[hanging:]
                self._marks.clear()
                self._add("\n".join(filter(str.strip, element.itertext())))

    def texts_of(self, elements: Iterable[ElementTree.Element]) -> list[str]:
        """The texts of elements that are put somewhere else than in order."""
        return [block.text for block in self._apart(elements)]

    def _apart(self, elements: Iterable[ElementTree.Element]) -> list[Block]:
        kept, marks, hanging = self.blocks, self._marks, self._hanging
        self.blocks, self._marks, self._hanging = [], [], []
        try:
            for element in elements:
                self._element(element, None)
            return self.blocks
        finally:
            self.blocks, self._marks, self._hanging = kept, marks, hanging

    def _add(self, text: str, level: int = 0, *, tight: bool = False) -> None:
        if text.strip():
            self.blocks.append(Block(text, self.page, level, tight=tight and bool(self.blocks)))

    def _element(self, element: ElementTree.Element, place: _ListPlace | None) -> None:
        tag = element.tag
        if not isinstance(tag, str) or tag in _NOT_READ or tag.startswith(_NOT_READ_SPACES):
            return
        if tag in _PARAGRAPHS:
            self._paragraph(element, place)
            return
        if tag == f"{TEXT}list":
            self._list(element, place)
            return
        self._is_within_list = False
        if tag == f"{TEXT}numbered-paragraph":
            self._numbered_paragraph(element)
        elif tag == f"{TABLE}table":
            self._table(element)
        elif tag == f"{OFFICE}annotation":
            self._comment(element)
        elif tag == f"{TEXT}section" and self._is_hidden_section(element):
            return
        elif tag == f"{DRAW}frame":
            self._frame(element)
        elif tag == f"{MATH}math":
            self._add(math_text(element))
        elif not tag.endswith("-source"):  # the templates of an index
            for child in element:
                self._element(child, place)

    def _is_hidden_section(self, element: ElementTree.Element) -> bool:
        display = element.get(f"{TEXT}display")
        if display == "condition":
            return element.get(f"{TEXT}is-hidden") == "true"
        return display == "none"

    def _paragraph(self, element: ElementTree.Element, place: _ListPlace | None) -> None:
        style = element.get(f"{TEXT}style-name", "")
        hanging, self._hanging = self._hanging, []
        pieces: list[str] = []
        if self._styles.is_hidden("paragraph", style) or _is_hidden_paragraph(element):
            self._hanging = hanging
            return
        self._characters(element, pieces)
        text = "".join(pieces).strip(" \n")
        hangs, self._hanging = self._hanging, hanging
        level = 0
        if element.tag == f"{TEXT}h":
            level = whole_number(element.get(f"{TEXT}outline-level")) or 1
            if place is None and text:
                text = f"{self._heading_mark(element, level, style)} {text}".strip()
        if text and place is not None:
            marks = " ".join(filter(None, self._marks))
            self._marks.clear()
            text = f"{marks} {text}" if marks else text
        is_item = place is not None
        if level and len(text) > _HEADING_CHARS_MAX:
            level = 0
        self._add(text, level, tight=is_item and self._is_within_list)
        self._is_within_list = is_item
        marks_kept, self._marks = self._marks, []
        for one in hangs:
            self._hung(one)
        self._marks = marks_kept

    def _hung(self, element: ElementTree.Element) -> None:
        """Read what hangs on the paragraph before."""
        if element.tag == f"{TEXT}note":
            mark = _note_mark(element)
            bodies = [e for e in element if e.tag == f"{TEXT}note-body"]
            if texts := self.texts_of(bodies):
                self._add("\n".join([f"{mark} {texts[0]}", *texts[1:]]))
        else:
            self._element(element, None)
        self._is_within_list = False

    def _comment(self, element: ElementTree.Element) -> None:
        if texts := self.texts_of(element):
            self._add("※ " + "\n".join(texts))

    def _heading_mark(self, element: ElementTree.Element, level: int, style: str) -> str:
        """The automatic number of a heading; "" if it has none."""
        numbers = self._styles.outline
        if element.get(f"{TEXT}is-list-header") == "true":
            return ""
        listed = self._styles.list_of("paragraph", style)
        if listed == "":
            return ""
        start = None
        if element.get(f"{TEXT}restart-numbering") == "true":
            start = whole_number(element.get(f"{TEXT}start-value"))
            start = 1 if start is None else start
        if level > LEVELS_MAX or level not in numbers:
            return ""
        self._outline.advance(level, numbers, start)
        return self._outline.mark(level, numbers)

    def _characters(self, element: ElementTree.Element, pieces: list[str]) -> None:
        """Collect the characters of a paragraph; what hangs on it is put aside."""
        pieces.append(element.text or "")
        for child in element:
            self._inline(child, pieces)
            pieces.append(child.tail or "")

    def _inline(self, child: ElementTree.Element, pieces: list[str]) -> None:
        tag = child.tag
        if not isinstance(tag, str) or tag in _NOT_READ or tag.startswith(_NOT_READ_SPACES):
            return
        if tag == f"{TEXT}s":
            count = whole_number(child.get(f"{TEXT}c"))
            pieces.append(" " * min(1 if count is None else count, _SPACES_MAX))
        elif tag == f"{TEXT}tab":
            pieces.append("\t")
        elif tag == f"{TEXT}line-break":
            pieces.append("\n")
        elif tag == f"{TEXT}note":
            pieces.append(_note_mark(child))
            self._hanging.append(child)
        elif tag == f"{DRAW}frame" and (formula := self._formula(child)):
            pieces.append(formula)
        elif (
            tag in _PARAGRAPHS
            or tag == f"{OFFICE}annotation"
            or (tag.startswith(DRAW) and tag != f"{DRAW}a")
        ):
            self._hanging.append(child)
        elif tag == f"{TEXT}hidden-text":
            if child.get(f"{TEXT}is-hidden") == "false":
                pieces.append(child.text or child.get(f"{TEXT}string-value") or "")
        elif (
            tag == f"{TEXT}span"
            and self._styles.is_hidden("text", child.get(f"{TEXT}style-name", ""))
        ) or (self._is_margin and tag in _COUNTED_FIELDS):
            return
        else:
            self._characters(child, pieces)

    def _list(self, element: ElementTree.Element, place: _ListPlace | None) -> None:
        own = element.get(f"{TEXT}style-name")
        level = 1 if place is None else place.level + 1
        name = own or (place.style_name if place else "") or self._style_of_first(element)
        if place is not None:
            counter = place.counter
        else:
            self._marks.clear()
            counter = self._counter(element, name)
            if identity := element.get("{http://www.w3.org/XML/1998/namespace}id"):
                self._lists_by_id[identity] = counter
            self._lists_by_style[name] = counter
        style = self._styles.lists.get(name, {})
        inner = _ListPlace(name, level, counter)
        for item in element:
            if item.tag not in (f"{TEXT}list-item", f"{TEXT}list-header"):
                continue
            self._begin_item(item, inner, style)
            for child in item:
                self._element(child, inner)
        if place is None:
            self._marks.clear()
            self._is_within_list = False

    def _counter(self, element: ElementTree.Element, name: str) -> ListCounter:
        """The counter of a list: a new one unless it goes on with another list."""
        if continued := element.get(f"{TEXT}continue-list"):
            return self._lists_by_id.get(continued) or ListCounter()
        if element.get(f"{TEXT}continue-numbering") == "true":
            return self._lists_by_style.get(name) or ListCounter()
        return ListCounter()

    def _begin_item(self, item: ElementTree.Element, place: _ListPlace, style: ListStyle) -> None:
        """Count an item and keep its mark for its first paragraph."""
        first = next((e.tag for e in item if isinstance(e.tag, str)), "")
        if item.tag == f"{TEXT}list-header":
            self._marks.clear()
        elif first == f"{TEXT}list":
            place.counter.enter(place.level, style)
        else:
            start = whole_number(item.get(f"{TEXT}start-value"))
            place.counter.advance(place.level, style, start)
            self._marks = [place.counter.mark(place.level, style) if style else "-"]

    def _style_of_first(self, element: ElementTree.Element) -> str:
        for one in element.iter():
            if one.tag in _PARAGRAPHS:
                name = one.get(f"{TEXT}style-name", "")
                return self._styles.list_of("paragraph", name) or ""
        return ""

    def _numbered_paragraph(self, element: ElementTree.Element) -> None:
        """An item that stands without its list."""
        name = element.get(f"{TEXT}style-name", "")
        identity = element.get(f"{TEXT}list-id", "")
        counter = self._lists_by_id.setdefault(identity, ListCounter())
        level = min(whole_number(element.get(f"{TEXT}level")) or 1, LEVELS_MAX)
        style = self._styles.lists.get(name, {})
        counter.advance(level, style, whole_number(element.get(f"{TEXT}start-value")))
        self._marks = [counter.mark(level, style)]
        for child in element:
            self._element(child, _ListPlace(name, level, counter))
        self._marks.clear()
        self._is_within_list = False

    def _table(self, table: ElementTree.Element) -> None:
        """A table, then the tables in its cells; a table of one cell is a box around blocks."""
        cells: list[TableCell] = []
        inner: list[ElementTree.Element] = []
        rows = list(_rows(table))
        only = [cell for row in rows for cell in row if cell.tag in _CELLS]
        if len(only) == 1:
            for child in only[0]:
                self._element(child, None)
            return
        number = 0
        for row in rows:
            own = list(self._row(row, number, inner))
            times = whole_number(row.get(f"{TABLE}number-rows-repeated")) or 1
            if times * len(own) > _CELLS_REPEATED_MAX or not any(cell.text for cell in own):
                times = 1
            for more in range(times):
                cells += [TableCell(c.row + more, c.column, c.text, c.rows) for c in own]
            number += times
        self._is_within_list = False
        self._add(table_text(cells))
        for nested in inner:
            self._table(nested)

    def _row(
        self, row: ElementTree.Element, number: int, inner: list[ElementTree.Element]
    ) -> Iterator[TableCell]:
        column = 0
        for cell in row:
            if cell.tag not in _CELLS:
                continue
            times = whole_number(cell.get(f"{TABLE}number-columns-repeated")) or 1
            if cell.tag != f"{TABLE}covered-table-cell":
                inner += [e for e in cell if e.tag == f"{TABLE}table"]
                text = "\n".join(self.texts_of(e for e in cell if e.tag != f"{TABLE}table"))
                rows = whole_number(cell.get(f"{TABLE}number-rows-spanned")) or 1
                for more in range(times if text and times <= _COLUMNS_REPEATED_MAX else 1):
                    yield TableCell(number, column + more, text, rows)
            column += times

    def _frame(self, frame: ElementTree.Element) -> None:
        """A frame: the best of what it offers to show."""
        children = {e.tag: e for e in reversed(frame)}
        for tag in (f"{DRAW}text-box", f"{TABLE}table"):
            if tag in children:
                self._element(children[tag], None)
                return
        if (embedded := children.get(f"{DRAW}object")) is not None:
            self._object(frame, embedded)
        elif f"{DRAW}object-ole" in children or f"{DRAW}plugin" in children:
            self.findings.objects.append(_name(frame))
        elif f"{DRAW}image" in children:
            self.findings.has_pictures = True
            for child in children[f"{DRAW}image"]:
                self._element(child, None)

    def _object(self, frame: ElementTree.Element, embedded: ElementTree.Element) -> None:
        """An embedded formula, chart, sheet or document."""
        root = self._embedded_root(embedded)
        before = len(self.blocks)
        if root is not None:
            for tag in ("title", "subtitle"):
                for title in root.iter(_CHART + tag):
                    self._add("\n".join(self.texts_of(title)))
            for body in (e for e in root.iter() if e.tag in (f"{OFFICE}body", f"{MATH}math")):
                for part in [body] if body.tag == f"{MATH}math" else _shown(body):
                    self._element(part, None)
        if len(self.blocks) == before:
            self.findings.objects.append(_name(frame))

    def _embedded_root(self, embedded: ElementTree.Element) -> ElementTree.Element | None:
        inline = next((e for e in embedded if isinstance(e.tag, str)), None)
        if inline is not None:
            return embedded
        return self._object_root(embedded.get(XLINK_HREF, ""))

    def _formula(self, frame: ElementTree.Element) -> str:
        """The text of a frame that is a formula, else ""."""
        for embedded in frame:
            if embedded.tag == f"{DRAW}object":
                root = self._embedded_root(embedded)
                if root is not None:
                    return next((math_text(e) for e in root.iter(f"{MATH}math")), "")
        return ""


def _shown(body: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """What an embedded object shows: the tables of a chart or sheet, the text of a document."""
    for element in body.iter():
        if element.tag == f"{_CHART}chart":
            yield from (e for e in element if e.tag == f"{TABLE}table")
            return
        if element.tag in (f"{OFFICE}spreadsheet", f"{OFFICE}text", f"{OFFICE}drawing"):
            yield from element
            return


def math_text(element: ElementTree.Element) -> str:
    """A formula of MathML on one line."""
    name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "annotation"
    if name.startswith("annotation"):
        return ""
    parts = [math_text(child) for child in element]
    if not parts:
        return (element.text or "").strip()
    match name, parts:
        case "msup", [base, power]:
            return f"{base}^{power}"
        case "msub", [base, index]:
            return f"{base}_{index}"
        case "msubsup", [base, index, power]:
            return f"{base}_{index}^{power}"
        case "mfrac", [above, below]:
            return f"({above})/({below})"
        case "msqrt", _:
            return f"√({''.join(parts)})"
    # Names of several letters are words.
    return _BETWEEN_WORDS.sub(" ", "\0".join(parts)).replace("\0", "")


def _note_mark(note: ElementTree.Element) -> str:
    """The mark of a note as it is printed."""
    said = next(("".join(e.itertext()) for e in note if e.tag == f"{TEXT}note-citation"), "")
    return f"[^{said.strip()}]" if said.strip() else ""


def _is_hidden_paragraph(element: ElementTree.Element) -> bool:
    hiding = element.find(f".//{_HIDING}") if len(element) else None
    return hiding is not None and hiding.get(f"{TEXT}is-hidden") == "true"


def _rows(table: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The rows of a table, also those in groups."""
    stack = list(table)[::-1]
    while stack:
        element = stack.pop()
        if element.tag == f"{TABLE}table-row":
            yield element
        elif element.tag in (
            f"{TABLE}table-header-rows",
            f"{TABLE}table-rows",
            f"{TABLE}table-row-group",
        ):
            stack += list(element)[::-1]


def _name(frame: ElementTree.Element) -> str:
    return frame.get(f"{DRAW}name") or "object"
