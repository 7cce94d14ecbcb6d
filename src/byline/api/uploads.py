"""Files as they arrive: a multipart body is written to spool files while it is read.

Nothing is held in memory and no limit waits for the end: a file over `file_bytes_max` stops
growing at once and is marked too large; the rest of the body is still read (and dropped), since a
client that is answered in the middle of sending sees a broken connection, not the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import shutil
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from byline.errors import BadRequest, BylineError, StorageFull, TooLarge

FILES_MAX: Final = 1_000
FIELD_BYTES_MAX: Final = 4_096
NAME_CHARS_MAX: Final = 255

_PATH_PARTS: Final = re.compile(r"[/\\]")


@dataclass(slots=True)
class ReceivedFile:
    """One file of an upload, in the spool; `error` says why it cannot be taken, if so. `folder` is
    where it lay in a folder that was sent whole."""

    path: Path
    name: str
    folder: str = ""
    error: BylineError | None = None
    bytes_len: int = 0


@dataclass(slots=True)
class Upload:
    """A whole multipart body: its files in order, and its text fields."""

    files: list[ReceivedFile] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


def clean_name(sent: str) -> str:
    """A file's name without folders and without what a name cannot or should not hold.

    Percent-encoding is taken off: browsers encode quotes so, and some clients everything.
    Control characters and direction marks (which can make `exe.pdf` of `fdp.exe`) are dropped;
    the end of a very long name is kept, for it holds the extension.
    """
    with contextlib.suppress(UnicodeDecodeError):
        sent = unquote(sent, errors="strict")
    name = _PATH_PARTS.split(unicodedata.normalize("NFC", sent))[-1]
    kept = "".join(c for c in name if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    kept = " ".join(kept.split())
    if kept.strip(". ") == "":
        return "unnamed"
    return kept[-NAME_CHARS_MAX:]


def folder_in(sent: str) -> str:
    """The folders before a file's name, as browsers send them with a folder: `letters/2024`.

    A path that begins at a root or a drive tells of its sender's computer, and is no folder.
    """
    with contextlib.suppress(UnicodeDecodeError):
        sent = unquote(sent, errors="strict")
    folder, _, _ = sent.rpartition("/")
    return "" if folder.startswith(("/", "\\")) or ":" in folder else folder


@asynccontextmanager
async def received(request: Request, spool: Path, *, file_bytes_max: int) -> AsyncIterator[Upload]:
    """Read the multipart body of `request`; its spool files are removed at the end.

    Raises BadRequest when it is no multipart body or holds no field `file`, StorageFull when the
    disk has no room; nothing is left in the spool then either.
    """
    boundary = _boundary(request.headers.get("content-type", ""))
    folder = await asyncio.to_thread(_spool_folder, spool)
    reader = _Reader(boundary, folder, file_bytes_max)
    try:
        async for chunk in request.stream():
            await asyncio.to_thread(reader.feed, chunk)
        await asyncio.to_thread(reader.finish)
        yield reader.upload
    finally:
        reader.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _spool_folder(spool: Path) -> Path:
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=spool))
    except OSError as error:
        raise _disk_error(error) from error


def _disk_error(error: OSError) -> Exception:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull("The disk has no room for the file.")
    return error


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 256:
        raise BadRequest(
            "The body is not multipart/form-data.",
            remedy="Send each file as a multipart field `file`, e.g. curl -F file=@report.pdf.",
        )
    return boundary


class _Reader:
    """Feeds the parser and keeps its callbacks' state. Its methods block: call it in a thread."""

    def __init__(self, boundary: bytes, folder: Path, file_bytes_max: int) -> None:
        self.upload = Upload()
        self._folder = folder
        self._file_bytes_max = file_bytes_max
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._field = ""
        self._text = bytearray()
        self._file: ReceivedFile | None = None
        self._open: BinaryIO | None = None
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value_,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._part_data,
                "on_part_end": self._part_ends,
                "on_end": self._all_ends,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadRequest(f"The multipart body is broken: {error}") from error
        except OSError as error:
            raise _disk_error(error) from error

    def finish(self) -> None:
        if not self._complete:
            raise BadRequest("The multipart body ends before its last boundary.")
        if not self.upload.files:
            raise BadRequest(
                "No file was sent.", remedy="Send each file as a multipart field `file`."
            )

    def close(self) -> None:
        if self._open is not None:
            with contextlib.suppress(OSError):
                self._open.close()
            self._open = None

    def _part_begins(self) -> None:
        self._headers = {}
        self._header_name = self._header_value = b""
        self._text = bytearray()
        self._file = None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            return
        sent = options[b"filename"].decode("utf-8", "replace")
        if self._field != "file":
            raise BadRequest(
                f"A file came in the field `{self._field}`.", remedy="Name the field `file`."
            )
        if len(self.upload.files) >= FILES_MAX:
            raise TooLarge(
                f"More than {FILES_MAX} files came in one request.",
                remedy=f"Send at most {FILES_MAX} files at a time.",
            )
        path = self._folder / str(len(self.upload.files))
        self._file = ReceivedFile(path, clean_name(sent), folder_in(sent))
        self._open = path.open("wb")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._text += data[start:end]
            if len(self._text) > FIELD_BYTES_MAX:
                raise TooLarge(f"The field `{self._field}` is over {FIELD_BYTES_MAX} bytes.")
            return
        self._file.bytes_len += end - start
        if self._file.error is not None or self._open is None:
            return
        if self._file.bytes_len > self._file_bytes_max:
            self._file.error = TooLarge(
                f"{self._file.name} is larger than {self._file_bytes_max} bytes "
                "(ingest.file_bytes_max)."
            )
            self._open.truncate(0)
            return
        self._open.write(memoryview(data)[start:end])

    def _part_ends(self) -> None:
        if self._file is None:
            self.upload.fields[self._field] = self._text.decode("utf-8", "replace")
            return
        if self._open is not None:
            self._open.close()
            self._open = None
        if self._file.name != "unnamed" or self._file.bytes_len > 0:
            self.upload.files.append(
                self._file
            )  # a browser sends an empty field as a nameless file

    def _all_ends(self) -> None:
        self._complete = True
