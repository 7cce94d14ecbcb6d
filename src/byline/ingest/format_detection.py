"""What format a file has, judged by its bytes; its name only decides between kinds of text."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Final

from byline.domain.formats import FORMATS, Format, format_of
from byline.errors import ExtractionFailed

if TYPE_CHECKING:
    import olefile

HEAD_BYTES: Final = 65_536
"""How many bytes at the beginning of a file are examined."""


@dataclass(frozen=True, slots=True)
class RefusedKind:
    """RefusedKind is a kind of file that Byline does not read: its name, and what to do instead."""

    what: str
    remedy: str

    @property
    def sentence(self) -> str:
        return f"The file is {self.what}, which holds no text Byline can read."


_CONVERT: Final = "Convert the file to PDF, DOCX, HWPX, HTML or plain text and add it again."
_UNPACK: Final = "Unpack it and add the files inside."
_TRANSCRIBE: Final = "Add a transcript of it as text instead."

_POSTSCRIPT: Final = RefusedKind("PostScript", _CONVERT)
_PRINTABLE: Final = re.compile(rb"[^\x00-\x08\x0e-\x1a\x1c-\x1f]*")

_REFUSED: Final[tuple[tuple[bytes, int, RefusedKind], ...]] = (
    (b"\x7fELF", 0, RefusedKind("a program", _CONVERT)),
    (b"MZ", 0, RefusedKind("a program", _CONVERT)),
    (b"\xcf\xfa\xed\xfe", 0, RefusedKind("a program", _CONVERT)),
    (b"\xce\xfa\xed\xfe", 0, RefusedKind("a program", _CONVERT)),
    (b"\xca\xfe\xba\xbe", 0, RefusedKind("a program", _CONVERT)),
    (b"\0asm", 0, RefusedKind("a program", _CONVERT)),
    (b"\x1aE\xdf\xa3", 0, RefusedKind("a video", _TRANSCRIBE)),
    (b"FLV\x01", 0, RefusedKind("a video", _TRANSCRIBE)),
    (b"\x00\x00\x01\xba", 0, RefusedKind("a video", _TRANSCRIBE)),
    (b"\x00\x00\x01\xb3", 0, RefusedKind("a video", _TRANSCRIBE)),
    (b"0&\xb2u\x8ef\xcf\x11", 0, RefusedKind("a video", _TRANSCRIBE)),
    (b"AVI ", 8, RefusedKind("a video", _TRANSCRIBE)),
    (b"WAVE", 8, RefusedKind("a sound recording", _TRANSCRIBE)),
    (b"OggS", 0, RefusedKind("a sound recording", _TRANSCRIBE)),
    (b"fLaC", 0, RefusedKind("a sound recording", _TRANSCRIBE)),
    (b"ID3", 0, RefusedKind("a sound recording", _TRANSCRIBE)),
    (b"\xff\xfb", 0, RefusedKind("a sound recording", _TRANSCRIBE)),
    (b"#!AMR", 0, RefusedKind("a sound recording", _TRANSCRIBE)),
    (b"\x1f\x8b", 0, RefusedKind("a compressed archive", _UNPACK)),
    (b"BZh", 0, RefusedKind("a compressed archive", _UNPACK)),
    (b"\xfd7zXZ\0", 0, RefusedKind("a compressed archive", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", 0, RefusedKind("a compressed archive", _UNPACK)),
    (b"Rar!\x1a\x07", 0, RefusedKind("a compressed archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", 0, RefusedKind("a compressed archive", _UNPACK)),
    (b"ustar", 257, RefusedKind("an archive", _UNPACK)),
    (b"SQLite format 3\0", 0, RefusedKind("a database", _CONVERT)),
    (b"PAR1", 0, RefusedKind("a database", _CONVERT)),
    (b"!BDN", 0, RefusedKind("an Outlook store", "Export the mails as EML or MBOX and add those.")),
    (b"GGUF", 0, RefusedKind("a language model", _CONVERT)),
    (b"wOFF", 0, RefusedKind("a font", _CONVERT)),
    (b"wOF2", 0, RefusedKind("a font", _CONVERT)),
    (b"OTTO\0", 0, RefusedKind("a font", _CONVERT)),
    (b"\0\1\0\0\0", 0, RefusedKind("a font", _CONVERT)),
    (b"CD001", 32_769, RefusedKind("a disk image", _UNPACK)),
    (b"%!PS", 0, _POSTSCRIPT),
    (b"HWP Document File V3", 0, RefusedKind("a HWP 3 document", "Save it as HWPX and add that.")),
)
_MEMBER_BYTES_MAX: Final = 1_048_576
_SECTOR_SHIFTS: Final = (9, 12)
_OLE_FAULTS: Final = (OSError, ValueError, LookupError, OverflowError, struct.error)
_ARCHIVE: Final = RefusedKind("an archive", _UNPACK)
_UNKNOWN_BINARY: Final = RefusedKind("binary data of an unknown kind", _CONVERT)

_STILL_BRANDS: Final = (b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif")

_BY_SUFFIX: Final = {suffix: one for one in FORMATS for suffix in one.suffixes}
_XML_SUFFIXES: Final[Mapping[str, str]] = {
    ".fb2": "application/x-fictionbook+xml",
    ".docbook": "application/docbook+xml",
    ".dbk": "application/docbook+xml",
    ".opml": "application/xml+opml",
    ".fodt": "application/vnd.oasis.opendocument.text-flat-xml",
    ".fodp": "application/vnd.oasis.opendocument.presentation-flat-xml",
}
_MAIL_FIELD: Final = re.compile(
    rb"^(?:Received|Return-Path|Delivered-To|MIME-Version|Message-ID|From|To|Subject|Date"
    rb"|Content-Type|DKIM-Signature|X-[A-Za-z-]+):[ \t]",
    re.IGNORECASE | re.MULTILINE,
)
_MAILBOX: Final = re.compile(rb"\AFrom \S[^\r\n]*+(?<=\d{4})\r?\n[A-Za-z][A-Za-z-]*+:[ \t]")
_MAIN_PART_NUMBER: Final = re.compile(r"(?<=^word/document)\d+(?=\.xml$)")
_HTML: Final = re.compile(r"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)


def refused_kind_of(head: bytes) -> RefusedKind | None:
    """The refused kind of a file that begins with `head`, or None. Quick enough for an upload."""
    if _PRINTABLE.fullmatch(head[:512]):
        return _POSTSCRIPT if head.startswith(b"%!PS") else None  # "ID3 is…" may begin a letter
    for magic, offset, refusal in _REFUSED:
        if head.startswith(magic, offset):
            return refusal
    if head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS:
        return RefusedKind("a video or sound recording", _TRANSCRIBE)
    return None


def format_of_file(path: Path, name: str) -> Format | None:
    """The format of the file at `path`; None if it is text, whose format `format_of_text` tells.

    Raises `ExtractionFailed`: empty, corrupt, encrypted or unsupported_format.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise ExtractionFailed("empty", f"{name} is empty: it has zero bytes.")
        if refusal := refused_kind_of(head):
            raise _unsupported(refusal)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return _format_of_zip(file, name)
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            if int.from_bytes(head[30:32], "little") not in _SECTOR_SHIFTS:
                raise corrupt("Office or HWP file")  # olefile would ask for a sector of any size
            return _format_of_ole(file)
    if b"%PDF-" in head[:1024]:
        return format_of("application/pdf")
    if head.lstrip()[:5] == b"{\\rtf":
        return format_of("application/rtf")
    told = next((one for one in FORMATS if one.magic and head.startswith(one.magic)), None)
    return told or _format_of_image(head) or _format_of_mail(head, name)


