"""A passage as a row of a binary COPY into `passages`. Pure."""

from __future__ import annotations

import struct
import uuid
from typing import Final

from byline.domain.documents import Chunk

_HEAD: Final = struct.Struct(">hiqi16sii")
"""The number of fields (10), the passage's id, its document's id, its ordinal."""
_OFFSETS: Final = struct.Struct(">iiiii")
_PAGE: Final = struct.Struct(">ii")
_LENGTH: Final = struct.Struct(">i")
_FINGERPRINT: Final = struct.Struct(">iq")
_NULL: Final = _LENGTH.pack(-1)


def passage_row(id_: int, document_id: uuid.UUID, chunk: Chunk, gap: str) -> bytes:
    """The row: id, document, ordinal, page, offsets, heading, text, fingerprint, gap."""
    heading, text, blanks = chunk.heading.encode(), chunk.text.encode(), gap.encode()
    return b"".join(
        (
            _HEAD.pack(10, 8, id_, 16, document_id.bytes, 4, chunk.ordinal),
            _NULL if chunk.page is None else _PAGE.pack(4, chunk.page),
            _OFFSETS.pack(4, chunk.start, 4, chunk.end, len(heading)),
            heading,
            _LENGTH.pack(len(text)),
            text,
            _NULL if chunk.fingerprint is None else _FINGERPRINT.pack(8, chunk.fingerprint),
            _LENGTH.pack(len(blanks)),
            blanks,
        )
    )
