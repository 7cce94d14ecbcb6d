"""Tables and pieces of code in a text, inside which passages should not be cut. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from byline.domain.documents import ExtractedText

_SEPARATED: Final = {"text/csv": ",", "text/tab-separated-values": "\t"}
_FENCED: Final = re.compile(
    r"^ {0,3}(?P<fence>```|~~~)[^\n]*\n(?:.*?^ {0,3}(?P=fence)[^\n]*$|.*\Z)",
    re.MULTILINE | re.DOTALL,
)
_HEADER_CHARS_MAX: Final = 240
_CELL_CHARS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Region:
    """A table or a piece of code, `text[start:end]`. `header` is a table's first row on one line,
    as it is repeated in the context of further passages; "" for code, and if the first row is no
    header."""

    start: int
    end: int
    is_table: bool
    header: str = ""


def find_regions(extracted: ExtractedText) -> list[Region]:
    """The tables and pieces of code, in order; none lies inside another."""
    text = extracted.text
    if separator := _SEPARATED.get(extracted.media_type):
        first = text.lstrip("\n").partition("\n")[0]
        return [Region(0, len(text), is_table=True, header=_header(first, separator))]
    code = [Region(start, end, is_table=False) for start, end in extracted.code]
    if "```" in text or "~~~" in text:
        code += [Region(*found.span(), is_table=False) for found in _FENCED.finditer(text)]
    apart: list[Region] = []
    for region in sorted([*code, *_tables(text)], key=lambda region: (region.start, -region.end)):
        if not apart or region.start >= apart[-1].end:
            apart.append(region)
    return apart


def _tables(text: str) -> Iterator[Region]:
    """The tables: two or more consecutive lines with bars."""
    if "|" not in text:
        return
    place, start, rows, first = 0, 0, 0, ""
    for line in [*text.split("\n"), ""]:
        if " | " in line or line.lstrip(" \t").startswith("|"):
            if not rows:
                start, first = place, line
            rows += 1
        else:
            if rows > 1:
                yield Region(start, place - 1, is_table=True, header=_header(first, "|"))
            rows = 0
        place += len(line) + 1


def _header(row: str, separator: str) -> str:
    """The cells of a first row if they name columns, that is, if most of them have no digits."""
    cells = [" ".join(cell.strip(' "').split())[:_CELL_CHARS_MAX] for cell in row.split(separator)]
    named = [cell for cell in cells if cell]
    worded = [cell for cell in named if not any(c.isdigit() for c in cell)]
    if len(named) < 2 or 2 * len(worded) < len(named):
        return ""
    return " | ".join(named)[:_HEADER_CHARS_MAX]
