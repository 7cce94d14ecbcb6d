"""HWP 5 to blocks: the records of Hancom's word processor.

Written here because xberg takes control characters of one code unit for eight, so that the seven
characters after a hyphen or a fixed blank are lost, and does not read distribution documents,
automatic numbers or merged cells.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt, encrypted
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
from byline.ingest.readers.hancom.hancom_numbers import (
    NUMBER_FORMS,
    circled,
    note_mark,
    number_text,
)
from byline.ingest.readers.hancom.hwp_records import (
    DamagedStream,
    HwpFlags,
    Record,
    flags_of,
    records,
    section_names,
    stream_data,
    title_in_summary,
)
from byline.ingest.readers.text_blocks import assemble

if TYPE_CHECKING:
    import olefile

_DOC_INFO: Final = "DocInfo"
_SUMMARY: Final = "\x05HwpSummaryInformation"
_LOCKED: Final = HwpFlags.PASSWORD | HwpFlags.PROTECTED | HwpFlags.CERTIFIED

_CONTROL: Final = re.compile(
    r"[\x01-\x09\x0b\x0c\x0e-\x17].{0,7}|[\x00\x0a\x0d\x18-\x1f]", re.DOTALL
)
"""Control characters: those below 24, but for three, take eight code units; others one."""
_BELOW_BLANK: Final = re.compile(r"[\x00-\x1f]")
_SIGNS: Final = {"\t": "\t", "\n": "\n", "\x18": "-", "\x1e": " ", "\x1f": " "}
_EXTENDED: Final = frozenset("\x01\x02\x03\x0b\x0c\x0e\x0f\x10\x11\x12\x15\x16\x17")
"""Characters that stand for a control with a record of its own."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_UNSEEN: Final = frozenset({"cold", "pghd", "pgct", "pgnp", "nwno", "idxm", "bokm", "tcmt"})
_NOTE_NUMBERS: Final = frozenset({1, 2})
_PAGE_NUMBERS: Final = frozenset({0, 6})
_PAGE_SIZE: Final = (59_528, 84_188)
"""A4, in units of a 7,200th of an inch."""
_LARGE_PICTURE_SHARE: Final = 3
"""A picture larger than a page divided by this may be a scan of text."""
_CAPTION: Final = re.compile(r"\b(?:Caption|Text):wstring:(\d+):", re.IGNORECASE)


class HwpTag(IntEnum):
    """Tags of the records that are read."""

    BIN_DATA = 0x12
    NUMBERING = 0x17
    BULLET = 0x18
    PARA_SHAPE = 0x19
    PARA_HEADER = 0x42
    PARA_TEXT = 0x43
    CTRL_HEADER = 0x47
    LIST_HEADER = 0x48
    PAGE_DEF = 0x49
    SHAPE_COMPONENT = 0x4C
    TABLE = 0x4D
    OLE = 0x54
    PICTURE = 0x55
    EQUATION = 0x58
    TEXT_ART = 0x5A
    FORM_OBJECT = 0x5B
    CHART_DATA = 0x5F
    VIDEO_DATA = 0x62


@dataclass(slots=True)
class Node:
    """A record and those below it."""

    record: Record
    children: list[Node] = field(default_factory=list)

    def first(self, tag: HwpTag) -> Record | None:
        return next((child.record for child in self.children if child.record.tag == tag), None)


def read_hwp(path: Path, kind: Format) -> ExtractedText:
    """A HWP 5 document. Raises `ExtractionFailed` (corrupt or encrypted) if nothing of it can be
    read."""
    import olefile

    findings = Findings()
    try:
        with olefile.OleFileIO(str(path)) as ole:
            flags = flags_of(ole)
            definitions, parts = _definitions(ole, flags, findings)
            reader = _SectionReader(definitions, findings, parts)
            sections = _sections(ole, flags, findings)
            paragraphs = (p for section in sections for p in reader.paragraphs(section))
            blocks = list(blocks_of(paragraphs, definitions, findings))
            title = _title(ole)
    except (OSError, ValueError, LookupError, OverflowError, struct.error) as error:
        raise corrupt("HWP document") from error
    if findings.damaged and not any(block.text.strip() for block in blocks):
        raise encrypted() if flags & _LOCKED else corrupt("HWP document")
    extracted = assemble(blocks, title=title, media_type=kind.media_type)
    return replace(extracted, warnings=tuple(findings.warnings()))


