"""The figures of charts and the texts of diagrams (SmartArt), as Office files keep them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree

from byline.ingest.readers.office.ooxml_package import attribute, drawn_paragraphs, local
from byline.ingest.readers.office.spanned_tables import TableCell, table_text
from byline.ingest.readers.sheets.number_formats import GENERAL, number_format

_VALUES: Final = ("val", "yVal", "bubbleSize")
_CATEGORIES: Final = ("cat", "xVal")
_POINTS_MAX: Final = 100_000
"""Points of a chart that are read."""


def chart_texts(root: ElementTree.Element) -> Iterator[str]:
    """Yield the titles of a chart, its figures as a table, and the labels written into it.

    The figures are those the chart was drawn from when the file was saved: a row a category,
    a column a series.
    """
    if any(local(element.tag) == "chartData" for element in root):
        yield from _new_chart_texts(root)
        return
    for title in _all(root, "title"):
        if text := drawn_paragraphs(title) or " ".join(_cached_texts(title).values()):
            yield text
    cells: list[TableCell] = []
    for column, series in enumerate(_all(root, "ser"), 1):
        cells += _series_cells(series, column)
    if text := table_text(_without_repeats(cells)):
        yield text
    for label in _all(root, "dLbl"):
        if text := drawn_paragraphs(label):
            yield text


def _series_cells(series: ElementTree.Element, number: int) -> Iterator[TableCell]:
    """The cells of a series: its name in row 0, categories in column 0, then its values."""
    column = number * len(_VALUES)
    for part in series:
        name = local(part.tag)
        if name == "tx":
            yield TableCell(0, column, " ".join(_cached_texts(part).values()))
        elif name in _CATEGORIES:
            for row, text in _cached_texts(part).items():
                yield TableCell(row + 1, 0, text)
        elif name in _VALUES:
            at = column + _VALUES.index(name) % 2
            for row, text in _cached_texts(part).items():
                yield TableCell(row + 1, at, text)


def _without_repeats(cells: list[TableCell]) -> list[TableCell]:
    """The cells, those at one place once: each series names its categories."""
    seen: dict[tuple[int, int], str] = {}
    for cell in cells:
        place = (cell.row, cell.column)
        known = seen.get(place)
        if not known:
            seen[place] = cell.text
        elif cell.text and cell.text != known and cell.text not in known.split(" / "):
            seen[place] = f"{known} / {cell.text}"
    return [TableCell(*place, text) for place, text in seen.items()]


def _cached_texts(element: ElementTree.Element) -> Mapping[int, str]:
    """The texts of the points below an element by their index, as the chart shows them."""
    code = next((e.text or GENERAL for e in _all(element, "formatCode")), GENERAL)
    found: dict[int, str] = {}
    levels = list(_all(element, "lvl"))
    # The innermost level comes first; the outer ones name groups of categories.
    for level in reversed(levels) if levels else (element,):
        said = ""
        points = {_index(p): _point(p, code) for p in _all(level, "pt")}
        rows = sorted(found.keys() | points.keys()) if levels else sorted(points)
        for row in rows[:_POINTS_MAX]:
            said = points.get(row, said)
            found[row] = f"{found[row]}, {said}" if found.get(row) else said
    if not found:
        bare = (e.text or "" for e in element if local(e.tag) == "v")
        found = dict(enumerate(bare))
    return found


def _index(point: ElementTree.Element) -> int:
    said = point.get("idx", "0")
    return int(said) if said.isdecimal() and len(said) < 9 else 0


def _point(point: ElementTree.Element, code: str) -> str:
    text = next((e.text or "" for e in point if local(e.tag) == "v"), point.text or "").strip()
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return number_format(point.get("formatCode", code)).show_number(number)


def _new_chart_texts(root: ElementTree.Element) -> Iterator[str]:
    """The texts of a chart of Office 2016 and later: waterfall, funnel, treemap …"""
    for title in _all(root, "title"):
        if text := drawn_paragraphs(title):
            yield text
    for series in _all(root, "series"):
        for name in _all(series, "tx"):
            if text := " ".join(e.text or "" for e in _all(name, "v")).strip():
                yield text
    for data in _all(root, "data"):
        dimensions = [e for e in data if local(e.tag) in ("strDim", "numDim")]
        cells = []
        for column, dimension in enumerate(dimensions):
            for level in _all(dimension, "lvl"):
                code = level.get("formatCode", GENERAL)
                points = ((_index(p), p.text or "") for p in _all(level, "pt"))
                for row, text in points:
                    said = _number_text(text, code) if local(dimension.tag) == "numDim" else text
                    cells.append(TableCell(row, column, said))
        if text := table_text(_without_repeats(cells)):
            yield text


def _number_text(text: str, code: str) -> str:
    point = ElementTree.Element("pt")
    point.text = text
    return _point(point, code)


def diagram_lines(root: ElementTree.Element) -> Iterator[str]:
    """Yield the texts of a diagram in reading order: each before those that hang below it."""
    points: dict[str, str] = {}
    for point in _all(root, "pt"):
        text = "\n".join(t for t in (drawn_paragraphs(e) for e in point) if t)
        points[attribute(point, "modelId")] = text
    below: dict[str, list[tuple[int, str]]] = {}
    hanging: set[str] = set()
    for one in _all(root, "cxn"):
        if one.get("type", "parOf") == "parOf":
            order = one.get("srcOrd", "0")
            child = one.get("destId", "")
            below.setdefault(one.get("srcId", ""), []).append(
                (int(order) if order.isdecimal() else 0, child)
            )
            hanging.add(child)
    seen: set[str] = set()
    for top in [*(p for p in points if p not in hanging), *points]:
        stack = [top]
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            if points.get(at):
                yield points[at]
            stack += [child for _, child in sorted(below.get(at, ()), reverse=True)]


def _all(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (e for e in element.iter() if local(e.tag) == name)
