"""The text layer of a PDF, page by page, as PDFium gives it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pypdfium2

from byline.ingest.readers.pdf.pdf_pages import opened


def pdf_witness(path: Path) -> Iterator[tuple[int, str]]:
    """The number of each page (from 1) and its text in the order of the file; pages that cannot be
    opened are left out. Raises `ExtractionFailed`: encrypted or corrupt."""
    with opened(path) as document:
        for number in range(1, len(document) + 1):
            with contextlib.suppress(pypdfium2.PdfiumError):
                page = document[number - 1]
                with contextlib.closing(page), contextlib.closing(page.get_textpage()) as text:
                    yield number, text.get_text_range()
