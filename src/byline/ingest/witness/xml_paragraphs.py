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
from typing import IO, Final, NamedTuple, TypeAlias

_BLOCK_BYTES: Final = 1_048_576
_REST_CHARS_MAX: Final = 8 * _BLOCK_BYTES
"""More without a mark is no part of a document, and is passed over."""
_Pattern: TypeAlias = re.Pattern[str]
_Found: TypeAlias = tuple[str, str, str, str, str]
"""A tag: its slash if it closes, name, attributes, its slash if it is empty, what follows it."""


class XmlTag(NamedTuple):
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
    """Which elements say what: `paragraphs` are lines, of what is in `texts` (None: all that is in
    a paragraph); `blanks` stand for a space; what is in `skipped` is not shown. `divisions` begin a
    part of the document; `runs` are hidden by a `hiders` in them, by one of `hiding_styles`, or by
    standing among the instructions of a field."""

    paragraphs: frozenset[str]
    texts: frozenset[str] | None
    blanks: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    divisions: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()
    hiders: frozenset[str] = frozenset()
    hiding_styles: frozenset[str] = frozenset()

    def patterns(self) -> tuple[_Pattern, _Pattern]:
        """What finds the tags that matter where nothing is hidden, and where something is."""
        if self.texts is None:
            return _tag_pattern(None), _tag_pattern(None)
        shown = self.paragraphs.union(self.texts, self.blanks, self.skipped, self.divisions)
        return _tag_pattern(shown), _tag_pattern(shown | self.runs | self.hiders)


@dataclass(slots=True)
class _Place:
    """Where a stream has come to: the paragraphs that are open, each with its pieces so far, and
    the skipped elements."""

    lines: list[list[str]] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    hidden: bool = False
    hides_runs: bool = False
    """The style of the paragraph hides its runs."""
    fields: list[bool] = field(default_factory=list)
    """The fields that are open: whether each has come to its result."""

    def take(self, text: str) -> None:
        """Add characters to the innermost paragraph."""
        if self.lines:
            self.lines[-1].append(text)


def _tag_pattern(names: Iterable[str] | None) -> _Pattern:
    wanted = r"[\w.-]++" if names is None else "|".join(map(re.escape, sorted(names)))
    prefix = r"(?:[\w.-]++:)?"
    attributes = r"((?:\s[^<>/]*+(?:/(?!>)[^<>/]*+)*+)?+)"
    return re.compile(rf"<(/?+){prefix}({wanted}){attributes}(/?+)>([^<]*+)")


def tags(stream: IO[bytes], names: Iterable[str]) -> Iterator[XmlTag]:
    """The tags of these names in a stream of XML."""
    pattern = _tag_pattern(names)
    for block in text_blocks(stream, "<"):
        for closing, name, attributes, empty, text in pattern.findall(block):
            yield XmlTag(name, attributes, not closing, bool(closing or empty), text)


def text_blocks(stream: IO[bytes], mark: str) -> Iterator[str]:
    """A stream of XML in pieces, which are cut where they last hold `mark`: before "<", so that
    none ends in a tag or in what follows one; behind any other."""
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
        rest = block[cut:] if len(block) - cut < _REST_CHARS_MAX else ""
        first = stream.read(_BLOCK_BYTES)
    yield rest


def paragraphs(stream: IO[bytes], grammar: Grammar) -> Iterator[str | XmlTag]:
    """The paragraphs that are shown, each on one line, and the tags that begin a division.

    A paragraph inside another, such as that of a text box, comes first.
    """
    place = _Place()
    shown, hiding = grammar.patterns()
    texts, is_mixed = grammar.texts or frozenset(), grammar.texts is None
    for block in text_blocks(stream, "<"):
        may_hide = (
            place.hidden or bool(place.fields) or any(name in block for name in grammar.hiders)
        )
        for found in (hiding if may_hide else shown).findall(block):
            closing, name, _, empty, text = found
            if name in texts and name not in grammar.paragraphs:  # most tags, so these come first
                if text and not closing and not (empty or place.skips or place.hidden):
                    place.take(text)
                continue
            if place.skips:
                _skip(place, found)
            elif (told := _step(place, found, grammar)) is not None:
                yield told
            if text and not place.skips and (is_mixed or (name in texts and not closing)):
                place.take(text)


def _step(place: _Place, found: _Found, grammar: Grammar) -> str | XmlTag | None:
    """Take a tag into account that is not skipped; what it ends or begins that is told."""
    closing, name, attributes, empty, text = found
    if name in grammar.paragraphs:
        if closing and place.lines:
            return _line(place.lines.pop()) or None
        if not closing and not empty:
            place.lines.append([])
            place.hides_runs = False
    elif name in grammar.skipped:
        if not closing and not empty:
            place.skips.append(name)
    elif name in grammar.blanks:
        place.take(" ")
    elif name in grammar.divisions and not closing:
        return XmlTag(name, attributes, True, bool(empty), text)
    else:
        _hide(place, found, grammar)
    return None


def _skip(place: _Place, found: _Found) -> None:
    closing, name, _, empty, _ = found
    if name == place.skips[-1]:
        if closing:
            place.skips.pop()
        elif not empty:
            place.skips.append(name)


def _hide(place: _Place, found: _Found, grammar: Grammar) -> None:
    """Hide the run in which a hider stands; the next one is shown again."""
    closing, name, attributes, empty, text = found
    if name in grammar.runs:
        place.hidden = place.hides_runs or not all(place.fields)
    elif closing or name not in grammar.hiders:
        return
    elif name == "fldChar":
        _follow_field(place, XmlTag(name, attributes, True, bool(empty), text))
    else:
        value = XmlTag(name, attributes, True, bool(empty), text).attribute("val")
        if name == "pStyle":
            place.hides_runs = value in grammar.hiding_styles
        elif name == "rStyle":  # turns over what the paragraph's says
            place.hidden ^= value in grammar.hiding_styles
        else:
            place.hidden = value not in ("0", "false", "off")


def _follow_field(place: _Place, tag: XmlTag) -> None:
    match tag.attribute("fldCharType"):
        case "begin":
            place.fields.append(False)
        case "separate" if place.fields:
            place.fields[-1] = True
        case "end" if place.fields:
            place.fields.pop()


def _line(pieces: list[str]) -> str:
    line = "".join(pieces)
    if "&" in line:
        line = html.unescape(line)
    return (" ".join(line.split()) if "\n" in line else line).strip()


def relations(stream: IO[bytes]) -> Mapping[str, tuple[str, str]]:
    """The targets of a part's relations by their ids, each with its type's last word."""
    return {
        tag.attribute("Id"): (tag.attribute("Type").rpartition("/")[2], tag.attribute("Target"))
        for tag in tags(stream, ("Relationship",))
        if tag.opens
    }