def _title(ole: olefile.OleFileIO) -> str:
    try:
        return title_in_summary(ole.openstream(_SUMMARY).read())
    except (OSError, ValueError, LookupError, OverflowError, struct.error):
        return ""  # a damaged title is no title


def _sections(
    ole: olefile.OleFileIO, flags: HwpFlags, findings: Findings
) -> Iterator[Iterator[Record]]:
    names = section_names(ole, flags)
    if not names:
        findings.damaged["BodyText"] = None
    for name in names:
        yield _records(ole, name, flags, findings)


def _records(
    ole: olefile.OleFileIO, name: str, flags: HwpFlags, findings: Findings
) -> Iterator[Record]:
    """The records of a stream; of a damaged one those before the damage."""
    try:
        data = stream_data(ole, name, flags)
    except DamagedStream as damaged:
        findings.damaged[name] = None
        data = damaged.data
    try:
        yield from records(data)
    except DamagedStream:
        findings.damaged[name] = None


def _definitions(
    ole: olefile.OleFileIO, flags: HwpFlags, findings: Findings
) -> tuple[Definitions, list[str]]:
    """What numbers and bullets there are, and the names of the embedded files in their order."""
    numberings: dict[int, tuple[NumberingLevel, ...]] = {}
    bullets: dict[int, str] = {}
    heads: dict[int, ParagraphHead] = {}
    files: list[str] = []
    streams = {entry[-1][:7]: "/".join(entry) for entry in ole.listdir() if entry[0] == "BinData"}
    shapes = 0
    for record in _records(ole, _DOC_INFO, flags, findings):
        match record.tag:
            case HwpTag.BIN_DATA:
                name = f"BIN{record.number(2):04X}"
                files.append(streams.get(name, name))
            case HwpTag.NUMBERING:
                numberings[len(numberings) + 1] = tuple(_levels(record))
            case HwpTag.BULLET:
                bullets[len(bullets) + 1] = chr(record.number(12))
            case HwpTag.PARA_SHAPE:
                if head := _head(record):
                    heads[shapes] = head
                shapes += 1
    return Definitions(numberings, bullets, heads), files


def _head(shape: Record) -> ParagraphHead | None:
    attributes = shape.number(0, 4)
    kind = (None, HeadKind.OUTLINE, HeadKind.NUMBER, HeadKind.BULLET)[attributes >> 23 & 3]
    if kind is None:
        return None
    level = shape.number(54, 4) if len(shape.data) >= 58 else attributes >> 25 & 7
    return ParagraphHead(kind, level, shape.number(30))


def _levels(numbering: Record) -> list[NumberingLevel]:
    """Seven levels, their first numbers, and in newer files three more of both."""
    levels: list[NumberingLevel] = []
    at = 0
    for count in (7, 3):
        begun: list[NumberingLevel] = []
        for _ in range(count):
            form = numbering.number(at, 4) >> 5 & 0xF
            pattern, at = numbering.text(at + 12)
            begun.append(NumberingLevel(pattern, _form(form)))
        at += 2 if count == 7 else 0
        for level in begun:
            has_start = at + 4 <= len(numbering.data)
            levels.append(replace(level, start=numbering.number(at, 4) if has_start else 1))
            at += 4
        if at >= len(numbering.data):
            break
    return levels


def _form(code: int) -> str:
    return NUMBER_FORMS[code] if code < len(NUMBER_FORMS) else "DIGIT"


def trees(flat: Iterator[Record]) -> Iterator[Node]:
    """The records as trees by their levels, one after another."""
    path: list[Node] = []
    for record in flat:
        while path and path[-1].record.level >= record.level:
            node = path.pop()
            if not path:
                yield node
        node = Node(record)
        if path:
            path[-1].children.append(node)
        path.append(node)
    if path:
        yield path[0]


