"""The text that Office Open XML and OpenDocument files hold in their own XML."""

from __future__ import annotations

import html
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from byline.ingest.readers.office.docx_numbering import Styles
from byline.ingest.readers.office.ooxml_package import UNREADABLE
from byline.ingest.witness.witness_parts import WitnessPart
from byline.ingest.witness.xml_paragraphs import (
    Grammar,
    paragraphs,
    relations,
    tags,
    text_blocks,
)

_WORD: Final = Grammar(
    paragraphs=frozenset({"p"}),
    texts=frozenset({"t"}),
    blanks=frozenset({"tab", "br", "cr", "noBreakHyphen"}),
    # Deleted, moved away, said a second time for older programs; formulas are written otherwise.
    skipped=frozenset({"del", "moveFrom", "Fallback", "oMath"}),
    runs=frozenset({"r"}),
    hiders=frozenset({"vanish", "fldChar"}),
)
_DRAWING: Final = Grammar(
    paragraphs=frozenset({"p", "text"}),
    texts=frozenset({"t", "text"}),
    blanks=frozenset({"br", "tab"}),
    # What is counted anew whenever it is shown: the number of a slide, the date.
    skipped=frozenset({"Fallback", "fld", "oMath"}),
)
_COMMENTS: Final = Grammar(
    paragraphs=frozenset({"text"}), texts=frozenset({"t", "text"}), skipped=frozenset({"rPh"})
)
_ODF: Final = Grammar(
    paragraphs=frozenset({"p", "h"}),
    texts=None,
    blanks=frozenset({"s", "tab", "line-break"}),
    skipped=frozenset(
        {"tracked-changes", "note-citation", "covered-table-cell", "hidden-text", "forms"}
        | {"page-number", "page-count", "creator", "date", "date-string", "time", "sequence"}
    ),
    divisions=frozenset({"table", "page"}),
)
_WORD_PART: Final = re.compile(
    r"word/(?:(document)|(header|footer|footnotes|endnotes|comments)\d*)\.xml"
)
_DRAWN_PART: Final = re.compile(r"(?:word|ppt|xl)/(?:charts/chart|diagrams/data)\d+\.xml")
# What stands in an element ends at the next tag of its kind, so that a file of elements that are
# never closed is passed over once, not once for each.
_CELLS: Final = re.compile(
    r"""<(?:\w+:)?c\s[^<>]*?\bt="(s|str|inlineStr)"[^<>]*>"""
    r"""(?:<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>))?"""
    r"""(?:<(?:\w+:)?v[^<>]*>([^<]*)<"""
    r"""|<(?:\w+:)?is>((?:[^<]++|<(?!/?(?:\w+:)?(?:is|c)\b))*+)</(?:\w+:)?is>)"""
)
_SHARED: Final = re.compile(
    r"<(?:\w+:)?si(?:\s[^<>]*)?(?:/>|>((?:[^<]++|<(?!/?(?:\w+:)?si\b))*+)</(?:\w+:)?si>)"
)
_READING_AIDS: Final = re.compile(
    r"<(?:\w+:)?rPh\b(?:[^<]++|<(?!/?(?:\w+:)?rPh\b))*+</(?:\w+:)?rPh>"
)
_INLINE: Final = re.compile(r"<(?:\w+:)?t(?:\s[^>]*)?>([^<]*)<")
_RELATION_ID: Final = re.compile(r"""\w+:id\s*=\s*["']([^"']+)""")


def docx_parts(path: Path) -> Iterator[WitnessPart]:
    """The paragraphs of a text document, then its headers, footers, notes and comments."""
    with zipfile.ZipFile(path) as archive:
        hiding = _hiding_styles(archive)
        styled = {"pStyle", "rStyle"} if hiding else set()
        grammar = replace(_WORD, hiders=_WORD.hiders | styled, hiding_styles=hiding)
        found = [(name, _WORD_PART.fullmatch(name)) for name in archive.namelist()]
        for name, part in sorted(found, key=lambda one: (one[0] != "word/document.xml", one[0])):
            if part is None:
                continue
            lines = _lines(archive, name, grammar)
            yield WitnessPart(lines, name="" if part[1] else part[2], beside=not part[1])
        yield from _drawn(archive)


def _hiding_styles(archive: zipfile.ZipFile) -> frozenset[str]:
    """The ids of the styles that hide text; none where the styles cannot be read."""
    try:
        raw = archive.read("word/styles.xml")
        return Styles(ElementTree.fromstring(raw)).hiding() if b"vanish" in raw else frozenset()
    except UNREADABLE:
        return frozenset()


