"""Takes sources apart into what can be quoted: sentences, list items, rows of tables. Pure.

1. Lines with cells (`a | b`, tabs, the lines of a CSV file) are rows. The first row of a table
   names the columns, unless it has values itself; a passage from the middle of a table has the
   names in its heading. Columns are never quoted alone.
2. All other text is split into sentences.
3. What only announces what follows is a lead of it: headings, questions, lines that end in a
   colon or in "as follows".
4. The heads of mails and minutes, greetings and front matter are furniture.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import Final

from byline.domain.asks import Source
from byline.verify.citation_markers import strip_markers
from byline.verify.sentences import split_sentences

HEADING_CHARS_MAX: Final = 60
LEAD_CHARS_MAX: Final = 200

_BULLET: Final = re.compile(r"^[-*•·▪○●□■※]\s+")
_LISTED: Final = re.compile(r"^(?:[-*•·▪○●□■※|]|[①-⑳]|\(?\d{1,2}[.)]\s)")
_ENDS_SENTENCE: Final = re.compile(r"[.!?…。！？:：][\"'”’»」』)\]]*$|[다요음함됨임]$")
_STATES_A_VALUE: Final = re.compile(r"[:：|=\t]")
_LEADS: Final = re.compile(
    r"[:：]\s*(?:\*\*)?$|\bas follows\.?$|(?:다음|아래)(?:과|와)\s?같(?:다|습니다|이\s?\S+)\.?$",
    re.IGNORECASE,
)
_ASKS: Final = re.compile(r"[?？][\"'”’)\]]*$")
_FURNITURE: Final = re.compile(
    r"^(?:(?:subject|from|to|cc|bcc|reply-to|date|sent|제목|보낸\s?사람|받는\s?사람|참조|보낸\s?날짜"
    r"|present|attendees|in attendance|apologies|absent|venue|참석자?|불참자?|일시|장소)"
    r"\s?[:：]\s|---+$|title:\s"
    r"|(?:dear|hi|hello)\b.{0,60}[,!]?$|(?:kind|best|warm) regards\b|yours (?:sincerely|faithfully)"
    r"|thank(?:s| you)\b|sincerely\b|.{0,24}(?:안녕하세요|안녕하십니까)|감사합니다|고맙습니다"
    r"|.{0,40}(?:감사드립니다|감사합니다)\W*$)",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"^[|\s:+-]*-{2,}[|\s:+-]*$")
_VALUE: Final = re.compile(r"^[^\w]*\d[\d\s.,:/%()\-+년월일시분원]*\w{0,4}[.)]?$|@|^$")
_CSV_NAME: Final = re.compile(r"\.[ct]sv$", re.IGNORECASE)
_CSV_CELLS_MIN: Final = 2


class QuotableKind(Enum):
    """What a quotable is; what has little of its own to say is quoted only if nothing else is
    left."""

    SENTENCE = "sentence"
    ROW = "row"
    LEAD = "lead"
    FURNITURE = "furniture"


@dataclass(frozen=True, slots=True)
class Quotable:
    """A text of a source, as it would be quoted on one line. `rank` is that of its source, from 0;
    `position` its place in it. `columns` is the line that names the columns of a row, and `cells`
    its cells; `lead` is what announces it: the heading and the lines over it."""

    source: Source
    rank: int
    position: int
    text: str
    kind: QuotableKind
    lead: str = ""
    columns: str = ""
    is_columns_quotable: bool = False
    cells: tuple[str, ...] = ()

    @property
    def labelled(self) -> str:
        """The text with what it is about: a row's cells with the names of their columns."""
        names = _cells(self.columns, self.source.name) if self.columns else ()
        if not names or len(names) != len(self.cells):
            return self.text
        pairs = zip(names, self.cells, strict=True)
        return ", ".join(f"{name}: {cell}" for name, cell in pairs if cell)


def quotables(source: Source, rank: int) -> list[Quotable]:
    """Return what can be quoted of a source, in its order."""
    found: list[Quotable] = []
    heading = ""
    lead_in = ""
    for is_table, lines in groupby(
        source.text.split("\n"), lambda line: bool(_cells(line, source.name))
    ):
        if is_table:
            found += _rows(source, rank, len(found), list(lines), _joined(heading, lead_in))
            continue
        parts = _sentences("\n".join(lines))
        for n, (text, kind) in enumerate(parts):
            if kind is QuotableKind.LEAD:
                if _LEADS.search(text):
                    lead_in = text
                else:
                    heading, lead_in = text, ""
            if kind is QuotableKind.SENTENCE and not (_LISTED.match(text) or _is_led(parts, n)):
                lead_in = ""
            lead = _joined(heading, lead_in) if kind is not QuotableKind.LEAD else ""
            found.append(Quotable(source, rank, len(found), _shown(text), kind, lead))
    return found


