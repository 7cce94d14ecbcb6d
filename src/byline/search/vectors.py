"""Passages' terms as bytes: rows of a binary COPY, as PostgreSQL and pgvector lay them out.

`array` does the work at the speed of C; formatting and parsing text would cost several times more.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable
from typing import Final

from byline.search.analyse import TERM_IDS_MAX

COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER: Final = struct.pack(">h", -1)

_INT4_OID: Final = 23


def _big_endian(numbers: array[int] | array[float]) -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()


def int4_array(values: list[int]) -> bytes:
    """One dimension of int4: each element with its length of 4 before it."""
    count = len(values)
    if not count:
        return struct.pack(">iii", 0, 0, _INT4_OID)
    elements = array("i", (4,)) * (2 * count)
    elements[1::2] = array("i", values)
    return struct.pack(">iiiii", 1, 0, _INT4_OID, count, 1) + _big_endian(elements)


def sparsevec(term_ids: list[int], weights: Iterable[float]) -> bytes:
    """`term_ids` rising. Term `t` is stored as dimension `t`, which pgvector writes as `t + 1`."""
    header = struct.pack(">iii", TERM_IDS_MAX, len(term_ids), 0)
    return header + _big_endian(array("i", term_ids)) + _big_endian(array("f", weights))


def copy_row(*fields: bytes) -> bytes:
    """One row of the COPY from its fields."""
    sized = (part for field in fields for part in (struct.pack(">i", len(field)), field))
    return struct.pack(">h", len(fields)) + b"".join(sized)
