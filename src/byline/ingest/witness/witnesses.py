"""Which witness there is for a format, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from pypdfium2 import PdfiumError

from byline.errors import ExtractionFailed
from byline.ingest.readers.office.ooxml_package import UNREADABLE
from byline.ingest.witness.hwp_witness import hwp_witness, hwpx_witness
from byline.ingest.witness.office_witness import docx_parts, odf_parts, pptx_parts, xlsx_parts
from byline.ingest.witness.pdf_witness import pdf_witness
from byline.ingest.witness.witness_parts import WitnessPart, of_pages, of_paragraphs

Witness: TypeAlias = Callable[[Path], Iterator[WitnessPart]]

_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_ODF: Final = "application/vnd.oasis.opendocument."

WITNESSES: Final[Mapping[str, Witness]] = {
    _OOXML + "wordprocessingml.document": docx_parts,
    _OOXML + "spreadsheetml.sheet": xlsx_parts,
    _OOXML + "presentationml.presentation": pptx_parts,
    _ODF + "text": odf_parts,
    _ODF + "spreadsheet": odf_parts,
    _ODF + "presentation": odf_parts,
    "application/pdf": lambda path: of_pages(pdf_witness(path), layer=True),
    "application/x-hwp": lambda path: of_paragraphs(hwp_witness(path)),
    "application/haansofthwpx": lambda path: of_paragraphs(hwpx_witness(path)),
}
"""The witness of each format that has one. One that yields paragraphs or pages is a row
`lambda path: of_paragraphs(…(path))` or `of_pages` (`witness_parts.py`)."""


def has_witness(media_type: str) -> bool:
    """Whether texts of this format can be held against a witness."""
    return media_type in WITNESSES


def witness_of(path: Path, media_type: str) -> tuple[WitnessPart, ...]:
    """What the witness of a file says, part by part; nothing if there is none, or if it cannot
    read the file: that is the reader's to tell."""
    witness = WITNESSES.get(media_type)
    if witness is None:
        return ()
    try:
        return tuple(witness(path))
    except (*UNREADABLE, PdfiumError, ExtractionFailed):
        return ()
