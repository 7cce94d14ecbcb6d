"""The shapes of a slide in reading order: the title first, then rows from the top, each from the
left; the shapes of a group together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, TypeVar
from xml.etree import ElementTree

from byline.ingest.readers.office.ooxml_package import is_true, local

_T = TypeVar("_T")

TITLES: Final = frozenset({"title", "ctrTitle"})
FOOTERS: Final = frozenset({"ftr", "hdr", "dt"})
NOT_TEXT: Final = frozenset({"sldNum", "sldImg"})
"""Placeholders whose text is not of the slide's own: its number, its picture beside the notes."""
_SHAPES: Final = frozenset({"sp", "cxnSp", "pic", "graphicFrame", "grpSp", "contentPart"})
_HEIGHT_SHARED: Final = 0.5
"""How much of the lower of two shapes must lie beside the other for both to be in one row."""


class Bounds(NamedTuple):
    """Where a shape lies, in the units of its group."""

    top: int
    left: int
    height: int


Places: TypeAlias = dict[tuple[str, str], Bounds | None]
"""Where the placeholders of a layout lie, by type and index."""


@dataclass(frozen=True, slots=True)
class SlideShape:
    """A shape that is no group.

    `kind` is the type of its placeholder, "" if it is none; `place` is that type and its index.
    """

    element: ElementTree.Element
    kind: str
    place: tuple[str, str] | None
    bounds: Bounds | None
    is_hidden: bool

    @property
    def is_prose(self) -> bool:
        """Whether its text is in paragraphs of its own, not in a table, chart or diagram."""
        return local(self.element.tag) != "graphicFrame"


def shapes_of(root: ElementTree.Element, layouts: Sequence[Places]) -> Iterator[SlideShape]:
    """Yield the shapes of a slide, layout, page of notes, or drawing upon a chart.

    `layouts` say where placeholders lie that do not say it themselves.
    """
    tree = next((e for e in root.iter() if local(e.tag) in ("spTree", "userShapes")), None)
    stack: list[SlideShape] = [] if tree is None else _ordered(tree, layouts, is_hidden=False)[::-1]
    while stack:
        shape = stack.pop()
        if local(shape.element.tag) == "grpSp":
            stack += _ordered(shape.element, layouts, is_hidden=shape.is_hidden)[::-1]
        else:
            yield shape


def has_picture(element: ElementTree.Element) -> bool:
    """Whether a shape is a picture or is filled with one."""
    return any(local(e.tag) == "blip" for e in element.iter())


def _ordered(
    group: ElementTree.Element, layouts: Sequence[Places], *, is_hidden: bool
) -> list[SlideShape]:
    shapes = [
        _shape(element, layouts, is_hidden=is_hidden)
        for child in group
        for element in _alternative(child)
    ]
    titles = [one for one in shapes if one.kind in TITLES]
    return titles + in_reading_order(
        [(one.bounds, one) for one in shapes if one.kind not in TITLES]
    )


def _alternative(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """The shapes an element stands for; where it offers some for newer programs, those."""
    stack = [element]
    while stack:
        one = stack.pop()
        name = local(one.tag)
        if name in _SHAPES:
            yield one
        elif name == "AlternateContent":
            offers = [e for e in one if len(e)]
            stack += offers[:1]
        elif name in ("Choice", "Fallback", "relSizeAnchor", "absSizeAnchor"):
            stack += list(one)[::-1]


def _shape(
    element: ElementTree.Element, layouts: Sequence[Places], *, is_hidden: bool
) -> SlideShape:
    kind, place = "", None
    for head in list(element)[:1]:
        for one in head.iter():
            if local(one.tag) == "ph":
                kind = one.get("type", "obj")
                place = (kind, one.get("idx", ""))
            elif local(one.tag) == "cNvPr":
                is_hidden = is_hidden or is_true(one.get("hidden"))
    bounds = _bounds(element)
    if bounds is None and place is not None:
        asked = [place, (kind, "")]
        if kind == "obj":
            asked += [("body", place[1]), ("body", "")]
        said = (places[key] for places in layouts for key in asked if key in places)
        bounds = next((one for one in said if one is not None), None)
    return SlideShape(element, kind, place, bounds, is_hidden)


def _bounds(element: ElementTree.Element) -> Bounds | None:
    for child in element:
        for transform in (child, *child):
            if local(transform.tag) == "xfrm":
                found = {local(one.tag): one for one in transform}
                if "off" in found:
                    size = found.get("ext")
                    height = _number(size.get("cy")) if size is not None else 0
                    off = found["off"]
                    return Bounds(_number(off.get("y")), _number(off.get("x")), height)
    return None


def _number(said: str | None) -> int:
    try:
        return int(said or "0") if len(said or "") < 20 else 0
    except ValueError:
        return 0


def in_reading_order(shapes: Sequence[tuple[Bounds | None, _T]]) -> list[_T]:
    """The shapes in rows; one that does not say where it lies stays behind the one before it."""
    placed: list[tuple[Bounds, int, _T]] = []
    last = Bounds(0, 0, 0)
    for order, (bounds, shape) in enumerate(shapes):
        last = bounds or last
        placed.append((last, order, shape))
    placed.sort(key=lambda one: (one[0].top, one[0].left, one[1]))
    rows: list[list[tuple[Bounds, int, _T]]] = []
    for one in placed:
        if rows and _is_beside(rows[-1][0][0], one[0]):
            rows[-1].append(one)
        else:
            rows.append([one])
    return [
        shape
        for row in rows
        for _, _, shape in sorted(row, key=lambda one: (one[0].left, one[0].top, one[1]))
    ]


def _is_beside(first: Bounds, other: Bounds) -> bool:
    """Whether two shapes, the upper one `first`, stand in one row."""
    if other.top == first.top:
        return True
    lower = min(first.height, other.height)
    return first.top + first.height - other.top > 0 and other.top - first.top < (
        lower * _HEIGHT_SHARED
    )
