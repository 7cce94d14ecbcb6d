"""HWPX to blocks: the XML of Hancom's word processor (OWPML, KS X 6101).

Written here because xberg loses what follows an object inside a paragraph, breaks and blanks told
by elements, tables in cells and automatic numbers, and shifts rows under a merged cell.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.hancom.hancom_blocks import blocks_of
from byline.ingest.readers.hancom.hancom_document import (
    NESTING_MAX,
    Box,
    Cell,
    Definitions,
    Findings,
    HancomParagraph,
    HeadKind,
    Note,
    NumberingLevel,
    ParagraphHead,
    Piece,
    Table,
)
from byline.ingest.readers.hancom.hancom_numbers import circled, note_mark, number_text
from byline.ingest.readers.hancom.hwpx_package import HwpxPackage
from byline.ingest.readers.text_blocks import assemble

_HEADER: Final = "Contents/header.xml"
_SIGNS: Final = {"lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-", "tab": "\t"}
_UNSEEN: Final = frozenset(
    {"bookmark", "colPr", "fieldEnd", "hiddenComment", "indexmark", "linesegarray", "metaTag"}
    | {"newNum", "pageHiding", "pageNum", "pageNumCtrl", "parameters", "parameterset"}
    | {"shapeComment", "scrollBar"}
)
_LEAVES: Final = frozenset({"t", "textart", "ole", "chart", "video", "compose"})
"""Elements that say something without an element in them."""
_BUTTONS: Final = frozenset({"btn", "checkBtn", "radioBtn"})
_NOTE_NUMBERS: Final = frozenset({"FOOTNOTE", "ENDNOTE"})
_PAGE_NUMBERS: Final = frozenset({"PAGE", "TOTAL_PAGE"})
_COLUMNS_MAX: Final = 64
_PAGE_SIZE: Final = (59_528, 84_188)
"""A4, in units of a 7,200th of an inch."""
_LARGE_PICTURE_SHARE: Final = 3
"""A picture larger than a page divided by this may be a scan of text."""


def read_hwpx(path: Path, kind: Format) -> ExtractedText:
    """A HWPX document. Raises `ExtractionFailed` (corrupt) if nothing of it can be read."""
    findings = Findings()
    try:
        with zipfile.ZipFile(path) as archive:
            package = HwpxPackage(archive, findings)
            definitions = _definitions(package)
            reader = _SectionReader(package, definitions, findings)
            blocks = list(blocks_of(reader.paragraphs(), definitions, findings))
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise corrupt("HWPX document") from error
    if findings.damaged and not any(block.text.strip() for block in blocks):
        raise corrupt("HWPX document")
    extracted = assemble(blocks, title=package.title, media_type=kind.media_type)
    return replace(extracted, warnings=tuple(findings.warnings()))


def _definitions(package: HwpxPackage) -> Definitions:
    numberings: dict[int, tuple[NumberingLevel, ...]] = {}
    bullets: dict[int, str] = {}
    heads: dict[int, ParagraphHead] = {}
    for part in package.elements(_HEADER) if package.has(_HEADER) else ():
        for element in part.iter():
            match element.tag:
                case "numbering":
                    numberings[_number(element, "id")] = tuple(_levels(element))
                case "bullet":
                    bullets[_number(element, "id")] = element.get("char", "")
                case "paraPr":
                    heading = element.find(".//heading")
                    kind = (heading.get("type", "") if heading is not None else "").lower()
                    if heading is not None and kind in tuple(HeadKind):
                        head = HeadKind(kind), _number(heading, "level"), _number(heading, "idRef")
                        heads[_number(element, "id")] = ParagraphHead(*head)
    return Definitions(numberings, bullets, heads)


def _levels(numbering: Element) -> Iterator[NumberingLevel]:
    for head in numbering.iter("paraHead"):
        form, start = head.get("numFormat", "DIGIT"), _number(head, "start", 1)
        yield NumberingLevel("".join(head.itertext()), form, start)


class _SectionReader:
    """_SectionReader reads the paragraphs of all sections, one after another."""

    def __init__(self, package: HwpxPackage, definitions: Definitions, findings: Findings) -> None:
        self._package = package
        self._definitions = definitions
        self._findings = findings
        self._part = ""
        self._outline = 0
        self._page = _PAGE_SIZE
        self._depth = 0
        self._is_deleted = False

    def paragraphs(self) -> Iterator[HancomParagraph]:
        for name in self._package.sections():
            self._part = name
            for element in self._package.elements(name):
                if element.tag == "p":
                    yield self._paragraph(element)
                elif inside := self._inside(element):
                    yield HancomParagraph([Box(inside)])
        for name in self._package.master_pages():
            self._part = name
            for element in self._package.elements(name):
                self._findings.margins.append(self._inside(element))

    def _paragraph(self, element: Element) -> HancomParagraph:
        paragraph = HancomParagraph()
        outer, self._is_deleted = self._is_deleted, False
        for run in element:
            if run.tag == "run":
                for item in run:
                    self._item(item, paragraph.pieces)
            else:
                self._item(run, paragraph.pieces)
        self._is_deleted = outer
        head = self._definitions.heads.get(_number(element, "paraPrIDRef", -1))
        if head and head.kind is HeadKind.OUTLINE:
            head = replace(head, definition=self._outline)
        paragraph.head = head
        return paragraph

    def _item(self, item: Element, pieces: list[Piece]) -> None:
        """What stands in a run."""
        if item.tag == "t":
            self._text(item, pieces)
        elif self._is_deleted or item.tag in _UNSEEN:
            return
        elif item.tag == "ctrl":
            for control in item:
                self._item(control, pieces)
        elif item.tag == "secPr":
            self._section(item)
        elif item.tag == "switch":
            branch = next((part for part in item if part.tag in ("case", "default")), ())
            for part in branch:
                self._item(part, pieces)
        elif self._depth >= NESTING_MAX:
            self._findings.damaged[self._part] = None
        else:
            self._depth += 1
            if words := _words(item):
                self._captioned(item, [words], pieces)
            else:
                self._nested(item, pieces)
            self._depth -= 1

    def _text(self, text: Element, pieces: list[Piece]) -> None:
        self._say(text.text, pieces)
        for child in text:
            if child.tag in _SIGNS:
                self._say(_SIGNS[child.tag], pieces)
            elif child.tag in ("deleteBegin", "deleteEnd"):
                self._is_deleted = child.tag == "deleteBegin"
            else:
                self._item(child, pieces)
            self._say(child.tail, pieces)

    def _say(self, words: str | None, pieces: list[Piece]) -> None:
        if words and not self._is_deleted:
            pieces.append(words)

    def _section(self, element: Element) -> None:
        self._outline = _number(element, "outlineShapeIDRef")
        if (page := element.find("pagePr")) is not None:
            self._page = _number(page, "width"), _number(page, "height")

    def _nested(self, item: Element, pieces: list[Piece]) -> None:
        """An object or control that holds paragraphs, or none that can be read."""
        match item.tag:
            case "header" | "footer":
                self._findings.margins.append(self._inside(item))
            case "footNote" | "endNote":
                inside = self._inside(item)
                pieces.append(Note(_mark(item), inside, item.tag == "endNote"))
            case "fieldBegin":
                if item.get("type") == "MEMO":
                    pieces.append(Box(self._inside(item)))
            case "ole" | "video" | "chart":
                self._not_read(item)
                self._captioned(item, [], pieces)
            case "pic":
                self._picture(item)
                self._captioned(item, [], pieces)
            case "tbl":
                self._captioned(item, [self._table(item)], pieces)
            case _:
                inside = self._inside(item)
                place = item.find("pos")
                inline = place is not None and place.get("treatAsChar") == "1"
                box: list[Piece] = [Box(inside, inline)] if inside else []
                self._captioned(item, box, pieces)

    def _inside(self, element: Element) -> list[HancomParagraph]:
        """The paragraphs in an element, at any depth, but for its caption."""
        found: list[HancomParagraph] = []
        for child in element:
            if child.tag == "p":
                found.append(self._paragraph(child))
            elif child.tag in ("subList", "drawText"):
                found += self._inside(child)
            elif child.tag != "caption" and (len(child) or child.tag in _LEAVES):
                pieces: list[Piece] = []  # a shape of a group
                self._item(child, pieces)
                found += [HancomParagraph(pieces)] if pieces else []
        return found

    def _captioned(self, item: Element, inside: Sequence[Piece], pieces: list[Piece]) -> None:
        caption = item.find("caption")
        if caption is None:
            pieces += inside
            return
        box = Box(self._inside(caption))
        is_above = caption.get("side") in ("TOP", "LEFT")
        pieces += [box, *inside] if is_above else [*inside, box]

    def _table(self, element: Element) -> Table:
        table = Table()
        covered: dict[int, int] = {}
        """By column the first row that no cell above reaches into."""
        for row, line in enumerate(element.findall("tr")):
            column = 0
            for cell in line.findall("tc"):
                while covered.get(column, 0) > row:
                    column += 1
                address, span = cell.find("cellAddr"), cell.find("cellSpan")
                rows = max(_number(span, "rowSpan", 1), 1)
                columns = min(max(_number(span, "colSpan", 1), 1), _COLUMNS_MAX)
                place = _number(address, "rowAddr", row), _number(address, "colAddr", column)
                table.cells.append(Cell(*place, rows, columns, self._inside(cell)))
                covered.update(dict.fromkeys(range(column, column + columns), row + rows))
                column += columns
        return table

    def _picture(self, item: Element) -> None:
        size = item.find("sz")
        area = _number(size, "width") * _number(size, "height")
        if area * _LARGE_PICTURE_SHARE >= self._page[0] * self._page[1] > 0:
            self._not_read(item)

    def _not_read(self, item: Element) -> None:
        image = next(item.iter("img"), item)
        reference = image.get("binaryItemIDRef") or item.get("chartIDRef") or item.tag
        self._findings.not_read[self._package.files.get(reference, reference)] = None


def _words(item: Element) -> str:
    """The words of an object that holds no paragraphs; "" for any other."""
    match item.tag:
        case "autoNum":
            return _auto_number(item)
        case "equation":
            return f" {' '.join((item.findtext('script') or '').split())} "
        case "compose":
            text = item.get("composeText", "")
            return text if item.get("circleType", "CHAR") == "CHAR" else circled(text)
        case "dutmal":
            main, beside = item.findtext("mainText") or "", item.findtext("subText") or ""
            return f"{main}({beside})" if beside else main
        case "textart":
            return item.get("text", "").replace("\u240d", "").replace("\u240a", "\n")
        case "edit":
            return item.findtext("text") or ""
        case "comboBox" | "listBox":
            return _chosen(item)
        case tag if tag in _BUTTONS:
            is_on = item.get("value") == "CHECKED"
            box = "" if tag == "btn" else "☑ " if is_on else "☐ "
            return f"{box}{item.get('caption', '')}"
    return ""


def _chosen(box: Element) -> str:
    chosen = box.get("selectedValue", "")
    for entry in box.iter("listItem"):
        if chosen and entry.get("value") == chosen:
            return entry.get("displayText") or chosen
    return chosen


def _auto_number(element: Element) -> str:
    """An automatic number as printed; "" for the number of a page."""
    kind = element.get("numType")
    if kind in _PAGE_NUMBERS:
        return ""
    form = element.find("autoNumFormat")
    style = form.get("type", "DIGIT") if form is not None else "DIGIT"
    before, after = ("", "") if form is None else (form.get("prefixChar"), form.get("suffixChar"))
    number = number_text(_number(element, "num", 1), style)
    if style in ("SYMBOL", "USER_CHAR") and form is not None:
        number = form.get("userChar") or number
    if kind in _NOTE_NUMBERS:
        return note_mark(before or "", number, after or "")
    return f"{before or ''}{number}{after or ''}"


def _mark(note: Element) -> str:
    """The mark of a note in the text: as its own text begins, if that says so."""
    for number in note.iter("autoNum"):
        if number.get("numType") in _NOTE_NUMBERS:
            return _auto_number(number)
    before, after = (_number(note, name) for name in ("prefixChar", "suffixChar"))
    signs = [chr(sign) if 32 < sign < 0xD800 else "" for sign in (before, after)]
    return note_mark(signs[0], note.get("number", "*"), signs[1])


def _number(element: Element | None, name: str, otherwise: int = 0) -> int:
    """The number in an attribute, which may be missing or none at all."""
    text = element.get(name, "") if element is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else otherwise
