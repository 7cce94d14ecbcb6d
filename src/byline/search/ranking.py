"""One ranking from what both legs found: each candidate scored by both, then fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import DictRow, tuple_row

from byline.search.fusion import Fused, fuse
from byline.search.lexical import LexicalResult, WeightedQuery, matching_passages
from byline.search.query_syntax import ParsedQuery
from byline.store.binary_copy import halfvec, int8_array, sparsevec
from byline.vectors.query_vector import NoQueryVector, QueryVector


@dataclass(frozen=True, slots=True)
class DenseLeg:
    """The result of the dense leg: the query's vector, the similarities of passages, and when the
    vector was there (`time.perf_counter`)."""

    query_vector: QueryVector | NoQueryVector
    scores: Mapping[int, float]
    embedded_at: float


class BothScores(NamedTuple):
    """A passage's score in each leg; `dense` is None where it has no vector (yet)."""

    lexical: float
    dense: float | None


async def rank(
    connection: AsyncConnection[DictRow],
    parsed: ParsedQuery,
    words: LexicalResult,
    dense_leg: DenseLeg,
) -> dict[int, Fused]:
    """The candidates of both legs, each scored in both, best first. Passages that fail the query's
    phrases or exclusions are left out. One round trip, or two for a query that has any."""
    query_vector = dense_leg.query_vector
    if isinstance(query_vector, NoQueryVector):
        return {id_: Fused(score, score, None) for id_, score in words.scores.items()}
    lexical, near = dict(words.scores), dict(dense_leg.scores)
    only_dense = await matching_passages(connection, parsed, near.keys() - lexical.keys())
    only_lexical = lexical.keys() - near.keys()
    missing = [*only_dense, *only_lexical]
    for id_, scores in (await both_scores(connection, words.query, query_vector, missing)).items():
        if id_ in only_dense:
            lexical[id_] = scores.lexical
        elif scores.dense is not None:
            near[id_] = scores.dense
    return fuse(lexical, {id_: score for id_, score in near.items() if id_ in lexical})


async def both_scores(
    connection: AsyncConnection[DictRow],
    words: WeightedQuery,
    query_vector: QueryVector,
    passage_ids: Sequence[int],
) -> Mapping[int, BothScores]:
    """The lexical and the dense score of each passage; passages that were deleted are left out."""
    if not passage_ids:
        return {}
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(
        query_vector.space.sql("both_scores"),
        {
            "weights": sparsevec(words.weights),
            "vector": halfvec(query_vector.vector),
            "passages": int8_array(passage_ids),
        },
    )
    return {id_: BothScores(*scores) for id_, *scores in await cursor.fetchall()}
