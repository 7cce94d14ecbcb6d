"""HTML and EPUB to blocks. Written here because xberg loses text in HTML: block quotes,
definition lists, bare `div`s, and the words on both sides of a `<br>` run together."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote
from xml.etree import ElementTree

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.encoding import decode
from byline.ingest.readers.html_tags import Tag, tokens
from byline.ingest.readers.text_blocks import Block, assemble

_HEADINGS: Final = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_UNSEEN: Final = frozenset(
    {"script", "style", "template", "svg", "math", "object", "iframe", "noscript", "select"}
)
# fmt: off
_BLOCKS: Final = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details",
    "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
    "header", "hr", "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre", "section",
    "summary", "table", "tbody", "tfoot", "thead", "title", "tr", "ul",
    *_HEADINGS,
})
# fmt: on
_CELLS: Final = frozenset({"td", "th"})
_INSIDE_CELLS: Final = frozenset({"p", "div", "center", "section", "figure", "pre", "hr"})
"""Blocks that do not end the table row they are in."""


class _BlockCollector:
    """Collects the blocks of one HTML page. Feed it all tags and words, `close` it, then take
    `blocks`."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.title = ""
        self._words: list[str] = []
        self._cells: list[str] | None = None
        self._unseen_depth = 0
        self._list_marks: list[int | None] = []
        self._item_mark = ""
        self._verbatim = False
        self._level = 0
        self._in_title = False
        self._row_before = False

    def tag(self, tag: Tag) -> None:
        if not tag.ends:
            self._start(tag.name)
        elif not tag.begins:
            self._end(tag.name)
        elif tag.name not in _UNSEEN:  # `<script/>` in XHTML has no end tag
            self._start(tag.name)
            if tag.name in _BLOCKS and tag.name not in ("hr", "p", "div"):
                self._end(tag.name)

    def words(self, words: str) -> None:
        if not self._unseen_depth:
            self._words.append(words if self._verbatim else _spaced(words))

    def close(self) -> None:
        self._in_title = False
        self._end_block()

    def _start(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen_depth += 1
        elif tag == "br":
            self._words.append("\n")
        elif tag in _CELLS:
            self._end_cell()
        elif self._cells is not None and tag in _INSIDE_CELLS:
            self._words.append(" ")
        elif tag in _BLOCKS:  # a heading or a list in a cell: a table that only lays out a page
            self._end_block()
            self._begin_block(tag)

    def _end(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen_depth = max(0, self._unseen_depth - 1)
        elif tag in _CELLS:
            self._end_cell()
        elif self._cells is not None and tag in _INSIDE_CELLS:
            self._words.append(" ")
        elif tag in _BLOCKS:
            self._end_block()
            self._after_block(tag)

    def _begin_block(self, tag: str) -> None:
        self._in_title = tag == "title"  # an unclosed title ends where the page begins
        if tag in _HEADINGS:
            self._level = _HEADINGS[tag]
        elif tag in ("ul", "menu"):
            self._list_marks.append(None)
        elif tag == "ol":
            self._list_marks.append(0)
        elif tag == "li":
            self._item_mark = self._next_mark()
        elif tag == "tr":
            self._cells = []
        elif tag == "pre":
            self._verbatim = True

    def _after_block(self, tag: str) -> None:
        if tag in ("ul", "ol", "menu") and self._list_marks:
            self._list_marks.pop()
        elif tag == "table":
            self._row_before = False
        elif tag == "pre":
            self._verbatim = False
        elif tag in _HEADINGS:
            self._level = 0
        elif tag == "title":
            self._in_title = False

    def _next_mark(self) -> str:
        if not self._list_marks or (count := self._list_marks[-1]) is None:
            return "- "
        self._list_marks[-1] = count + 1
        return f"{count + 1}. "

    def _end_cell(self) -> None:
        if self._cells is not None:
            self._cells.append(self._take().replace("\n", " "))

    def _end_block(self) -> None:
        if self._cells is not None:
            self._end_row(self._cells)
            return
        text = self._take()
        if not text:
            return
        if self._in_title:
            self.title = self.title or text
            return
        is_item = bool(self._item_mark)
        self.blocks.append(
            Block(
                self._item_mark + text,
                level=self._level,
                tight=is_item and bool(self.blocks),
                code=self._verbatim,
            )
        )
        self._item_mark = ""
        self._row_before = False

    def _end_row(self, cells: list[str]) -> None:
        last = self._take().replace("\n", " ")
        row = [cell for cell in [*cells, last] if cell]
        self._cells = None
        if row:
            self.blocks.append(Block(" | ".join(row), tight=self._row_before))
            self._row_before = True

    def _take(self) -> str:
        text = "".join(self._words)
        self._words.clear()
        if self._verbatim:
            return text.strip("\n")
        return re.sub(r" *\n *", "\n", re.sub(r"[ \t]+", " ", text)).strip()


def page_blocks(html: str) -> tuple[list[Block], str]:
    """The blocks of an HTML page, and its title ("" if it has none)."""
    found = _BlockCollector()
    for token in tokens(html):
        if isinstance(token, Tag):
            found.tag(token)
        else:
            found.words(token)
    found.close()
    return found.blocks, found.title


def read_html(text: str, kind: Format) -> ExtractedText:
    """An HTML page, already decoded."""
    blocks, title = page_blocks(text)
    return assemble(blocks, title=title, media_type=kind.media_type)


def read_epub(path: Path, kind: Format) -> ExtractedText:
    """An EPUB book, chapter by chapter in the order of its spine."""
    try:
        with zipfile.ZipFile(path) as book:
            chapters, title = _spine(book)
            blocks = [block for name in chapters for block in _chapter(book, name)]
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, OSError, EOFError) as error:
        raise corrupt("EPUB book") from error
    return assemble(blocks, title=title, media_type=kind.media_type)


def _chapter(book: zipfile.ZipFile, name: str) -> Iterator[Block]:
    blocks, _ = page_blocks(decode(book.read(name)))
    yield from blocks


def _spine(book: zipfile.ZipFile) -> tuple[list[str], str]:
    """The names of the chapters in reading order, and the title."""
    container = ElementTree.fromstring(book.read("META-INF/container.xml"))
    root_file = next(
        (element.get("full-path", "") for element in container.iter() if _is(element, "rootfile")),
        "",
    )
    package = ElementTree.fromstring(book.read(root_file))
    folder = posixpath.dirname(root_file)
    items = {
        element.get("id", ""): element.get("href", "")
        for element in package.iter()
        if _is(element, "item") and "html" in element.get("media-type", "")
    }
    order = [element.get("idref", "") for element in package.iter() if _is(element, "itemref")]
    title = next((element.text or "" for element in package.iter() if _is(element, "title")), "")
    names = set(book.namelist())
    hrefs = [unquote(items[idref]) for idref in order if idref in items]
    chapters = [posixpath.normpath(posixpath.join(folder, href)) for href in hrefs]
    return [name for name in chapters if name in names], title


def _is(element: ElementTree.Element, local_name: str) -> bool:
    return element.tag.rpartition("}")[2] == local_name


def _spaced(data: str) -> str:
    return re.sub(r"\s+", " ", data)
