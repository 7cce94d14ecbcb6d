"""Files that xberg reads: older Office formats, RTF, images; rendered from its document tree.

xberg's own text is not used: it mixes style names into headings, and its page offsets do not fit.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format
from byline.errors import ExtractionFailed
from byline.ingest.format_detection import corrupt, encrypted
from byline.ingest.readers.text_blocks import Block, assemble

_HEADING_CHARS_MAX: Final = 200
_PAGED: Final = frozenset({"image/tiff"})
_SLIDES: Final = re.compile(r"presentation|powerpoint|keynote")
_SLIDE_TITLE_CHARS_MAX: Final = 100
_ONE_COLUMN: Final = 4
"""Tesseract's mode of page segmentation for one column of text of various sizes."""
_LOCKED: Final = re.compile(r"password|encrypt|decrypt", re.IGNORECASE)
_UNSUPPORTED: Final = re.compile(r"unsupported", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ocr:
    """The Tesseract data for images of text: its languages and its folder."""

    languages: tuple[str, ...]
    tessdata: Path


@dataclass(frozen=True, slots=True)
class OcrElement:
    """A `line` or `word` that OCR found: its box in pixels, and how sure it is (0 to 1)."""

    level: str
    text: str
    left: int
    top: int
    width: int
    height: int
    confidence: float


def read_office(source: Path | bytes, kind: Format, ocr: Ocr | None) -> ExtractedText:
    """Anything xberg reads. Without `ocr`, pictures of text give no text."""
    document = _extract(source, kind.media_type, _ocr_config(ocr))
    blocks = list(_blocks(document, kind))
    if _SLIDES.search(kind.media_type) and not any(block.level for block in blocks):
        blocks = list(_titled_slides(blocks))
    return assemble(blocks, title=document.metadata.title or "", media_type=kind.media_type)


@dataclass(frozen=True, slots=True)
class PictureText:
    """What OCR read in a picture: its blocks, and each line with how sure OCR is of it (0 to 1)."""

    blocks: tuple[Block, ...]
    lines: tuple[tuple[str, float], ...]


def read_picture_text(picture: bytes, kind: Format, ocr: Ocr) -> PictureText:
    """Read one picture by OCR, as it lies. Raises `ExtractionFailed`."""
    document = _extract(picture, kind.media_type, _ocr_config(ocr))
    lines = ((one.text, one.confidence.recognition) for one in document.ocr_elements or ())
    return PictureText(tuple(_blocks(document, kind)), tuple(lines))


def _titled_slides(blocks: Sequence[Block]) -> Iterator[Block]:
    """The blocks of slides, the first line of each slide made its heading."""
    seen: int | None = None
    for block in blocks:
        is_first = block.page is not None and block.page != seen and bool(block.text.strip())
        seen = block.page if is_first else seen
        is_title = is_first and len(block.text) <= _SLIDE_TITLE_CHARS_MAX and "\n" not in block.text
        yield replace(block, level=1) if is_title else block


def _extract(source: Path | bytes, media_type: str, ocr_config: Any) -> Any:
    """What xberg makes of a file, by its own configuration of OCR (None: without)."""
    import xberg

    config = xberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        include_document_structure=True,
        extraction_timeout_secs=None,  # the parent process enforces the time limit
        disable_ocr=ocr_config is None,
        ocr_embedded_images=False,  # logos and figures take seconds a page and give noise
        ocr=ocr_config,
        max_embedded_file_bytes=None,
    )
    given = (
        xberg.ExtractInput(kind="bytes", bytes=source, mime_type=media_type)
        if isinstance(source, bytes)
        else xberg.ExtractInput(kind="uri", uri=str(source), mime_type=media_type)
    )

    async def ask() -> Any:
        return await xberg.extract(given, config)

    try:
        result = asyncio.run(ask())
    except MemoryError:
        raise
    except Exception as error:  # xberg raises plain RuntimeErrors; all are mapped here
        raise _failure(str(error), media_type) from error
    if not result.results:
        said = result.errors[0].message if result.errors else "no result"
        raise _failure(said, media_type)
    return result.results[0]


def ocr_words(png: bytes, ocr: Ocr) -> list[OcrElement]:
    """The lines and words that OCR finds in a picture of a page. Raises `ExtractionFailed`."""
    document = _extract(png, "image/png", _word_config(ocr))
    elements = []
    for element in document.ocr_elements or ():
        box = json.loads(str(element.geometry))
        if box.get("type") == "rectangle":
            elements.append(
                OcrElement(
                    str(element.level),
                    element.text,
                    box["left"],
                    box["top"],
                    box["width"],
                    box["height"],
                    element.confidence.recognition,
                )
            )
    return elements


