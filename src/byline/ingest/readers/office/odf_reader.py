"""OpenDocument texts and presentations (.odt, .odp, .fodt, .fodp), read from their XML.

A slide is a page; a hidden one is named as hidden; its notes come after it. Headers, footers and
what every slide shows are said once.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Final
from xml.etree import ElementTree

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.office.damaged_xml import tree_so_far
from byline.ingest.readers.office.odf_styles import STYLE, Styles
from byline.ingest.readers.office.odf_text import DRAW, OFFICE, PRESENTATION, SVG, BodyReader
from byline.ingest.readers.office.ooxml_package import UNREADABLE
from byline.ingest.readers.office.slide_shapes import Bounds, in_reading_order
from byline.ingest.readers.text_blocks import Block, assemble

_TITLE: Final = "{http://purl.org/dc/elements/1.1/}title"
_BODIES: Final = (f"{OFFICE}text", f"{OFFICE}presentation", f"{OFFICE}drawing")
_STYLES: Final = (f"{OFFICE}styles", f"{OFFICE}automatic-styles")
_MARGINS: Final = re.compile(r"\}(header|footer)(-left|-first)?$")
_CLASS: Final = f"{PRESENTATION}class"
_MARGIN_CLASSES: Final = frozenset({"header", "footer", "date-time", "page-number", "page"})
_LENGTH: Final = re.compile(r"(-?[0-9.]+)(cm|mm|in|pt|pc|px)?")
_MOVED: Final = re.compile(r"translate\s*\(\s*(\S+)\s+([^)\s]+)")
_MILLIMETRES: Final = {"cm": 10.0, "mm": 1.0, "in": 25.4, "pt": 0.3528, "pc": 4.233, "px": 0.2646}
_SLIDE_TITLE_CHARS_MAX: Final = 100
_HIDDEN: Final = "(hidden)"


def read_odf(path: Path, kind: Format, text_chars_max: int) -> ExtractedText:
    """Read a packed OpenDocument file. Raises `ExtractionFailed` if nothing of it can be opened.

    Stops reading soon after `text_chars_max` characters; the text is then longer than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Document(archive, text_chars_max).read(kind)
    except UNREADABLE as error:
        raise corrupt("OpenDocument file") from error


def read_flat_odf(text: str, kind: Format, text_chars_max: int) -> ExtractedText:
    """Read an OpenDocument file that is one XML text. Raises `ExtractionFailed` if it is none."""
    document = _Document(None, text_chars_max)
    try:
        return document.read_root(document.tree(io.StringIO(text)), None, kind)
    except UNREADABLE as error:
        raise corrupt("OpenDocument file") from error


