"""A library of any size, put into a database by COPY: documents, passages, terms and vectors.

The index of vectors is taken away before a bulk load and built after it. What a document takes
while the library is searched is measured by `add_documents` and `remove_document`, which do what
the program does.
"""

from __future__ import annotations

import struct
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from bench.clusters import DIMENSIONS, PASSAGES_A_DOCUMENT, Clusters, Floats
from bench.generated import passages
from bench.library import at_rest
from byline.domain.documents import DEFAULT_COLLECTION
from byline.search.index import lexical_index
from byline.search.index.lexical_index import IndexedPassage, index_passages
from byline.store.binary_copy import COPY_HEADER, COPY_TRAILER, copy_row, vector_text
from byline.store.database import Database
from byline.store.statements import statements
from byline.vectors.vector_spaces import GRAPH, VectorSpace, add_space

FINGERPRINT = "prepared vectors"
DOCUMENTS_AT_ONCE = 200
TAGS = {"tenth": 10, "hundredth": 100}
"""A tag, and of how many documents one has it."""

BUILD_MEMORY = "4GB"
_FIRST_LIVE_ID = 1_000_000_000


@dataclass
class Took:
    """Seconds that the parts of a bulk load took, each alone."""

    make: float = 0.0
    passages: float = 0.0
    lexical: float = 0.0
    vectors: float = 0.0
    build: float = 0.0