def _is_led(parts: Sequence[tuple[str, QuotableKind]], n: int) -> bool:
    """Return whether the text before ends in a colon, which is about the next text in any case."""
    return n > 0 and parts[n - 1][0].endswith((":", "："))


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)[:LEAD_CHARS_MAX]


def _shown(text: str) -> str:
    return _BULLET.sub("", text)


def _plain(text: str) -> str:
    # A bracketed number in the document would read as one of our citations.
    return " ".join(strip_markers(text).split())


def _sentences(text: str) -> list[tuple[str, QuotableKind]]:
    plain = [_plain(text[start:end]) for start, end in split_sentences(text)]
    texts = [sentence for sentence in plain if any(c.isalnum() for c in sentence)]
    heads = [_is_heading(sentence) for sentence in texts]
    found = []
    for n, sentence in enumerate(texts):
        kind = QuotableKind.SENTENCE
        if _FURNITURE.match(sentence):
            kind = QuotableKind.FURNITURE
        elif _announces(sentence) or (heads[n] and not _is_listed_line(heads, n)):
            kind = QuotableKind.LEAD
        found.append((sentence, kind))
    return found


def _announces(sentence: str) -> bool:
    return bool(sentence.startswith("#") or _LEADS.search(sentence) or _ASKS.search(sentence))


def _is_listed_line(heads: Sequence[bool], n: int) -> bool:
    """Return whether a short line is one of a list without bullets, as on slides: a line like a
    heading before it, and no sentence behind it."""
    follows_heading = n > 0 and heads[n - 1]
    is_followed = n + 1 < len(heads) and not heads[n + 1]
    return follows_heading and not is_followed


def _is_heading(text: str) -> bool:
    """Return whether `text` is `# …`, or a short line that ends no sentence, lists nothing and
    states no value."""
    if text.startswith("#"):
        return True
    return (
        len(text) <= HEADING_CHARS_MAX
        and not _ENDS_SENTENCE.search(text)
        and not _LISTED.match(text)
        and not _STATES_A_VALUE.search(text)
    )


def _rows(
    source: Source, rank: int, position: int, lines: list[str], lead: str
) -> Iterator[Quotable]:
    rows = [line for line in lines if not _RULE.match(line)]
    cells = [_cells(line, source.name) for line in rows]
    columns, is_own = _columns_of_heading(source), False
    if _names_columns(cells) if not columns else rows and _plain(rows[0]) == columns:
        columns, is_own = _bare(rows[0]), True
        rows, cells = rows[1:], cells[1:]
    for n, (line, held) in enumerate(zip(rows, cells, strict=True)):
        fitting = columns if len(_cells(columns, source.name)) >= len(held) else ""
        yield Quotable(
            source,
            rank,
            position + n,
            _bare(line),
            QuotableKind.ROW,
            lead,
            fitting,
            is_own and bool(fitting),
            held,
        )


def _columns_of_heading(source: Source) -> str:
    last = source.heading.rpartition(" > ")[2]
    return last if " | " in last else ""


def _names_columns(cells: Sequence[Sequence[str]]) -> bool:
    if len(cells) < 2:
        return False
    values = [sum(bool(_VALUE.search(cell)) for cell in row) for row in cells[:4]]
    return values[0] * 2 < len(cells[0]) and (values[0] < max(values[1:]) or not any(values))


def _bare(line: str) -> str:
    return _plain(line).strip("| \t") if "|" in line else _plain(line)


def _cells(line: str, name: str) -> tuple[str, ...]:
    """Return the cells of a row; none if the line is no row."""
    if " | " in line or line.startswith("|"):
        return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
    if "\t" in line.strip():
        return tuple(cell.strip() for cell in line.strip().split("\t"))
    if not _CSV_NAME.search(name):
        return ()
    delimiter = max(",;", key=line.count)
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return ()
    return tuple(cell.strip() for cell in cells) if len(cells) >= _CSV_CELLS_MIN else ()