class _Document:
    """An OpenDocument file while it is read."""

    def __init__(self, archive: zipfile.ZipFile | None, text_chars_max: int) -> None:
        self._archive = archive
        self._left_chars = text_chars_max
        self._damaged: list[str] = []
        self._margins_said: set[str] = set()
        self._warnings: list[ReadingWarning] = []

    def read(self, kind: Format) -> ExtractedText:
        """Read the parts of a packed file. Raises one of `UNREADABLE` if there is no content."""
        root = self._part("content.xml")
        if root is None:
            raise KeyError("content.xml")
        return self.read_root(root, self._part("styles.xml"), kind)

    def read_root(
        self, root: ElementTree.Element, styles: ElementTree.Element | None, kind: Format
    ) -> ExtractedText:
        """Read the content, with the styles that stand in a part of their own, if any."""
        common = [] if styles is None else [e for e in styles if e.tag in _STYLES]
        own = [e for e in root if e.tag in _STYLES]
        masters = [
            page
            for top in (root, *([] if styles is None else [styles]))
            for page in top.iter(f"{STYLE}master-page")
        ]
        bodies = [part for e in root.iter(f"{OFFICE}body") for part in e if part.tag in _BODIES]
        if not bodies:
            raise KeyError("office:body")
        blocks: list[Block] = []
        content = Styles([*common, *own])
        for body in bodies:
            if body.tag == f"{OFFICE}text":
                blocks += self._text(body, content)
            else:
                blocks += self._slides(body, content, masters)
        margins = self._reader(Styles([*own, *common]), is_margin=True)
        for master in masters:
            blocks += [Block(text) for text in self._margins(master, margins)]
        if self._damaged:
            parts = tuple(dict.fromkeys(self._damaged))
            self._warnings.append(ReadingWarning(ReadingWarningCode.DAMAGED, parts=parts))
        extracted = assemble(blocks, title=self._title(root), media_type=kind.media_type)
        return replace(extracted, warnings=tuple(self._warnings))

    def tree(self, stream: IO[bytes] | IO[str], name: str = "content.xml") -> ElementTree.Element:
        """The tree of an XML part; of a damaged one, what stands before the damage.

        Raises one of `UNREADABLE` if that is nothing.
        """
        root, is_damaged = tree_so_far(stream)
        if is_damaged:
            self._damaged.append(name)
        return root

    def _reader(self, styles: Styles, *, is_margin: bool = False) -> BodyReader:
        return BodyReader(styles, self._object_root, is_margin=is_margin)

    def _text(self, body: ElementTree.Element, styles: Styles) -> list[Block]:
        reader = self._reader(styles)
        for element in body:
            before = len(reader.blocks)
            reader.read([element])
            self._left_chars -= sum(len(block.text) for block in reader.blocks[before:])
            if self._left_chars < 0:
                break
        self._note_findings(reader)
        return reader.blocks

    def _note_findings(self, reader: BodyReader, page: int | None = None) -> None:
        pages = () if page is None else (page,)
        if reader.findings.is_damaged:
            self._warnings.append(ReadingWarning(ReadingWarningCode.DAMAGED, pages=pages))
        if objects := tuple(dict.fromkeys(reader.findings.objects)):
            self._warnings.append(ReadingWarning(ReadingWarningCode.NOT_READ, pages, objects))

    def _slides(
        self,
        body: ElementTree.Element,
        styles: Styles,
        masters: Iterable[ElementTree.Element],
    ) -> Iterator[Block]:
        by_name = {one.get(f"{STYLE}name", ""): one for one in masters}
        said = {
            (e.tag, e.get(f"{PRESENTATION}name", "")): "".join(e.itertext())
            for e in body
            if e.tag in (f"{PRESENTATION}footer-decl", f"{PRESENTATION}header-decl")
        }
        pages = [e for e in body if e.tag == f"{DRAW}page"]
        for number, page in enumerate(pages, 1):
            reader = self._reader(styles, is_margin=True)
            reader.page = number
            blocks = list(self._slide(page, reader, styles))
            footers = [
                said.get(
                    (f"{PRESENTATION}{kind}-decl", page.get(f"{PRESENTATION}use-{kind}-name", "")),
                    "",
                )
                for kind in ("header", "footer")
            ]
            master = by_name.get(page.get(f"{DRAW}master-page-name", ""))
            if master is not None:
                shapes = [e for e in master if _CLASS not in e.attrib]
                shapes = [e for e in shapes if isinstance(e.tag, str) and e.tag.startswith(DRAW)]
                footers += reader.texts_of(shapes)
            blocks += [Block(text, number) for text in self._once(footers)]
            notes = [
                shape
                for one in page
                if one.tag == f"{PRESENTATION}notes"
                for shape in one
                if shape.get(_CLASS) not in _MARGIN_CLASSES
            ]
            if texts := reader.texts_of(notes):
                blocks += [Block(text, number) for text in ("Notes:", *texts)]
            self._note_findings(reader, number)
            self._left_chars -= sum(len(block.text) for block in blocks)
            yield from blocks
            if self._left_chars < 0:
                return

    def _slide(
        self, page: ElementTree.Element, reader: BodyReader, styles: Styles
    ) -> Iterator[Block]:
        """The heading of a slide and what stands on it."""
        shapes = [e for e in page if isinstance(e.tag, str)]
        titles = [e for e in shapes if e.get(_CLASS) == "title"][:1]
        title = " ".join(reader.texts_of(titles))
        others = [
            (_bounds(e), e)
            for e in shapes
            if e not in titles and e.get(_CLASS) not in _MARGIN_CLASSES
        ]
        reader.read(in_reading_order(others))
        blocks = reader.blocks
        if not title and blocks:
            first = blocks[0].text
            if len(first) <= _SLIDE_TITLE_CHARS_MAX and not re.search(r"\n| \| ", first):
                title = first
                blocks = [replace(one, tight=False) for one in blocks[1:2]] + blocks[2:]
        if not title and not blocks and reader.findings.has_pictures:
            pages = (reader.page or 0,)
            self._warnings.append(ReadingWarning(ReadingWarningCode.NOT_READ, pages=pages))
        if styles.is_hidden_page(page.get(f"{DRAW}style-name", "")) and (title or blocks):
            title = f"{title} {_HIDDEN}".strip()
        if title:
            yield Block(title, reader.page, level=1)
        yield from blocks

    def _margins(self, master: ElementTree.Element, reader: BodyReader) -> Iterator[str]:
        for part in master:
            is_margin = isinstance(part.tag, str) and _MARGINS.search(part.tag)
            if is_margin and part.get(f"{STYLE}display") != "false":
                yield from self._once(reader.texts_of(part))

    def _once(self, texts: Iterable[str]) -> Iterator[str]:
        """Those of `texts` that stood in no margin before."""
        for text in texts:
            if text.strip() and text not in self._margins_said:
                self._margins_said.add(text)
                yield text

    def _object_root(self, address: str) -> ElementTree.Element | None:
        """The content of an embedded object; None if there is none that can be read."""
        folder = address.removeprefix("./").strip("/")
        return self._part(f"{folder}/content.xml") if folder else None

    def _part(self, name: str) -> ElementTree.Element | None:
        if self._archive is None or name not in self._archive.namelist():
            return None
        try:
            with self._archive.open(name) as stream:
                return self.tree(stream, name)
        except UNREADABLE:
            self._damaged.append(name)
            return None

    def _title(self, root: ElementTree.Element) -> str:
        meta = self._part("meta.xml") if self._archive else root.find(f"{OFFICE}meta")
        if meta is None:
            return ""
        return next((element.text or "" for element in meta.iter(_TITLE)), "")


def _bounds(shape: ElementTree.Element) -> Bounds | None:
    """Where a shape lies, in hundredths of a millimetre; a group, where its first shape does."""
    for one in shape.iter():
        top, left = one.get(f"{SVG}y"), one.get(f"{SVG}x")
        moved = _MOVED.search(next((v for k, v in one.items() if k == f"{DRAW}transform"), ""))
        if moved:
            left, top = moved[1], moved[2]
        if top is not None and left is not None:
            return Bounds(_length(top), _length(left), _length(one.get(f"{SVG}height", "0")))
        if one.tag != f"{DRAW}g" and one is not shape:
            return None
    return None


def _length(said: str) -> int:
    found = _LENGTH.match(said.strip())
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        return 0
    return int(
        min(max(number, -1e6), 1e6) * _MILLIMETRES.get((found and found[2]) or "mm", 1.0) * 100
    )