def format_of_text(head: str, name: str) -> Format:
    """The format of a text that begins with `head`, by its first characters and its name."""
    suffix = PurePath(name).suffix.lower()
    beginning = head.lstrip()[:2048]
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if beginning.startswith("<") and _HTML.search(beginning):
        return format_of("text/html")
    if beginning.startswith("<?xml") or suffix in _XML_SUFFIXES:
        return format_of(_XML_SUFFIXES.get(suffix, "application/xml"))
    if suffix in (".html", ".htm", ".xhtml") and "<" in beginning:
        return format_of("text/html")
    return format_of("text/plain")


def binary() -> ExtractionFailed:
    """The failure for bytes that are not text in any encoding."""
    return _unsupported(_UNKNOWN_BINARY)


def encrypted(what: str = "document") -> ExtractionFailed:
    """The failure for a document that needs a password."""
    return ExtractionFailed(
        "encrypted",
        f"The {what} is protected by a password.",
        remedy="Open it in its own program, save it without the password and add it again.",
    )


def corrupt(what: str) -> ExtractionFailed:
    """The failure for a file that is damaged or cut off; `what` names its kind."""
    return ExtractionFailed("corrupt", f"The file is a damaged or incomplete {what}.")


def _unsupported(refusal: RefusedKind) -> ExtractionFailed:
    return ExtractionFailed("unsupported_format", refusal.sentence, remedy=refusal.remedy)


