"""The child process that measures how well files are read, one at a time:

    python -m byline.ingest.extraction.measure_worker LIMITS

A line of input is a file (`worker_protocol.ReadingOrder`), a line of output its `FileMeasure`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from byline.domain.documents import ExtractedText, ReadingWarningCode
from byline.domain.formats import Reader, format_of
from byline.domain.reading_measures import FileMeasure
from byline.errors import ExtractionFailed
from byline.ingest.extraction.extract_worker import NICE, bound_memory, private_output
from byline.ingest.extraction.file_reading import ReadingLimits, read
from byline.ingest.extraction.worker_protocol import ReadingOrder, WorkerLimits
from byline.ingest.readers.image_reader import find_ocr
from byline.ingest.witness.comparison import compare, counted_characters
from byline.ingest.witness.witness_parts import WitnessPart
from byline.ingest.witness.witnesses import has_witness, witness_of

T = TypeVar("T")

_TIMES_MAX: Final = 3
_AGAIN_S_MAX: Final = 0.5
"""A reading that takes less is timed again: the first one loads code."""
_WITHOUT_LIBRARY: Final = frozenset(
    {Reader.TEXT, Reader.MARKDOWN, Reader.HTML, Reader.MAIL, Reader.MAILBOX, Reader.EPUB}
)
"""Readers of formats that are not compared with what the library makes of them."""
_CELL: Final = re.compile(r"\n| \| |\t")
_WORDS: Final = re.compile(r"[^\W\d_]")


def main() -> None:
    """Measure files until the input ends."""
    limits = WorkerLimits.from_json(sys.argv[1])
    out = private_output()
    with contextlib.suppress(OSError):
        os.nice(NICE)
    bound_memory(limits.memory_bytes_max)
    reading = ReadingLimits(limits.text_chars_max, limits.ocr_languages)
    for line in sys.stdin.buffer:
        order = ReadingOrder.from_json(line)
        out.write(measured(Path(order.path), order.name, reading).to_json().encode() + b"\n")
        out.flush()
    os._exit(0)  # as `extract_worker` ends: the library's threads are still running


def measured(path: Path, name: str, limits: ReadingLimits) -> FileMeasure:
    """How a file is read, which its owner calls `name`."""
    measure = FileMeasure(name, Path(name).suffix.lower().lstrip("."), path.stat().st_size)
    try:
        extracted, seconds = _timed(lambda: read(path, Path(name).name, limits))
    except ExtractionFailed as failure:
        return replace(measure, failure=failure.message)
    except Exception as error:  # noqa: BLE001 - whatever a damaged file provokes is that file's failure
        return replace(measure, failure=f"{type(error).__name__}: {error}"[:300])
    kind = format_of(extracted.media_type)
    measure = replace(
        measure,
        format=kind.name or measure.format,
        text_chars=counted_characters([extracted.text]),
        pages=len(extracted.pages) or None,
        seconds=seconds,
        warnings=extracted.warnings,
    )
    library = None
    if kind.reader not in _WITHOUT_LIBRARY:
        library = _library_text(path, extracted.media_type, limits)
        measure = replace(measure, library_seconds=library and library[1])
    if not has_witness(extracted.media_type):
        return measure
    return _held(measure, extracted, witness_of(path, extracted.media_type), library and library[0])


def _held(
    measure: FileMeasure,
    extracted: ExtractedText,
    parts: tuple[WitnessPart, ...],
    library: str | None,
) -> FileMeasure:
    lines = [line for part in parts for line in part.lines]
    lost = _lost(lines, extracted.text)
    warned = [one for one in extracted.warnings if one.code is ReadingWarningCode.MISSING]
    said = min(lost, sum(one.characters or 0 for one in warned))
    told = "\n".join([*lines, *(part.name for part in parts)])
    return replace(
        measure,
        witness_chars=counted_characters(lines),
        lost=lost - said,
        said=said,
        invented=_lost(list(_worded(extracted.text)), told),
        library_lost=0 if library is None else _lost(lines, library),
    )


def _worded(text: str) -> Iterator[str]:
    """The lines and cells of a text that hold words. A sheet shows numbers otherwise than it holds
    them, so these are no invention."""
    return (cell for cell in _CELL.split(text) if _WORDS.search(cell))


def _lost(lines: list[str], text: str) -> int:
    return sum(loss.lost for loss in compare(lines, text))


def _library_text(path: Path, media_type: str, limits: ReadingLimits) -> tuple[str, float] | None:
    """The text of the reader library by itself and its time; None if it fails."""
    import xberg

    ocr = find_ocr(limits.ocr_languages)
    config = xberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=ocr is None,
        extraction_timeout_secs=None,
    )
    given = xberg.ExtractInput(kind="uri", uri=str(path), mime_type=media_type)

    async def ask() -> Any:
        return await xberg.extract(given, config)

    try:
        result, seconds = _timed(lambda: asyncio.run(ask()))
        return str(result.results[0].content), seconds
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - it raises plain RuntimeErrors, and an IndexError says no result
        return None


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What work gives, and its time in seconds: the best of some where it is short."""
    best = float("inf")
    began = time.perf_counter()
    for _ in range(_TIMES_MAX):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() - began > _AGAIN_S_MAX:
            break
    return result, best


if __name__ == "__main__":
    main()
