"""Reads files in child processes: bounded, recycled, and ended with their parent.

The text comes first, with the places of its passages; then, block by block, the terms by which the
passages are indexed, while the first blocks are stored. A few blocks are received ahead, so that
the worker finishes a file of ordinary size before it is stored, and waits for the storing of a
large one.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from byline.config import schema
from byline.domain.documents import (
    Chunk,
    ExtractedText,
    Heading,
    PageSpan,
    ReadingWarning,
    ReadingWarningCode,
)
from byline.errors import ExtractionFailed
from byline.ingest.extraction.worker_protocol import (
    EXIT_TOO_MUCH_MEMORY,
    FRAME,
    ReadingOrder,
    WorkerLimits,
    bare_environment,
)
from byline.processes import end_process, last_words
from byline.search.index.analysed_passages import AnalysedPassages

_FILES_MAX: Final = 200
"""Files that one worker reads before it is replaced."""
_KEPT_BYTES_MAX: Final = 536_870_912
"""A worker that holds more memory than this after a file is replaced."""
_IDLE_S_MAX: Final = 60.0
_STDERR_BYTES_KEPT: Final = 4_096
_BLOCKS_AHEAD_MAX: Final = 8
"""Blocks received ahead of storing: about 3 MB."""
_BLOCK_S_MAX: Final = 60.0
"""The longest wait for a block, which usually takes 0.1 s: meanwhile the document is locked by
whoever stores its blocks."""


class ExtractWorkerDied(Exception):
    """The worker ended in the middle of a file without a reason of its own. Trying again may
    help."""


_Span: TypeAlias = tuple[int, int, int | None, str]
"""A passage's start, end, page, and heading path."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """A document's text and the places of its passages.

    `blocks` ends once all passages are analysed. It raises what `Extractor.extract` raises: a
    reading may fail half way.
    """

    text: ExtractedText
    spans: Sequence[_Span]
    blocks: AsyncIterator[AnalysedPassages]

    def gap(self, number: int) -> str:
        """The white space between passage `number` and the one before it."""
        after = self.spans[number - 1][1] if number else 0
        return self.text.text[after : self.spans[number][0]]

    def chunks(self, first: int, block: AnalysedPassages) -> list[Chunk]:
        """The passages of `block`; the first of them has number `first`."""
        spans = self.spans[first : first + len(block)]
        prints = block.fingerprints.tolist()
        return [
            Chunk(n, *span, self.text.text[slice(*span[:2])], print_)
            for n, (span, print_) in enumerate(zip(spans, prints, strict=True), first)
        ]


@dataclass(frozen=True, slots=True)
class _DocumentHead:
    """What a worker sends first: the text and the places of its passages."""

    text: ExtractedText
    spans: Sequence[_Span]


_Part: TypeAlias = _DocumentHead | AnalysedPassages
_PartQueue: TypeAlias = asyncio.Queue[_Part | Exception]
"""The parts received of a file; an exception is the last one."""


class Extractor:
    """Extractor runs at most `ingest.concurrency` workers. They are started when files come, and
    ended when idle."""

    def __init__(self, config: schema.Ingest, scratch: Path) -> None:
        self._limits = WorkerLimits(
            memory_bytes_max=config.extract_memory_bytes_max,
            text_chars_max=config.text_chars_max,
            ocr_languages=config.ocr_languages,
        )
        self._passage_chars_max = config.passage_chars_max
        self._s_max = config.extract_s_max
        self._scratch = scratch
        self._free = asyncio.Semaphore(config.concurrency)
        self._idle: list[_Worker] = []

    @asynccontextmanager
    async def extract(
        self, path: Path, name: str, title: str = "", *, passage_chars_max: int | None = None
    ) -> AsyncIterator[Extraction]:
        """Read the file at `path`, whose owner calls it `name` and gave it `title`, if that is not
        "". Cut it by `passage_chars_max`, or as configured. Inside the
        block the file is not needed any more.

        Raises `ExtractionFailed`, or `ExtractWorkerDied` if the worker was killed from outside.
        Leaving the block before the last of `blocks` ends the worker.
        """
        chars_max = passage_chars_max or self._passage_chars_max
        parts: _PartQueue = asyncio.Queue(_BLOCKS_AHEAD_MAX)
        order = ReadingOrder(str(path), name, title, chars_max)
        reading = asyncio.create_task(self._run_order(order, parts))
        try:
            yield await _receive_extraction(parts)
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _run_order(self, order: ReadingOrder, parts: _PartQueue) -> None:
        """Put the parts that a worker makes of a file into `parts`, or the exception that ends
        them. The worker is free again before the last part is put."""
        try:
            async with self._free:
                last = await self._read(order, parts)
            await parts.put(last)
        except Exception as failure:  # noqa: BLE001 - it is raised where it is waited for
            await parts.put(failure)

    async def _read(self, order: ReadingOrder, parts: _PartQueue) -> _Part:
        worker = await self._worker()
        try:
            return await self._receive_parts(worker, order, parts)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._end_of(worker) from error
        finally:
            await self._return_worker(worker)

    async def _receive_parts(
        self, worker: _Worker, order: ReadingOrder, parts: _PartQueue
    ) -> _Part:
        """Put all parts into `parts` but the last, which is returned. Only the time waiting for the
        worker counts against its limit, not the time the worker waits for the storing."""
        loop = asyncio.get_running_loop()
        wait_s_max = left_s = self._s_max
        next_part: Coroutine[Any, Any, _Part] = worker.open(order)
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout(min(left_s, wait_s_max)):
                    part = await next_part
            except TimeoutError:
                raise self._too_slow() if left_s <= wait_s_max else _block_too_slow() from None
            if not worker.is_reading:
                return part
            left_s -= loop.time() - began
            await parts.put(part)
            next_part, wait_s_max = worker.block(), _BLOCK_S_MAX

    async def close(self) -> None:
        """End the idle workers; busy ones end with the call that uses them."""
        while self._idle:
            await self._idle.pop().kill()

    async def _worker(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_usable:
                worker.cancel_ending()
                return worker
            await worker.kill()
        return await _start_worker(self._limits, self._scratch)

    async def _return_worker(self, worker: _Worker) -> None:
        """Keep the worker for the next file, or end it if it is worn or in the middle of a file."""
        if worker.is_usable:
            self._idle.append(worker)
            worker.kill_after(_IDLE_S_MAX)
        else:
            await worker.kill()

    async def _end_of(self, worker: _Worker) -> Exception:
        code, said = await worker.kill()
        if code == EXIT_TOO_MUCH_MEMORY or "memory allocation of" in said or "bad_alloc" in said:
            return ExtractionFailed(
                "too_much_memory",
                f"Reading the file took more than {self._limits.memory_bytes_max:,} bytes of "
                "memory (ingest.extract_memory_bytes_max).",
                remedy="Split the file, or raise ingest.extract_memory_bytes_max.",
            )
        return ExtractWorkerDied(f"the worker ended with {code}: {said.strip()[-300:]}")

    def _too_slow(self) -> ExtractionFailed:
        return ExtractionFailed(
            "too_slow",
            f"Reading the file took longer than {self._s_max:g} s (ingest.extract_s_max).",
            remedy="Split the file, or raise ingest.extract_s_max in the configuration.",
        )


@asynccontextmanager
async def open_extractor(config: schema.Ingest, scratch: Path) -> AsyncIterator[Extractor]:
    """An extractor whose workers keep their temporary files under `scratch`."""
    extractor = Extractor(config, scratch)
    try:
        yield extractor
    finally:
        await extractor.close()


class _Worker:
    """One child process and the folder it may write to."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._files = 0
        self._awaits_opening = False
        self._passages_left = 0
        self._resident_bytes = 0
        self._stderr = b""
        self._stderr_reader = asyncio.create_task(self._read_stderr())
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[tuple[int | None, str]] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether parts of its file are still to come."""
        return self._awaits_opening or self._passages_left > 0

    @property
    def is_usable(self) -> bool:
        return (
            self._ending is None
            and not self.is_reading
            and self._process.returncode is None
            and self._files < _FILES_MAX
            and self._resident_bytes <= _KEPT_BYTES_MAX
        )

    async def open(self, order: ReadingOrder) -> _Part:
        """Start reading a file; returns its text and the places of its passages."""
        stdin = self._process.stdin
        assert stdin is not None
        self._files += 1
        self._awaits_opening = True
        stdin.write(order.to_json().encode() + b"\n")
        await stdin.drain()
        header, text, _ = await self._part()
        opening = _read_opening(header, text)
        self._awaits_opening, self._passages_left = False, len(opening.spans)
        return opening

    async def block(self) -> _Part:
        """The next block: the terms of some more passages."""
        _, _, packed = await self._part()
        block = AnalysedPassages.from_bytes(packed)
        self._passages_left -= len(block)
        return block

    async def _part(self) -> tuple[Mapping[str, Any], bytes, bytes]:
        stdout = self._process.stdout
        assert stdout is not None
        header_len, text_len, terms_len = FRAME.unpack(await stdout.readexactly(FRAME.size))
        header = json.loads(await stdout.readexactly(header_len))
        text = await stdout.readexactly(text_len)
        packed = await stdout.readexactly(terms_len)
        self._resident_bytes = header["resident_bytes"]
        if failed := header.get("failed"):
            self._awaits_opening, self._passages_left = False, 0
            raise ExtractionFailed(failed["code"], failed["message"], remedy=failed["remedy"])
        return header, text, packed

    def kill_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._start_ending)

    def cancel_ending(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def kill(self) -> tuple[int | None, str]:
        """End the process and delete its files; returns its exit code and the end of its standard
        error."""
        return await asyncio.shield(self._start_ending())

    def _start_ending(self) -> asyncio.Task[tuple[int | None, str]]:
        self.cancel_ending()
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return self._ending

    async def _end(self) -> tuple[int | None, str]:
        code = await end_process(self._process)
        await last_words(self._stderr_reader)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        return code, self._stderr.decode("utf-8", "replace")

    async def _read_stderr(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while said := await stderr.read(_STDERR_BYTES_KEPT):
            self._stderr = (self._stderr + said)[-_STDERR_BYTES_KEPT:]


async def _start_worker(limits: WorkerLimits, scratch: Path) -> _Worker:
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="worker-", dir=scratch))
    try:
        # -P: modules come from where Byline is installed, never from the folder a worker stands in.
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-P",
                "-m",
                "byline.ingest.extraction.extract_worker",
                limits.to_json(),
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=bare_environment(folder),
            start_new_session=True,  # Ctrl-C at the terminal is ours to act on, not the worker's
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _Worker(process, folder)


def _read_opening(header: Mapping[str, Any], text: bytes) -> _DocumentHead:
    paths = header["paths"]
    return _DocumentHead(
        text=ExtractedText(
            text=text.decode(),
            title=header["title"],
            media_type=header["media_type"],
            pages=tuple(PageSpan(*page) for page in header["pages"]),
            headings=tuple(Heading(*heading) for heading in header["headings"]),
            language=header["language"],
            warnings=tuple(
                ReadingWarning(ReadingWarningCode(code), tuple(pages), tuple(parts), characters)
                for code, pages, parts, characters in header["warnings"]
            ),
        ),
        spans=[(start, end, page, paths[path]) for start, end, page, path in header["chunks"]],
    )


async def _receive_extraction(parts: _PartQueue) -> Extraction:
    opening = await _next(parts)
    assert isinstance(opening, _DocumentHead)
    return Extraction(opening.text, opening.spans, _blocks(parts, len(opening.spans)))


async def _blocks(parts: _PartQueue, passages: int) -> AsyncIterator[AnalysedPassages]:
    while passages:
        block = await _next(parts)
        assert isinstance(block, AnalysedPassages)
        passages -= len(block)
        yield block


async def _next(parts: _PartQueue) -> _Part:
    told = await parts.get()
    if isinstance(told, Exception):
        raise told
    return told


def _block_too_slow() -> ExtractionFailed:
    return ExtractionFailed(
        "too_slow",
        f"Reading the file stood still for {_BLOCK_S_MAX:g} s.",
        remedy="Add the file again; split it if that does not help.",
    )
