"""The streams of a HWP 5 file, and the records they are made of.

Layout as in Hancom's published description of HWP 5.0 (sections 3 and 4) and of its distribution
documents, whose text is encrypted with a key in the file itself.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import olefile

_TAG_DISTRIBUTE_DOC_DATA: Final = 0x1C
_LAYOUT: Final = frozenset({0x13, 0x14, 0x15, 0x16, 0x44, 0x45, 0x46})
"""Fonts, borders, shapes of characters, tabs, lines: half of all records."""
_TAG_MIN: Final = 0x10
_RECORDS_MAX: Final = 5_000_000
_SIZE_FOLLOWS: Final = 0xFFF
_FLAGS_AT: Final = 36
_KEY_RECORD_BYTES: Final = 260
_PROPERTIES_MAX: Final = 100
_TITLE_PROPERTY: Final = 2
_TITLE_CHARS_MAX: Final = 1_000
_WIDE_TEXT: Final = 31
SECTION_BYTES_MAX: Final = 268_435_456


class HwpFlags(IntFlag):
    """What the head of a file says of the whole of it."""

    COMPRESSED = 1
    PASSWORD = 2
    DISTRIBUTION = 4
    PROTECTED = 16
    """Digital rights management."""
    CERTIFIED = 256 | 1024
    """Encrypted, or protected, with a certificate."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its tag, its depth in the tree of records, and its content."""

    tag: int
    level: int
    data: bytes

    def number(self, at: int, size: int = 2) -> int:
        """The little-endian number of `size` bytes at a place; 0 beyond the end."""
        return int.from_bytes(self.data[at : at + size], "little")

    def text(self, at: int) -> tuple[str, int]:
        """The text at a place, which its length in code units precedes, and where it ends."""
        end = at + 2 + 2 * self.number(at)
        return self.data[at + 2 : end].decode("utf-16-le", "replace"), end


class DamagedStream(Exception):
    """A stream ends too early, or cannot be unpacked. `data` is what comes before that."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__("damaged stream")
        self.data = data


def flags_of(ole: olefile.OleFileIO) -> HwpFlags:
    header: bytes = ole.openstream("FileHeader").read(_FLAGS_AT + 4)
    return HwpFlags(int.from_bytes(header[_FLAGS_AT:], "little"))


def section_names(ole: olefile.OleFileIO, flags: HwpFlags) -> list[str]:
    """The streams with text, in reading order."""
    names = ["/".join(entry) for entry in ole.listdir()]
    for storage in ("ViewText/", "BodyText/") if HwpFlags.DISTRIBUTION in flags else ("BodyText/",):
        found = [name for name in names if name.startswith(storage)]
        if found:
            return sorted(found, key=lambda name: (int(re.sub(r"\D", "", name) or 0), name))
    return []


def stream_data(ole: olefile.OleFileIO, name: str, flags: HwpFlags) -> bytes:
    """The records of a stream, unpacked. Raises `DamagedStream`."""
    try:
        data: bytes = ole.openstream(name).read()
    except (OSError, ValueError, LookupError, OverflowError, struct.error) as error:
        raise DamagedStream from error
    if name.startswith("ViewText/"):
        data = unscrambled(data)
    return unpacked(data) if HwpFlags.COMPRESSED in flags else data


def unpacked(data: bytes) -> bytes:
    """The content of raw deflate data. Raises `DamagedStream`."""
    packer = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    left = SECTION_BYTES_MAX
    try:
        # in pieces, so that what comes before a fault is kept
        for start in range(0, len(data), 4_096):
            parts.append(packer.decompress(data[start : start + 4_096], left))
            left -= len(parts[-1])
            if left <= 0 or packer.eof:
                break
    except zlib.error as error:
        raise DamagedStream(b"".join(parts)) from error
    if not packer.eof:
        raise DamagedStream(b"".join(parts))
    return b"".join(parts)


def unscrambled(section: bytes) -> bytes:
    """The section of a distribution document in clear. Raises `DamagedStream`."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if int.from_bytes(section[:4], "little") & 0x3FF != _TAG_DISTRIBUTE_DOC_DATA:
        raise DamagedStream
    key = _key(section[4:_KEY_RECORD_BYTES])
    if len(key) != 16:
        raise DamagedStream
    whole = (len(section) - _KEY_RECORD_BYTES) // 16 * 16
    body = section[_KEY_RECORD_BYTES : _KEY_RECORD_BYTES + whole]
    # ECB is the format's own choice; it protects nothing, the key is in the file.
    decryptor = Cipher(algorithms.AES128(key), modes.ECB()).decryptor()
    return decryptor.update(body) + decryptor.finalize()


def _key(data: bytes) -> bytes:
    """The AES key in the 256 bytes of the key record, after its random mask is removed."""
    seed = int.from_bytes(data[:4], "little")
    state, mask, left = seed, 0, 0
    clear = bytearray(data)

    def draw() -> int:
        nonlocal state
        state = (state * 214013 + 2531011) & 0xFFFFFFFF
        return (state >> 16) & 0x7FFF

    for index in range(len(clear)):
        if left == 0:
            mask = draw() & 0xFF
            left = (draw() & 0x0F) + 1
        if index >= 4:
            clear[index] ^= mask
        left -= 1
    start = 4 + (seed & 0x0F)
    return bytes(clear[start : start + 16])


def records(data: bytes) -> Iterator[Record]:
    """The records of an unpacked stream but those about looks. Raises `DamagedStream` behind the
    last one."""
    at, end, count = 0, len(data), 0
    while at + 4 <= end:
        (header,) = struct.unpack_from("<I", data, at)
        if header & 0x3FF < _TAG_MIN or count > _RECORDS_MAX:
            if data.count(0, at) == end - at:
                return  # nothing but padding
            raise DamagedStream
        at, count = at + 4, count + 1
        size = header >> 20
        if size == _SIZE_FOLLOWS:
            size = int.from_bytes(data[at : at + 4], "little")
            at += 4
        if header & 0x3FF not in _LAYOUT:
            yield Record(header & 0x3FF, header >> 10 & 0x3FF, data[at : at + size])
        at += size
    if at != end:
        raise DamagedStream


def title_in_summary(data: bytes) -> str:
    """The title in a stream of summary information; "" if there is none. (olefile's own reading of
    such streams believes every count in them, and a damaged one takes it hours.)"""
    stream = Record(0, 0, data)
    section = stream.number(44, 4)
    count = min(stream.number(section + 4, 4), _PROPERTIES_MAX)
    for place in range(section + 8, section + 8 + 8 * count, 8):
        if stream.number(place, 4) == _TITLE_PROPERTY:
            at = section + stream.number(place + 4, 4)
            size = min(stream.number(at + 4, 4), _TITLE_CHARS_MAX)
            if stream.number(at, 4) == _WIDE_TEXT:
                told = data[at + 8 : at + 8 + 2 * size].decode("utf-16-le", "replace")
                return told.partition("\0")[0]
    return ""
