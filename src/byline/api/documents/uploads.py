"""Receives uploads: a multipart body is written to spool files while it is read.

Files are never held in memory, and limits are checked while the body comes: a file over
`file_bytes_max` stops growing and is marked too large, and an upload that breaks another limit is
refused. The rest of the body is still read and dropped, because a client that is answered while it
sends sees a broken connection, not the reason. What is dropped has a limit, too; beyond it the
connection is closed (`http_protocol`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from byline.domain.echo import shortened
from byline.errors import BadRequest, BylineError, StorageFull, TooLarge
from byline.ingest.library.document_names import folder_from_upload, name_from_upload

FILES_MAX: Final = 1_000
FIELDS_MAX: Final = 20
PARTS_MAX: Final = FILES_MAX + FIELDS_MAX
"""Parts of any kind. An empty file field, which a browser also sends, counts."""
PART_HEADERS_MAX: Final = 8
PART_HEADER_BYTES_MAX: Final = 4_224
FIELD_BYTES_MAX: Final = 4_096
FIELDS_BYTES_MAX: Final = 16_384
DROPPED_TIMES_MAX: Final = 3
"""What is read and dropped of an upload that is refused or has too large files, as a multiple of
`file_bytes_max`."""
DROPPED_BYTES_MIN: Final = 67_108_864
"""The least that is read and dropped, whatever `file_bytes_max` is."""


@dataclass(slots=True)
class ReceivedFile:
    """One file of an upload in the spool. `error` says why it cannot be added, if so. `folder` is
    where it lay in a folder that was sent as a whole."""

    path: Path
    name: str
    folder: str = ""
    error: BylineError | None = None
    bytes_len: int = 0


@dataclass(slots=True)
class Upload:
    """A complete multipart body: its files in order, and its text fields."""

    files: list[ReceivedFile] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def receive_upload(
    request: Request, spool: Path, *, file_bytes_max: int
) -> AsyncIterator[Upload]:
    """Read the multipart body of `request`; its spool files are removed at the end.

    Raises BadRequest if it is not a multipart body or has no field `file`, TooLarge if it has too
    many parts or too much text, and StorageFull if the disk has no room; then, too, nothing is left
    in the spool.
    """
    boundary = _boundary(request.headers.get("content-type", ""))
    folder = await asyncio.to_thread(_spool_folder, spool)
    reader = _MultipartReader(boundary, folder, file_bytes_max)
    try:
        async for chunk in request.stream():
            await asyncio.to_thread(reader.take, chunk)
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


class _MultipartReader:
    """Feeds the parser and keeps the state of its callbacks. Its methods block: call them in a
    thread."""

    def __init__(self, boundary: bytes, folder: Path, file_bytes_max: int) -> None:
        self.upload = Upload()
        self._folder = folder
        self._file_bytes_max = file_bytes_max
        self._refusal: BylineError | None = None
        self._dropped_bytes = 0
        self._parts = 0
        self._fields = 0
        self._fields_bytes = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
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
            max_header_count=PART_HEADERS_MAX,
            max_header_size=PART_HEADER_BYTES_MAX,
        )

    def take(self, chunk: bytes) -> None:
        """Parse the next chunk. A refusal is raised by `finish`, or here if too much was
        dropped."""
        if self._refusal is not None:
            self._drop(len(chunk), self._refusal)
        elif self._complete:
            self._drop(len(chunk), TooLarge("Too much comes behind the last part of the upload."))
        else:
            try:
                self._feed(chunk)
            except BylineError as refusal:
                self._refuse(refusal)

    def _refuse(self, refusal: BylineError) -> None:
        """Drop everything from here on, and delete what has been written."""
        self._refusal = refusal
        self.close()
        for left in self._folder.iterdir():
            left.unlink(missing_ok=True)

    def _drop(self, bytes_len: int, why: BylineError) -> None:
        self._dropped_bytes += bytes_len
        if self._dropped_bytes > max(DROPPED_TIMES_MAX * self._file_bytes_max, DROPPED_BYTES_MIN):
            raise why

    def _feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            complaint = shortened(str(error))
            raise BadRequest(f"The multipart body is broken: {complaint}") from error
        except OSError as error:
            raise _disk_error(error) from error

    def finish(self) -> None:
        """Raise the refusal of the upload, if there is one."""
        if self._refusal is not None:
            raise self._refusal
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
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise TooLarge(
                f"The upload has more than {PARTS_MAX} parts.",
                remedy=f"Send at most {FILES_MAX} files and {FIELDS_MAX} fields at a time.",
            )
        self._disposition = b""
        self._text = bytearray()
        self._file = None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            self._fields += 1
            if self._fields > FIELDS_MAX:
                raise TooLarge(f"The upload has more than {FIELDS_MAX} fields beside its files.")
            return
        sent = options[b"filename"].decode("utf-8", "replace")
        if self._field != "file":
            raise BadRequest(
                f"A file came in the field `{shortened(self._field)}`.",
                remedy="Name the field `file`.",
            )
        if len(self.upload.files) >= FILES_MAX:
            raise TooLarge(
                f"More than {FILES_MAX} files came in one request.",
                remedy=f"Send at most {FILES_MAX} files at a time.",
            )
        path = self._folder / str(len(self.upload.files))
        self._file = ReceivedFile(path, name_from_upload(sent), folder_from_upload(sent))
        self._open = path.open("wb")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._take_text(data[start:end])
            return
        self._file.bytes_len += end - start
        if self._file.error is not None:
            self._drop(end - start, self._file.error)
            return
        assert self._open is not None
        if self._file.bytes_len > self._file_bytes_max:
            self._file.error = TooLarge(
                f"{self._file.name} is larger than {self._file_bytes_max} bytes "
                "(ingest.file_bytes_max)."
            )
            self._open.truncate(0)
            return
        self._open.write(memoryview(data)[start:end])

    def _take_text(self, text: bytes) -> None:
        self._text += text
        self._fields_bytes += len(text)
        if len(self._text) > FIELD_BYTES_MAX:
            raise TooLarge(f"The field `{shortened(self._field)}` is over {FIELD_BYTES_MAX} bytes.")
        if self._fields_bytes > FIELDS_BYTES_MAX:
            raise TooLarge(f"The fields beside the files are over {FIELDS_BYTES_MAX} bytes.")

    def _part_ends(self) -> None:
        if self._file is None:
            self.upload.fields[self._field] = self._text.decode("utf-8", "replace")
            return
        if self._open is not None:
            self._open.close()
            self._open = None
        # A browser sends an empty field as a nameless file.
        if self._file.name != "unnamed" or self._file.bytes_len > 0:
            self.upload.files.append(self._file)

    def _all_ends(self) -> None:
        self._complete = True
