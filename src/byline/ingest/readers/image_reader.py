"""Pictures of text: read upright, a TIFF frame by frame; and the installed Tesseract data."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from byline.domain.documents import ExtractedText, ReadingWarning, ReadingWarningCode
from byline.domain.formats import Format, Reader, format_of
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.office_reader import (
    Ocr,
    PictureText,
    read_office,
    read_picture_text,
)
from byline.ingest.readers.text_blocks import Block, assemble

_FRAMES_MAX: Final = 2_000
_PNG: Final = format_of("image/png")
_ORIENTATION: Final = 0x0112
_TURNS: Final = (180, 90, 270)
_SURETY_MIN: Final = 0.75
"""How sure OCR must be of a line: of lines on their side or on their head it is at most 0.7."""
_LETTERS_MIN: Final = 8
"""Letters and digits surely read; a picture on its side can show a word by chance."""
_TRIAL_PIXELS: Final = 2_000
"""Longest side of a picture when another way up is tried."""
_PIXELS_MAX: Final = 89_000_000
_CONTRAST_MIN: Final = 40
_UNOPENED: Final = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What opening a picture can raise."""
_FOLDERS: Final = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
    "/opt/local/share/tessdata",
)


def find_ocr(languages: Iterable[str], environ: Mapping[str, str] = os.environ) -> Ocr | None:
    """The Tesseract data installed for `languages`, or None.

    Searched for here because xberg, finding none, would download some from the internet.
    """
    for folder in _folders(environ):
        found = tuple(name for name in languages if (folder / f"{name}.traineddata").is_file())
        if found:
            return Ocr(found, folder)
    return None


def needs_ocr(languages: Iterable[str]) -> ExtractionFailed:
    """The failure for an image of text if Tesseract's data are not installed."""
    packages = " ".join(f"tesseract-ocr-{name.replace('_', '-')}" for name in languages)
    return ExtractionFailed(
        "needs_ocr",
        "The document holds pictures of text, and no Tesseract data are installed to read them.",
        remedy=f"Install them (Debian, Ubuntu: `apt install {packages}`; "
        "macOS: `brew install tesseract-lang`) and add the file again.",
    )


def read_picture(path: Path, kind: Format, ocr: Ocr | None) -> ExtractedText:
    """The text of a picture, upright. Raises `ExtractionFailed`."""
    if ocr is None:
        return read_office(path, kind, None)
    return _assembled(((None, _read_frame(path.read_bytes(), kind, ocr)),), kind)