def pptx_parts(path: Path) -> Iterator[WitnessPart]:
    """The slides in the order in which they are shown, each with its notes and comments."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        slides = _related(archive, names, "ppt/presentation.xml", "slide")
        with archive.open("ppt/presentation.xml") as stream:
            order = [tag.attributes for tag in tags(stream, ("sldId",)) if tag.opens]
        shown = [slides[found[1]] for one in order if (found := _RELATION_ID.search(one))]
        for number, name in enumerate(shown, 1):
            yield WitnessPart(_lines(archive, name, _DRAWING), number)
            for kind in ("notesSlide", "comments", "comment"):
                for beside in _related(archive, names, name, kind).values():
                    yield WitnessPart(_lines(archive, beside, _DRAWING), number)
        yield from _drawn(archive)


def xlsx_parts(path: Path) -> Iterator[WitnessPart]:
    """The cells that hold words, sheet by sheet, and what lies over the sheet: boxes, comments.

    Numbers are left out: a sheet shows them otherwise than it holds them.
    """
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        workbook = "xl/workbook.xml"
        sheets = _related(archive, names, workbook, "worksheet")
        shared: Sequence[str] = ()
        if "xl/sharedStrings.xml" in names:
            shared = _shared_strings(archive, "xl/sharedStrings.xml")
        with archive.open(workbook) as stream:
            listed = [tag for tag in tags(stream, ("sheet",)) if tag.opens]
        for tag in listed:
            found = _RELATION_ID.search(tag.attributes)
            name = sheets.get(found[1]) if found else None
            if name is None:
                continue
            sheet = tag.attribute("name")
            yield WitnessPart(tuple(_cells(archive, name, shared)), name=sheet)
            for kind, grammar in _OVER_SHEETS:
                for beside in _related(archive, names, name, kind).values():
                    yield WitnessPart(_lines(archive, beside, grammar), name=sheet, beside=True)


_OVER_SHEETS: Final = (
    ("drawing", _DRAWING),
    ("comments", _COMMENTS),
    ("threadedComment", _COMMENTS),
)


def odf_parts(path: Path) -> Iterator[WitnessPart]:
    """The paragraphs of an OpenDocument file: of a sheet, of a slide, or of the whole text."""
    with zipfile.ZipFile(path) as archive:
        is_sheet, is_slides = _odf_kind(archive)
        lines: list[str] = []
        name, page = "", 1 if is_slides else None
        began = False
        with archive.open("content.xml") as stream:
            for found in paragraphs(stream, _ODF):
                if isinstance(found, str):
                    lines.append(found)
                elif found.name == "page" and is_slides:
                    if began:
                        yield WitnessPart(tuple(lines), page)
                        page = (page or 0) + 1
                    lines, began = [], True
                elif found.name == "table" and is_sheet:
                    yield WitnessPart(tuple(lines), name=name)
                    lines, name = [], found.attribute("name")
        yield WitnessPart(tuple(lines), page, name)


def _odf_kind(archive: zipfile.ZipFile) -> tuple[bool, bool]:
    kind = archive.read("mimetype") if "mimetype" in archive.namelist() else b""
    return b"spreadsheet" in kind, b"presentation" in kind


def _drawn(archive: zipfile.ZipFile) -> Iterator[WitnessPart]:
    """The words of charts and diagrams, whose place in the text is not followed."""
    for name in sorted(filter(_DRAWN_PART.fullmatch, archive.namelist())):
        kind = "chart" if "/charts/" in name else "diagram"
        yield WitnessPart(_lines(archive, name, _DRAWING), name=kind, beside=True)


def _related(archive: zipfile.ZipFile, names: set[str], part: str, kind: str) -> Mapping[str, str]:
    """The parts that a part relates to in this way, by the ids of the relations."""
    folder, _, own = part.rpartition("/")
    told = f"{folder}/_rels/{own}.rels"
    if told not in names:
        return {}
    with archive.open(told) as stream:
        return {
            id_: target
            for id_, (type_, relative) in relations(stream).items()
            if type_ == kind and (target := _target(folder, relative)) in names
        }


def _target(folder: str, relative: str) -> str:
    if relative.startswith("/"):
        return relative.removeprefix("/")
    return posixpath.normpath(posixpath.join(folder, relative))


def _lines(archive: zipfile.ZipFile, name: str, grammar: Grammar) -> tuple[str, ...]:
    with archive.open(name) as stream:
        return tuple(line for line in paragraphs(stream, grammar) if isinstance(line, str))


def _shared_strings(archive: zipfile.ZipFile, name: str) -> Sequence[str]:
    """The strings of a workbook, which its cells name by their number."""
    with archive.open(name) as stream:
        return [
            _words(_READING_AIDS.sub("", item) if "rPh" in item else item)
            for block in text_blocks(stream, "si>")
            for item in _SHARED.findall(block)
        ]


def _words(item: str) -> str:
    """The words of a string, which may be cut into runs."""
    words = "".join(_INLINE.findall(item))
    words = html.unescape(words) if "&" in words else words
    return " ".join(words.split()) if "\n" in words else words


def _cells(archive: zipfile.ZipFile, name: str, shared: Sequence[str]) -> Iterator[str]:
    """The words in the cells of a sheet, row by row."""
    with archive.open(name) as stream:
        for block in text_blocks(stream, "c>"):
            for kind, value, inline in _CELLS.findall(block):
                if kind == "s":
                    number = int(value) if value.isdecimal() else len(shared)
                    words = shared[number] if number < len(shared) else ""
                else:
                    words = _words(inline or f"<t>{value}<")
                if words:
                    yield words
