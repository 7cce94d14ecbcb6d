"""Pages of PDF documents as pictures, with a passage marked: drawn by a child process, then kept.

A picture is made of the file's bytes and the passage's words alone, so what is kept stays true; it
is kept in a folder by the file's hash, and goes when the file does, or when the folder is full and
others were looked at since.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from byline.config import schema
from byline.domain.documents import Document, ExtractedText
from byline.errors import ExtractionFailed, NotFound, UnsupportedFormat
from byline.ingest.library import Library
from byline.ingest.protocol import (
    EXIT_TOO_MUCH_MEMORY,
    NO_SUCH_PAGE,
    PictureOrder,
    bare_environment,
)
from byline.processes import end_process
from byline.store.blobs import BlobStore

_PASSAGE_CHARS_MAX: Final = 20_000
_AT_ONCE: Final = 2
_STDERR_CHARS_KEPT: Final = 300
_COPY: Final = "copy-"
_DRAWN_BY: Final = "1"
"""The drawing's version: raise it when pictures are to be made anew."""


@dataclass(frozen=True, slots=True)
class PageView:
    """Which page to draw, `width` pixels wide, and the span of the document's text to mark."""

    page: int
    width: int
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG. `marked`: the passage was found on the page; None where none was asked for. `box` is
    what the marks take up: left, top, right, bottom as shares of the picture."""

    png: bytes
    marked: bool | None
    box: tuple[float, float, float, float] | None


class Pictures:
    """Draws at most two pages at once; what was drawn is kept under `folder`."""

    def __init__(
        self, library: Library, blobs: BlobStore, config: schema.Ingest, folder: Path
    ) -> None:
        self._library = library
        self._blobs = blobs
        self._config = config
        self._folder = folder.absolute()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._making: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def page(self, document_id: str, view: PageView) -> Picture:
        """A page of a document.

        Raises `NotFound` (document, page or file), `UnsupportedFormat` (it is no PDF),
        `ExtractionFailed` (`encrypted`, `corrupt`, `too_slow`, `too_much_memory`, …).
        """
        document = await self._library.get(document_id)
        if document.media_type != "application/pdf":
            raise UnsupportedFormat(
                f"{document.name} is no PDF; only pages of PDF files can be shown as pictures.",
                remedy=f"Read its text at /api/documents/{document.id}/text.",
            )
        passage, about = "", 0.0
        if view.span is not None:
            passage, about = _on_page(await self._library.text(document.id), view)
        picture = await self._kept_or_drawn(document, view, passage, about)
        return picture if view.span is not None else Picture(picture.png, None, None)

    async def forget(self, sha256: str) -> None:
        """Remove what was drawn of a file."""
        await asyncio.to_thread(shutil.rmtree, self._folder / sha256, ignore_errors=True)

    async def _kept_or_drawn(
        self, document: Document, view: PageView, passage: str, about: float
    ) -> Picture:
        told = f"{_DRAWN_BY} {about:.2f} {passage}" if passage else _DRAWN_BY
        key = hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:24]
        kept = self._folder / document.sha256 / f"{view.page}-{view.width}-{key}.png"
        lock = self._making.setdefault(kept, asyncio.Lock())
        try:
            async with asyncio.timeout(self._config.picture_s_max), lock:
                if (known := await asyncio.to_thread(_read, kept)) is not None:
                    return _picture(known)
                async with self._free, self._at_hand(document.sha256) as path:
                    order = PictureOrder(
                        page=view.page,
                        width=view.width,
                        passage=passage,
                        about=about,
                        path=str(path.absolute()),
                        memory_bytes_max=self._config.picture_memory_bytes_max,
                    )
                    drawn = await self._draw(order)
        except TimeoutError:
            raise ExtractionFailed(
                "too_slow",
                f"Drawing the page took longer than {self._config.picture_s_max:g} s "
                "(ingest.picture_s_max).",
                remedy="Open the original file, or raise ingest.picture_s_max.",
            ) from None
        if await self._blobs.exists(document.sha256):  # it may have been removed meanwhile
            await asyncio.to_thread(self._keep, kept, drawn)
        return _picture(drawn)

    @asynccontextmanager
    async def _at_hand(self, sha256: str) -> AsyncIterator[Path]:
        """The file as a path: its own where it is kept locally, else a copy."""
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
            *(sys.executable, "-P", "-m", "byline.ingest.picture_worker"),
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

    def _keep(self, path: Path, drawn: bytes) -> None:
        """What cannot be kept is drawn again: a full disk is no reason to show nothing."""
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(drawn)
            Path(file.name).replace(path)
            _make_room(self._folder, self._config.pictures_bytes_max)


def _on_page(extracted: ExtractedText, view: PageView) -> tuple[str, float]:
    """What of the span lies on the page, and how far down the page's text it begins."""
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
        os.utime(path)  # looked at just now: others make room first
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
    """Remove the pictures nobody looked at for longest until the rest fit."""
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


@asynccontextmanager
async def open_pictures(
    library: Library, blobs: BlobStore, config: schema.Ingest, folder: Path
) -> AsyncIterator[Pictures]:
    """Pictures kept under `folder`; those of a file go when it goes."""
    await asyncio.to_thread(_ready, folder)
    pictures = Pictures(library, blobs, config, folder)
    library.on_forgotten.append(pictures.forget)
    try:
        yield pictures
    finally:
        library.on_forgotten.remove(pictures.forget)


def _ready(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob(f"{_COPY}*"):
        shutil.rmtree(left, ignore_errors=True)
