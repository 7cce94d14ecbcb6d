"""The paragraphs and tables of slides, in DrawingML: with the numbers that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias
from xml.etree import ElementTree

from byline.ingest.readers.office.odf_numbering import printed_number
from byline.ingest.readers.office.ooxml_package import is_true, local
from byline.ingest.readers.office.spanned_tables import TableCell, table_text

NumberedForms: TypeAlias = Mapping[tuple[str, str], Mapping[int, str]]
"""For placeholders, by type and index: the form of automatic numbers by level."""

_NOT_SHOWN_FIELDS: Final = ("slidenum", "datetime")
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORMS: Final = (
    ("arabicDb", "１"),
    ("arabic", "1"),
    ("alphaLc", "a"),
    ("alphaUc", "A"),
    ("romanLc", "i"),
    ("romanUc", "I"),
    ("circleNum", "①"),
    ("ea1", "一"),
    ("hebrew", "א"),
    ("thaiAlpha", "ก"),
)
_ENDINGS: Final = (("ParenBoth", "(", ")"), ("ParenR", "", ")"), ("Period", "", "."),
                   ("Minus", "", "-"))  # fmt: skip


def paragraph_texts(element: ElementTree.Element, forms: Mapping[int, str]) -> Iterator[str]:
    """Yield the paragraphs of a shape that say something, automatic numbers before them.

    `forms` are the forms of numbers by level that the placeholder's layout gives.
    """
    forms = {**forms, **numbered_forms(element)}
    counts: dict[int, tuple[str, int]] = {}
    for paragraph in element.iter():
        if local(paragraph.tag) != "p":
            continue
        text = _paragraph(paragraph)
        if not text.strip():
            continue
        level, form, start = _numbering(paragraph, forms)
        for deeper in [one for one in counts if one > level]:
            del counts[deeper]
        if not form:
            counts.pop(level, None)
            yield text.strip("\n")
            continue
        known = counts.get(level)
        number = known[1] + 1 if known and known[0] == f"{form} {start}" else start
        counts[level] = (f"{form} {start}", number)
        yield f"{_printed(number, form)} {text.strip()}"


def numbered_forms(element: ElementTree.Element) -> Mapping[int, str]:
    """The forms of automatic numbers that the list style of a shape gives, by level."""
    found: dict[int, str] = {}
    for style in element.iter():
        if local(style.tag) == "lstStyle" and len(style):
            for properties in style:
                name = local(properties.tag)
                for bullet in properties:
                    if local(bullet.tag) == "buAutoNum" and name[3:4].isdecimal():
                        found[int(name[3]) - 1] = bullet.get("type", "arabicPeriod")
    return found


def slide_table(table: ElementTree.Element) -> str:
    """The text of a table on a slide; a table of one cell is a box around paragraphs."""
    cells: list[TableCell] = []
    row = -1
    for line in table:
        if local(line.tag) != "tr":
            continue
        row += 1
        column = -1
        for cell in line:
            if local(cell.tag) != "tc":
                continue
            column += 1
            if is_true(cell.get("hMerge")) or is_true(cell.get("vMerge")):
                continue
            spans = cell.get("rowSpan", "1")
            rows = int(spans) if spans.isdecimal() and len(spans) < 9 else 1
            cells.append(TableCell(row, column, "\n".join(paragraph_texts(cell, {})), rows))
    return cells[0].text if len(cells) == 1 else table_text(cells)


def _paragraph(paragraph: ElementTree.Element) -> str:
    pieces: list[str] = []
    for child in paragraph:
        match local(child.tag):
            case "br":
                pieces.append("\n")
            case "fld" if child.get("type", "").startswith(_NOT_SHOWN_FIELDS):
                continue
            case "pPr" | "endParaRPr":
                continue
            case _:
                pieces += (one.text or "" for one in child.iter() if local(one.tag) == "t")
    text = "".join(pieces)
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text) if "_x" in text else text


def _numbering(paragraph: ElementTree.Element, forms: Mapping[int, str]) -> tuple[int, str, int]:
    """The level of a paragraph, the form of its number ("" if it has none) and the first number."""
    level, form, start = 0, None, 1
    for properties in paragraph:
        if local(properties.tag) == "pPr":
            said = properties.get("lvl", "0")
            level = int(said) if said.isdecimal() and len(said) < 3 else 0
            for bullet in properties:
                match local(bullet.tag):
                    case "buAutoNum":
                        form = bullet.get("type", "arabicPeriod")
                        first = bullet.get("startAt", "1")
                        start = int(first) if first.isdecimal() and len(first) < 6 else 1
                    case "buNone" | "buChar" | "buBlip":
                        form = ""
    return level, forms.get(level, "") if form is None else form, start


def _printed(number: int, form: str) -> str:
    sign = next((sign for prefix, sign in _FORMS if form.startswith(prefix)), "1")
    number_text = printed_number(number, sign)
    for ending, before, after in _ENDINGS:
        if form.endswith(ending):
            return f"{before}{number_text}{after}"
    return number_text