class _SectionReader:
    """_SectionReader reads the paragraphs of sections. `files` are the names of embedded files."""

    def __init__(self, definitions: Definitions, findings: Findings, files: Sequence[str]) -> None:
        self._definitions = definitions
        self._findings = findings
        self._files = files
        self._outline = 0
        self._page = _PAGE_SIZE
        self._depth = 0

    def paragraphs(self, section: Iterator[Record]) -> Iterator[HancomParagraph]:
        for node in trees(section):
            if node.record.tag == HwpTag.PARA_HEADER:
                yield self._paragraph(node)
            else:  # memos, and master pages of single pages
                yield HancomParagraph([Box(inside) for _, inside in self._lists(node)])

    def _paragraph(self, node: Node) -> HancomParagraph:
        controls = [child for child in node.children if child.record.tag == HwpTag.CTRL_HEADER]
        text = node.first(HwpTag.PARA_TEXT)
        pieces: list[Piece] = []
        for words, control_id in pieces_of_text(text.data if text else b""):
            if words:
                pieces.append(words)
            if control_id and (control := _taken(controls, control_id)):
                self._control(control, pieces)
        for control in controls:  # which no character stands for
            self._control(control, pieces)
        pieces += [Box(inside) for _, inside in self._lists(node)]
        head = self._definitions.heads.get(node.record.number(8))
        if head and head.kind is HeadKind.OUTLINE:
            head = replace(head, definition=self._outline)
        return HancomParagraph(pieces, head)

    def _lists(self, node: Node) -> Iterator[tuple[Record, list[HancomParagraph]]]:
        """The lists of paragraphs right below a record, each with its header."""
        header: Record | None = None
        found: list[HancomParagraph] = []
        for child in node.children:
            if child.record.tag == HwpTag.LIST_HEADER:
                if header:
                    yield header, found
                header, found = child.record, []
            elif child.record.tag == HwpTag.PARA_HEADER:
                header = header or child.record
                found.append(self._paragraph(child))
            elif child.record.tag == HwpTag.TABLE and header:
                yield header, found
                header, found = None, []
        if header:
            yield header, found

    def _inside(self, node: Node) -> list[HancomParagraph]:
        return [paragraph for _, inside in self._lists(node) for paragraph in inside]

    def _control(self, node: Node, pieces: list[Piece]) -> None:
        record, name = node.record, _control_id(node.record)
        if name in _UNSEEN:
            return
        if self._depth >= NESTING_MAX:
            self._findings.damaged["BodyText"] = None
            return
        self._depth += 1
        match name:
            case "secd":
                self._section(node)
            case "tbl ":
                self._table(node, pieces)
            case "gso ":
                self._shape(node, pieces)
            case "head" | "foot":
                self._findings.margins.append(self._inside(node))
            case "fn  " | "en  ":
                pieces.append(Note(_mark(record), self._inside(node), name == "en  "))
            case _:
                if words := _words(node, name):
                    pieces.append(words)
                if inside := self._inside(node):  # a caption, if there are words
                    pieces.append(Box(inside))
        self._depth -= 1

    def _section(self, node: Node) -> None:
        self._outline = node.record.number(18)
        if page := node.first(HwpTag.PAGE_DEF):
            self._page = page.number(0, 4), page.number(4, 4)
        self._findings.margins += [inside for _, inside in self._lists(node)]  # master pages

    def _table(self, node: Node, pieces: list[Piece]) -> None:
        table = Table()
        above: list[Piece] = []
        below: list[Piece] = []
        tags = [child.record.tag for child in node.children]
        lists_at = tags.index(HwpTag.LIST_HEADER) if HwpTag.LIST_HEADER in tags else len(tags)
        captions = 1 if HwpTag.TABLE in tags[lists_at:] else 0
        for number, (header, inside) in enumerate(self._lists(node)):
            if number < captions:
                (above if header.number(8, 4) & 3 in (0, 2) else below).append(Box(inside))
                continue
            column, row, columns, rows = (header.number(at) for at in (8, 10, 12, 14))
            table.cells.append(Cell(row, column, rows, columns, inside))
        pieces += [*above, table, *below]

    def _shape(self, node: Node, pieces: list[Piece]) -> None:
        is_inline = bool(node.record.number(4, 4) & 1)
        width, height = node.record.number(16, 4), node.record.number(20, 4)
        is_large = width * height * _LARGE_PICTURE_SHARE >= self._page[0] * self._page[1] > 0
        captions = list(self._lists(node))
        inside = [p for child in node.children for p in self._component(child, is_large)]
        box = [Box(inside, is_inline)] if inside else []
        above = [Box(said) for header, said in captions if header.number(8, 4) & 3 in (0, 2)]
        below = [Box(said) for header, said in captions if header.number(8, 4) & 3 not in (0, 2)]
        pieces += [*above, *box, *below]

    def _component(self, node: Node, is_large: bool) -> Iterator[HancomParagraph]:
        """The paragraphs of a shape, and of the shapes that are grouped in it."""
        record = node.record
        match record.tag:
            case HwpTag.TEXT_ART:
                yield HancomParagraph([record.text(32)[0].replace("\r\n", "\n")])
            case HwpTag.OLE | HwpTag.VIDEO_DATA | HwpTag.CHART_DATA:
                self._not_read(record, 12)
            case HwpTag.PICTURE if is_large:
                self._not_read(record, 71)
            case HwpTag.SHAPE_COMPONENT:
                if self._depth < NESTING_MAX:
                    self._depth += 1
                    yield from self._inside(node)
                    for child in node.children:
                        yield from self._component(child, is_large)
                    self._depth -= 1

    def _not_read(self, record: Record, at: int) -> None:
        number = record.number(at)
        name = self._files[number - 1] if 0 < number <= len(self._files) else "BinData"
        self._findings.not_read[name] = None


