"""Makes the vector of a query for the dense leg of a search, or tells why there is none.

    1. no embedder is configured                                       → `off`
    2. no embedder at hand has made a vector yet                       → `waiting: …`
    3. the embedder fails for this query                               → `unavailable: …`
    4. some passages have no vector yet                                → `partial: …`
    5. otherwise                                                       → `ok`

These words are `legs.dense` of a search.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from operator import mul
from typing import Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from byline.errors import EmbedderUnavailable
from byline.vectors.vector_spaces import VectorSpace, searchable_space

OFF = "off"
NO_VECTORS = "waiting: no passage has been embedded yet"


class QueryEmbedder(Protocol):
    """Turns a query, and the few sentences it is compared with, into vectors of length 1, in
    bounded time. Raises EmbedderUnavailable."""

    async def embed_query(self, text: str) -> Sequence[float]: ...

    async def embed_sentences(self, texts: Sequence[str]) -> Sequence[Sequence[float]]: ...

    async def prepare(self) -> None: ...


class QueryEmbedders(Protocol):
    """The embedders at hand, by their fingerprints."""

    @property
    def fingerprints(self) -> frozenset[str]: ...

    def of(self, fingerprint: str) -> QueryEmbedder: ...


@dataclass(frozen=True, slots=True)
class SearchableSpace:
    """A space that can be searched, its embedder, the share (0 to 1) of the passages that have a
    vector in it, and the number of its vectors in all collections."""

    space: VectorSpace
    embedder: QueryEmbedder
    share: float
    vectors: int


@dataclass(frozen=True, slots=True)
class QueryVector:
    """The vector of a query in `space`, which has `vectors` vectors. `status` is `legs.dense`."""

    space: VectorSpace
    vector: Sequence[float]
    status: str
    vectors: int = 0


@dataclass(frozen=True, slots=True)
class NoQueryVector:
    """There is no vector, so only the lexical leg searches; `status` says why."""

    status: str


async def find_space(
    connection: AsyncConnection[DictRow], embedders: QueryEmbedders | None, collections: Set[str]
) -> SearchableSpace | NoQueryVector:
    """The space to search, or why there is none. At most one round trip."""
    if embedders is None or not embedders.fingerprints:  # 1
        return NoQueryVector(OFF)
    found = await searchable_space(connection, embedders.fingerprints, collections)
    if found is None or found.share == 0:  # 2
        return NoQueryVector(NO_VECTORS)
    embedder = embedders.of(found.space.fingerprint)
    return SearchableSpace(found.space, embedder, found.share, found.all_vectors)


async def embed(found: SearchableSpace | NoQueryVector, text: str) -> QueryVector | NoQueryVector:
    """The query's vector, or why there is none: an embedder that is down is no error of a search.
    The embedder bounds the wait."""
    if isinstance(found, NoQueryVector):
        return found
    try:
        vector = await found.embedder.embed_query(text)
    except EmbedderUnavailable as error:  # 3
        return NoQueryVector(f"unavailable: {error}")
    return QueryVector(found.space, vector, _status(found.share), found.vectors)


async def similarities(
    embedder: QueryEmbedder, query_vector: Sequence[float], texts: Sequence[str]
) -> dict[str, float]:
    """The cosine of each text to the query of that vector; empty if the embedder fails."""
    try:
        vectors = await embedder.embed_sentences(texts)
    except EmbedderUnavailable:
        return {}
    return {
        text: sum(map(mul, query_vector, vector))
        for text, vector in zip(texts, vectors, strict=True)
    }


def _status(share: float) -> str:
    if share >= 1:  # 5
        return "ok"
    percent = min(99, max(1, round(100 * share)))
    return f"partial: {percent} % of the passages have been embedded"  # 4
