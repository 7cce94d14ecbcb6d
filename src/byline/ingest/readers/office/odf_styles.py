"""What the styles of an OpenDocument file say that changes its text: numbers of lists and headings,
and what is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from byline.ingest.readers.office.odf_numbering import printed_number

TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_LEVELS: Final = re.compile(r"%(\d{1,2})%")
LEVELS_MAX: Final = 10
_NUMBER_MAX: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ListLevel:
    """How one level of a list is marked. `pattern` is the whole mark, with `%1%` for the number of
    level 1, where the file gives it; `is_bullet`: by a sign that says nothing."""

    form: str = ""
    prefix: str = ""
    suffix: str = ""
    pattern: str = ""
    levels_shown: int = 1
    start: int = 1
    is_bullet: bool = False
    is_letter_synced: bool = False


ListStyle = Mapping[int, ListLevel]
"""The levels of a list style, from 1."""


@dataclass(frozen=True, slots=True)
class _ParagraphStyle:
    parent: str
    list_style: str | None
    is_hidden: bool


class Styles:
    """Styles holds the styles of a file by their names; later ones replace earlier ones."""

    def __init__(self, containers: Iterable[ElementTree.Element]) -> None:
        self.lists: dict[str, ListStyle] = {}
        self.outline: ListStyle = {}
        self._styles: dict[tuple[str, str], _ParagraphStyle] = {}
        self._hidden_pages: set[str] = set()
        self._is_any_hidden = False
        for container in containers:
            for element in container:
                name = element.get(f"{STYLE}name", "")
                if element.tag == f"{STYLE}style":
                    self._add(name, element)
                elif element.tag == f"{TEXT}list-style":
                    self.lists[name] = _list_style(element)
                elif element.tag == f"{TEXT}outline-style":
                    self.outline = _list_style(element)

    def _add(self, name: str, element: ElementTree.Element) -> None:
        family = element.get(f"{STYLE}family", "")
        is_hidden = False
        for properties in element:
            for key, value in properties.items():
                if key == f"{TEXT}display" and value == "none":
                    is_hidden = self._is_any_hidden = True
                elif key.endswith("}visibility") and value == "hidden":
                    self._hidden_pages.add(name)
            inner = properties.find(f"{TEXT}list-style")
            if inner is not None:
                self.lists[f"\0{name}"] = _list_style(inner)
        if f"\0{name}" in self.lists:
            listed: str | None = f"\0{name}"
        else:
            listed = element.get(f"{STYLE}list-style-name")
        parent = element.get(f"{STYLE}parent-style-name", "")
        self._styles[family, name] = _ParagraphStyle(parent, listed, is_hidden)

    def is_hidden(self, family: str, name: str) -> bool:
        """Whether text of a style is not shown."""
        if not self._is_any_hidden:
            return False
        return any(style.is_hidden for style in self._line(family, name))

    def is_hidden_page(self, name: str) -> bool:
        """Whether slides of a style are left out when the presentation is shown."""
        return name in self._hidden_pages

    def list_of(self, family: str, name: str) -> str | None:
        """The list style that a style names: "" to have none, None if it says nothing."""
        said = (style.list_style for style in self._line(family, name))
        return next((one for one in said if one is not None), None)

    def _line(self, family: str, name: str) -> Iterator[_ParagraphStyle]:
        """A style and those it is made from; a circle of styles is walked once."""
        seen: set[str] = set()
        while name not in seen and (style := self._styles.get((family, name))):
            seen.add(name)
            yield style
            name = style.parent


class ListCounter:
    """ListCounter counts the items of one list, or the headings of a document, by level."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def advance(self, level: int, style: ListStyle, start: int | None) -> None:
        """Count an item of `level`; with `start` the numbers begin there."""
        for deeper in [one for one in self._numbers if one > level]:
            del self._numbers[deeper]
        known = self._numbers.get(level)
        if start is not None:
            number = start
        elif known is None:
            number = _level(style, level).start
        else:
            number = known + 1
        self._numbers[level] = min(number, _NUMBER_MAX)
        self._fill(level, style)

    def enter(self, level: int, style: ListStyle) -> None:
        """An item of `level` without text of its own; it counts only if nothing did before."""
        self._numbers.setdefault(level, _level(style, level).start)

    def mark(self, level: int, style: ListStyle) -> str:
        """What stands before an item of `level`: "2.1", "가)", "-" for a bullet, or nothing."""
        own = _level(style, level)
        if own.is_bullet:
            return "-"
        if own.pattern:
            said = _LEVELS.sub(lambda m: self._number(int(m[1]), style), own.pattern)
        elif own.form:
            first = max(1, level - max(1, own.levels_shown) + 1)
            numbers = (self._number(one, style) for one in range(first, level + 1))
            said = own.prefix + ".".join(filter(None, numbers)) + own.suffix
        else:
            said = own.prefix + own.suffix
        return said.strip()

    def _number(self, level: int, style: ListStyle) -> str:
        own = _level(style, level)
        number = self._numbers.get(level, own.start)
        return printed_number(number, own.form, is_letter_synced=own.is_letter_synced)

    def _fill(self, level: int, style: ListStyle) -> None:
        for above in range(1, min(level, LEVELS_MAX)):
            self._numbers.setdefault(above, _level(style, above).start)


def _level(style: ListStyle, level: int) -> ListLevel:
    return style.get(level, ListLevel())


def whole_number(said: str | None) -> int | None:
    """A number of an attribute; None where there is none."""
    if said and said.isdecimal() and len(said) < 10:
        return int(said)
    return None


def _list_style(element: ElementTree.Element) -> ListStyle:
    found: dict[int, ListLevel] = {}
    for level in element:
        number = whole_number(level.get(f"{TEXT}level"))
        if number is None:
            continue
        is_numbered = level.tag in (
            f"{TEXT}list-level-style-number",
            f"{TEXT}outline-level-style",
        )
        shown = whole_number(level.get(f"{TEXT}display-levels"))
        start = whole_number(level.get(f"{TEXT}start-value"))
        pattern = next((v for k, v in level.items() if k.endswith("}num-list-format")), "")
        found[number] = ListLevel(
            form=level.get(f"{STYLE}num-format", "") if is_numbered else "",
            prefix=level.get(f"{STYLE}num-prefix", ""),
            suffix=level.get(f"{STYLE}num-suffix", ""),
            pattern=pattern if is_numbered and level.get(f"{STYLE}num-format") else "",
            levels_shown=shown or 1,
            start=1 if start is None else start,
            is_bullet=not is_numbered,
            is_letter_synced=level.get(f"{STYLE}num-letter-sync") == "true",
        )
    return found
