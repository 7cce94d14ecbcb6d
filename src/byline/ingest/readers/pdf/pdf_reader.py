"""PDF files: every page as people read it, by its text, by OCR where it is a picture, or named as
not read."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pypdfium2

from byline.domain.documents import ExtractedText, Heading, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import corrupt
from byline.ingest.passages.numbered_headings import outline
from byline.ingest.readers.mail_reader import ReadAttachment
from byline.ingest.readers.office_reader import Ocr
from byline.ingest.readers.pdf.pdf_layout import page_paragraphs
from byline.ingest.readers.pdf.pdf_pages import PageContent, attachments, content_of, opened
from byline.ingest.readers.pdf.pdf_paragraphs import Paragraph
from byline.ingest.readers.pdf.pdf_scans import Need, PageScanner, beside, need_of
from byline.ingest.readers.text_blocks import Block, assemble

_HEADING_RATIO: Final = 1.15
_BOLD_RATIO_MIN: Final = 0.95
_HEADING_CHARS_MAX: Final = 200
_BOLD_CHARS_MAX: Final = 90
_HEADING_LINES_MAX: Final = 4
_SIZES_MAX: Final = 4
_HEADING_SHARE_MAX: Final = 0.4
_SURE_RATIO: Final = 1.4
_NO_TITLE: Final = re.compile(r"^\W*\d[\d\W]*$|^\W*$")
_NO_HEADING: Final = re.compile(r"^[a-zà-ÿ]|[.,;。]$|다\.?$|^\W*\d[\d\W]*$|^\W*$")
_BOOKMARKS_MAX: Final = 5_000
_BOOKMARKS_SURE: Final = 3
_UNREAD: Final = {
    Need.EMPTY: ReadingWarningCode.NO_OCR,
    Need.BARE: ReadingWarningCode.NO_OCR,
    Need.GARBLED: ReadingWarningCode.GARBLED,
}
"""What is said of a page that needs OCR where there is none."""


@dataclass(slots=True)
class _Warnings:
    """The pages and parts that were not read, or not surely, by what is to be said of them."""

    pages: dict[ReadingWarningCode, list[int]] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    def add(self, code: ReadingWarningCode, page: int) -> None:
        self.pages.setdefault(code, []).append(page)

    def told(self) -> tuple[ReadingWarning, ...]:
        told = [ReadingWarning(code, tuple(pages)) for code, pages in self.pages.items()]
        if self.parts:
            told.append(ReadingWarning(ReadingWarningCode.NOT_READ, parts=tuple(self.parts)))
        return tuple(told)


def read_pdf(
    source: Path | bytes, kind: Format, ocr: Ocr | None, read_attachment: ReadAttachment
) -> ExtractedText:
    """The text of a PDF, a span for every page, and what is attached to it behind the pages.

    Raises `ExtractionFailed`: encrypted, or corrupt (no page of it can be opened).
    """
    warnings = _Warnings()
    scanner = PageScanner(ocr) if ocr is not None else None
    with opened(source) as document:
        pages = [
            (number, _page(document, number, scanner, warnings))
            for number in range(1, len(document) + 1)
        ]
        if len(warnings.pages.get(ReadingWarningCode.DAMAGED, ())) == len(document):
            raise corrupt("PDF")
        bookmarks = _bookmarks(document)
        title = document.get_metadata_value("Title")
        attached = list(_attached(document, read_attachment, warnings))
    levels = _Levels(pages, bookmarks)
    blocks = [block for number, held in pages for block in _blocks(number, held, levels)]
    extracted = assemble([*blocks, *attached], title=title or "", media_type=kind.media_type)
    return replace(extracted, headings=_with_numbered(extracted), warnings=warnings.told())


def _page(
    document: pypdfium2.PdfDocument, number: int, scanner: PageScanner | None, warnings: _Warnings
) -> list[Paragraph]:
    """The paragraphs of a page."""
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError:
        warnings.add(ReadingWarningCode.DAMAGED, number)
        return []
    with contextlib.closing(page):
        content = content_of(document, page)
        widths = {turned: _width(content, turned) for turned in content.words}
        if (need := need_of(page, content)) is not None:
            unread = _UNREAD[need] if scanner is None else _add_scan(page, content, need, scanner)
            if unread is not None:
                warnings.add(unread, number)
    paragraphs: list[Paragraph] = []
    # What most of the page's letters say comes first, then what is written across it.
    directions = sorted(content.words, key=lambda turned: -_letters(content, turned))
    for turned in directions:
        rules = content.rules if turned == 0 else ()
        width = widths.get(turned) or _width(content, turned)
        paragraphs += page_paragraphs(content.words[turned], rules, width)
    notes = (Paragraph(note, 0.0) for note in content.notes)
    return [*paragraphs, *notes]


def _width(content: PageContent, turned: int) -> float:
    return content.width if turned in (0, 180) else content.height


def _letters(content: PageContent, turned: int) -> int:
    return sum(len(word.text) for word in content.words[turned])


def _add_scan(
    page: pypdfium2.PdfPage, content: PageContent, need: Need, scanner: PageScanner
) -> ReadingWarningCode | None:
    """Put the words that OCR finds among those of the page. Returns what is to be said of it."""
    scan = scanner.scan(page, content, need)
    if need is Need.GARBLED:
        if not scan.is_sure:
            return ReadingWarningCode.GARBLED
        content.words = {scan.turned: list(scan.words)}
        return None
    if need is Need.BARE and not scan.is_sure:
        return ReadingWarningCode.OCR_UNCERTAIN
    known = content.words.setdefault(scan.turned, [])
    found = beside(scan.words, known) if scan.turned == 0 else list(scan.words)
    after = max((word.order for word in known), default=0) + 2
    line = max((word.line for word in known), default=0) + 2
    for word in found:
        word.order += after
        word.line += line
    known += found
    is_unsure = not scan.is_sure and (need is Need.EMPTY or not found)
    return ReadingWarningCode.OCR_UNCERTAIN if is_unsure else None


def _attached(
    document: pypdfium2.PdfDocument, read_attachment: ReadAttachment, warnings: _Warnings
) -> Iterator[Block]:
    """The files attached to a document, each under a heading of its own."""
    for name, raw in attachments(document):
        if raw is None:
            warnings.parts.append(name)
            continue
        try:
            extracted = read_attachment(raw, name)
        except ExtractionFailed:
            warnings.parts.append(name)
            continue
        if not extracted.text.strip():
            warnings.parts.append(name)
            continue
        yield Block(f"Attachment: {name}", level=2)
        for paragraph in extracted.text.split("\n\n"):
            yield Block(paragraph)


def _bookmarks(document: pypdfium2.PdfDocument) -> dict[tuple[int, str], int]:
    """The level of each bookmark, by page and title without blanks."""
    found: dict[tuple[int, str], int] = {}
    with contextlib.suppress(pypdfium2.PdfiumError, RuntimeError):
        for count, mark in enumerate(document.get_toc()):
            if count == _BOOKMARKS_MAX:
                break
            destination = mark.get_dest()
            page = destination.get_index() if destination is not None else None
            if page is not None:
                found[page + 1, _squeezed(mark.get_title())] = mark.level + 1
    return found


class _Levels:
    """_Levels tells which paragraphs are headings: what the bookmarks name, what is set larger than
    most of the document, and what stands alone in bold."""

    def __init__(
        self,
        pages: Sequence[tuple[int, Sequence[Paragraph]]],
        bookmarks: Mapping[tuple[int, str], int],
    ) -> None:
        weights: Counter[float] = Counter()
        bold = total = 0
        seen: set[str] = set()
        for _, paragraphs in pages:
            for one in paragraphs:
                alike = re.sub(r"\d+", "", one.text)  # headers and footers count once
                if alike in seen:
                    continue
                seen.add(alike)
                weights[_rounded(one.size)] += len(one.text)
                total += len(one.text)
                bold += len(one.text) if one.bold else 0
        self._body = max(weights, key=lambda size: weights[size]) if weights else 1.0
        self._bold_counts = 2 * bold < total
        self._bookmarks = self._found(pages, bookmarks)
        large = {
            _rounded(one.size)
            for _, paragraphs in pages
            for one in paragraphs
            if self._is_large(one)
        }
        self._sizes = sorted(large, reverse=True)
        count = sum(len(paragraphs) for _, paragraphs in pages)
        marked = sum(self._is_bold(one) for _, paragraphs in pages for one in paragraphs)
        self._bold_counts = self._bold_counts and marked <= _HEADING_SHARE_MAX * count

    def _found(
        self,
        pages: Sequence[tuple[int, Sequence[Paragraph]]],
        bookmarks: Mapping[tuple[int, str], int],
    ) -> Mapping[tuple[int, str], int]:
        """The bookmarks, if some of them are lines of their pages."""
        told = {
            key
            for number, paragraphs in pages
            for one in paragraphs
            if (key := (number, _squeezed(one.text))) in bookmarks
        }
        return bookmarks if len(told) >= _BOOKMARKS_SURE else {}

    def of(self, page: int, one: Paragraph) -> int:
        """The level of a paragraph as a heading; 0 if it is none."""
        if one.is_table or one.lines > _HEADING_LINES_MAX:
            return 0
        if self._bookmarks and (level := self._bookmarks.get((page, _squeezed(one.text)))):
            return level
        if self._is_large(one):
            return min(self._sizes.index(_rounded(one.size)) + 1, _SIZES_MAX)
        if self._bold_counts and self._is_bold(one):
            return min(len(self._sizes), _SIZES_MAX) + 1
        return 0

    def _is_large(self, one: Paragraph) -> bool:
        return (
            one.size >= _HEADING_RATIO * self._body
            and not one.is_table
            and one.lines <= _HEADING_LINES_MAX
            and len(one.text) <= _HEADING_CHARS_MAX
            and not _NO_TITLE.search(one.text)
            and (one.size >= _SURE_RATIO * self._body or not _NO_HEADING.search(one.text))
        )

    def _is_bold(self, one: Paragraph) -> bool:
        return (
            one.bold
            and one.size >= _BOLD_RATIO_MIN * self._body
            and not one.is_table
            and one.lines <= 2
            and "\n" not in one.text
            and len(one.text) <= _BOLD_CHARS_MAX
            and not _NO_HEADING.search(one.text)
        )


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _blocks(number: int, paragraphs: Sequence[Paragraph], levels: _Levels) -> Iterator[Block]:
    """The paragraphs of a page as blocks; one without text for a page that has none."""
    yield Block("", number)
    for one in paragraphs:
        yield Block(one.text, number, levels.of(number, one))


def _with_numbered(extracted: ExtractedText) -> tuple[Heading, ...]:
    """The headings with those that are told by their numbers alone, below what stands above."""
    found = extracted.headings
    numbered = outline(extracted.text) if found else ()
    taken = [(heading.start, heading.end) for heading in found]
    more = [
        one
        for one in numbered
        if not any(one.start < end and start < one.end for start, end in taken)
    ]
    if len(more) < 2:
        return found
    above = max((one.level for one in found if one.start < more[0].start), default=0)
    deeper = [replace(one, level=min(above + one.level, 6)) for one in more]
    return tuple(sorted([*found, *deeper], key=lambda heading: heading.start))