def _ocr_config(ocr: Ocr | None) -> Any:
    import xberg

    if ocr is None:
        return None
    languages = list(ocr.languages)
    return xberg.OcrConfig(
        language=languages,
        tessdata_path=str(ocr.tessdata),
        element_config=xberg.OcrElementConfig(include_elements=True),
        tesseract_config=xberg.TesseractConfig(language=languages, use_cache=False),
    )


def _word_config(ocr: Ocr) -> Any:
    """OCR that tells each word with its place. Tesseract's own analysis of a page (its default)
    tears Korean lines apart; as one column of text it read 93 % of the letters surely, not 86 %.
    Data of other scripts know Latin letters too, so English comes last."""
    import xberg

    languages = sorted(ocr.languages, key=lambda name: name == "eng")
    return xberg.OcrConfig(
        language=languages,
        tessdata_path=str(ocr.tessdata),
        element_config=xberg.OcrElementConfig(
            include_elements=True, min_level=xberg.OcrElementLevel.WORD
        ),
        tesseract_config=xberg.TesseractConfig(
            language=languages, use_cache=False, psm=_ONE_COLUMN
        ),
    )


def _failure(said: str, media_type: str) -> ExtractionFailed:
    """The failure with our code and sentence for an error message of xberg."""
    if _LOCKED.search(said):
        return encrypted()
    if _UNSUPPORTED.search(said):
        return ExtractionFailed("unsupported_format", f"Files of type {media_type} are not read.")
    return corrupt(f"{media_type} file")


def _blocks(document: Any, kind: Format) -> Iterator[Block]:
    """The nodes in reading order. Pages are told only where the format itself has them."""
    nodes = document.document.nodes if document.document else []
    is_paged = kind.media_type in _PAGED or bool(_SLIDES.search(kind.media_type))
    numbered = {i for i, node in enumerate(nodes) if _is_numbered(node)}
    counts: Counter[int] = Counter()
    within_list = False
    seen_page = 1
    for node in nodes:
        content = json.loads(str(node.content))
        if is_paged and node.page:
            seen_page = max(seen_page, node.page)
        page = seen_page if is_paged else None
        if content["node_type"] == "list_item":
            mark = "- "
            if node.parent in numbered:
                counts[node.parent] += 1
                mark = f"{counts[node.parent]}. "
            yield Block(mark + content["text"].strip(), page, tight=within_list)
            within_list = True
        elif content["node_type"] != "list":
            within_list = False
            yield from _rendered(content, page)


def _is_numbered(node: Any) -> bool:
    if node.content.node_type != "list":
        return False
    return bool(json.loads(str(node.content)).get("ordered"))


def _rendered(content: Mapping[str, Any], page: int | None) -> Iterator[Block]:
    match content["node_type"]:
        case "heading" | "title":
            text = content["text"].strip()
            level = content.get("level", 1) if len(text) <= _HEADING_CHARS_MAX else 0
            yield Block(text, page, level)
        case "table":
            yield from _table(content["grid"], page)
        case "metadata_block":
            for number, entry in enumerate(content["entries"]):
                yield Block(f"{entry['key']}: {entry['value']}", page, tight=number > 0)
        case "definition_item":
            yield Block(f"{content['term']}: {content['definition']}", page)
        case "group" | "page_break" | "slide" | "quote":
            return  # only contain other nodes
        case "code":
            yield Block(content.get("text") or "", page, code=True)
        case "image":
            yield Block(content.get("description") or "", page)
        case "raw_block":
            yield Block(content["content"], page)
        case _:
            yield Block(content.get("text") or "", page)


def _table(grid: Mapping[str, Any], page: int | None) -> Iterator[Block]:
    """A row per line, cells between bars; a table of one cell is a box around paragraphs."""
    cells = grid["cells"]
    if grid["rows"] * grid["cols"] == 1:
        yield Block(cells[0]["content"] if cells else "", page)
        return
    rows: dict[int, list[str]] = {}
    for cell in sorted(cells, key=lambda cell: (cell["row"], cell["col"])):
        text = re.sub(r"\s+", " ", re.sub(r"<br\s*/?>", " ", cell["content"])).strip()
        rows.setdefault(cell["row"], []).append(text)
    lines = [" | ".join(_trimmed(row)) for row in rows.values()]
    yield Block("\n".join(line for line in lines if line.strip(" |")), page)


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row
