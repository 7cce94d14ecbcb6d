"""Makes the rows of the lexical index, as bytes, from the terms of passages. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from byline.search.index import bm25
from byline.search.index.candidates import impact_ids
from byline.search.index.term_columns import TermColumns
from byline.store import binary_copy

_ID_BITS: Final = 32
_LEAST_ID: Final = -(1 << 31)
_HEAD: Final = struct.Struct(">hiqi16si")
"""The beginning of a row of six fields: the passage's id, its document's id, the length of its
collection's name."""
_TWO: Final = struct.Struct(">ii")
_ONE: Final = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class PassageKeys:
    """The ids of passages, the ids of their documents, and the name of their collection."""

    passages: Sequence[int]
    documents: Sequence[bytes]
    collection: bytes


def posting_rows(
    places: PassageKeys, columns: TermColumns, averages: npt.NDArray[np.float64]
) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Binary COPY rows of `lexical_passages`, and the ids that find the passages, passage by
    passage. `averages` has for each passage the average length at the time."""
    numbers = columns.numbers()
    weights = bm25.saturated(
        columns.occurrences.astype(np.float64),
        columns.lengths[numbers].astype(np.float64),
        averages[numbers],
    )
    found, ends = _posting_ids(columns, numbers, weights)
    elements = binary_copy.int4_elements(found)
    terms, floats = binary_copy.dimensions(columns.ids), binary_copy.floats(weights)
    rows: list[bytes] = []
    start = first = 0
    for passage, document, length, end, after in zip(
        *(places.passages, places.documents, columns.lengths.tolist(), ends.tolist()),
        columns.ends.tolist(),
        strict=True,
    ):
        array, vector = (
            binary_copy.int4_array_head(end - start),
            binary_copy.sparsevec_head(after - first),
        )
        pairs = (binary_copy.DIMENSION_BYTES + binary_copy.WEIGHT_BYTES) * (after - first)
        rows += (
            _HEAD.pack(6, 8, passage, 16, document, len(places.collection)),
            places.collection,
            _TWO.pack(4, length),
            _ONE.pack(len(array) + binary_copy.ELEMENT_BYTES * (end - start)),
            array,
            elements[binary_copy.ELEMENT_BYTES * start : binary_copy.ELEMENT_BYTES * end],
            _ONE.pack(len(vector) + pairs),
            vector,
            terms[binary_copy.DIMENSION_BYTES * first : binary_copy.DIMENSION_BYTES * after],
            floats[binary_copy.WEIGHT_BYTES * first : binary_copy.WEIGHT_BYTES * after],
        )
        start, first = end, after
    return b"".join(rows), found


def _posting_ids(
    columns: TermColumns, numbers: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The ids that find each passage, rising: its terms, and the ids of the impact levels that they
    reach; and the place where each passage's ids end."""
    ids = columns.ids.astype(np.int64)
    places, further = impact_ids(ids, weights)
    keys = np.concatenate([numbers, numbers[places]]) << _ID_BITS
    keys += np.concatenate([ids, further]) - _LEAST_ID
    keys.sort()
    ends = np.searchsorted(keys, np.arange(1, len(columns) + 1, dtype=np.int64) << _ID_BITS)
    return (keys & ((1 << _ID_BITS) - 1)) + _LEAST_ID, ends
