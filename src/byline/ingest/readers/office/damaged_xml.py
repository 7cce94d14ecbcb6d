"""XML that may be cut off or damaged: what stands before the damage is read."""

from __future__ import annotations

from typing import IO, Final
from xml.etree import ElementTree

from byline.ingest.readers.office.ooxml_package import UNREADABLE

_READ_BYTES: Final = 262_144


def tree_so_far(stream: IO[bytes] | IO[str]) -> tuple[ElementTree.Element, bool]:
    """The tree of an XML part, and whether it is damaged.

    Raises one of `UNREADABLE` if there is nothing before the damage.
    """
    builder = ElementTree.TreeBuilder()
    parser = ElementTree.XMLParser(target=builder)
    try:
        while data := stream.read(_READ_BYTES):
            parser.feed(data)
        return parser.close(), False
    except UNREADABLE as error:
        root = builder.close()
        if not isinstance(root, ElementTree.Element):
            raise ValueError("no element before the damage") from error
        return root, True
