"""The child process that reads files: `python -m byline.ingest.extraction.extract_worker LIMITS`.

It talks to `file_extractor` over its standard input and output, one file at a time:

    in   a JSON line       `worker_protocol.ReadingOrder`
    out  the opening       the text in UTF-8; the header has its title and the passages' places
         blocks            the terms of some passages (`search.index.analysed_passages`), until
                           all have been sent
         a failure         {"failed": {"code", "message", "remedy"}}, instead of what is left

Each part of an answer is three lengths in bytes (big-endian, 32 bit each), then that much JSON
header, text and terms. A block is computed while the previous ones are stored. If storing is slow,
nobody reads the output: the worker then waits in the middle of a part, holding that one block.

The process ends when its input ends: a worker never outlives the Byline that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from byline.domain.documents import Chunk, ExtractedText
from byline.errors import ExtractionFailed
from byline.ingest.extraction.file_reading import ReadingLimits, read
from byline.ingest.extraction.worker_protocol import (
    EXIT_TOO_MUCH_MEMORY,
    FRAME,
    ReadingOrder,
    WorkerLimits,
)
from byline.ingest.passages.chunking import chunk
from byline.search.index.analysed_passages import analysed

_WATCH_S: Final = 0.05
NICE: Final = 5
_MAPPED_BYTES_SPARE: Final = 1_073_741_824
"""Memory that is mapped but hardly used: thread stacks, allocator arenas."""


@dataclass(frozen=True, slots=True)
class _AnswerPart:
    header: dict[str, Any]
    text: bytes = b""
    terms: bytes = b""


def main() -> None:
    """Read files until the input ends, then exit without unwinding: xberg's threads are still
    running, and unloading the interpreter under them crashes now and then."""
    limits = WorkerLimits.from_json(sys.argv[1])
    out = private_output()
    with contextlib.suppress(OSError):
        os.nice(NICE)  # people who wait have precedence
    bound_memory(limits.memory_bytes_max)
    try:
        for order in _orders(sys.stdin.buffer):
            for part in _answer(order, limits):
                _leave_if_over(limits.memory_bytes_max)
                _write(out, part)
    except MemoryError:
        os._exit(EXIT_TOO_MUCH_MEMORY)


def _write(out: IO[bytes], part: _AnswerPart) -> None:
    head = json.dumps({**part.header, "resident_bytes": resident_bytes()}, ensure_ascii=False)
    encoded = head.encode()
    out.write(FRAME.pack(len(encoded), len(part.text), len(part.terms)))
    for some in (encoded, part.text, part.terms):
        out.write(some)
    out.flush()


def resident_bytes() -> int:
    """The memory this process holds now, in bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: in bytes, the peak
    return pages * resource.getpagesize()


def peak_bytes() -> int:
    """The most memory this process ever held, in bytes; the kernel records even the shortest
    peak."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resident_bytes()


def private_output() -> IO[bytes]:
    """A private copy of standard output; what libraries print goes to standard error from now
    on."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _orders(lines: IO[bytes]) -> Iterable[ReadingOrder]:
    """The orders as they come. A thread waits for them, and for the end of input, during all
    work."""
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        for line in lines:
            arrived.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield ReadingOrder.from_json(arrived.get())


def bound_memory(memory_bytes_max: int) -> None:
    """Exit at the limit; the kernel's limit covers growth that is too fast for this check."""
    with contextlib.suppress(OSError, ValueError):
        bound = memory_bytes_max + _MAPPED_BYTES_SPARE
        resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))

    def watch() -> None:
        while True:
            _leave_if_over(memory_bytes_max)
            time.sleep(_WATCH_S)

    threading.Thread(target=watch, daemon=True).start()


def _leave_if_over(memory_bytes_max: int) -> None:
    """Exit if the peak was over the limit: a library that holds the interpreter's lock stops the
    watching thread, but the peak shows it afterwards."""
    if peak_bytes() > memory_bytes_max:
        os._exit(EXIT_TOO_MUCH_MEMORY)


def _answer(order: ReadingOrder, limits: WorkerLimits) -> Iterator[_AnswerPart]:
    try:
        extracted = read(
            Path(order.path),
            order.name,
            ReadingLimits(limits.text_chars_max, limits.ocr_languages),
        )
        if order.title:
            extracted = replace(extracted, title=order.title)
        chunks = chunk(extracted, passage_chars_max=order.passage_chars_max)
        yield _AnswerPart(_header(extracted, chunks), extracted.text.encode())
        passages = [(passage.text, passage.heading) for passage in chunks]
        for block in analysed(passages, title=extracted.title):
            yield _AnswerPart({}, terms=block.to_bytes())
    except ExtractionFailed as refusal:
        yield _failed(refusal)
    except MemoryError:
        raise
    except FileNotFoundError:
        yield _failed(ExtractionFailed("file_missing", "The original file is gone."))
    except Exception as error:  # noqa: BLE001 - whatever a damaged file provokes is that file's failure
        said = f"{type(error).__name__}: {error}"[:300]
        failure = ExtractionFailed("extraction_failed", f"The file could not be read ({said}).")
        yield _failed(failure)


def _header(extracted: ExtractedText, chunks: list[Chunk]) -> dict[str, Any]:
    paths: dict[str, int] = {}
    spans = [(c.start, c.end, c.page, paths.setdefault(c.heading, len(paths))) for c in chunks]
    return {
        "title": extracted.title,
        "media_type": extracted.media_type,
        "language": extracted.language,
        "pages": [(p.number, p.start, p.end) for p in extracted.pages],
        "warnings": [(w.code, w.pages, w.parts, w.characters) for w in extracted.warnings],
        "headings": [(h.level, h.text, h.start, h.end) for h in extracted.headings],
        "paths": list(paths),
        "chunks": spans,
    }


def _failed(failure: ExtractionFailed) -> _AnswerPart:
    failed = {
        "code": failure.extraction_code,
        "message": failure.message,
        "remedy": failure.remedy,
    }
    return _AnswerPart({"failed": failed})


if __name__ == "__main__":
    main()
