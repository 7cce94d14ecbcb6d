"""What HWP and HWPX files say of themselves: the characters of their paragraphs, decoded flatly.

Nothing here knows of tables, notes or numbers. A paragraph comes in as many pieces as there are
objects between its words, so that each piece stands in a read text as it is. What is not shown is
left out; a header that is there for each section comes once. Damage ends a part, and raises
nothing.
"""

from __future__ import annotations

import html
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from byline.ingest.readers.hancom.hwp_records import (
    DamagedStream,
    Record,
    flags_of,
    records,
    section_names,
    stream_data,
)

_PART_BYTES_MAX: Final = 268_435_456
_PARA_TEXT: Final = 0x43
_CTRL_HEADER: Final = 0x47
_HIDDEN: Final = frozenset({b"tcmt"})
_MARGINS: Final = frozenset({b"daeh", b"toof", b"dces"})
"""Headers, footers and the master pages of a section, as their ids are stored."""
_ANY_CONTROL: Final = re.compile("[\x00-\x1f]")
_ONE_WIDE: Final = frozenset({0, 10, 13, *range(24, 32)})
_BLANKS: Final = frozenset({9, 10, 30, 31})
_HYPHEN: Final = 24
_INVISIBLE: Final = frozenset({0, 3, 4, 8, 13, *range(25, 30)})
"""Controls that leave no trace between the words beside them: fields, marks."""

_PART: Final = re.compile(r"(?:.*/)?(?:section|masterpage)\d+\.xml", re.IGNORECASE)
_TAG: Final = re.compile(
    r"<(/?)(?:[\w.-]+:)?(p|t|ctrl|header|footer|hiddenComment|shapeComment|deleteBegin|deleteEnd"
    r"|insertBegin|insertEnd|markpenBegin|markpenEnd|titleMark|tab|lineBreak|nbSpace|fwSpace"
    r"|hyphen|tbl|pic|equation|compose|dutmal|rect|ellipse|arc|polygon|curve|container|ole|textart"
    r"|btn|checkBtn|radioBtn|edit|comboBox|listBox)(?=[\s/>])([^>]*)>([^<]*)"
)
_SIGNS: Final = {"tab": " ", "lineBreak": " ", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}
_UNBROKEN: Final = frozenset(
    {"t", "deleteBegin", "deleteEnd", "insertBegin", "insertEnd", "markpenBegin", "markpenEnd"}
    | {"titleMark", *_SIGNS}
)


def hwp_witness(path: Path) -> Iterator[str]:
    """The texts of the paragraphs of a HWP 5 file, in the order of its records."""
    import olefile

    try:
        with olefile.OleFileIO(str(path)) as ole:
            flags, seen = flags_of(ole), set[str]()
            for name in section_names(ole, flags):
                try:
                    data = stream_data(ole, name, flags)
                except DamagedStream as damaged:
                    data = damaged.data
                yield from _shown(data, seen)
    except (OSError, ValueError, LookupError, OverflowError, struct.error):
        return


def _shown(data: bytes, seen: set[str]) -> Iterator[str]:
    hidden = margin = 1_024
    for record in _whole(data):
        if record.level <= hidden:
            hidden = 1_024
        if record.level <= margin:
            margin = 1_024
        if record.tag == _CTRL_HEADER:
            name = record.data[:4]
            if name[::-1] in _HIDDEN:
                hidden = min(hidden, record.level)
            elif name in _MARGINS:
                margin = min(margin, record.level)
        elif record.tag == _PARA_TEXT and hidden == 1_024:
            lines = list(_lines(record.data))
            yield from _new(lines, seen) if margin < 1_024 else lines


def _whole(data: bytes) -> Iterator[Record]:
    try:
        yield from records(data)
    except DamagedStream:
        return


def _lines(data: bytes) -> Iterator[str]:
    """The text of one paragraph, in a piece for each stretch without an object in it."""
    units = "".join(map(chr, struct.unpack_from(f"<{len(data) // 2}H", data)))
    words: list[str] = []
    at = 0
    while found := _ANY_CONTROL.search(units, at):
        words.append(units[at : found.start()])
        code = ord(found[0])
        at = found.start() + (1 if code in _ONE_WIDE else 8)
        if code in _BLANKS or code == _HYPHEN:
            words.append("-" if code == _HYPHEN else " ")
        elif code not in _INVISIBLE:
            yield from _line(words)
            words = []
    words.append(units[at:])
    yield from _line(words)


def _line(words: Iterable[str]) -> Iterator[str]:
    text = "".join(words).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if text.strip():
        yield text.strip()


def _new(lines: Iterable[str], seen: set[str]) -> Iterator[str]:
    for line in lines:
        if line not in seen:
            seen.add(line)
            yield line


def hwpx_witness(path: Path) -> Iterator[str]:
    """The texts of the paragraphs of a HWPX file, in the order of its XML."""
    try:
        with zipfile.ZipFile(path) as archive:
            seen: set[str] = set()
            for name in archive.namelist():
                if _PART.fullmatch(name):
                    with archive.open(name) as part:
                        text = part.read(_PART_BYTES_MAX).decode("utf-8", "replace")
                    is_margin = "masterpage" in name.lower()
                    yield from _texts(text, seen, is_margin=is_margin)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError):
        return


class _Open:
    """_Open is a paragraph that has begun: its words, how many `t` are open, and what is not shown
    of it."""

    __slots__ = ("is_deleted", "texts", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.texts = 0
        self.is_deleted = False


def _texts(xml: str, seen: set[str], *, is_margin: bool) -> Iterator[str]:
    path = [_Open()]
    hidden = 0
    margins = int(is_margin)
    for slash, name, attributes, after in _TAG.findall(xml):
        is_empty = attributes.endswith("/")
        step = 0 if is_empty else -1 if slash else 1
        top = path[-1]
        if name in ("hiddenComment", "shapeComment"):
            hidden += step
        elif name in ("header", "footer"):
            margins += step
        elif name == "t":
            top.texts += step
        elif name in ("deleteBegin", "deleteEnd"):
            top.is_deleted = name == "deleteBegin"
        elif name in _SIGNS and not hidden and not top.is_deleted and not slash:
            top.words.append(_SIGNS[name])
        if name not in _UNBROKEN:
            lines = list(_line(top.words))
            yield from _new(lines, seen) if margins > 0 else lines
            top.words = []
            if name == "p" and step > 0:
                path.append(_Open())
            elif name == "p" and step < 0 and len(path) > 1:
                path.pop()
        top = path[-1]
        if after and top.texts > 0 and not hidden and not top.is_deleted:
            top.words.append(html.unescape(after))
