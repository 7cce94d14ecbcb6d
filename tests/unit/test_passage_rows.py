"""A passage's row, read back as PostgreSQL would read it."""

from __future__ import annotations

import struct
import uuid
from dataclasses import replace

from byline.domain.documents import Chunk
from byline.ingest.passages.passage_rows import passage_row

DOCUMENT = uuid.uuid4()
CHUNK = Chunk(3, 10, 14, 2, "제목", "text", -5)


def fields(row: bytes) -> list[bytes | None]:
    (count,) = struct.unpack_from(">h", row)
    found: list[bytes | None] = []
    place = 2
    for _ in range(count):
        (size,) = struct.unpack_from(">i", row, place)
        place += 4
        found.append(None if size < 0 else row[place : place + size])
        place += max(size, 0)
    assert place == len(row)
    return found


def test_a_row_has_every_field_in_the_order_of_the_statement() -> None:
    numbers = [struct.pack(">i", n) for n in (3, 2, 10, 14)]
    assert fields(passage_row(7, DOCUMENT, CHUNK, "\n\n")) == [
        *(struct.pack(">q", 7), DOCUMENT.bytes, *numbers, "제목".encode(), b"text"),
        *(struct.pack(">q", -5), b"\n\n"),
    ]


def test_what_is_not_known_is_null() -> None:
    row = fields(passage_row(7, DOCUMENT, replace(CHUNK, page=None, fingerprint=None), ""))
    assert (row[3], row[8], row[9]) == (None, None, b"")