@dataclass
class LargeLibrary:
    """What has been loaded. The passage at place `n` has the id `n + 1`."""

    database: Database
    space: VectorSpace
    size_max: int
    vectors: NDArray[np.float16] = field(init=False)
    texts: dict[int, str] = field(default_factory=dict)
    size: int = 0
    clusters: Clusters = field(default_factory=Clusters)
    _coming: Iterator[str] = field(init=False)
    _random: Random = field(default_factory=lambda: Random(5))

    def __post_init__(self) -> None:
        self.vectors = np.empty((self.size_max, DIMENSIONS), dtype=np.float16)
        self._coming = passages(self.size_max)

    async def grow(self, size: int, keep: frozenset[int]) -> Took:
        """Load up to `size` passages, and remember the texts of the places `keep`."""
        took = Took()
        async with self.database.connection() as connection:
            await connection.execute(f"DROP INDEX IF EXISTS vectors_{self.space.id}_near")
        while self.size < size:
            documents = min(DOCUMENTS_AT_ONCE, (size - self.size) // PASSAGES_A_DOCUMENT)
            began = time.perf_counter()
            texts = list(islice(self._coming, documents * PASSAGES_A_DOCUMENT))
            made = self.clusters.documents(documents)
            took.make += time.perf_counter() - began
            self.vectors[self.size : self.size + len(texts)] = made
            self.texts |= {
                self.size + n: text for n, text in enumerate(texts) if self.size + n in keep
            }
            await self._load(texts, made, took)
            self.size += len(texts)
        began = time.perf_counter()
        async with self.database.connection() as connection:
            await self._build(connection)
        took.build = time.perf_counter() - began
        await at_rest(self.database)
        return took

    async def add_documents(self, texts: Sequence[str], vectors: Floats) -> list[str]:
        """Store, index and give vectors to documents of PASSAGES_A_DOCUMENT passages, in one
        transaction as the program does: their ids."""
        async with self.database.connection() as connection:
            documents = await _documents(connection, len(texts) // PASSAGES_A_DOCUMENT, {})
            owners = [documents[n // PASSAGES_A_DOCUMENT] for n in range(len(texts))]
            found = await connection.execute(
                "INSERT INTO passages (document_id, ordinal, start_offset, end_offset, text)"
                " SELECT owner::uuid, place, 0, length(text), text"
                " FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS t (owner, text, place)"
                " ORDER BY place RETURNING id",
                [owners, list(texts)],
            )
            ids = [row["id"] for row in await found.fetchall()]
            await index_passages(connection, DEFAULT_COLLECTION, _indexed(ids, texts))
        async with self.database.connection() as connection:
            await connection.execute(
                self.space.about(statements("embedding")["add_vectors"]),
                {
                    "passages": ids,
                    "embeddings": [vector_text(list(map(float, one))) for one in vectors],
                    "documents": documents,
                },
            )
        return documents

    async def remove_document(self, document: str) -> None:
        """As the program does."""
        async with self.database.connection() as connection:
            await lexical_index.remove_document(connection, document)
            await connection.execute(statements("removal")["delete"], {"id": document})

    async def _load(self, texts: list[str], made: Floats, took: Took) -> None:
        ids = range(self.size + 1, self.size + len(texts) + 1)
        async with self.database.connection() as connection:
            laps = [time.perf_counter()]
            documents = await _documents(connection, len(texts) // PASSAGES_A_DOCUMENT, TAGS)
            owners = [documents[n // PASSAGES_A_DOCUMENT] for n in range(len(texts))]
            await self._copy_passages(connection, ids, owners, texts)
            laps.append(time.perf_counter())
            await index_passages(connection, DEFAULT_COLLECTION, _indexed(ids, texts))
            laps.append(time.perf_counter())
            await self._copy_vectors(connection, ids, owners, made)
            laps.append(time.perf_counter())
        took.passages += laps[1] - laps[0]
        took.lexical += laps[2] - laps[1]
        took.vectors += laps[3] - laps[2]

    async def _copy_passages(
        self,
        connection: AsyncConnection[DictRow],
        ids: Sequence[int],
        owners: Sequence[str],
        texts: Sequence[str],
    ) -> None:
        copying = connection.cursor().copy(
            "COPY passages"
            " (id, document_id, ordinal, start_offset, end_offset, text, fingerprint) FROM STDIN"
        )
        async with copying as copy:
            for n, (id_, owner, text) in enumerate(zip(ids, owners, texts, strict=True)):
                fingerprint = self._random.getrandbits(64) - 2**63
                place = n % PASSAGES_A_DOCUMENT
                await copy.write_row((id_, owner, place, 0, len(text), text, fingerprint))

    async def _copy_vectors(
        self,
        connection: AsyncConnection[DictRow],
        ids: Sequence[int],
        owners: Sequence[str],
        made: Floats,
    ) -> None:
        head = struct.pack(">HH", DIMENSIONS, 0)
        rows = [
            copy_row(
                struct.pack(">q", id_),
                uuid.UUID(owner).bytes,
                DEFAULT_COLLECTION.encode(),
                head + vector.tobytes(),
            )
            for id_, owner, vector in zip(ids, owners, made.astype(">f2"), strict=True)
        ]
        copying = connection.cursor().copy(
            f"COPY vectors_{self.space.id} (passage_id, document_id, collection, embedding)"
            " FROM STDIN (FORMAT binary)"
        )
        async with copying as copy:
            await copy.write(COPY_HEADER + b"".join(rows) + COPY_TRAILER)

    async def _build(self, connection: AsyncConnection[DictRow]) -> None:
        await connection.execute(f"SET LOCAL maintenance_work_mem = '{BUILD_MEMORY}'")
        name = f"vectors_{self.space.id}"
        await connection.execute(
            f"CREATE INDEX {name}_near ON {name} USING hnsw (embedding halfvec_ip_ops)"
            f" WITH ({GRAPH})"
        )


async def empty_large_library(database: Database, size_max: int) -> LargeLibrary:
    """A library to grow, in an empty database."""
    async with database.connection() as connection:
        space = await add_space(connection, FINGERPRINT, DIMENSIONS, is_current=True)
        await connection.execute(f"ALTER SEQUENCE passages_id_seq RESTART {_FIRST_LIVE_ID}")
    return LargeLibrary(database, space, size_max)


def _indexed(ids: Sequence[int], texts: Sequence[str]) -> list[IndexedPassage]:
    return [IndexedPassage(id_, "", "", text) for id_, text in zip(ids, texts, strict=True)]


async def _documents(
    connection: AsyncConnection[DictRow], count: int, tags: Mapping[str, int]
) -> list[str]:
    """New documents, each with those of the tags whose turn it is."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    copying = connection.cursor().copy(
        "COPY stored_documents (id, name, title, state, collection, sha256, media_type, bytes_len,"
        " passages, embedded, tags, path) FROM STDIN"
    )
    async with copying as copy:
        for n, id_ in enumerate(ids):
            held = [tag for tag, every in tags.items() if n % every == 0]
            row = (id_, id_, "", "embedded", DEFAULT_COLLECTION, id_, "text/plain", 1)
            await copy.write_row((*row, PASSAGES_A_DOCUMENT, PASSAGES_A_DOCUMENT, held, id_))
    return ids
