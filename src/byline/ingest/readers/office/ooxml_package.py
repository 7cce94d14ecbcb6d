"""The parts of an Office Open XML file (.docx, .xlsx, .pptx), and how they relate."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Final
from xml.etree import ElementTree

UNREADABLE: Final = (
    zipfile.BadZipFile,
    ElementTree.ParseError,
    zlib.error,
    EOFError,
    LookupError,  # a part that is not there, or says it is in an encoding that nobody knows
    NotImplementedError,  # a way of packing that the standard library does not have
    OSError,
    RuntimeError,  # a part that is packed with a password
    ValueError,
)
"""What reading a damaged archive of XML can raise."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What a part says of another part."""

    kind: str
    """The last word of its type: `worksheet`, `comments`, `drawing` …"""
    target: str


class Package:
    """Package opens the parts of an archive; names of parts are compared without case."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}

    def part(self, name: str) -> str | None:
        """The name of a part as the archive has it, or None."""
        return self._names.get(name.lower())

    def open(self, part: str) -> IO[bytes]:
        """The bytes of a part. Raises one of `UNREADABLE`."""
        return self._archive.open(part)

    def root(self, part: str) -> ElementTree.Element:
        """A part as a tree. Raises one of `UNREADABLE`."""
        with self.open(part) as stream:
            return ElementTree.parse(stream).getroot()

    def elements(self, part: str) -> Iterator[ElementTree.Element]:
        """All elements of a part in reading order. Raises one of `UNREADABLE`."""
        yield from self.root(part).iter()

    def relations(self, part: str) -> Mapping[str, Relation]:
        """The parts that a part relates to, by the ids of the relations; those that are there."""
        folder, name = posixpath.split(part)
        known = self.part(f"{folder}/_rels/{name}.rels".lstrip("/"))
        found = {}
        for element in self.elements(known) if known else ():
            if local(element.tag) == "Relationship" and element.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, element.get("Target", "")))
                kind = element.get("Type", "").rpartition("/")[2]
                if actual := self.part(target.lstrip("/")):
                    found[element.get("Id", "")] = Relation(kind, actual)
        return found

    def title(self) -> str:
        """The title in the properties of the file; "" if it has none that can be read."""
        part = self.part("docProps/core.xml")
        if part is None:
            return ""
        try:
            titles = [e.text for e in self.elements(part) if local(e.tag) == "title"]
        except UNREADABLE:
            return ""
        return (titles[0] or "") if titles else ""


@lru_cache(maxsize=4_096)  # a file has a few hundred tags, each a thousand times
def local(tag: object) -> str:
    """A tag without its namespace; strict files have others than usual ones."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: ElementTree.Element, name: str) -> str:
    """The value of an attribute in whatever namespace; "" if it is not there."""
    for key, value in element.items():
        if key.endswith(name) and key.rpartition("}")[2] == name:
            return value
    return ""


def relation_id(element: ElementTree.Element) -> str:
    """The id of the relation that an element names; "" if it names none."""
    return next((v for name, v in element.items() if name.endswith("}id")), "")


def is_true(value: str | None) -> bool:
    """Whether the value of an attribute says yes."""
    return (value or "").lower() in ("1", "true", "on")


def drawn_paragraphs(element: ElementTree.Element) -> str:
    """The text of DrawingML paragraphs, one a line."""
    lines = []
    for paragraph in element.iter():
        if local(paragraph.tag) == "p":
            pieces = (
                (piece.text or "") if local(piece.tag) == "t" else "\n"
                for piece in paragraph.iter()
                if local(piece.tag) in ("t", "br")
            )
            lines.append("".join(pieces).strip())
    return "\n".join(line for line in lines if line)
