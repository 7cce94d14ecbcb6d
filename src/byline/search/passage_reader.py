"""Reads the ranked passages from the database, as hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.domain.searches import PassagePosition, SearchHit
from byline.search.fusion import Fused
from byline.search.lexical import WeightedQuery
from byline.store.binary_copy import int4_array, int8_array
from byline.store.statements import statements


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A hit, its `coverage` (the share, 0 to 1, of the content terms' weight that it has), which of
    the query's terms it has, and the language of its document."""

    hit: SearchHit
    coverage: float
    held: frozenset[int] = frozenset()
    language: str | None = None


async def read_passages(
    connection: AsyncConnection[DictRow], query: WeightedQuery, ranked: Mapping[int, Fused]
) -> list[FoundPassage]:
    """The passages in the order of `ranked`; those deleted since are left out."""
    found = await connection.execute(
        statements("lexical")["passages"],
        {"terms": int4_array(list(query.weights)), "passages": int8_array(list(ranked))},
    )
    rows = {row["passage_id"]: row for row in await found.fetchall()}
    return [
        FoundPassage(
            _hit(rows[id_], fused),
            query.coverage(rows[id_]["held"]),
            frozenset(rows[id_]["held"]),
            rows[id_]["language"],
        )
        for id_, fused in ranked.items()
        if id_ in rows
    ]


def _hit(row: Mapping[str, Any], fused: Fused) -> SearchHit:
    legs = {"lexical": fused.lexical}
    if fused.dense is not None:
        legs["dense"] = fused.dense
    return SearchHit(
        passage_id=row["passage_id"],
        document_id=str(row["document_id"]),
        name=row["name"],
        title=row["title"],
        page=row["page"],
        heading=row["heading"],
        start=row["start_offset"],
        end=row["end_offset"],
        text=row["text"],
        score=fused.score,
        legs=legs,
        fingerprint=row["fingerprint"],
        place=PassagePosition(row["ordinal"], row["gap"]),
    )