def _format_of_image(head: bytes) -> Format | None:
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return format_of("image/bmp")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return format_of("image/webp")
    if head[4:8] == b"ftyp":
        return format_of("image/avif" if head[8:12] == b"avif" else "image/heic")
    return None


def _format_of_mail(head: bytes, name: str) -> Format | None:
    if _MAILBOX.match(head):
        return format_of("application/mbox")
    fields_end = re.search(rb"\r?\n\r?\n", head)
    fields = _MAIL_FIELD.findall(head[: fields_end.start()] if fields_end else head)
    named_so = PurePath(name).suffix.lower() == ".eml"
    begins_so = _MAIL_FIELD.match(head) is not None
    if (named_so and fields) or (begins_so and len({field.lower() for field in fields}) >= 4):
        return format_of("message/rfc822")
    return None


def _format_of_zip(file: IO[bytes], name: str) -> Format:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            locked = any(info.flag_bits & 1 for info in archive.infolist())
            mark = b"" if locked else _member(archive, "mimetype")[:100].strip()
            locked = locked or b"encryption-data" in _member(archive, "META-INF/manifest.xml")
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError) as error:
        raise corrupt("Office or ZIP file") from error
    if locked:
        raise encrypted()
    told = _format_in_zip(names, mark.decode("ascii", "replace"), PurePath(name).suffix.lower())
    if told is None:
        raise _unsupported(_ARCHIVE)
    return told


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The beginning of a member; empty if it is not there or damaged, which is the reader's to
    tell."""
    try:
        with archive.open(name) as member:
            return member.read(_MEMBER_BYTES_MAX)
    except (
        LookupError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
    ):
        return b""


def _format_in_zip(names: set[str], mark: str, suffix: str) -> Format | None:
    if mark == "application/epub+zip" or (
        "META-INF/container.xml" in names and any(name.endswith(".opf") for name in names)
    ):
        return format_of("application/epub+zip")
    if mark == "application/hwp+zip":
        return format_of("application/haansofthwpx")
    if mark.startswith("application/vnd.oasis.opendocument."):
        return format_of(mark.removesuffix("-template"))
    # Some programs number the main part: word/document2.xml.
    names = names | {_MAIN_PART_NUMBER.sub("", name) for name in names}
    told = next((one for one in FORMATS if one.member and one.member in names), None)
    if told is not None:
        return told
    if "Index/Document.iwa" in names and suffix in (".pages", ".numbers", ".key"):
        word = {".key": "keynote"}.get(suffix, suffix[1:])
        return format_of(f"application/x-iwork-{word}-sff{suffix[1:]}")
    return None


def _format_of_ole(file: IO[bytes]) -> Format:
    import olefile

    try:
        with olefile.OleFileIO(file) as ole:
            return _format_in_ole(ole)
    except (*_OLE_FAULTS, RecursionError) as error:
        raise corrupt("Office or HWP file") from error


def _format_in_ole(ole: olefile.OleFileIO) -> Format:
    if ole.exists("EncryptedPackage"):
        raise encrypted()
    if ole.exists("FileHeader"):
        header = ole.openstream("FileHeader").read(256)
        if header.startswith(b"HWP Document File"):
            if header[36] & 2:
                raise encrypted()
            return format_of("application/x-hwp")
    if ole.exists("WordDocument"):
        flags = ole.openstream("WordDocument").read(12)[10:12]
        if flags[1:] and flags[1] & 1:
            raise encrypted()
        return format_of("application/msword")
    for stream in ("Workbook", "Book"):
        if ole.exists(stream):
            if _is_locked_workbook(ole.openstream(stream).read(4096)):
                raise encrypted("workbook")
            return format_of("application/vnd.ms-excel")
    if ole.exists("PowerPoint Document"):
        if ole.exists("EncryptedSummary"):
            raise encrypted("presentation")
        return format_of("application/vnd.ms-powerpoint")
    if ole.exists("__properties_version1.0"):
        return format_of("application/vnd.ms-outlook")
    raise binary()


def _is_locked_workbook(records: bytes) -> bool:
    """Whether a FILEPASS record (0x2F) is among the first records of a BIFF stream."""
    at = 0
    while at + 4 <= len(records):
        record = int.from_bytes(records[at : at + 2], "little")
        if record == 0x2F:
            return True
        if record == 0x0A:
            return False
        at += 4 + int.from_bytes(records[at + 2 : at + 4], "little")
    return False
