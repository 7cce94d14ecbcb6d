"""The child process that draws a page of a PDF: `python -m byline.ingest.pictures.picture_worker`.

Its input is the JSON of a `PictureOrder`. Its output is a line of JSON, then the PNG:

    {"failed": {"code", "message", "remedy"}}   and no PNG
    {"marked": bool, "box": [left, top, right, bottom] or null}

`box` is the extent of the marks, as shares of the picture's width and height. A process draws one
page and ends: whatever a hostile file does to it ends with it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops

from byline.errors import ExtractionFailed
from byline.ingest.extraction.worker_protocol import (
    EXIT_TOO_MUCH_MEMORY,
    NO_SUCH_PAGE,
    PictureOrder,
)
from byline.ingest.format_detection import corrupt, encrypted
from byline.ingest.pictures.passage_locator import locate

_HEIGHT_MAX: Final = 6_000
"""In pixels; a page may be a strip a hundred times as high as wide."""
_CHARS_MAX: Final = 100_000
_BOXES_MAX: Final = 2_000
_PAPER: Final = (255, 255, 255)
_MARKER: Final = (255, 224, 102)
_MARGIN_PT: Final = 1.5
_SPACE_HEIGHTS_MAX: Final = 1.5
_COLOURS: Final = 64
_COLOURS_OF_PRINT_MAX: Final = 4_096
"""A page with no more colours has no photograph: reduced to `_COLOURS` it takes a third of the
bytes, and no eye sees the difference."""
_CPU_S: Final = 60

Box = tuple[float, float, float, float]


def main() -> None:
    """Draw the page and exit."""
    order = PictureOrder.from_json(sys.stdin.read())
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is not part of the picture
    _bound(order.memory_bytes_max)
    head, png = _answer(order)
    out.write(json.dumps(head, ensure_ascii=False).encode() + b"\n" + png)
    out.flush()


def _bound(memory_bytes_max: int) -> None:
    with contextlib.suppress(OSError, ValueError):  # macOS has the limit but does not enforce it
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to no file


def _answer(order: PictureOrder) -> tuple[dict[str, Any], bytes]:
    try:
        return _draw(order)
    except ExtractionFailed as refusal:
        failure = refusal
    except MemoryError:
        os._exit(EXIT_TOO_MUCH_MEMORY)
    except FileNotFoundError:
        failure = ExtractionFailed("file_missing", "The original file is gone.")
    except Exception as error:  # noqa: BLE001 - whatever a damaged page provokes is that page's failure
        said = f"{type(error).__name__}: {error}"[:300]
        failure = ExtractionFailed("extraction_failed", f"The page could not be drawn ({said}).")
    told = {
        "code": failure.extraction_code,
        "message": failure.message,
        "remedy": failure.remedy,
    }
    return {"failed": told}, b""


def _draw(order: PictureOrder) -> tuple[dict[str, Any], bytes]:
    with contextlib.closing(_open_document(order)) as document:
        if not 1 <= order.page <= len(document):
            told = f"There is no page {order.page}; the document has {len(document)}."
            raise ExtractionFailed(NO_SUCH_PAGE, told)
        page = document[order.page - 1]
        width, height = page.get_size()
        # PDFium rounds up: a fraction of a pixel too much would add one.
        scale = min((order.width - 0.01) / max(width, 1.0), _HEIGHT_MAX / max(height, 1.0))
        bitmap = page.render(scale=scale, rev_byteorder=True)
        picture = bitmap.to_pil().convert("RGB")
        boxes = _lines(_boxes(page, order)) if order.passage else []
        places = [_placed(box, bitmap.get_posconv(page), picture.size) for box in boxes]
        if places:
            picture = _marked(picture, places)
        return {"marked": bool(places), "box": _around(places, picture.size)}, _png(picture)


def _open_document(order: PictureOrder) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(order.path)
    except pypdfium2.PdfiumError as error:
        if pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD or "password" in str(error):
            raise encrypted() from error
        raise corrupt("PDF") from error


def _boxes(page: pypdfium2.PdfPage, order: PictureOrder) -> Iterator[Box]:
    """The boxes that the passage covers: left, bottom, right, top in points, one for each run of
    letters."""
    text = page.get_textpage()
    count = min(text.count_chars(), _CHARS_MAX)
    chars = (pdfium.FPDFText_GetUnicode(text, at) for at in range(count))
    shown = "".join(chr(char) if char < sys.maxunicode else "\ufffd" for char in chars)
    made = 0
    for start, end in locate(order.passage, shown, order.about):
        for at in range(text.count_rects(start, end - start)):
            if made == _BOXES_MAX:
                return
            made += 1
            yield text.get_rect(at)


def _lines(boxes: Iterable[Box]) -> list[Box]:
    """Join boxes on one line that are a word's space apart: a pen is not lifted between words."""
    lines: list[Box] = []
    for box in boxes:
        last = lines[-1] if lines else None
        height = box[3] - box[1]
        if (
            last is not None
            and min(last[3], box[3]) - max(last[1], box[1]) > height / 2
            and -height < box[0] - last[2] < _SPACE_HEIGHTS_MAX * height
        ):
            lines[-1] = last[0], min(last[1], box[1]), max(last[2], box[2]), max(last[3], box[3])
        else:
            lines.append(box)
    return lines


def _placed(box: Box, position: Any, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box of the page in pixels of its picture, for any rotation of the page."""
    left, bottom, right, top = box
    one = position.to_bitmap(left - _MARGIN_PT, bottom - _MARGIN_PT)
    other = position.to_bitmap(right + _MARGIN_PT, top + _MARGIN_PT)
    (x0, x1), (y0, y1) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    width, height = size
    return max(x0, 0), max(y0, 0), min(x1, width - 1), min(y1, height - 1)


def _marked(picture: Image.Image, places: Sequence[tuple[int, int, int, int]]) -> Image.Image:
    """Mark the places as with a felt-tip pen: the print stays dark, the paper takes the colour."""
    pen = Image.new("RGB", picture.size, _PAPER)
    for place in places:
        if place[0] < place[2] and place[1] < place[3]:
            pen.paste(_MARKER, place)
    return ImageChops.multiply(picture, pen)


def _around(places: Sequence[tuple[int, int, int, int]], size: tuple[int, int]) -> Any:
    if not places:
        return None
    width, height = size
    return [
        round(min(place[0] for place in places) / width, 4),
        round(min(place[1] for place in places) / height, 4),
        round(max(place[2] for place in places) / width, 4),
        round(max(place[3] for place in places) / height, 4),
    ]


def _png(picture: Image.Image) -> bytes:
    if picture.getcolors(_COLOURS_OF_PRINT_MAX) is not None:
        picture = picture.quantize(_COLOURS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    main()
