"""Pages of PDF documents as pictures with a passage marked; a child process draws them.

A picture depends on the file's bytes and the passage's words alone, so a stored picture never
becomes wrong. Pictures are stored in a folder named by the file's hash. They are removed with the
file, or when the folder is full and they are the ones not used for longest.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from weakref import WeakValueDictionary

from byline.config import schema
from byline.domain.callers import Caller
from byline.domain.documents import Document, ExtractedText
from byline.domain.formats import has_page_pictures
from byline.errors import Busy, ExtractionFailed, NotFound, UnsupportedFormat
from byline.ingest.extraction.worker_protocol import (
    EXIT_TOO_MUCH_MEMORY,
    NO_SUCH_PAGE,
    PictureOrder,
    bare_environment,
)
from byline.ingest.library.document_library import Library
from byline.processes import end_process
from byline.store.blobs import BlobStore

_PASSAGE_CHARS_MAX: Final = 20_000
_AT_ONCE: Final = 2
LINE_S_MAX: Final = 10.0
"""How long a page waits for its turn to be drawn, in seconds."""
_STDERR_CHARS_KEPT: Final = 300
_COPY: Final = "copy-"
_DRAWN_BY: Final = "1"
"""The version of the drawing; raise it to have pictures drawn again."""


@dataclass(frozen=True, slots=True)
class PageView:
    """The page to draw, `width` pixels wide, and the span of the document's text to mark."""

    page: int
    width: int
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG. `marked` says whether the passage was found on the page; None if none was requested.
    `box` is the extent of the marks: left, top, right, bottom as shares of the picture."""

    png: bytes
    marked: bool | None
    box: tuple[float, float, float, float] | None


class Pictures:
    """Pictures draws at most two pages at once, and stores what it drew under `folder`."""

    def __init__(
        self, library: Library, blobs: BlobStore, config: schema.Ingest, folder: Path
    ) -> None:
        self._library = library
        self._blobs = blobs
        self._config = config
        self._folder = folder.absolute()
        self.line_s_max = LINE_S_MAX
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._making: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    def for_caller(self, caller: Caller) -> Self:
        """The same pictures, of the documents that `caller` may see."""
        seen = copy(self)
        seen._library = self._library.for_caller(caller)
        return seen

    async def page(self, document_id: str, view: PageView) -> Picture:
        """The picture of a page of a document.

        Raises `NotFound` (document, page or file), `UnsupportedFormat` (not a PDF),
        `ExtractionFailed` (`encrypted`, `corrupt`, `too_slow`, `too_much_memory`, …), `Busy`
        (others are being drawn, and its turn did not come).
        """
        document = await self._library.get(document_id)
        if not has_page_pictures(document.media_type):
            raise UnsupportedFormat(
                f"{document.name} is no PDF; only pages of PDF files can be shown as pictures.",
                remedy=f"Read its text at /api/documents/{document.id}/text.",
            )
        passage, about = "", 0.0
        if view.span is not None:
            passage, about = _on_page(await self._library.text(document.id), view)
        picture = await self._stored_or_drawn(document, view, passage, about)
        return picture if view.span is not None else Picture(picture.png, None, None)

    async def _stored_or_drawn(
        self, document: Document, view: PageView, passage: str, about: float
    ) -> Picture:
        told = f"{_DRAWN_BY} {about:.2f} {passage}" if passage else _DRAWN_BY
        key = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:24]
        kept = self._folder / document.sha256 / f"{view.page}-{view.width}-{key}.png"
        lock = self._making.setdefault(kept, asyncio.Lock())
        try:
            async with asyncio.timeout(self.line_s_max) as waiting, lock:
                if (known := await asyncio.to_thread(_read, kept)) is not None:
                    return _picture(known)
                async with self._free:
                    waiting.reschedule(None)  # its turn has come
                    drawn = await self._draw_in_time(document, view, passage, about)
        except TimeoutError:
            if not waiting.expired():
                raise
            raise Busy(
                "Many pages are being drawn just now; this one's turn did not come."
            ) from None
        if await self._blobs.exists(document.sha256):  # it may have been removed meanwhile
            await asyncio.to_thread(self._store_picture, kept, drawn)
        return _picture(drawn)

    async def _draw_in_time(
        self, document: Document, view: PageView, passage: str, about: float
    ) -> bytes:
        try:
            async with (
                asyncio.timeout(self._config.picture_s_max) as drawing,
                self._local_copy(document.sha256) as path,
            ):
                order = PictureOrder(
                    page=view.page,
                    width=view.width,
                    passage=passage,
                    about=about,
                    path=str(path.absolute()),
                    memory_bytes_max=self._config.picture_memory_bytes_max,
                )
                return await self._draw(order)
        except TimeoutError:
            if not drawing.expired():
                raise
            raise ExtractionFailed(
                "too_slow",
                f"Drawing the page took longer than {self._config.picture_s_max:g} s "
                "(ingest.picture_s_max).",
                remedy="Open the original file, or raise ingest.picture_s_max.",
            ) from None

    @asynccontextmanager
    async def _local_copy(self, sha256: str) -> AsyncIterator[Path]:
        """The path of the file: its own if the store is local, else that of a copy."""
        if (own := self._blobs.path_of(sha256)) is not None:
            yield own
            return
        copy = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=_COPY, dir=self._folder))
        try:
            await self._blobs.copy_to(sha256, copy / "file")
            yield copy / "file"
        finally:
            await asyncio.to_thread(shutil.rmtree, copy, ignore_errors=True)

    async def _draw(self, order: PictureOrder) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "byline.ingest.pictures.picture_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env=bare_environment(self._folder),
            start_new_session=True,  # Ctrl-C at the terminal is ours to act on
        )
        try:
            drawn, said = await process.communicate(order.to_json().encode())
        finally:
            if process.returncode is None:
                await asyncio.shield(end_process(process))
        if process.returncode != 0 or b"\n" not in drawn:
            raise self._broken(process.returncode, said.decode("utf-8", "replace"))
        _raise_if_failed(json.loads(drawn[: drawn.index(b"\n")]))
        return drawn

    def _broken(self, code: int | None, said: str) -> ExtractionFailed:
        if code == EXIT_TOO_MUCH_MEMORY or "bad_alloc" in said or "MemoryError" in said:
            return ExtractionFailed(
                "too_much_memory",
                f"Drawing the page took more than {self._config.picture_memory_bytes_max:,} bytes "
                "of memory (ingest.picture_memory_bytes_max).",
                remedy="Open the original file, or raise ingest.picture_memory_bytes_max.",
            )
        last = said.strip()[-_STDERR_CHARS_KEPT:]
        ended = f"The page could not be drawn: the process that drew it ended with {code}."
        return ExtractionFailed(
            "extraction_failed",
            f"{ended} {last}" if last else ended,
            remedy="Open the original file instead.",
        )

    def _store_picture(self, path: Path, drawn: bytes) -> None:
        """Store a picture, or ignore that it cannot be stored: a full disk is no reason to show
        nothing."""
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(drawn)
            Path(file.name).replace(path)
            _make_room(self._folder, self._config.pictures_bytes_max)


def _on_page(extracted: ExtractedText, view: PageView) -> tuple[str, float]:
    """The part of the span that lies on the page, and how far down the page's text it begins."""
    start, end = view.span or (0, 0)
    for page in extracted.pages:
        if page.number == view.page:
            first, last = max(start, page.start), min(end, page.end)
            if first >= last:
                return "", 0.0
            about = (first - page.start) / (page.end - page.start)
            return extracted.text[first : min(last, first + _PASSAGE_CHARS_MAX)], about
    return "", 0.0


