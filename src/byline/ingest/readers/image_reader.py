"""Images of text: the installed Tesseract data, and the frames of a TIFF."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format, Reader
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.office_reader import Ocr, read_office
from byline.ingest.readers.text_blocks import Block, assemble

_FRAMES_MAX: Final = 2_000
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


def read_tiff(path: Path, kind: Format, ocr: Ocr | None) -> ExtractedText:
    """Every frame of a TIFF as a page. xberg sees the first frame of a file only, so each is
    handed over as a file of its own whose header points at that frame."""
    raw = path.read_bytes()
    blocks = [
        Block(paragraph, page)
        for page, frame in enumerate(frames(raw), 1)
        for paragraph in read_office(frame, replace(kind, reader=Reader.IMAGE), ocr).text.split(
            "\n\n"
        )
    ]
    return assemble(blocks, title="", media_type=kind.media_type)


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
