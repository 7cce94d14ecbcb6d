"""The paragraphs of an XML part of a document, read as a stream.

A parser would build or call for every element, of which a document has dozens a word; here a search
passes over all that does not matter. It is a witness, not a reader: it may say less than there is
(entities of its own, a `>` in an attribute), and then less is compared.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, NamedTuple

_BLOCK_BYTES: Final = 1_048_576
_SPACE: Final = re.compile(r"\s+")


class Tag(NamedTuple):
    """A tag by its name without prefix, and the characters after it. `opens` and `closes` are both
    true of an empty element."""

    name: str
    attributes: str
    opens: bool
    closes: bool
    text: str

    def attribute(self, name: str) -> str:
        """The value of an attribute by its name without prefix; "" if it has none."""
        found = re.search(rf"""(?:^|[\s:]){re.escape(name)}\s*=\s*["']([^"']*)""", self.attributes)
        return html.unescape(found[1]) if found else ""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Which elements say what: `paragraphs` are lines, of what is in `texts` (None: all that is in a
    paragraph); `blanks` stand for a space; what is in `skipped` is not shown. `divisions` begin a
    part of the document; `runs` are hidden by a `hiders` in them."""

    paragraphs: frozenset[str]
    texts: frozenset[str] | None
    blanks: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    divisions: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()
    hiders: frozenset[str] = frozenset()

    def names(self) -> frozenset[str] | None:
        """The elements that matter; None: all."""
        if self.texts is None:
            return None
        return self.paragraphs.union(
            self.texts, self.blanks, self.skipped, self.divisions, self.runs, self.hiders
        )


@dataclass(slots=True)
class _Place:
    """Where a stream has come to."""

    lines: list[list[str]] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    hidden: bool = False


def tags(stream: IO[bytes], names: Iterable[str] | None) -> Iterator[Tag]:
    """The tags of these names in a stream of XML; all if None."""
    wanted = r"[\w.-]+" if names is None else "|".join(map(re.escape, sorted(names)))
    pattern = re.compile(rf"<(/?)(?:[\w.-]+:)?({wanted})((?:\s[^<>]*?)?)(/?)>([^<]*)")
    for block in text_blocks(stream, "<"):
        for closing, name, attributes, empty, text in pattern.findall(block):
            yield Tag(name, attributes, not closing, bool(closing or empty), text)


def text_blocks(stream: IO[bytes], mark: str) -> Iterator[str]:
    """A stream of XML in pieces, which are cut where they last hold `mark`: before "<", so that none
    ends in a tag or in what follows one; behind any other."""
    first = stream.read(_BLOCK_BYTES)
    is_wide = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if is_wide else "utf-8")("replace")
    rest = ""
    while first:
        block = rest + decoder.decode(first)
        cut = max(block.rfind(mark), 0)
        if cut and mark != "<":
            cut += len(mark)
        yield block[:cut]
        rest = block[cut:]
        first = stream.read(_BLOCK_BYTES)
    yield rest


def paragraphs(stream: IO[bytes], grammar: Grammar) -> Iterator[str | Tag]:
    """The paragraphs that are shown, each on one line, and the tags that begin a division.

    A paragraph inside another, such as that of a text box, comes first.
    """
    place = _Place()
    for tag in tags(stream, grammar.names()):
        if place.skips:
            _skip(place, tag)
        elif tag.name in grammar.skipped:
            if tag.opens and not tag.closes:
                place.skips.append(tag.name)
        elif tag.name in grammar.divisions and tag.opens:
            yield tag
        elif tag.name in grammar.paragraphs:
            if tag.opens and not tag.closes:
                place.lines.append([])
            elif not tag.opens and place.lines:
                if line := _line(place.lines.pop()):
                    yield line
        elif tag.name in grammar.runs:
            place.hidden = False
        elif tag.name in grammar.hiders:
            place.hidden = place.hidden or tag.attribute("val") not in ("0", "false", "off")
        elif tag.name in grammar.blanks and place.lines:
            place.lines[-1].append(" ")
        _take(place, tag, grammar)


def _skip(place: _Place, tag: Tag) -> None:
    if tag.name == place.skips[-1]:
        if not tag.opens:
            place.skips.pop()
        elif not tag.closes:
            place.skips.append(tag.name)


def _take(place: _Place, tag: Tag, grammar: Grammar) -> None:
    """Add the characters after a tag to the paragraph they are in."""
    if not tag.text or place.skips or place.hidden or not place.lines:
        return
    if grammar.texts is None or (tag.name in grammar.texts and tag.opens and not tag.closes):
        place.lines[-1].append(tag.text)


def _line(pieces: list[str]) -> str:
    return _SPACE.sub(" ", html.unescape("".join(pieces))).strip()


def relations(stream: IO[bytes]) -> Mapping[str, tuple[str, str]]:
    """The targets of a part's relations by their ids, each with its type's last word."""
    return {
        tag.attribute("Id"): (tag.attribute("Type").rpartition("/")[2], tag.attribute("Target"))
        for tag in tags(stream, ("Relationship",))
        if tag.opens
    }