def read_tiff(path: Path, kind: Format, ocr: Ocr | None) -> ExtractedText:
    """Every frame of a TIFF as a page. xberg sees the first frame of a file only, so each is
    handed over as a file of its own whose header points at that frame."""
    frame_kind = replace(kind, reader=Reader.IMAGE)
    pages = enumerate(frames(path.read_bytes()), 1)
    if ocr is None:
        read = ((page, read_office(frame, frame_kind, None).text) for page, frame in pages)
        blocks = [Block(paragraph, page) for page, text in read for paragraph in text.split("\n\n")]
        return assemble(blocks, title="", media_type=kind.media_type)
    return _assembled(((page, _read_frame(frame, frame_kind, ocr)) for page, frame in pages), kind)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The text of a picture, and what is doubtful about it."""

    text: PictureText
    doubt: ReadingWarningCode | None = None


def _assembled(frames: Iterable[tuple[int | None, _Frame]], kind: Format) -> ExtractedText:
    blocks: list[Block] = []
    doubts: dict[ReadingWarningCode, list[int]] = {}
    for page, frame in frames:
        blocks += [replace(block, page=page) for block in frame.text.blocks]
        if frame.doubt is not None:
            doubts.setdefault(frame.doubt, []).extend(() if page is None else (page,))
    warnings = tuple(ReadingWarning(code, tuple(pages)) for code, pages in doubts.items())
    extracted = assemble(blocks, title="", media_type=kind.media_type)
    return replace(extracted, warnings=warnings)


def _read_frame(raw: bytes, kind: Format, ocr: Ocr) -> _Frame:
    """Read one picture.

    1. as the camera says it was held (EXIF)
    2. if hardly a word is read surely, turned by a half and by quarters: the first that reads well
    3. else as it is, with a doubt: it may lie on its side, or OCR sees little of what it shows
    """
    picture = _opened(raw)
    if picture is None:  # in a form that Pillow does not know, or beyond its size
        return _Frame(read_picture_text(raw, kind, ocr))
    if picture.getexif().get(_ORIENTATION, 1) != 1:
        picture = ImageOps.exif_transpose(picture)
        upright = read_picture_text(_png(picture), _PNG, ocr)
    else:
        upright = read_picture_text(raw, kind, ocr)
    if reads_well(upright) or _is_blank(picture):
        return _Frame(upright)
    most = _surely_read(upright)
    for degrees in _TURNS:
        turned = _turned(picture, degrees, ocr)
        surely = _surely_read(turned)
        if reads_well(turned) and surely >= 2 * _surely_read(upright):
            return _Frame(turned)
        most = max(most, surely)
    if most > 2 * max(_surely_read(upright), _LETTERS_MIN // 2):
        return _Frame(upright, ReadingWarningCode.TURNED)
    return _Frame(upright, ReadingWarningCode.OCR_UNCERTAIN)


def reads_well(text: PictureText) -> bool:
    """Whether OCR is sure of most of what it read, and read more than a chance word."""
    surely = _surely_read(text)
    return surely >= _LETTERS_MIN and 2 * surely >= sum(_letters(line) for line, _ in text.lines)


def _surely_read(text: PictureText) -> int:
    """Letters and digits in lines that OCR is sure of."""
    return sum(_letters(line) for line, surety in text.lines if surety >= _SURETY_MIN)


def _letters(line: str) -> int:
    return sum(character.isalnum() for character in line)


def _turned(picture: Image.Image, degrees: int, ocr: Ocr) -> PictureText:
    """Read a picture turned counter-clockwise; a large one first made smaller."""
    small = picture.copy()
    small.thumbnail((_TRIAL_PIXELS, _TRIAL_PIXELS))
    found = read_picture_text(_png(small.rotate(degrees, expand=True)), _PNG, ocr)
    if small.size == picture.size or not reads_well(found):
        return found
    return read_picture_text(_png(picture.rotate(degrees, expand=True)), _PNG, ocr)


def _opened(raw: bytes) -> Image.Image | None:
    try:
        picture = Image.open(io.BytesIO(raw))
        if picture.width * picture.height > _PIXELS_MAX:
            return None
        picture.load()
    except _UNOPENED:
        return None
    return picture


def _png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.convert("RGB").save(written, "PNG", compress_level=1)
    return written.getvalue()


def _is_blank(picture: Image.Image) -> bool:
    """Whether a picture is of one shade all over."""
    small = picture.convert("L")
    small.thumbnail((_TRIAL_PIXELS, _TRIAL_PIXELS))
    shades = [shade for shade, count in enumerate(small.histogram()) if count]
    return shades[-1] - shades[0] < _CONTRAST_MIN


def frames(raw: bytes) -> Iterator[bytes]:
    """The file once for each frame, with a header that points at that frame."""
    order = "<" if raw[:2] == b"II" else ">"
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(f"{order}I", raw, 4)
        while at and at not in seen and len(seen) < _FRAMES_MAX:
            seen.add(at)
            yield raw[:4] + struct.pack(f"{order}I", at) + raw[8:]
            (entries,) = struct.unpack_from(f"{order}H", raw, at)
            (at,) = struct.unpack_from(f"{order}I", raw, at + 2 + 12 * entries)
    except struct.error as error:
        raise corrupt("TIFF image") from error


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    if prefix := environ.get("TESSDATA_PREFIX"):
        yield Path(prefix)
        yield Path(prefix) / "tessdata"
    for pattern in _FOLDERS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
