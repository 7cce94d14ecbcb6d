"""Reads one file: picks the reader, names the document, refuses what has no text.

Runs in the worker process only; nothing here may be called in the server's own process.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final

from byline.domain.documents import ExtractedText, ReadingWarning
from byline.domain.formats import Format, Reader, Trait, format_of
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import HEAD_BYTES, corrupt, format_of_file, format_of_text
from byline.ingest.passages.numbered_headings import outline
from byline.ingest.readers.encoding import decode
from byline.ingest.readers.hancom.hwp_reader import read_hwp
from byline.ingest.readers.hancom.hwpx_reader import read_hwpx
from byline.ingest.readers.html_reader import read_epub, read_html
from byline.ingest.readers.image_reader import find_ocr, needs_ocr, read_picture, read_tiff
from byline.ingest.readers.mail_reader import ReadAttachment, read_mail, read_mailbox
from byline.ingest.readers.office.docx_reader import read_docx
from byline.ingest.readers.office.odf_reader import read_flat_odf, read_odf
from byline.ingest.readers.office.pptx_reader import read_pptx
from byline.ingest.readers.office_reader import Ocr, read_office
from byline.ingest.readers.pdf.pdf_reader import read_pdf
from byline.ingest.readers.plain_reader import read_markdown, read_text
from byline.ingest.readers.sheets.ods_reader import read_ods
from byline.ingest.readers.sheets.workbook_reader import read_workbook
from byline.ingest.readers.sheets.xls_reader import read_xls
from byline.ingest.readers.text_blocks import title_line
from byline.ingest.witness.attestation import attested, merged
from byline.text.language import language_of

_UTF8_BYTES_MAX: Final = 4
_TITLE_SOUGHT_CHARS: Final = 3_000
_PDF_END_WITHIN_BYTES: Final = 1_024

_HANCOM_READERS: Final = {Reader.HWP: read_hwp, Reader.HWPX: read_hwpx}
_TREE_READERS: Final = {
    Reader.DOCX: read_docx,
    Reader.WORKBOOK: read_workbook,
    Reader.XLS: read_xls,
    Reader.ODS: read_ods,
    Reader.PPTX: read_pptx,
    Reader.ODF: read_odf,
}


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """The limits of one reading: characters of text, and the OCR languages wanted."""

    text_chars_max: int
    ocr_languages: Sequence[str]


def read(path: Path, name: str, limits: ReadingLimits) -> ExtractedText:
    """The text of the file at `path`, which its owner calls `name`; never blank.

    Raises `ExtractionFailed` with one of its codes.
    """
    ocr = find_ocr(limits.ocr_languages)
    extracted = _read_kind(path, name, ocr, limits)
    if len(extracted.text) > limits.text_chars_max:
        raise _too_much_text(len(extracted.text), limits)
    if not extracted.text.strip():
        if extracted.media_type == "application/pdf" and _is_cut_off(path):
            raise corrupt("PDF")
        raise _nothing_in(extracted.media_type, ocr, limits)
    title, language = _title(extracted, name), language_of(extracted.text)
    may_be_numbered = Trait.NUMBERED_HEADINGS in format_of(extracted.media_type).traits
    if not extracted.headings and may_be_numbered:
        extracted = replace(extracted, headings=outline(extracted.text))
    return replace(extracted, title=title, language=language)


def _read_kind(path: Path, name: str, ocr: Ocr | None, limits: ReadingLimits) -> ExtractedText:
    """The text of a file as its reader gives it, with what its witness adds to that."""
    kind = format_of_file(path, name)
    if kind is None:
        return _read_text_kind(path, name, limits)
    attached: list[ReadingWarning] = []

    def attachment(raw: bytes, attached_name: str) -> ExtractedText:
        with tempfile.NamedTemporaryFile() as file:
            file.write(raw)
            file.flush()
            read_part = _read_kind(Path(file.name), attached_name, ocr, limits)
        attached.extend(
            ReadingWarning(warning.code, parts=(attached_name,), characters=warning.characters)
            for warning in read_part.warnings
        )
        return read_part

    extracted = attested(path, _read_by(path, kind, attachment, ocr, limits))
    return replace(extracted, warnings=merged((*extracted.warnings, *attached)))


def _read_by(
    path: Path, kind: Format, attachment: ReadAttachment, ocr: Ocr | None, limits: ReadingLimits
) -> ExtractedText:
    match kind.reader:
        case Reader.MAIL:
            return read_mail(path, kind, attachment)
        case Reader.MAILBOX:
            return read_mailbox(path, kind, attachment)
        case Reader.EPUB:
            return read_epub(path, kind)
        case Reader.IMAGE:
            return read_picture(path, kind, ocr)
        case Reader.TIFF:
            return read_tiff(path, kind, ocr)
        case Reader.HWP | Reader.HWPX:
            return _HANCOM_READERS[kind.reader](path, kind)
        case Reader.PDF:
            return read_pdf(path, kind, ocr, attachment)
        case reader if reader in _TREE_READERS:
            return _TREE_READERS[reader](path, kind, limits.text_chars_max)
        case _:
            return read_office(path, kind, ocr)


def _read_text_kind(path: Path, name: str, limits: ReadingLimits) -> ExtractedText:
    bytes_len = path.stat().st_size
    if bytes_len > limits.text_chars_max * _UTF8_BYTES_MAX:
        raise _too_much_text(bytes_len // _UTF8_BYTES_MAX, limits)
    text = decode(path.read_bytes())
    kind = format_of_text(text[:HEAD_BYTES], name)
    match kind.reader:
        case Reader.HTML:
            return read_html(text, kind)
        case Reader.MARKDOWN:
            return read_markdown(text, kind)
        case Reader.ODF:
            return read_flat_odf(text, kind, limits.text_chars_max)
        case Reader.OFFICE:
            return read_office(text.encode(), kind, None)
        case _:
            return read_text(text, kind)


def _title(extracted: ExtractedText, name: str) -> str:
    """What the document is called.

    1. the title it carries, where such titles can be believed or the text says it too
       (Office and PDF files often carry that of the file they were once copied from)
    2. a heading of level 1 that it opens with
    3. the file's name without its ending
    """
    traits = format_of(extracted.media_type).traits
    beginning = _squeezed(extracted.text[:_TITLE_SOUGHT_CHARS])
    carried = extracted.title
    if carried and (Trait.TITLE_FOR_PEOPLE in traits or _squeezed(carried) in beginning):
        return carried
    first = next(iter(extracted.headings), None)
    is_title = first is not None and first.level == 1 and first.start == 0
    if first is not None and is_title and Trait.HEADING_IS_TITLE in traits:
        return first.text
    return title_line(PurePath(name).stem) or name


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _too_much_text(chars: int, limits: ReadingLimits) -> ExtractionFailed:
    return ExtractionFailed(
        "too_much_text",
        f"The document holds at least {chars:,} characters of text; "
        f"ingest.text_chars_max allows {limits.text_chars_max:,}.",
        remedy="Split the file, or raise ingest.text_chars_max in the configuration.",
    )


def _is_cut_off(pdf: Path) -> bool:
    """Whether a PDF lacks its end. Readers ignore that and show the pages they find."""
    with pdf.open("rb") as file:
        file.seek(max(0, pdf.stat().st_size - _PDF_END_WITHIN_BYTES))
        return b"%%EOF" not in file.read()


def _nothing_in(media_type: str, ocr: Ocr | None, limits: ReadingLimits) -> ExtractionFailed:
    may_be_scanned = media_type.startswith("image/") or media_type == "application/pdf"
    if may_be_scanned and ocr is None:
        return needs_ocr(limits.ocr_languages)
    return ExtractionFailed(
        "no_text",
        "The document was read, and there is no text in it.",
        remedy="If it is a scan, scan it again sharper; otherwise there is nothing to search.",
    )
