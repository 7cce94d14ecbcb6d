"""The bytes of index rows, read back as PostgreSQL and pgvector would read them."""

from __future__ import annotations

import struct

from byline.store import binary_copy


def test_an_array_has_its_dimension_and_each_element_its_length() -> None:
    assert struct.unpack(">iiiii iiii", binary_copy.int4_array([5, -6])) == (
        *(1, 0, 23, 2, 1),
        *(4, 5, 4, -6),
    )


def test_an_empty_array_has_no_dimension() -> None:
    assert struct.unpack(">iii", binary_copy.int4_array([])) == (0, 0, 23)


def test_a_sparse_vector_names_its_dimensions_by_their_terms() -> None:
    ids, weights = [1, 999_999_999], [0.5, 2.0]
    packed = (
        binary_copy.sparsevec_head(2) + binary_copy.dimensions(ids) + binary_copy.floats(weights)
    )
    assert struct.unpack(">iiiiiff", packed) == (10**9, 2, 0, 1, 999_999_999, 0.5, 2.0)


def test_a_row_counts_its_fields_and_their_bytes() -> None:
    assert binary_copy.copy_row(b"ab", b"") == b"\x00\x02\x00\x00\x00\x02ab\x00\x00\x00\x00"
