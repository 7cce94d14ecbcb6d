"""The automatic numbers of Word documents as Word prints them, and the styles that they hang on.

A number is found so:

1. the `numPr` of the paragraph; what it does not say, of its style or the nearest one that the
   style is based on; number 0 means none
2. its list (`num`) and the pattern of that (`abstractNum`), which may be a style's again
3. the level: as said, or, where a style gives the list, the level that is linked to the style
4. the counters, one row for each pattern: lists of one pattern count on, unless a list says where
   it starts (`startOverride`)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from byline.ingest.readers.list_numerals import custom_numeral, numeral
from byline.ingest.readers.office.ooxml_package import attribute, is_true, local

_LEVELS: Final = 9
_COUNT_MAX: Final = 2_147_483_647
_PLACE: Final = re.compile(r"%([1-9])")
_HEADING: Final = re.compile(
    r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|заголовок|제목|見出し|标题|標題)"
    r" ?([1-9])",
    re.IGNORECASE,
)
BULLET: Final = "- "
"""What stands for any bullet."""


class ListLink(NamedTuple):
    """What `numPr` says; None where it says nothing."""

    list_id: str | None
    level: int | None


@dataclass(frozen=True, slots=True)
class Style:
    """A style, with what it has from those that it is based on.

    `heading` is the level of a heading, 0 for none; `link` its list, given by the style
    `linked_by`; `vanish` whether it hides text.
    """

    heading: int = 0
    link: ListLink | None = None
    linked_by: str = ""
    vanish: bool = False


_PLAIN: Final = Style()


class Styles:
    """Styles knows the styles of a document by their ids."""

    def __init__(self, root: Element | None = None) -> None:
        self._elements: dict[str, Element] = {}
        self._default = ""
        self._known: dict[str, Style] = {}
        for element in root if root is not None else ():
            if local(element.tag) == "style":
                style_id = attribute(element, "styleId")
                self._elements.setdefault(style_id, element)
                if attribute(element, "type") == "paragraph" and is_true(
                    attribute(element, "default")
                ):
                    self._default = style_id

    def of(self, style_id: str) -> Style:
        """The style of an id; the default one of paragraphs for ""."""
        style_id = style_id or self._default
        found = self._known.get(style_id)
        if found is None:
            found = self._known[style_id] = self._read(style_id)
        return found

    def list_of(self, style_id: str) -> str | None:
        """The list that a style of numberings stands for."""
        link = self.of(style_id).link if style_id in self._elements else None
        return link.list_id if link else None

    def hiding(self) -> frozenset[str]:
        """The ids of the styles that hide text."""
        return frozenset(style_id for style_id in self._elements if self.of(style_id).vanish)

    def _read(self, style_id: str) -> Style:
        """Put a style together from the first one that it is based on to itself."""
        chain: list[str] = []
        while style_id in self._elements and style_id not in chain:
            chain.append(style_id)
            style_id = _value(self._elements[style_id], "basedOn") or ""
        if not chain:
            return replace(_PLAIN, heading=_heading_named(style_id))
        style = _PLAIN
        for one in reversed(chain):
            style = _with(style, one, self._elements[one])
        return style


def _with(base: Style, style_id: str, element: Element) -> Style:
    properties = _child(element, "pPr")
    heading = _heading_named(_value(element, "name") or "") or base.heading
    if (outline := _value(properties, "outlineLvl")) is not None:
        heading = heading_level(outline)
    link = list_link(properties)
    if link and base.link:
        link = ListLink(link.list_id or base.link.list_id, link.level)
    hidden = toggle(_child(element, "rPr"), "vanish")
    return Style(
        heading=heading,
        link=link or base.link,
        linked_by=style_id if link else base.linked_by,
        vanish=base.vanish if hidden is None else hidden,
    )


def heading_level(outline: str) -> int:
    """The level of a heading for an outline level, which counts from 0; 9 is that of a text."""
    number = _number(outline)
    return number + 1 if number is not None and 0 <= number < _LEVELS else 0


def _heading_named(name: str) -> int:
    if name.lower() == "title":
        return 1
    found = _HEADING.fullmatch(name)
    return int(found[1]) if found else 0


def list_link(properties: Element | None) -> ListLink | None:
    """The list of a paragraph or style by its properties (`pPr`)."""
    said = _child(properties, "numPr")
    if said is None:
        return None
    level = _number(_value(said, "ilvl"))
    return ListLink(_value(said, "numId"), None if level is None else min(max(level, 0), 8))


def toggle(properties: Element | None, name: str) -> bool | None:
    """Whether a property of text (`rPr`) is on; None if nothing is said of it."""
    element = _child(properties, name)
    if element is None:
        return None
    return (attribute(element, "val") or "true").lower() not in ("0", "false", "off")


@dataclass(frozen=True, slots=True)
class _Level:
    start: int = 1
    form: str = "decimal"
    custom: str = ""
    text: str = ""
    after: str = " "
    all_decimal: bool = False
    restarts_below: int | None = None
    """It begins anew behind levels below this one; None: behind any level above it."""
    style: str = ""
    hidden: bool = False


@dataclass(slots=True)
class _Pattern:
    """An `abstractNum` and how far it has been counted."""

    levels: dict[int, _Level] = field(default_factory=dict)
    style: str = ""
    counts: list[int | None] = field(default_factory=lambda: [None] * _LEVELS)


@dataclass(slots=True)
class _List:
    pattern: str
    levels: dict[int, _Level]
    starts: dict[int, int]
    begun: set[int] = field(default_factory=set)


class Numbering:
    """Numbering counts the numbered paragraphs of a document. Ask for each in reading order."""

    def __init__(self, styles: Styles, root: Element | None = None) -> None:
        self._styles = styles
        self._patterns: dict[str, _Pattern] = {}
        self._lists: dict[str, _List] = {}
        for element in root if root is not None else ():
            match local(element.tag):
                case "abstractNum":
                    self._patterns[attribute(element, "abstractNumId")] = _Pattern(
                        dict(_levels(element)), _value(element, "numStyleLink") or ""
                    )
                case "num":
                    self._lists[attribute(element, "numId")] = _list(element)

    def mark(self, direct: ListLink | None, style: Style) -> str:
        """What stands before the next paragraph, with what parts it from the text: "제3조 "; "- "
        for any bullet, "" for nothing."""
        link = style.link if direct is None else direct
        list_id = (link.list_id if link else None) or (style.link.list_id if style.link else None)
        found = self._lists.get(list_id or "")
        if link is None or found is None:
            return ""
        pattern = self._pattern(found.pattern)
        levels = {**pattern.levels, **found.levels}
        at = link.level
        if direct is None or at is None:
            at = next((i for i, one in levels.items() if one.style == style.linked_by), at)
        at = at or 0
        if at not in levels:
            return ""
        self._count(found, pattern.counts, levels, at)
        return _shown(levels, pattern.counts, at)

    def _pattern(self, pattern_id: str) -> _Pattern:
        """The pattern of an id; one that is a style's instead is looked up at that style's list."""
        seen = set()
        while (found := self._patterns.get(pattern_id)) and found.style and pattern_id not in seen:
            seen.add(pattern_id)
            list_ = self._lists.get(self._styles.list_of(found.style) or "")
            if list_ is None:
                break
            pattern_id = list_.pattern
        return found or _Pattern()

    def _count(
        self, list_: _List, counts: list[int | None], levels: Mapping[int, _Level], at: int
    ) -> None:
        def first(level: int) -> int:
            said = list_.starts.get(level)
            return said if said is not None else levels.get(level, _NO_LEVEL).start

        for level in range(at):
            if counts[level] is None:  # a level that was left out counts as begun
                counts[level] = first(level)
        before = counts[at]
        if before is None or (at in list_.starts and at not in list_.begun):
            counts[at] = first(at)
        else:
            counts[at] = min(before + 1, _COUNT_MAX)
        list_.begun.add(at)
        for level in range(at + 1, _LEVELS):
            below = levels.get(level, _NO_LEVEL).restarts_below
            if at < (level if below is None else below):
                counts[level] = None


_NO_LEVEL: Final = _Level()


def _shown(levels: Mapping[int, _Level], counts: list[int | None], at: int) -> str:
    level = levels[at]
    if level.hidden:
        return ""
    if level.form == "bullet":
        return BULLET

    def replaced(found: re.Match[str]) -> str:
        place = int(found[1]) - 1
        count = counts[place]
        one = levels.get(place, _NO_LEVEL)
        if count is None:
            return ""
        if level.all_decimal and one.form != "none":
            return str(count)
        if one.form == "custom":
            return custom_numeral(count, one.custom)
        return numeral(count, one.form)

    text = _PLACE.sub(replaced, level.text).strip()
    return text + level.after if text else ""


def _list(element: Element) -> _List:
    found = _List(_value(element, "abstractNumId") or "", {}, {})
    for override in element:
        if local(override.tag) == "lvlOverride":
            at = _number(attribute(override, "ilvl"))
            start = _number(_value(override, "startOverride"))
            if at is not None and 0 <= at < _LEVELS:
                if start is not None:
                    found.starts[at] = start
                for _, level in _levels(override):
                    found.levels[at] = level
    return found


def _levels(element: Element) -> Iterator[tuple[int, _Level]]:
    for child in element:
        if local(child.tag) == "lvl":
            at = _number(attribute(child, "ilvl"))
            if at is None or 0 <= at < _LEVELS:
                yield at or 0, _level(child)


def _level(element: Element) -> _Level:
    form, custom = "decimal", ""
    # The form of newer programs stands beside one for older ones, in an AlternateContent.
    for one in element.iter():
        if local(one.tag) == "numFmt":
            form, custom = attribute(one, "val") or "decimal", attribute(one, "format")
            break
    start = _number(_value(element, "start"))
    after = _value(element, "suff")
    return _Level(
        start=1 if start is None else start,
        form=form,
        custom=custom,
        text=_value(element, "lvlText") or "",
        after="" if after == "nothing" else " ",
        all_decimal=toggle(element, "isLgl") or False,
        restarts_below=_number(_value(element, "lvlRestart")),
        style=_value(element, "pStyle") or "",
        hidden=toggle(_child(element, "rPr"), "vanish") or False,
    )


def _child(element: Element | None, name: str) -> Element | None:
    for child in element if element is not None else ():
        if local(child.tag) == name:
            return child
    return None


def _value(element: Element | None, name: str) -> str | None:
    child = _child(element, name)
    return None if child is None else attribute(child, "val")


def _number(said: str | None) -> int | None:
    """A number of an attribute, within the bounds of the format; None if it is none."""
    if not said or len(said) > 30 or not said.lstrip("-").isdecimal():
        return None
    return min(max(int(said), -1), _COUNT_MAX)
