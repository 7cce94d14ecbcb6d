"""The dense leg: passages whose vectors are nearest to the query's.

Similarities are cosines, from -1 to 1: every vector has length 1. They are computed at half
precision, exact to about 0.001. The index (HNSW) is approximate. Under a filter its scan goes on
until enough passages pass; a narrow filter is searched exactly, without the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow, tuple_row

from byline.search.filters import NARROW_PASSAGES_MAX, SearchScope
from byline.store.binary_copy import halfvec
from byline.store.statements import statements
from byline.vectors.vector_spaces import VectorSpace

Vector = Sequence[float]

EF_SEARCH_MIN: Final = 200
"""Candidates the index keeps while it walks a large graph; never fewer than the query's limit.

Of the exact ten nearest of 250,000 vectors in clusters 200 candidates found 0.935, 400 found 0.969
and 1,000 found 0.987.
"""

EF_SEARCH_FEW: Final = 120
VECTORS_FEW: Final = 20_000
"""Up to so many vectors `EF_SEARCH_FEW` candidates are enough: of 12,000 they find 0.999 of the
exact ten nearest, as 200 do, in 4.1 ms instead of 6.3."""

EF_SEARCH_GROWS_FROM: Final = 250_000
"""Above so many vectors the candidates grow with the square root of their number."""

EF_SEARCH_MAX: Final = 1_000
"""pgvector's own limit."""

SCANNED_MAX: Final = 40_000
"""Vectors that a scan under a filter visits before it ends with what it has."""


EVERYWHERE: Final = SearchScope()


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """A query of the dense leg. `vector` has `space.dimensions` numbers; `vectors_total` is about
    how many vectors the space has."""

    space: VectorSpace
    vector: Vector
    limit: int
    scope: SearchScope = EVERYWHERE
    vectors_total: int = 0


@dataclass(frozen=True, slots=True)
class DenseResult:
    """Passage ids and their similarity to the query, best first."""

    hits: tuple[tuple[int, float], ...]


async def search_dense(connection: AsyncConnection[DictRow], query: DenseQuery) -> DenseResult:
    """The nearest passages; fewer than `limit` if there are fewer, or hardly any pass the filter.

    One round trip; one more in collections."""
    space, scope = query.space, query.scope
    if scope.passages == 0:
        return DenseResult(())
    within = "AND collection = ANY (%(collections)s::text[])" if scope.collections else ""
    if scope.is_filtered:
        within, narrow = scope.condition("document_id"), scope.is_narrow
    else:
        narrow = await _is_narrow(connection, query)
    # What is sent together is one transaction, for which the settings hold.
    cursor = connection.cursor(row_factory=tuple_row)
    async with connection.pipeline():
        await connection.execute(
            statements("vectors")["set_scan"],
            {
                "ef_search": str(ef_search(query)),
                "scanned_max": str(SCANNED_MAX),
            },
        )
        await cursor.execute(
            space.sql("nearest_of_few" if narrow else "nearest", within),
            {
                **scope.params,
                "vector": halfvec(query.vector),
                "limit": query.limit,
                "collections": sorted(scope.collections) or None,
            },
            # A plan for any limit would rather sort the whole table.
            prepare=False,
        )
    return DenseResult(_ranked(await cursor.fetchall()))


def ef_search(query: DenseQuery) -> int:
    """How many candidates the index keeps for a query: more, the more vectors there are."""
    if query.vectors_total <= VECTORS_FEW:
        return max(query.limit, EF_SEARCH_FEW)
    grown = EF_SEARCH_MIN * sqrt(max(1.0, query.vectors_total / EF_SEARCH_GROWS_FROM))
    return min(max(query.limit, round(grown)), EF_SEARCH_MAX)


async def _is_narrow(connection: AsyncConnection[DictRow], query: DenseQuery) -> bool:
    """Whether the collections have so few vectors that comparing all of them is quickest."""
    if not query.scope.collections:
        return False
    found = await connection.execute(
        query.space.sql("in_collections"),
        {"collections": sorted(query.scope.collections) or None},
    )
    row = await found.fetchone() or {}
    return bool(row["vectors"] <= NARROW_PASSAGES_MAX)


def _ranked(hits: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """The hits, best first: a scan that goes on returns its later hits out of order."""
    return tuple(sorted(hits, key=lambda hit: (-hit[1], hit[0])))
