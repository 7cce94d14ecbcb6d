"""PowerPoint presentations (.pptx, .pptm, .ppsx), read from their XML: a page a slide.

1. Slides come in the order of the presentation; a hidden one is named as hidden.
2. The title of a slide is its heading; else its first line, if that is short.
3. What stands on a slide follows from top to bottom, and from left to right in a row.
4. Its notes and comments come after it. Footers, and what every slide shows, are said once.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.office.damaged_xml import tree_so_far
from byline.ingest.readers.office.drawn_charts import chart_texts, diagram_lines
from byline.ingest.readers.office.ooxml_package import (
    UNREADABLE,
    Package,
    Relation,
    is_true,
    local,
    relation_id,
)
from byline.ingest.readers.office.slide_shapes import (
    FOOTERS,
    NOT_TEXT,
    TITLES,
    Places,
    SlideShape,
    has_picture,
    shapes_of,
)
from byline.ingest.readers.office.slide_text import (
    NumberedForms,
    numbered_forms,
    paragraph_texts,
    slide_table,
)
from byline.ingest.readers.text_blocks import Block, assemble

_TITLE_CHARS_MAX: Final = 100
_HIDDEN: Final = "(hidden)"


def read_pptx(path: Path, kind: Format, text_chars_max: int) -> ExtractedText:
    """Read a PowerPoint presentation. Raises `ExtractionFailed` if nothing of it can be opened.

    Stops reading soon after `text_chars_max` characters; the text is then longer than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Presentation(Package(archive), text_chars_max).read(kind)
    except UNREADABLE as error:
        raise corrupt("PowerPoint presentation") from error


@dataclass(slots=True)
class _Slide:
    """A slide while it is read."""

    number: int
    relations: Mapping[str, Relation]
    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    margins: list[str] = field(default_factory=list)
    """Footers, and what the slide takes from its layout and master."""
    has_pictures: bool = False
    objects: list[str] = field(default_factory=list)
    """The names of embedded objects."""


@dataclass(frozen=True, slots=True)
class _Background:
    """What slides take from a layout or master."""

    places: Places
    forms: NumberedForms
    texts: Sequence[str]
    relations: Mapping[str, Relation]


