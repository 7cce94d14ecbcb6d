"""Passages' terms as bytes: rows of a binary COPY, as PostgreSQL and pgvector lay them out.

Arrays do the work at the speed of C; formatting and parsing text would cost several times more.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from byline.search.analyse import TERM_IDS_MAX

COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER: Final = struct.pack(">h", -1)

ELEMENT_BYTES: Final = 8
"""Of an element of an array of int4: its length of 4, then itself."""
DIMENSION_BYTES: Final = 4
WEIGHT_BYTES: Final = 4

_INT4_OID: Final = 23
_ARRAY_HEAD: Final = struct.pack(">iii", 1, 0, _INT4_OID)
_EMPTY_ARRAY: Final = struct.pack(">iii", 0, 0, _INT4_OID)


def int4_array(values: npt.ArrayLike) -> bytes:
    """One dimension of int4."""
    elements = int4_elements(values)
    return int4_array_head(len(elements) // ELEMENT_BYTES) + elements


def int4_array_head(count: int) -> bytes:
    """What precedes the elements of an array, so many of them."""
    return _ARRAY_HEAD + struct.pack(">ii", count, 1) if count else _EMPTY_ARRAY


def int4_elements(values: npt.ArrayLike) -> bytes:
    """The elements of arrays, one after the other."""
    flat = np.asarray(values)
    elements = np.full((len(flat), 2), 4, ">i4")
    elements[:, 1] = flat
    return elements.tobytes()


def sparsevec_head(count: int) -> bytes:
    """What precedes so many terms, rising, and then their weights (`dimensions`, `floats`)."""
    return struct.pack(">iii", TERM_IDS_MAX, count, 0)


def dimensions(term_ids: npt.ArrayLike) -> bytes:
    """Terms, one after the other. Term `t` is stored as dimension `t`, which pgvector writes as
    `t + 1`."""
    return np.asarray(term_ids, ">i4").tobytes()


def floats(weights: npt.ArrayLike) -> bytes:
    """Weights, one after the other."""
    return np.asarray(weights, ">f4").tobytes()


def copy_row(*fields: bytes) -> bytes:
    """One row of the COPY from its fields."""
    sized = (part for field in fields for part in (struct.pack(">i", len(field)), field))
    return struct.pack(">h", len(fields)) + b"".join(sized)