def _read(path: Path) -> bytes | None:
    try:
        drawn = path.read_bytes()
        os.utime(path)  # used just now: others are removed before it
    except OSError:
        return None
    return drawn


def _picture(drawn: bytes) -> Picture:
    line, png = drawn.split(b"\n", 1)
    head = json.loads(line)
    box = head["box"]
    return Picture(png, head["marked"], (box[0], box[1], box[2], box[3]) if box else None)


def _raise_if_failed(head: dict[str, Any]) -> None:
    failed = head.get("failed")
    if failed is None:
        return
    if failed["code"] == NO_SUCH_PAGE:
        raise NotFound(failed["message"], remedy="Ask for a page the document has.")
    raise ExtractionFailed(failed["code"], failed["message"], remedy=failed["remedy"])


def _make_room(folder: Path, bytes_max: int) -> None:
    """Remove the pictures that were not used for longest until the rest fit."""
    found: list[tuple[float, int, Path]] = []
    for path in folder.glob("*/*.png"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            found.append((stat.st_mtime, stat.st_size, path))
    total = 0
    for _, size, path in sorted(found, reverse=True):
        total += size
        if total > bytes_max:
            path.unlink(missing_ok=True)


async def open_pictures(
    library: Library, blobs: BlobStore, config: schema.Ingest, folder: Path
) -> Pictures:
    """Pictures kept under `folder`."""
    await asyncio.to_thread(_prepare_folder, folder)
    return Pictures(library, blobs, config, folder)


async def forget_pictures(folder: Path, sha256: str) -> None:
    """Remove the pictures that were drawn of a file."""
    await asyncio.to_thread(shutil.rmtree, folder / sha256, ignore_errors=True)


def _prepare_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob(f"{_COPY}*"):
        shutil.rmtree(left, ignore_errors=True)