def pieces_of_text(data: bytes) -> Iterator[tuple[str, str]]:
    """The text of a paragraph in pieces, each with the id of the control that follows it (""
    for none)."""
    plain = data.decode("utf-16-le", "replace").removesuffix("\r")
    if not _BELOW_BLANK.search(plain):
        yield plain, ""
        return
    units = "".join(map(chr, struct.unpack_from(f"<{len(data) // 2}H", data)))
    words: list[str] = []
    at = 0
    for found in _CONTROL.finditer(units):
        words.append(units[at : found.start()])
        at = found.end()
        control = found[0]
        if control[0] in _EXTENDED:
            low, high = (ord(unit) for unit in control[1:3].ljust(2, "\0"))
            name = struct.pack(">HH", high, low).decode("latin-1")
            yield _joined(words), name
            words = []
        else:
            words.append(_SIGNS.get(control[0], ""))
    words.append(units[at:])
    yield _joined(words), ""


def _joined(words: Sequence[str]) -> str:
    text = "".join(words)
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _control_id(record: Record) -> str:
    return record.data[3::-1].decode("latin-1")


def _taken(controls: list[Node], name: str) -> Node | None:
    """The next control of this id, taken from the list."""
    for index, control in enumerate(controls):
        if _control_id(control.record) == name:
            return controls.pop(index)
    return None


def _mark(note: Record) -> str:
    number = number_text(note.number(4, 4), _form(note.number(12, 4) & 0xFF))
    return note_mark(_sign(note, 8), number, _sign(note, 10))


def _sign(record: Record, at: int) -> str:
    code = record.number(at)
    return chr(code) if 32 < code < 0xD800 else ""


def _words(node: Node, name: str) -> str:
    """The words of a control that holds no paragraphs; "" for any other."""
    record = node.record
    match name:
        case "atno":
            return _auto_number(record)
        case "eqed":
            script = node.first(HwpTag.EQUATION)
            return f" {' '.join(script.text(4)[0].split())} " if script else ""
        case "tcps":
            text, end = record.text(4)
            return circled(text) if record.number(end, 1) else text
        case "tdut":
            main, at = record.text(4)
            beside = record.text(at)[0]
            return f"{main}({beside})" if beside else main
        case "form":
            form = node.first(HwpTag.FORM_OBJECT)
            return _caption(form.text(12)[0]) if form else ""
    return ""


def _auto_number(record: Record) -> str:
    """An automatic number as printed; "" for the number of a page."""
    attributes = record.number(4, 4)
    kind, form = attributes & 0xF, attributes >> 4 & 0xFF
    if kind in _PAGE_NUMBERS:
        return ""
    before, after = _sign(record, 12), _sign(record, 14)
    number = _sign(record, 10) or number_text(record.number(8), _form(form))
    return note_mark(before, number, after) if kind in _NOTE_NUMBERS else f"{before}{number}{after}"


def _caption(properties: str) -> str:
    """What a button or a field of a form shows, told in its properties as "Caption:wstring:3:…"."""
    for found in _CAPTION.finditer(properties):
        words = properties[found.end() : found.end() + int(found[1][:6])]
        if words.strip():
            return words
    return ""