class _Presentation:
    """A presentation while it is read."""

    def __init__(self, package: Package, text_chars_max: int) -> None:
        self._package = package
        self._left_chars = text_chars_max
        self._backgrounds: dict[str, _Background] = {}
        self._margins_said: set[str] = set()
        self._warnings: list[ReadingWarning] = []

    def read(self, kind: Format) -> ExtractedText:
        """Read every slide. Raises one of `UNREADABLE` if the presentation itself is damaged."""
        blocks = [block for slide in self._slides() for block in slide]
        extracted = assemble(blocks, title=self._package.title(), media_type=kind.media_type)
        return replace(extracted, warnings=tuple(self._warnings))

    def _slides(self) -> Iterator[list[Block]]:
        tops = self._package.relations("").values()
        main = next((one.target for one in tops if one.kind == "officeDocument"), None)
        main = main or self._package.part("ppt/presentation.xml")
        if main is None:
            raise KeyError("ppt/presentation.xml")
        relations = self._package.relations(main)
        ids = [e for e in self._package.elements(main) if local(e.tag) == "sldId"]
        for number, element in enumerate(ids, 1):
            relation = relations.get(relation_id(element))
            slide = _Slide(number, {})
            try:
                if relation is None:
                    raise KeyError(relation_id(element))
                yield list(self._read_slide(slide, relation.target))
            except UNREADABLE:
                # What was read until there is kept.
                self._warn(ReadingWarningCode.DAMAGED, slide)
                yield slide.blocks
            if self._left_chars < 0:
                return

    def _warn(self, code: ReadingWarningCode, slide: _Slide, parts: tuple[str, ...] = ()) -> None:
        warning = ReadingWarning(code, pages=(slide.number,), parts=parts)
        if warning not in self._warnings[-3:]:
            self._warnings.append(warning)

    def _read_slide(self, slide: _Slide, part: str) -> Iterator[Block]:
        try:
            slide.relations = self._package.relations(part)
        except UNREADABLE:
            self._warn(ReadingWarningCode.DAMAGED, slide)
        with self._package.open(part) as stream:
            root, is_damaged = tree_so_far(stream)
        if is_damaged:
            self._warn(ReadingWarningCode.DAMAGED, slide)
        behind = self._behind(slide)
        self._read_shapes(slide, root, behind)
        if is_true(root.get("showMasterSp", "1")):
            slide.margins += [text for one in behind for text in one.texts]
        says_little = not slide.title and not slide.blocks
        if says_little and slide.has_pictures:
            self._warn(ReadingWarningCode.NOT_READ, slide)
        if slide.objects:
            self._warn(ReadingWarningCode.NOT_READ, slide, tuple(dict.fromkeys(slide.objects)))
        is_hidden = not is_true(root.get("show", "1"))
        slide.blocks = list(_headed(slide, is_hidden))
        for margin in slide.margins:
            if margin not in self._margins_said:
                self._margins_said.add(margin)
                slide.blocks.append(Block(margin, slide.number))
        for relation in slide.relations.values():
            self._beside(slide, relation)
        self._left_chars -= sum(len(block.text) for block in slide.blocks)
        yield from slide.blocks

    def _beside(self, slide: _Slide, relation: Relation) -> None:
        """Add the speaker's notes or the comments."""
        try:
            if relation.kind == "notesSlide":
                if notes := list(self._notes(relation.target)):
                    slide.blocks.append(Block("Notes:", slide.number))
                    slide.blocks += [Block(text, slide.number) for text in notes]
            elif relation.kind == "comments":
                for text in self._comments(relation.target):
                    slide.blocks.append(Block(f"※ {text}", slide.number))
        except UNREADABLE:
            self._warn(ReadingWarningCode.DAMAGED, slide)

    def _behind(self, slide: _Slide) -> list[_Background]:
        """The layout and the master of a slide."""
        found: list[_Background] = []
        relations = slide.relations
        for kind in ("slideLayout", "slideMaster"):
            part = next((one.target for one in relations.values() if one.kind == kind), None)
            if part is None:
                break
            try:
                if part not in self._backgrounds:
                    self._backgrounds[part] = _background(
                        self._package.root(part), self._package.relations(part)
                    )
            except UNREADABLE:
                self._backgrounds[part] = _Background({}, {}, (), {})
            found.append(self._backgrounds[part])
            relations = self._backgrounds[part].relations
        return found

    def _read_shapes(
        self, slide: _Slide, root: ElementTree.Element, behind: Sequence[_Background]
    ) -> None:
        for shape in shapes_of(root, [one.places for one in behind]):
            if shape.kind in FOOTERS:
                slide.margins += paragraph_texts(shape.element, {})
                continue
            if shape.kind in NOT_TEXT:
                continue
            slide.has_pictures = slide.has_pictures or has_picture(shape.element)
            known = (one.forms.get(shape.place, {}) for one in behind if shape.place)
            texts = list(self._texts(slide, shape, next(filter(None, known), {})))
            if shape.kind in TITLES and not slide.title:
                slide.title = " ".join(texts)
                continue
            if texts and shape.is_hidden:
                texts[-1] += f" {_HIDDEN}"
            for at, text in enumerate(texts):
                slide.blocks.append(Block(text, slide.number, tight=at > 0 and shape.is_prose))

    def _texts(self, slide: _Slide, shape: SlideShape, forms: Mapping[int, str]) -> Iterator[str]:
        """The texts that a shape shows."""
        if shape.is_prose:
            yield from paragraph_texts(shape.element, forms)
            return
        for element in shape.element.iter():
            match local(element.tag):
                case "tbl":
                    yield slide_table(element)
                case "chart" | "relIds":
                    try:
                        yield from self._figure(slide, element)
                    except UNREADABLE:
                        self._warn(ReadingWarningCode.DAMAGED, slide)
                case "oleObj":
                    slide.objects.append(element.get("name") or element.get("progId") or "OLE")

    def _figure(self, slide: _Slide, element: ElementTree.Element) -> list[str]:
        """The texts of a chart or diagram."""
        ids = [v for key, v in element.items() if key.rpartition("}")[2] in ("id", "dm")]
        relation = slide.relations.get(ids[0]) if ids else None
        if relation is None:
            return []
        if local(element.tag) == "chart":
            return list(self._chart(relation.target))
        return ["\n".join(diagram_lines(self._package.root(relation.target)))]

    def _chart(self, part: str) -> Iterator[str]:
        yield from chart_texts(self._package.root(part))
        for relation in self._package.relations(part).values():
            if relation.kind == "chartUserShapes":
                for shape in shapes_of(self._package.root(relation.target), ()):
                    yield from paragraph_texts(shape.element, {})

    def _notes(self, part: str) -> Iterator[str]:
        for shape in shapes_of(self._package.root(part), ()):
            text = "\n".join(paragraph_texts(shape.element, {}))
            if text and shape.kind not in FOOTERS | NOT_TEXT:
                yield text

    def _comments(self, part: str) -> Iterator[str]:
        """The comments of a slide and the replies to them, in both forms PowerPoint knows."""
        for element in self._package.elements(part):
            name = local(element.tag)
            if name == "text" and element.text:
                yield element.text
            elif name == "txBody" and (text := "\n".join(paragraph_texts(element, {}))):
                yield text


def _background(root: ElementTree.Element, relations: Mapping[str, Relation]) -> _Background:
    places: Places = {}
    forms: dict[tuple[str, str], Mapping[int, str]] = {}
    texts: list[str] = []
    for shape in shapes_of(root, ()):
        if shape.place is None:
            texts += paragraph_texts(shape.element, {}) if shape.is_prose else ()
            continue
        places[shape.place] = shape.bounds
        places.setdefault((shape.kind, ""), shape.bounds)
        forms[shape.place] = numbered_forms(shape.element)
    return _Background(places, forms, texts, relations)


def _headed(slide: _Slide, is_hidden: bool) -> Iterator[Block]:
    """The heading of a slide, then its other blocks (rule 2)."""
    title, blocks = slide.title, slide.blocks
    if not title and blocks:
        first = blocks[0].text
        if len(first) <= _TITLE_CHARS_MAX and "\n" not in first and " | " not in first:
            title, blocks = first, [replace(one, tight=False) for one in blocks[1:2]] + blocks[2:]
    if is_hidden and (title or blocks):
        title = f"{title} {_HIDDEN}".strip()
    if title:
        yield Block(title, slide.number, level=1)
    yield from blocks
