"""The parts of a HWPX file: a ZIP archive of XML. No part is believed to be whole or harmless."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from lzma import LZMAError
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from byline.ingest.readers.hancom.hancom_document import Findings

PARTS_BYTES_MAX: Final = 268_435_456
"""How many bytes of XML are read of one file, all its parts together."""
ELEMENTS_DEEP_MAX: Final = 512
_CHUNK_BYTES: Final = 65_536
_CONTROLS: Final = bytes([*range(9), 11, 12, *range(14, 32)])
"""Bytes that no XML may hold; some writers leave them in the text."""
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_SECTION: Final = re.compile(r"(?:.*/)?section(\d+)\.xml", re.IGNORECASE)
_MASTER_PAGE: Final = re.compile(r"(?:.*/)?masterpage\d+\.xml", re.IGNORECASE)
_CONTENT: Final = "Contents/content.hpf"
_LAYOUT: Final = frozenset(
    {"linesegarray", "renderingInfo", "fontfaces", "borderFills", "charProperties"}
    | {"tabProperties", "forbiddenWordList"}
)
"""Elements about looks, which are most of a file; they are passed over as it is parsed."""


class _UnfitXml(Exception):
    """The part declares a document type, is nested too deeply or is too long."""


_UNREADABLE: Final = (
    *(_UnfitXml, expat.ExpatError, zipfile.BadZipFile, zlib.error, LZMAError),
    *(EOFError, OSError, RuntimeError, NotImplementedError, ValueError, LookupError),
)


class HwpxPackage:
    """HwpxPackage reads the parts of an open archive, and notes in `findings` which are damaged."""

    def __init__(self, archive: zipfile.ZipFile, findings: Findings) -> None:
        self._archive = archive
        self._findings = findings
        self._bytes_left = PARTS_BYTES_MAX
        self._names = archive.namelist()
        self.title = ""
        self.files: dict[str, str] = {}
        """The names of parts by the ids under which others refer to them."""
        self._spine: list[str] = []
        self._read_content()

    def sections(self) -> list[str]:
        """The names of the parts with text, in reading order: first those that are listed so."""
        found = [name for name in self._names if _SECTION.fullmatch(name)]
        found.sort(key=lambda name: int(name[_number_at(name) : -4]))
        listed = [name for name in self._spine if name in found]
        return list(dict.fromkeys([*listed, *found]))

    def master_pages(self) -> list[str]:
        return sorted(name for name in self._names if _MASTER_PAGE.fullmatch(name))

    def has(self, name: str) -> bool:
        return name in self._names

    def elements(self, name: str) -> Iterator[Element]:
        """The elements right below the root of a part, without the prefixes of their names; of a
        damaged part those before the damage, the last one perhaps in part."""
        parser = _Parser()
        try:
            with self._archive.open(name) as part:
                controls = _CONTROLS
                while chunk := part.read(_CHUNK_BYTES):
                    if not parser.begun and chunk.startswith(_WIDE):
                        controls = b""
                    self._bytes_left -= len(chunk)
                    if self._bytes_left < 0:
                        raise _UnfitXml("too long")
                    parser.feed(chunk.translate(None, controls))
                    yield from parser.taken()
            parser.end()
        except _UNREADABLE:
            self._findings.damaged[name] = None
            parser.cut_off()
        yield from parser.taken()

    def _read_content(self) -> None:
        if not self.has(_CONTENT):
            return
        for part in self.elements(_CONTENT):
            for element in part.iter():
                if element.tag == "title" and element.text:
                    self.title = self.title or element.text
                elif element.tag == "item":
                    self.files[element.get("id", "")] = element.get("href", "")
                elif element.tag == "itemref":
                    self._spine.append(self.files.get(element.get("idref", ""), ""))


def _number_at(name: str) -> int:
    found = _SECTION.fullmatch(name)
    return found.start(1) if found else 0


class _Parser:
    """_Parser builds one element after another of those below the root."""

    def __init__(self) -> None:
        self.begun = False
        self._ready: list[Element] = []
        self._open: list[str] = []
        self._passed_over = ""
        """The name of the open element that is passed over; "" if there is none."""
        self._builder = TreeBuilder()
        self._local: dict[str, str] = {}
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        self._parser.StartDoctypeDeclHandler = _refuse_document_type

    def feed(self, chunk: bytes) -> None:
        self.begun = True
        self._parser.Parse(chunk, False)

    def end(self) -> None:
        self._parser.Parse(b"", True)

    def taken(self) -> list[Element]:
        ready, self._ready = self._ready, []
        return ready

    def cut_off(self) -> None:
        """Ends the element that was being built, so that what came of it is not lost."""
        self._parser.buffer_text = False  # hands out the characters it has kept back
        self._passed_over = ""
        while len(self._open) > 1:
            self._end(self._open[-1])

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        deep = len(self._open)
        if deep >= ELEMENTS_DEEP_MAX:
            raise _UnfitXml("nested too deeply")
        local = self._local.get(name)
        if local is None:
            local = self._local[name] = name.rpartition(":")[2]
        if local in _LAYOUT:
            self._passed_over = name
            self._parser.StartElementHandler = None  # saves most of the time of parsing
            return
        self._open.append(local)
        if deep:
            self._builder.start(local, attributes)

    def _end(self, name: str) -> None:
        if self._passed_over:
            if name == self._passed_over:
                self._passed_over = ""
                self._parser.StartElementHandler = self._start
            return
        local = self._open.pop()
        if self._open:
            self._builder.end(local)
            if len(self._open) == 1:
                self._ready.append(self._builder.close())
                self._builder = TreeBuilder()

    def _data(self, text: str) -> None:
        if len(self._open) > 1 and not self._passed_over:
            self._builder.data(text)


def _refuse_document_type(*_declared: object) -> None:
    raise _UnfitXml("declares a document type")
