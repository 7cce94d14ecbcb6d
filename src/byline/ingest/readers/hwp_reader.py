"""HWP 5 "distribution" documents, whose text is encrypted with a key in the file itself.

Layout as in Hancom's published description of HWP 5.0 (section 4.3.1) and of its distribution
documents; xberg reads all other HWP files.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from byline.domain.documents import ExtractedText
from byline.domain.formats import Format
from byline.ingest.format_detection import corrupt
from byline.ingest.readers.office_reader import read_office
from byline.ingest.readers.text_blocks import Block, assemble

_COMPRESSED: Final = 1
_DISTRIBUTION: Final = 4
_TAG_DISTRIBUTE_DOC_DATA: Final = 0x10 + 12
_TAG_PARA_TEXT: Final = 0x10 + 51
_SECTION_BYTES_MAX: Final = 268_435_456
_TAB: Final = 9
_BREAKS: Final = frozenset({10, 13})
_ONE_WIDE: Final = frozenset({0, 10, 13, *range(24, 32)})
"""Control characters one code unit wide; every other one below 32 takes eight."""


def read_hwp(path: Path, kind: Format) -> ExtractedText:
    """A HWP 5 document, of either sort."""
    import olefile

    with olefile.OleFileIO(str(path)) as ole:
        flags: int = ole.openstream("FileHeader").read(40)[36]
        names = sorted(
            (entry for entry in ole.listdir() if entry[0] == "ViewText"),
            key=lambda entry: int(re.sub(r"\D", "", entry[-1]) or 0),
        )
        if not flags & _DISTRIBUTION or not names:
            return read_office(path, kind, None)
        sections = [ole.openstream(entry).read() for entry in names]
    try:
        blocks = [
            Block(text)
            for section in sections
            for text in _paragraphs(_unscramble(section, is_packed=bool(flags & _COMPRESSED)))
        ]
    except (struct.error, zlib.error, IndexError, ValueError) as error:
        raise corrupt("HWP document") from error
    return assemble(blocks, title="", media_type=kind.media_type)


def _unscramble(section: bytes, *, is_packed: bool) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    (header,) = struct.unpack_from("<I", section)
    if header & 0x3FF != _TAG_DISTRIBUTE_DOC_DATA:
        raise ValueError("no key record")
    key = _key(section[4:260])
    body = section[260 : 260 + (len(section) - 260) // 16 * 16]
    # ECB is the format's own choice; it protects nothing, the key is in the file.
    decryptor = Cipher(algorithms.AES128(key), modes.ECB()).decryptor()
    plain = decryptor.update(body) + decryptor.finalize()
    if not is_packed:
        return plain
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(plain, _SECTION_BYTES_MAX)


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


def _paragraphs(records: bytes) -> Iterator[str]:
    at = 0
    while at + 4 <= len(records):
        (header,) = struct.unpack_from("<I", records, at)
        at += 4
        size = header >> 20
        if size == 0xFFF:
            (size,) = struct.unpack_from("<I", records, at)
            at += 4
        if header & 0x3FF == _TAG_PARA_TEXT:
            yield _text(records[at : at + size])
        at += size


def _text(raw: bytes) -> str:
    units = struct.unpack(f"<{len(raw) // 2}H", raw[: len(raw) // 2 * 2])
    kept = bytearray()
    at = 0
    while at < len(units):
        unit = units[at]
        if unit >= 32:
            kept += unit.to_bytes(2, "little")
        elif unit == _TAB or unit in _BREAKS:
            kept += (_TAB if unit == _TAB else 10).to_bytes(2, "little")
        at += 1 if unit >= 32 or unit in _ONE_WIDE else 8
    return kept.decode("utf-16-le", "replace")
