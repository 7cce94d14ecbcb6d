"""Files to text, in child processes: bounded, recycled, and dead when their parent is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from byline.config import schema
from byline.domain.documents import Chunk, ExtractedText, Heading, PageSpan
from byline.errors import ExtractionFailed
from byline.ingest.protocol import (
    EXIT_TOO_MUCH_MEMORY,
    FRAME,
    ReadingOrder,
    WorkerLimits,
    bare_environment,
)
from byline.search.analysed import AnalysedPassages

_FILES_MAX: Final = 200
"""Files one worker reads before another takes its place."""
_KEPT_BYTES_MAX: Final = 536_870_912
"""A worker that holds more memory than this after a file is not used again."""
_IDLE_S_MAX: Final = 60.0
_STDERR_BYTES_KEPT: Final = 4_096


class WorkerDied(Exception):
    """The worker ended in the middle of a file for no reason of its own telling. Try again."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """A document's text and its passages: (start, end, page, heading path) each, and `analysed`."""

    text: ExtractedText
    spans: Sequence[tuple[int, int, int | None, str]]
    analysed: AnalysedPassages

    def gap(self, number: int) -> str:
        """The blanks between the passage before and the one of this number."""
        after = self.spans[number - 1][1] if number else 0
        return self.text.text[after : self.spans[number][0]]

    def chunks(self, first: int, after: int) -> list[Chunk]:
        """The passages number `first` up to `after`, that one excluded."""
        return [
            Chunk(n, *span, self.text.text[slice(*span[:2])], self.analysed.fingerprint(n))
            for n, span in enumerate(self.spans[first:after], first)
        ]


class Extractor:
    """At most `ingest.concurrency` workers, started when a file comes, ended when none does."""

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

    async def extract(
        self, path: Path, name: str, title: str = "", *, passage_chars_max: int | None = None
    ) -> Extraction:
        """Read the file at `path`, which its owner calls `name`, and `title` if that is given. Cut
        it by `passage_chars_max`, or as is configured.

        Raises `ExtractionFailed`, or `WorkerDied` if the worker was killed from outside.
        """
        async with self._free:
            worker = await self._worker()
            order = ReadingOrder(
                *(str(path), name, title), passage_chars_max or self._passage_chars_max
            )
            try:
                async with asyncio.timeout(self._s_max):
                    extraction = await worker.read(order)
            except ExtractionFailed:
                await self._put_back(worker)
                raise
            except TimeoutError:
                await worker.kill()
                raise self._too_slow() from None
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise await self._end_of(worker) from error
            except BaseException:  # cancelled: the file is somebody else's now
                await worker.kill()
                raise
            await self._put_back(worker)
            return extraction

    async def close(self) -> None:
        """End the idle workers; busy ones end with the call that uses them."""
        while self._idle:
            await self._idle.pop().kill()

    async def _worker(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_usable:
                worker.keep()
                return worker
            await worker.kill()
        return await _start_worker(self._limits, self._scratch)

    async def _put_back(self, worker: _Worker) -> None:
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
        return WorkerDied(f"the worker ended with {code}: {said.strip()[-300:]}")

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
        self._resident_bytes = 0
        self._stderr = b""
        self._listening = asyncio.create_task(self._listen())
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[tuple[int, str]] | None = None

    @property
    def is_usable(self) -> bool:
        return (
            self._ending is None
            and self._process.returncode is None
            and self._files < _FILES_MAX
            and self._resident_bytes <= _KEPT_BYTES_MAX
        )

    async def read(self, order: ReadingOrder) -> Extraction:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self._files += 1
        stdin.write(order.to_json().encode() + b"\n")
        await stdin.drain()
        header_len, text_len, terms_len = FRAME.unpack(await stdout.readexactly(FRAME.size))
        header = json.loads(await stdout.readexactly(header_len))
        text = await stdout.readexactly(text_len)
        packed = await stdout.readexactly(terms_len)
        self._resident_bytes = header["resident_bytes"]
        return _extraction(header, text, packed)

    def kill_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._begin_end)

    def keep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    async def kill(self) -> tuple[int, str]:
        """End the process and forget its files; its exit code and last words."""
        return await asyncio.shield(self._begin_end())

    def _begin_end(self) -> asyncio.Task[tuple[int, str]]:
        self.keep()
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return self._ending

    async def _end(self) -> tuple[int, str]:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # Not `process.kill()`: it reaps a worker that has just left by itself, and asyncio
                # of Python 3.11 then reports 255 where the worker said why it left.
                os.kill(self._process.pid, signal.SIGKILL)
        code = await self._process.wait()
        await self._listening
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        return code, self._stderr.decode("utf-8", "replace")

    async def _listen(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while said := await stderr.read(_STDERR_BYTES_KEPT):
            self._stderr = (self._stderr + said)[-_STDERR_BYTES_KEPT:]


async def _start_worker(limits: WorkerLimits, scratch: Path) -> _Worker:
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="worker-", dir=scratch))
    try:
        # -P: modules come from where Byline is installed, never from the folder a worker stands in.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "byline.ingest.worker", limits.to_json()),
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


def _extraction(header: Mapping[str, Any], text: bytes, packed: bytes) -> Extraction:
    if failed := header.get("failed"):
        raise ExtractionFailed(failed["code"], failed["message"], remedy=failed["remedy"])
    paths = header["paths"]
    return Extraction(
        text=ExtractedText(
            text=text.decode(),
            title=header["title"],
            media_type=header["media_type"],
            pages=tuple(PageSpan(*page) for page in header["pages"]),
            headings=tuple(Heading(*heading) for heading in header["headings"]),
            language=header["language"],
        ),
        spans=[(start, end, page, paths[path]) for start, end, page, path in header["chunks"]],
        analysed=AnalysedPassages.from_bytes(packed),
    )
